"""A bell that rings for one rings for all, not too often, and never for nobody."""

from typing import Any

import pytest

from kinoscribe.tasks import bells
from kinoscribe.tasks.bells import SharedBell


class Wake:
    """Tells what the test has laid out, and notes how long it was asked to wait."""

    def __init__(self, *heard: bool) -> None:
        self.heard = list(heard)
        self.waits: list[float] = []
        self.calls: list[str] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.heard.pop(0)

    def ring(self) -> None:
        self.calls.append("ring")

    def nudge(self) -> None:
        self.calls.append("nudge")


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(bells.clock, "steady", lambda: now[0])
    return now


def test_who_waits_for_nothing_is_not_rung(hands: list[float]) -> None:
    rung: list[int] = []
    wake: Any = Wake(False)
    assert SharedBell(wake, [lambda: rung.append(1)]).wait(2.0) is False
    assert (rung, wake.waits) == ([], [2.0])


def test_all_are_rung_at_once_and_a_second_time_only_after_a_while(hands: list[float]) -> None:
    rung: list[str] = []
    wake: Any = Wake(True, True, False, False)
    bell = SharedBell(wake, [lambda: rung.append("a"), lambda: rung.append("b")])
    assert bell.wait(1.0) is True
    assert rung == ["a", "b"]
    hands[0] += 0.1
    assert bell.wait(1.0) is True
    assert rung == ["a", "b"], "too soon"
    bell.wait(1.0)
    assert wake.waits[-1] == pytest.approx(0.15), "it does not sleep past the moment at which it owes a ring"
    hands[0] += 0.2
    bell.wait(1.0)
    assert rung == ["a", "b", "a", "b"], "none is forgotten"


def test_the_rest_goes_through(hands: list[float]) -> None:
    wake: Any = Wake()
    bell = SharedBell(wake, [])
    bell.ring()
    bell.nudge()
    assert wake.calls == ["ring", "nudge"]
