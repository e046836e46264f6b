"""Carries the word "stop" from whoever asked for work to whoever is doing it."""

import threading


class Canceled(Exception):
    """Raised inside work whose result nobody waits for any more."""


class Cancel:
    """A switch that can be thrown once, from any thread, and looked at by any other."""

    def __init__(self) -> None:
        self._thrown = threading.Event()
        self._parts: list[Cancel] = []

    def throw(self) -> None:
        self._thrown.set()
        for part in list(self._parts):
            part.throw()

    def part(self) -> "Cancel":
        """A switch for a part of the work: it is thrown with this one, and can be thrown alone."""
        made = Cancel()
        self._parts.append(made)
        if self._thrown.is_set():  # maybe before the part was among those to be thrown
            made.throw()
        return made

    @property
    def thrown(self) -> bool:
        return self._thrown.is_set()

    def check(self) -> None:
        """Raises `Canceled` when the switch was thrown."""
        if self._thrown.is_set():
            raise Canceled

    def wait(self, seconds: float) -> bool:
        """Sleeps until the switch is thrown or `seconds` have passed; says whether it was thrown."""
        return self._thrown.wait(seconds)
