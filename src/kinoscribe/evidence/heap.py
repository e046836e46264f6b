"""Gives memory that is free inside this process back to the machine, where the C library can do that."""

import ctypes
from collections.abc import Callable
from functools import cache

from kinoscribe import clock

EVERY = 10.0
"""Seconds between two times: often enough that hours of video need no more than minutes, and hardly felt."""


class Heap:
    """Knows when it was last tidied."""

    def __init__(self) -> None:
        self._last = clock.steady()

    def tidy(self) -> bool:
        """Gives free memory back when the last time was `EVERY` seconds ago; says whether it did."""
        if clock.steady() - self._last < EVERY:
            return False
        self._last = clock.steady()
        _trim()(0)
        return True


@cache
def _trim() -> Callable[[int], int]:
    """The C library's `malloc_trim` (glibc), or nothing at all elsewhere."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return int
    return found
