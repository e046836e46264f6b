"""Drops the thoughts that some models say before their answer, while it streams by."""

_OPEN, _CLOSE = "<think>", "</think>"
_LONGEST_HELD = 400_000


class Thoughts:
    """Takes text in parts and gives what belongs to the answer. `inside`: the answer begins within thoughts."""

    def __init__(self, *, inside: bool = False) -> None:
        self._held = ""
        self._state = "inside" if inside else "before"
        self._assumed = inside
        self.dropped = False

    def take(self, text: str) -> str:
        if self._state == "after":
            return text
        self._held += text
        if self._state == "before":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state = "inside"
            elif _OPEN.startswith(begun):
                return ""
            else:
                return self._give(self._held)
        return self._within()

    def rest(self) -> str:
        """What is still held when the answer has ended. Thoughts that were only assumed have been the answer."""
        held, self._held = self._held, ""
        if self._state == "before" or (self._state == "inside" and self._assumed and not self._marked(held)):
            return held
        return ""

    @staticmethod
    def _marked(held: str) -> bool:
        return held.lstrip().startswith(_OPEN)

    def _within(self) -> str:
        place = self._held.find(_CLOSE)
        if place >= 0:
            self.dropped = True
            after = self._held[place + len(_CLOSE) :].lstrip()
            if not after:
                self._held = ""
                self._state = "before"
                self._assumed = False
                return ""
            return self._give(after)
        if len(self._held) > _LONGEST_HELD:
            self._held = _OPEN + self._held[-len(_CLOSE) :]
        return ""

    def _give(self, text: str) -> str:
        self._held, self._state = "", "after"
        return text
