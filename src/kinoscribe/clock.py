"""Turns the machine's clocks into the two readings the program uses: the wall's and a steady one."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock, in UTC, with its zone set."""
    return datetime.now(UTC)


def steady() -> float:
    """Seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()
