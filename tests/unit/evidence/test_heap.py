"""Memory goes back now and then, not at every step."""

import pytest

from kinoscribe import clock
from kinoscribe.evidence import heap


def test_the_heap_is_tidied_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, trimmed = [100.0], []
    monkeypatch.setattr(clock, "steady", lambda: now[0])
    monkeypatch.setattr(heap, "_trim", lambda: trimmed.append)
    one = heap.Heap()
    assert not one.tidy()
    now[0] += heap.EVERY
    assert one.tidy()
    assert not one.tidy()
    assert trimmed == [0]


def test_this_machine_can_trim_or_does_nothing() -> None:
    assert heap._trim()(0) in (0, 1)
