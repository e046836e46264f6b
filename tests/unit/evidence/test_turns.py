"""Collections that somebody waits for never wait for those that nobody waits for."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kinoscribe.cancel import Canceled
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.jobs import CollectingJob
from kinoscribe.evidence.turns import Turns

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)


class Runner(threading.Thread):
    """A job that runs, once it is its turn, until it is let go or stopped."""

    def __init__(self, turns: Turns, name: str, *, waits: bool) -> None:
        super().__init__(daemon=True)
        self.job = CollectingJob(name, Path("video"), "ab" * 32, FACTS)
        self.job.count(+1, waits=waits)
        self.began, self.go = threading.Event(), threading.Event()
        self.stopped = False
        self._turns = turns
        self.start()
        time.sleep(0.02)  # the next one comes later

    def run(self) -> None:
        try:
            with self._turns.of(self.job):
                self.began.set()
                while not self.go.wait(0.01):
                    self.job.cancel.check()
        except Canceled:
            self.stopped = True

    def end(self) -> None:
        self.go.set()
        self.join(5)


@pytest.fixture
def run() -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def make(turns: Turns, name: str, *, waits: bool) -> Runner:
        made.append(Runner(turns, name, waits=waits))
        return made[-1]

    yield make
    for runner in made:
        runner.job.cancel.throw()
        runner.end()


def test_what_is_waited_for_goes_in_the_place_of_what_is_not(run: Callable[..., Runner]) -> None:
    turns = Turns(1)
    early = run(turns, "early", waits=False)
    assert early.began.wait(5)
    asked = run(turns, "asked", waits=True)
    assert asked.began.wait(5)
    early.join(5)
    assert early.stopped


def test_one_who_waits_never_stops_another_who_waits(run: Callable[..., Runner]) -> None:
    turns = Turns(1)
    first = run(turns, "first", waits=True)
    assert first.began.wait(5)
    second = run(turns, "second", waits=True)
    assert not second.began.wait(0.5)
    assert not first.stopped
    first.end()
    assert second.began.wait(5)


def test_no_more_is_stopped_than_is_in_the_way(run: Callable[..., Runner]) -> None:
    turns = Turns(3)
    early = [run(turns, f"early {n}", waits=False) for n in range(3)]
    assert all(runner.began.wait(5) for runner in early)
    asked = run(turns, "asked", waits=True)
    assert asked.began.wait(5)
    time.sleep(0.5)
    assert [runner.stopped for runner in early] == [False, False, True], "the one that began last"


def test_nothing_is_stopped_while_there_is_room(run: Callable[..., Runner]) -> None:
    turns = Turns(2)
    early = run(turns, "early", waits=False)
    asked = run(turns, "asked", waits=True)
    assert early.began.wait(5)
    assert asked.began.wait(5)
    time.sleep(0.3)
    assert not early.stopped


def test_a_place_that_is_free_again_goes_to_who_waits_first(run: Callable[..., Runner]) -> None:
    turns = Turns(1)
    first = run(turns, "first", waits=True)
    early = run(turns, "early", waits=False)
    asked = [run(turns, f"asked {n}", waits=True) for n in range(2)]
    assert first.began.wait(5)
    first.end()
    assert asked[0].began.wait(5)
    assert not early.began.is_set()
    asked[0].end()
    assert asked[1].began.wait(5)
    asked[1].end()
    assert early.began.wait(5)


def test_a_job_that_somebody_begins_to_wait_for_gets_its_turn_at_once(run: Callable[..., Runner]) -> None:
    turns = Turns(1)
    running = run(turns, "running", waits=False)
    assert running.began.wait(5)
    other = run(turns, "other", waits=False)
    assert not other.began.wait(0.3)
    other.job.count(+1, waits=True)
    turns.reconsider()
    assert other.began.wait(5)
    running.join(5)
    assert running.stopped


def test_who_leaves_the_queue_lets_the_next_one_pass(run: Callable[..., Runner]) -> None:
    turns = Turns(1)
    first = run(turns, "first", waits=True)
    second, third = (run(turns, name, waits=True) for name in ("second", "third"))
    assert first.began.wait(5)
    second.job.cancel.throw()
    second.join(5)
    assert second.stopped
    first.end()
    assert third.began.wait(5)
