"""Work that beats while it goes on, done to its end."""

from collections.abc import Generator
from typing import TypeVar

from kinoscribe.media.pieces import Beat

T = TypeVar("T")


def ended(work: Generator[Beat, None, T]) -> T:
    """What the work returns."""
    try:
        while True:
            next(work)
    except StopIteration as stop:
        result: T = stop.value
        return result
