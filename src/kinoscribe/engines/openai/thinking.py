"""Drops the thoughts that some models say before their answer, while it streams by."""

_OPEN, _CLOSE = "<think>", "</think>"
# What was only assumed to be thoughts is taken for the answer when it grows beyond so many characters.
_LONGEST = 400_000


class Thoughts:
    """Takes text in parts and gives what belongs to the answer.

    `inside`: the model is said to begin within thoughts that nothing opens. If they never end, they were the answer.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self._held = ""
        self._inside = inside
        self._assumed = inside
        self._over = False
        self.dropped = False

    def take(self, text: str) -> str:
        if self._over:
            return text
        known = max(0, len(self._held) - len(_CLOSE))
        self._held += text
        if not self._inside:
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._inside, self._assumed = True, False
            elif _OPEN.startswith(begun):
                return ""
            else:
                return self._answer()
        return self._within(known)

    def rest(self) -> str:
        """What is still held when the text has ended."""
        held = self._held
        self._held = ""
        if self._inside and not (self._assumed and not held.lstrip().startswith(_OPEN)):
            return ""
        return held.lstrip() if self.dropped else held

    def _within(self, known: int) -> str:
        place = self._held.find(_CLOSE, known)
        if place >= 0:
            after, self._held = self._held[place + len(_CLOSE) :], ""
            self._inside = self._assumed = False
            self.dropped = True
            return self.take(after)  # more thoughts may follow
        if not self._assumed:
            self._held = self._held[-len(_CLOSE) :]
        elif len(self._held) > _LONGEST:
            return self._answer()
        return ""

    def _answer(self) -> str:
        held, self._held, self._over = self._held, "", True
        return held.lstrip() if self.dropped else held
