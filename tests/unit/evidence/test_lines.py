"""A collector in a line of its own: in order, bounded, and alone with its failures."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kinoscribe.evidence.lines import Line, Work


@dataclass(frozen=True)
class Item:
    time: float


def line(
    make: Callable[[], Work], size: int = 4, reached: Callable[[str, float], None] = lambda *_: None
) -> Line[Any, Any]:
    return Line("speech", "7", make, size, reached)


def collecting(found: list[float]) -> Callable[[], Work]:
    return lambda: Work(lambda item: found.append(item.time), lambda: tuple(found))


def put(into: Line[Any, Any], item: Item | None) -> None:
    until = time.monotonic() + 10
    while not into.offer(item):
        assert time.monotonic() < until


def ended(of: Line[Any, Any]) -> bool:
    return any(of.join(0.1) for _ in range(100))


def test_items_are_worked_on_in_order_and_the_result_is_there_at_the_end() -> None:
    reached: list[tuple[str, float]] = []
    working = line(collecting([]), reached=lambda name, at: reached.append((name, at)))
    for number in range(20):
        put(working, Item(float(number)))
    put(working, None)
    assert ended(working)
    assert working.result == tuple(float(number) for number in range(20))
    assert reached[-1] == ("speech", 19.0)
    report = working.report(20)
    assert (report.name, report.version, report.state, report.items) == ("speech", "7", "done", 20)


def test_a_full_queue_is_said_and_nothing_is_lost() -> None:
    go, found = threading.Event(), []

    def slow() -> Work:
        def feed(item: Item) -> None:
            go.wait(10)
            found.append(item.time)

        return Work(feed, lambda: None)

    working = line(slow, size=2)
    taken = [working.offer(Item(float(number))) for number in range(5)]
    assert not all(taken)
    go.set()
    put(working, None)
    assert ended(working)
    assert found == [float(number) for number, took in enumerate(taken) if took]


def test_a_failure_costs_its_own_result_and_nobody_waits_for_it() -> None:
    def failing() -> Work:
        def feed(_item: Item) -> None:
            raise ValueError("out of tune")

        return Work(feed, lambda: "never")

    working = line(failing, size=1)
    for number in range(50):
        put(working, Item(float(number)))
    put(working, None)
    assert ended(working)
    assert working.result is None
    report = working.report(0)
    assert report.state == "failed"
    assert report.reason == "ValueError: out of tune"


def test_a_model_that_cannot_be_loaded_is_a_failure_too() -> None:
    def broken() -> Work:
        raise OSError("no model")

    working = line(broken)
    put(working, Item(0.0))
    assert ended(working)
    assert working.report(0).state == "failed"


def test_what_waits_is_dropped_when_the_line_is_abandoned() -> None:
    go, found = threading.Event(), []

    def slow() -> Work:
        def feed(item: Item) -> None:
            found.append(item.time)
            go.wait(10)

        return Work(feed, lambda: "never")

    working = line(slow)
    for number in range(3):
        put(working, Item(float(number)))
    while not found:
        time.sleep(0.01)
    working.abandon()
    go.set()
    assert ended(working)
    assert found == [0.0]
    assert working.result is None
