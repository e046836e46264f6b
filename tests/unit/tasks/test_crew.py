"""Works held by their keys: each once, stopped with the loop, given back, and never lost to a bad moment."""

import threading
from collections.abc import Callable, Iterator

import pytest
from tests.unit.tasks.workplace import until

from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.tasks import crew as crew_module
from kinoscribe.tasks.crew import Crew, Work


class Bench:
    """A crew whose works go on until they are canceled or let go."""

    def __init__(self, least: float = 0.0) -> None:
        self.turns = 0
        self.look: Callable[[], None] = lambda: None
        self.rest = 0.01
        self.done: list[str] = []
        self.let_go = threading.Event()
        self.crew: Crew[Work] = Crew("thing", self._turn, self._do, lambda: self.rest, least=least)

    def _turn(self) -> None:
        self.turns += 1
        self.look()

    def _do(self, work: Work) -> None:
        while not work.cancel.wait(0.01) and not self.let_go.is_set():
            pass
        self.done.append(work.key)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.crew.stop(lambda: None)


def test_a_key_is_worked_on_once_at_a_time(bench: Bench) -> None:
    first = Work("a")
    assert bench.crew.begin(first)
    assert bench.crew.begin(Work("a")), "the work goes on"
    assert bench.crew.begin(Work("b"))
    running = bench.crew.running()
    assert (running["a"], set(running)) == (first, {"a", "b"})
    bench.let_go.set()
    assert until(lambda: not bench.crew.running())
    assert sorted(bench.done) == ["a", "b"]
    assert bench.crew.begin(Work("a"))
    assert until(lambda: len(bench.done) == 3)


def test_what_ends_is_stopped_and_then_given_back(bench: Bench) -> None:
    bench.crew.start()
    bench.crew.begin(Work("a"))
    told: list[tuple[str, ...]] = []
    bench.crew.stop(lambda: told.append(tuple(bench.done)))
    assert told == [("a",)], "it was given back after it had stopped"
    turns = bench.turns
    bench.crew.ring()
    assert (bench.crew.running(), bench.turns) == ({}, turns)


def test_a_database_that_is_away_at_the_end_keeps_nobody(bench: Bench) -> None:
    def away() -> None:
        raise DatabaseUnavailable

    bench.crew.start()
    bench.crew.stop(away)


def test_who_rings_is_heard_before_the_rest_is_over(bench: Bench) -> None:
    bench.rest = 600.0
    bench.crew.start()
    assert until(lambda: bench.turns == 1)
    bench.crew.ring()
    assert until(lambda: bench.turns == 2)
    bench.crew.begin(Work("a"))
    bench.let_go.set()
    assert until(lambda: bench.turns == 3)
    assert bench.done == ["a"], "the end of a work rings as well"


@pytest.mark.parametrize(
    ("trouble", "longest"), [(DatabaseUnavailable(), 600.0), (ValueError("unexpected"), 0.05)]
)
def test_the_loop_goes_on_after_trouble(
    bench: Bench, trouble: Exception, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon where the database was away for a moment, and after a while where nobody knows what it was."""
    monkeypatch.setattr(crew_module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(crew_module, "_LONGEST_PAUSE", longest)

    def fail() -> None:
        if bench.turns < 4:
            raise trouble

    bench.look = fail
    bench.crew.start()
    assert until(lambda: bench.turns > 6)


def test_a_work_for_which_there_is_no_thread_is_not_begun(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        assert not bench.crew.begin(Work("a"))
    assert bench.crew.running() == {}
    assert bench.crew.begin(Work("a"))
