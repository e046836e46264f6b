"""Work on several items runs at once, ends with the block, and a server that goes down once is one failure."""

import threading
from dataclasses import dataclass, field

import pytest

from kinoscribe.analysis.side_by_side import SideBySide, Streak
from kinoscribe.cancel import Cancel, Canceled

LONG = 30.0


@dataclass
class Together:
    """Work that ends only when so many items are at it at once."""

    number: int
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.number)

    def __call__(self, item: int) -> int:
        self.barrier.wait(LONG)
        self.seen.append(item)
        return -item


def test_all_are_at_work_at_once_and_come_in_the_order_they_were_begun() -> None:
    with SideBySide(Together(3), 3, Cancel()) as work:
        for item in (3, 1, 2):
            work.begin(item)
        found = []
        while work.running:
            found += work.ended()
        assert sorted(item for item, _ in found) == [1, 2, 3]
        assert {item: outcome.result() for item, outcome in found} == {1: -1, 2: -2, 3: -3}


def test_no_more_than_were_allowed_are_at_work() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work_on(_item: int) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1

    with SideBySide(work_on, 2, Cancel()) as work:
        for item in range(8):
            work.begin(item)
        while work.running:
            work.ended()
    assert most[0] <= 2


def test_nothing_is_waited_for_where_nothing_runs() -> None:
    with SideBySide(abs, 2, Cancel()) as work:
        assert work.ended() == []


@pytest.mark.parametrize("by", ["the whole", "leaving"])
def test_all_that_runs_is_stopped_and_waited_for(by: str) -> None:
    cancel, ended, begun = Cancel(), [], threading.Semaphore(0)

    def work_on(item: int) -> None:
        begun.release()
        work.cancel.wait(LONG)
        ended.append(item)
        work.cancel.check()

    with SideBySide(work_on, 2, cancel) as work:
        work.begin(1)
        work.begin(2)
        work.begin(3)
        assert begun.acquire(timeout=LONG)
        assert begun.acquire(timeout=LONG)
        if by == "the whole":
            cancel.throw()
            found = work.ended()
            with pytest.raises(Canceled):
                found[0][1].result()
    assert {1, 2} <= set(ended)
    assert cancel.thrown == (by == "the whole")


def test_what_fails_at_the_same_time_is_one_failure() -> None:
    streak = Streak(3)
    begun = streak.begun
    assert not any(streak.failed(begun) for _ in range(8))
    assert not streak.failed(streak.begun)
    assert streak.failed(streak.begun)


def test_after_a_failure_one_thing_is_done_at_a_time_until_something_goes_well() -> None:
    streak = Streak(2)
    assert streak.at_once(4) == 4
    early = streak.begun
    assert not streak.failed(early)
    assert streak.at_once(4) == 1
    streak.went_well()
    assert streak.at_once(4) == 4
    assert not streak.failed(early), "it was under way when the other one failed"
    assert not streak.failed(streak.begun)
    assert streak.failed(streak.begun)
