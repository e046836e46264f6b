"""Counts how much of a costly kind goes on at once, and turns away what is one too many."""

import threading
from types import TracebackType
from typing import Self

from kinoscribe.contract.errors import ServiceUnavailable


class Slots:
    """Places for work of one kind, `what`. May be used by many threads at once."""

    def __init__(self, most: int, what: str = "synchronous analyses") -> None:
        self._most = most
        self._what = what
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._taken

    def take(self) -> None:
        """Takes a place. Raises `ServiceUnavailable` when all are taken."""
        with self._lock:
            if self._taken < self._most:
                self._taken += 1
                return
        raise ServiceUnavailable(
            reason=f"All {self._most} places for {self._what} are taken. Please try again later."
        )

    def leave(self) -> None:
        with self._lock:
            self._taken -= 1

    def place(self) -> "Place":
        """A place that is taken only once it is needed."""
        return Place(self)


class Place:
    """At most one of the places, for one call. It is left at the end of the `with` block, unless before."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._taken = False

    def take(self) -> None:
        """Does nothing when it is taken already. Raises `ServiceUnavailable`."""
        if not self._taken:
            self._slots.take()
            self._taken = True

    def leave(self) -> None:
        if self._taken:
            self._taken = False
            self._slots.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
