"""A process has a row while it works, says anew what it lacks, and is not ended by a database that is away."""

import threading
from typing import Any

import pytest

from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.tasks.presence import Presence


class Rows:
    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []
        self.left = 0
        self.away = False
        self.failure: Exception = DatabaseUnavailable()
        self.beaten = threading.Semaphore(0)

    def new_id(self) -> str:
        return "an-id"

    def beat(self, _id: str, _kind: str, _slots: int, missing: tuple[str, ...]) -> None:
        self.beaten.release()
        if self.away:
            raise self.failure
        self.said.append(missing)

    def leave(self, _id: str) -> None:
        self.left += 1
        if self.away:
            raise DatabaseUnavailable

    def wait_for_beats(self, number: int) -> None:
        for _ in range(number):
            assert self.beaten.acquire(timeout=10)


def test_what_is_lacking_is_asked_at_every_beat() -> None:
    rows: Any = Rows()
    lacks = ["No weights."]
    with Presence(rows, "worker", 4, lambda: lacks, every=0.01):
        assert rows.said[0] == ("No weights.",), "the row is there before the work begins"
        lacks.clear()
        rows.wait_for_beats(3)
        assert rows.left == 0
    assert rows.said[-1] == ()
    assert rows.left == 1


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), OSError("The weights cannot be read.")])
def test_whatever_goes_wrong_for_a_while_ends_nothing(failure: Exception) -> None:
    rows: Any = Rows()
    rows.failure = failure
    with Presence(rows, "api", 8, list, every=0.01):
        rows.away = True
        rows.wait_for_beats(4)
        rows.away = False
        before = len(rows.said)
        rows.wait_for_beats(3)
        assert len(rows.said) > before
        rows.away = True
    assert rows.left == 1
