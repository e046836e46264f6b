"""Whatever happens to the workers and the database, every task ends exactly once, with an answer of who held it."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import KINDS, a_postgresql
from tests.integration.workers import ACCOUNT, Works, until, works

ROUNDS = 3


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str | None:
    """The database of the test: SQLite in the data folder, then PostgreSQL."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def place(url: str | None, tmp_path: Path) -> Iterator[Works]:
    with works(tmp_path, url) as made:
        yield made


def ended(place: Works, tasks: list[str], seconds: float = 90.0) -> bool:
    return until(lambda: all(place.task(task).ended for task in tasks), seconds)


def running(place: Works, task: str) -> bool:
    return until(lambda: place.task(task).stage == "answer")


def test_workers_killed_at_any_moment_lose_nothing_and_do_nothing_twice(place: Works) -> None:
    chance = random.Random(20_261_122)
    steady = place.worker("steady")
    tasks: list[str] = []
    taken_over = 0
    for number in range(ROUNDS):
        victim = place.worker(f"victim{number}")
        tasks += [place.submit(f"Wait 3 and say {number}/{n}") for n in range(4)]
        tasks += [place.submit(f"Wait 0.05 and say {number}/{n}") for n in range(20)]
        assert until(lambda: any(victim.holds(task) for task in place.tasks().values()))  # noqa: B023
        time.sleep(chance.uniform(0.0, 1.5))
        victim.kill()
        taken_over += sum(victim.holds(task) for task in place.tasks().values())
    assert ended(place, tasks)
    found = place.tasks()
    assert set(found) == set(tasks), "none is lost"
    assert {(task.status, task.owner) for task in found.values()} == {("ready", None)}
    assert place.ends() == dict.fromkeys(tasks, 1), "each has ended once"
    assert sum(task.strikes for task in found.values()) >= taken_over > 0
    assert steady.alive


def data(place: Works, task: str) -> str | None:
    return place.task(task).data


def test_a_worker_that_was_frozen_past_its_lease_hands_in_too_late(place: Works) -> None:
    frozen = place.worker("frozen")
    task = place.submit("Wait 3 and say who you are")
    assert running(place, task)
    frozen.freeze()
    place.worker("other")
    assert ended(place, [task])
    assert data(place, task) == "from other"
    before = place.task(task)
    frozen.thaw()
    after = [place.submit(f"Wait 1 and say {n}") for n in range(12)]
    assert ended(place, after)
    assert place.task(task) == before, "a final state never changes"
    assert place.ends() == dict.fromkeys([task, *after], 1)
    assert frozen.alive
    assert {data(place, one) for one in after} == {"from frozen", "from other"}, (
        "it works on as if nothing was"
    )


def test_a_worker_that_is_told_to_end_leaves_its_tasks_to_the_next_at_once(
    url: str | None, tmp_path: Path
) -> None:
    with works(tmp_path, url, lease_seconds=3600.0, drain_seconds=0.5) as place:
        first = place.worker("first")
        long, short = place.submit("Wait 300 and say it"), place.submit("Wait 3 and say it")
        assert running(place, long)
        assert running(place, short)
        assert first.stop() == 0
        left = place.task(short)
        assert (left.owner, left.strikes, left.status) == (None, 0, "processing")
        place.worker("second")
        assert ended(place, [short]), "nobody waits for an hour's lease"
        assert data(place, short) == "from second"
        assert place.task(short).attempt == 2
        assert place.task(long).owner is not None


def test_a_task_canceled_at_work_frees_its_place(place: Works) -> None:
    place.worker("only", slots=1)
    first, second = place.submit("Wait 300 and say it"), place.submit("Say it")
    assert running(place, first)
    place.tools.tasks.cancel(ACCOUNT, first)
    assert ended(place, [second])
    assert (place.task(first).status, place.task(second).status) == ("canceled", "ready")
    assert place.ends() == {first: 1, second: 1}


def test_an_engine_that_dies_each_time_costs_its_task_only(url: str | None, tmp_path: Path) -> None:
    with works(tmp_path, url, task_attempts=3, lease_seconds=30.0) as place:
        worker = place.worker("only", slots=1)
        bad, good = place.submit("Fail, please"), place.submit("Say it")
        assert ended(place, [bad, good])
        assert (place.task(bad).status, place.task(bad).attempt) == ("failed", 3)
        assert "process ended" in (place.task(bad).error_message or "")
        assert place.task(good).status == "ready"
        assert worker.alive


def test_tasks_that_wait_while_nobody_works_are_done_in_their_order(place: Works) -> None:
    first = place.worker("first", slots=1)
    tasks = [place.submit("Wait 300 and say it")] + [place.submit(f"Say {n}") for n in range(6)]
    assert running(place, tasks[0])
    first.kill()
    place.tools.tasks.cancel(ACCOUNT, tasks[0])
    place.worker("second", slots=1)
    assert ended(place, tasks)
    order = sorted(tasks[1:], key=lambda task: place.task(task).started_at)  # type: ignore[arg-type,return-value]
    assert order == tasks[1:]
    assert {place.task(task).attempt for task in tasks[1:]} == {1}


def test_workers_go_on_by_themselves_when_the_database_comes_back(tmp_path: Path) -> None:
    with a_postgresql(careful=True) as server, server.database() as url:  # noqa: SIM117
        with works(tmp_path, url, lease_seconds=30.0) as place:
            worker = place.worker("only", slots=2)
            long = place.submit("Wait 3 and say it")
            before = [place.submit(f"Wait 1 and say {n}") for n in range(4)]
            assert running(place, long)
            server.stop()
            time.sleep(2.0)
            server.start()
            after = [place.submit(f"Say {n}") for n in range(4)]
            tasks = [*before, long, *after]
            assert ended(place, tasks)
            assert {place.task(task).status for task in tasks} == {"ready"}
            assert {place.task(task).strikes for task in tasks} == {0}, "running work went on"
            assert place.ends() == dict.fromkeys(tasks, 1)
            assert worker.alive
