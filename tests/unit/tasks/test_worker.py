"""A worker fills its places, gives up what is no longer its own, and goes on whatever happens to one task."""

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.unit.analysis.pretended import says
from tests.unit.sources.hostile import answer, hostile
from tests.unit.sources.hostile import says as replies
from tests.unit.tasks.workplace import ACCOUNT, VIDEO, Workplace, at, by_asset, until

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import DatabaseUnavailable, EngineFailed
from kinoscribe.engines.engine import Ask, EngineState, Finished, Piece, Text
from kinoscribe.storage.tables import tasks
from kinoscribe.storage.task_record import Task
from kinoscribe.tasks.worker import new_owner


class Stage:
    """An engine that plays until `go` is set, and counts who plays at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.playing = 0
        self.most = 0
        self.stopped = 0
        self.prompts: list[str] = []
        self._lock = threading.Lock()

    def play(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        with self._lock:
            self.prompts.append(ask.prompt)
            self.playing += 1
            self.most = max(self.most, self.playing)
        try:
            while not self.go.wait(0.02):
                cancel.check()
            yield Text(f"Answer to {ask.prompt}")
            yield Finished()
        except Canceled:
            with self._lock:
                self.stopped += 1
            raise
        finally:
            with self._lock:
                self.playing -= 1


@pytest.fixture
def stage(place: Workplace) -> Iterator[Stage]:
    made = Stage()
    place.engine.play = made.play
    yield made
    made.go.set()


def submit(place: Workplace, number: int = 1) -> list[Task]:
    asset = place.asset()
    return [place.submit(by_asset(asset.id), prompt=f"Question {n}?") for n in range(number)]


def test_all_tasks_are_done_and_never_more_at_once_than_there_are_places(
    place: Workplace, stage: Stage
) -> None:
    asked = submit(place, 9)
    with place.working(slots=3):
        assert until(lambda: stage.playing == 3)
        stage.go.set()
        ended = [place.ended(task.id) for task in asked]
    assert [task.data for task in ended] == [f"Answer to Question {n}?" for n in range(9)]
    assert stage.most == 3
    assert {(task.status, task.attempt, task.strikes) for task in ended} == {("ready", 1, 0)}


def test_a_task_that_comes_later_is_found(place: Workplace) -> None:
    with place.working():
        time.sleep(0.3)
        (task,) = submit(place)
        assert place.ended(task.id).status == "ready"


def test_a_task_canceled_at_work_stops_and_its_place_is_free(place: Workplace, stage: Stage) -> None:
    first, second = submit(place, 2)
    with place.working(slots=1):
        assert until(lambda: stage.playing == 1)
        place.rows.cancel(ACCOUNT, first.id)
        assert until(lambda: stage.stopped == 1, 5)
        assert until(lambda: stage.prompts == ["Question 0?", "Question 1?"])
        stage.go.set()
        assert place.ended(second.id).status == "ready"
    canceled = place.task(first.id)
    assert (canceled.status, canceled.error_code, canceled.data) == ("canceled", "user_canceled", None)


def test_tasks_canceled_or_deleted_before_their_turn_never_run(place: Workplace, stage: Stage) -> None:
    first, canceled, deleted, last = submit(place, 4)
    with place.working(slots=1):
        assert until(lambda: stage.playing == 1)
        place.rows.cancel(ACCOUNT, canceled.id)
        place.rows.delete(ACCOUNT, deleted.id)
        stage.go.set()
        assert place.ended(last.id).status == "ready"
    assert stage.prompts == ["Question 0?", "Question 3?"]
    assert place.task(first.id).status == "ready"


def test_a_task_canceled_while_it_is_prepared_stops(place: Workplace) -> None:
    held = threading.Event()

    def slow(_path: object, _content: str, cancel: Cancel, *, account: str) -> Any:
        held.set()
        while not cancel.wait(0.02):
            continue
        raise Canceled

    place.facts.of = slow  # type: ignore[method-assign,assignment]
    with hostile(replies(answer(VIDEO))) as server, place.working(slots=1) as worker:
        task = place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4"))
        assert held.wait(10)
        assert place.task(task.id).status == "pending"
        place.rows.cancel(ACCOUNT, task.id)
        assert until(lambda: worker.running == 0, 5)
    assert place.task(task.id).status == "canceled"
    assert place.left() == []


def test_work_that_does_not_stop_holds_no_place_but_is_bounded(place: Workplace) -> None:
    deaf, playing = threading.Event(), []

    def play(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        playing.append(ask.prompt)
        deaf.wait(30)
        yield Text("At last.")
        yield Finished()

    place.engine.play = play
    asked = submit(place, 4)
    with place.working(slots=1):
        for number in (1, 2):
            assert until(lambda number=number: len(playing) == number)
            place.rows.cancel(ACCOUNT, asked[number - 1].id)
        time.sleep(1.5)
        assert playing == ["Question 0?", "Question 1?"], "two are leaving: that is enough"
        deaf.set()
        assert [place.ended(task.id).status for task in asked[2:]] == ["ready", "ready"]


def test_one_task_that_fails_each_time_does_not_take_the_worker_with_it(place: Workplace) -> None:
    def play(ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        if ask.prompt == "Question 0?":
            raise EngineFailed(reason="its process ended.")
        if ask.prompt == "Question 1?":
            raise MemoryError
        yield from says("Fine.")(ask, cancel)

    place.engine.play = play
    with capture_logs() as logged, place.working(slots=2):
        crashing, hungry, *good = [place.ended(task.id) for task in submit(place, 5)]
    (unexpected,) = [entry for entry in logged if entry["event"] == "unexpected"]
    assert unexpected["task"] == hungry.id
    assert unexpected["exc_info"] is True
    assert (crashing.status, crashing.attempt) == ("failed", 3)
    assert crashing.error_message is not None
    assert "its process ended" in crashing.error_message
    assert (hungry.status, hungry.attempt) == ("failed", 1)
    assert {task.status for task in good} == {"ready"}


def test_leases_are_kept_for_as_long_as_work_takes(place: Workplace, stage: Stage) -> None:
    place.lease = 0.9
    place.queue = place.make_queue()
    (task,) = submit(place)
    with place.working(slots=1):
        assert until(lambda: stage.playing == 1)
        for _ in range(20):
            assert place.queue.claim("thief", 1) == ()
            time.sleep(0.1)
        stage.go.set()
        ended = place.ended(task.id)
    assert (ended.status, ended.attempt, ended.strikes) == ("ready", 1, 0)


def test_progress_is_written_while_work_goes_on(place: Workplace, stage: Stage) -> None:
    (task,) = submit(place)
    with place.working():
        assert until(lambda: place.task(task.id).stage == "answer")
        done = place.task(task.id).done
        assert done is not None
        assert 0.5 < done < 1.0
        stage.go.set()
        place.ended(task.id)


def test_a_worker_that_is_stopped_lets_running_tasks_end_and_takes_no_new_ones(
    place: Workplace, stage: Stage
) -> None:
    first, second = submit(place, 2)
    with place.working(slots=1) as worker:
        assert until(lambda: stage.playing == 1)
        worker.stop()
        time.sleep(0.3)
        assert stage.stopped == 0
        stage.go.set()
        assert place.ended(first.id).status == "ready"
    waiting = place.task(second.id)
    assert (waiting.status, waiting.owner, waiting.attempt) == ("queued", None, 0)


def test_what_is_not_done_in_time_goes_to_the_next_worker_at_once(place: Workplace, stage: Stage) -> None:
    place.lease = 60.0
    place.queue = place.make_queue()
    (task,) = submit(place)
    with place.working(drain=0.2) as worker:
        assert until(lambda: stage.playing == 1)
        worker.stop()
        assert until(lambda: stage.stopped == 1)
        assert until(lambda: place.task(task.id).owner is None)
    left = place.task(task.id)
    assert (left.status, left.strikes, left.completed_at) == ("processing", 0, None)
    stage.go.set()
    with place.working():
        ended = place.ended(task.id)
    assert (ended.status, ended.attempt, ended.strikes) == ("ready", 2, 0)


def test_the_second_stop_cuts_the_wait_short(place: Workplace, stage: Stage) -> None:
    submit(place)
    worker = place.worker(drain=60.0)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert until(lambda: stage.playing == 1)
    worker.stop()
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert stage.stopped == 1


def test_while_the_database_is_away_work_goes_on_and_its_result_is_kept(
    place: Workplace, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.lease = 30.0
    place.queue = place.make_queue()
    away = threading.Event()
    for name in ("claim", "mine", "beat", "progress", "begin", "finish"):
        method = getattr(place.queue, name)

        def asked(*given: Any, method: Any = method, **more: Any) -> Any:
            if away.is_set():
                raise DatabaseUnavailable
            return method(*given, **more)

        monkeypatch.setattr(place.queue, name, asked)
    first, second = submit(place, 2)
    with place.working(slots=1):
        assert until(lambda: stage.playing == 1)
        away.set()
        time.sleep(1.0)
        stage.go.set()
        time.sleep(0.5)
        assert stage.stopped == 0
        assert not place.task(first.id).ended
        away.clear()
        assert [place.ended(task.id).status for task in (first, second)] == ["ready", "ready"]
    assert place.task(first.id).attempt == 1


def test_while_the_database_is_away_work_stops_when_its_lease_has_passed(
    place: Workplace, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.lease = 1.5
    place.queue = place.make_queue()
    away = threading.Event()
    for name in ("claim", "mine", "beat", "progress"):
        method = getattr(place.queue, name)

        def asked(*given: Any, method: Any = method, **more: Any) -> Any:
            if away.is_set():
                raise DatabaseUnavailable
            return method(*given, **more)

        monkeypatch.setattr(place.queue, name, asked)
    (task,) = submit(place)
    with place.working(slots=1):
        assert until(lambda: stage.playing == 1)
        away.set()
        assert until(lambda: stage.stopped == 1, 5)
        stage.go.set()
        away.clear()
        ended = place.ended(task.id)
    assert (ended.status, ended.attempt, ended.strikes) == ("ready", 2, 1)


def test_a_task_taken_over_by_another_is_stopped_here(place: Workplace, stage: Stage) -> None:
    (task,) = submit(place)
    with place.working() as worker:
        assert until(lambda: stage.playing == 1)
        worker._stopping.set()
        assert place.queue.release(worker.owner) == 1
        (taken,) = place.queue.claim("other", 1)
        assert until(lambda: stage.stopped == 1)
    assert place.task(task.id).owner == "other"
    assert taken.attempt == 2


def test_a_worker_that_lacks_something_takes_no_task_until_it_has_it(place: Workplace) -> None:
    place.gatherer.lacks = ["The weights are missing."]
    place.engine.ready = EngineState(False, "It is not there.")
    (task,) = submit(place)
    with place.working():
        time.sleep(0.7)
        assert (place.task(task.id).status, place.task(task.id).attempt) == ("queued", 0)
        place.gatherer.lacks = []
        time.sleep(0.7)
        assert place.task(task.id).attempt == 0
        place.engine.ready = EngineState(True)
        assert place.ended(task.id).status == "ready"


def test_what_runs_is_not_taken_for_lost_after_an_outage_longer_than_its_lease(
    place: Workplace, stage: Stage
) -> None:
    """Here it is the heartbeat that did not come; the next claim of the same worker finds the lease passed."""
    place.lease = 1.0
    place.queue = place.make_queue()
    (task,) = submit(place)
    worker = place.worker(slots=2)
    worker._keep = lambda: None  # type: ignore[method-assign]
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert until(lambda: stage.playing == 1)
    time.sleep(2.5)
    stage.go.set()
    ended = place.ended(task.id)
    worker.stop()
    thread.join(20)
    assert (ended.status, ended.attempt, ended.strikes) == ("ready", 1, 0)


def test_a_task_claimed_while_it_was_asked_what_is_ours_is_not_taken_for_lost(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = place.queue.mine

    def late(owner: str) -> frozenset[str]:
        known = mine(owner)
        time.sleep(0.3)
        return known

    monkeypatch.setattr(place.queue, "mine", late)

    def play(_ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        cancel.wait(0.2)
        yield Text("One.")
        yield Finished()

    place.engine.play = play
    with place.working(slots=2):
        ended = [place.ended(task.id) for task in submit(place, 12)]
    assert {(task.status, task.attempt) for task in ended} == {("ready", 1)}


def test_two_attempts_at_one_task_never_run_side_by_side_here(place: Workplace) -> None:
    """The first one is deaf, and its lease is taken from it."""
    deaf, playing = threading.Event(), []

    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        playing.append(deaf.is_set())
        deaf.wait(30)
        yield Text("At last.")
        yield Finished()

    place.engine.play = play
    (task,) = submit(place)
    with place.working(slots=2):
        assert until(lambda: playing)
        with place.database.writing() as db:
            db.execute(update(tasks).where(tasks.c.id == task.id).values(lease_until=task.created_at))
        assert until(lambda: place.task(task.id).owner is None)
        time.sleep(1.5)
        assert playing == [False]
        deaf.set()
        ended = place.ended(task.id)
    assert playing == [False, True]
    assert (ended.status, ended.attempt, ended.strikes) == ("ready", 2, 1)


def test_a_lease_is_renewed_when_a_third_of_it_is_over_and_not_before(
    place: Workplace, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.lease = 30.0
    place.queue = place.make_queue()
    beats: list[float] = []
    beat = place.queue.beat
    monkeypatch.setattr(place.queue, "beat", lambda *given: beats.append(time.monotonic()) or beat(*given))
    submit(place)
    with place.working():
        assert until(lambda: stage.playing == 1)
        time.sleep(1.5)
        assert beats == []
        stage.go.set()


def test_an_idle_worker_writes_nothing(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    writing = place.database.writing
    monkeypatch.setattr(place.database, "writing", lambda: writes.append("one") or writing())
    with place.working():
        time.sleep(2.5)
    assert writes == []


def test_what_runs_beside_begins_before_the_first_task_and_ends_after_the_last(
    place: Workplace, stage: Stage
) -> None:
    seen: list[str] = []

    class Other:
        def start(self) -> None:
            seen.append("start")
            assert stage.prompts == []

        def stop(self) -> None:
            seen.append("stop")
            assert stage.playing == 0

    submit(place)
    with place.working(beside=(Other(), Other()), drain=0.2):
        assert until(lambda: stage.playing == 1)
        assert seen == ["start", "start"]
    assert seen == ["start", "start", "stop", "stop"]


def test_owners_are_never_the_same_and_fit_their_column() -> None:
    owners = {new_owner() for _ in range(100)}
    assert len(owners) == 100
    assert all(str(os.getpid()) in owner and len(owner) <= 64 for owner in owners)


def test_a_task_for_which_no_thread_can_be_had_waits_without_a_strike(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = threading.Thread.start, threading.Event()

    def short(thread: threading.Thread) -> None:
        if thread.name.startswith("task-") and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short)
    monkeypatch.setattr("kinoscribe.tasks.worker._LONGEST_PAUSE", 0.1)
    first, second = submit(place, 2)
    with place.working(slots=2):
        ended = [place.ended(task.id) for task in (first, second)]
    assert [(task.status, task.attempt, task.strikes) for task in ended] == [("ready", 2, 0), ("ready", 1, 0)]
