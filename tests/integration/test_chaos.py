"""A thousand tasks while workers and the database die at random moments: each ends once, with its last attempt's answer.

`KINOSCRIBE_CHAOS_ROUNDS=10` repeats the killing ten times over and makes the mixed load five times as large;
`KINOSCRIBE_CHAOS_SEED` makes the same choices again as a run that went wrong.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.databases import a_postgresql
from tests.integration.crowd import ACCOUNT, Crowd, crowd, until

from kinoscribe.contract.errors import ApiError, TaskCannotBeCanceled, TaskCannotBeDeleted
from kinoscribe.storage.task_rows import TaskFilter

ROUNDS = int(os.environ.get("KINOSCRIBE_CHAOS_ROUNDS", "1"))
KILLS = 10
TASKS = 1000
MIXED = 1000 if ROUNDS == 1 else 5000
LEASE = 2.0
LONG_LEASE = 60.0  # no worker is so slow
LOOK = 1.0  # how often a worker looks for work at least
MARGIN = 2.0  # for a machine on which much else runs


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("KINOSCRIBE_CHAOS_SEED", random.randrange(10**9)))
    print(f"KINOSCRIBE_CHAOS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Crowd]:
    with crowd(tmp_path, database_url, lease=LEASE) as made:
        yield made


def some_seconds(chance: random.Random) -> float:
    """How long a task takes: most are empty, a few are at work when something happens."""
    return chance.choices((0.0, 0.05, 1.0), (6, 3, 1))[0]


def check_each_ended_once(place: Crowd, tasks: list[str]) -> None:
    """None is lost, none ended twice, and the answer is that of the attempt which held the task at its end."""
    place.work_off()
    found = place.all()
    assert set(found) == set(tasks)
    assert len(set(tasks)) == len(tasks)
    assert {(task.status, task.owner, task.error_code) for task in found.values()} == {("ready", None, None)}
    assert place.ends() == dict.fromkeys(tasks, 1)
    for task in found.values():
        assert (task.data or "").startswith(f"attempt {task.attempt} of "), task
        assert task.attempt == task.strikes + 1, task
    assert set(place.said("task_ready").values()) == {1}, "no two attempts were told that theirs counts"
    assert not any('"event": "unexpected"' in worker.logged() for worker in place.workers), place.tell()


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.timeout(600)
def test_a_thousand_tasks_outlive_ten_kills(place: Crowd, chance: random.Random, number: int) -> None:
    working = [place.worker(), place.worker()]
    tasks: list[str] = []
    recovered: list[float] = []
    for _ in range(KILLS):
        tasks += [place.submit(some_seconds(chance)) for _ in range(TASKS // KILLS)]
        victim = chance.choice(working)
        place.started(*working)
        tasks_at_hand = tasks[-1]
        assert until(lambda: place.held_by(victim) or not place.left({tasks_at_hand: 0}))  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.5))
        victim.kill()
        killed = time.monotonic()
        held = place.held_by(victim)
        working[working.index(victim)] = place.worker()
        assert until(lambda: not place.left(held), LEASE + LOOK + MARGIN), place.tell()  # noqa: B023
        if held:
            recovered.append(time.monotonic() - killed)
    check_each_ended_once(place, tasks)
    assert recovered, "no kill has hit a task"
    print(f"{len(recovered)} of {KILLS} kills hit tasks; recovered after {max(recovered):.1f} s at most")


@pytest.mark.timeout(600)
def test_workers_frozen_past_their_leases_spoil_nothing(place: Crowd, chance: random.Random) -> None:
    working = [place.worker(), place.worker()]
    place.started(*working)
    tasks: list[str] = []
    taken = 0
    for _ in range(4):
        tasks += [place.submit(some_seconds(chance)) for _ in range(100)]
        frozen = chance.choice(working)
        assert until(lambda: place.held_by(frozen))  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.3))
        frozen.freeze()
        held = place.held_by(frozen)
        taken += len(held)
        time.sleep(LEASE + chance.uniform(0.0, 1.0))
        frozen.thaw()
    check_each_ended_once(place, tasks)
    late = place.said("task_lost") + place.said("task_dropped")
    assert taken > 0
    assert late, "what came too late was dropped"
    assert all(worker.alive for worker in working)


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_when_the_database_crashes_under_load(
    tmp_path: Path, chance: random.Random
) -> None:
    with (
        a_postgresql(careful=True) as server,
        server.database() as url,
        crowd(tmp_path, url, lease=LEASE) as place,
    ):
        working = [place.worker(), place.worker()]
        place.started(*working)
        acknowledged: list[str] = []
        over = threading.Event()

        def submit() -> None:
            own = random.Random(chance.random())
            while not over.is_set():
                try:
                    acknowledged.append(place.submit(some_seconds(own)))
                except ApiError:
                    time.sleep(0.05)
                time.sleep(0.01)

        senders = [threading.Thread(target=submit) for _ in range(2)]
        for sender in senders:
            sender.start()
        try:
            for _ in range(3):
                before = len(acknowledged)
                assert until(lambda: len(acknowledged) > before + 20)  # noqa: B023
                time.sleep(chance.uniform(0.0, 1.0))
                server.crash()
                time.sleep(chance.uniform(0.0, 3.0))
                server.start()
            before = len(acknowledged)
            assert until(lambda: len(acknowledged) > before + 20)
        finally:
            over.set()
            for sender in senders:
                sender.join()
        place.work_off()
        kept = list(place.all())
        assert set(acknowledged) <= set(kept)
        check_each_ended_once(place, kept)
        assert all(worker.alive for worker in working), "nobody had to start them again"


@pytest.mark.timeout(600)
def test_nothing_is_canceled_or_taken_away_that_nobody_asked_for(
    database_url: str, tmp_path: Path, chance: random.Random
) -> None:
    with crowd(tmp_path, database_url, lease=LONG_LEASE) as place:
        working = [place.worker(), place.worker()]
        place.started(*working)
        load = Load(place, chance)
        load.run()
        place.work_off()
        found, ends = place.all(), place.ends()
        assert set(found) == set(load.taken_in) - load.deleted
        states = {task.id: (task.status, task.strikes) for task in found.values()}
        assert states == {id_: ("canceled" if id_ in load.canceled else "ready", 0) for id_ in found}
        assert {found[id_].attempt for id_ in found if id_ not in load.canceled} == {1}, "no lease was lost"
        assert ends == dict.fromkeys(found, 1)
        dropped = set(place.said("task_dropped")) | set(place.said("task_lost"))
        assert dropped <= load.canceled | load.deleted, "no work was broken off that somebody still wants"
        assert not place.said("lease_passed")
        assert load.canceled
        assert load.deleted
        print(f"{len(load.canceled)} canceled, {len(load.deleted)} deleted, {len(dropped)} at work")


class Load:
    """Threads that submit, cancel, delete and list at once, and what they were told."""

    def __init__(self, place: Crowd, chance: random.Random) -> None:
        self.place = place
        self.taken_in: list[str] = []
        self.canceled: set[str] = set()
        self.deleted: set[str] = set()
        self._chances = [random.Random(chance.random()) for _ in range(7)]
        self._over = threading.Event()
        self._wrong: list[BaseException] = []

    def run(self) -> None:
        """Returns when all tasks are submitted and nobody asks for anything any more."""
        senders = [self._thread(self._submit) for _ in range(4)]
        others = [self._thread(self._again(what)) for what in (self._cancel, self._delete, self._list)]
        for thread in (*senders, *others):
            thread.start()
        for thread in senders:
            thread.join()
        self._over.set()
        for thread in others:
            thread.join()
        assert self._wrong == []

    def _thread(self, work: Callable[[random.Random], None]) -> threading.Thread:
        own = self._chances.pop()

        def guarded() -> None:
            try:
                work(own)
            except Exception as error:  # noqa: BLE001  the edge of this thread: `run` tells of it
                self._wrong.append(error)
                self._over.set()

        return threading.Thread(target=guarded)

    def _submit(self, own: random.Random) -> None:
        for _ in range(MIXED // 4):
            if self._over.is_set():
                return
            self.taken_in.append(self.place.submit(own.choices((0.0, 0.05, 0.5), (50, 45, 5))[0]))

    def _again(self, what: Callable[[random.Random], None]) -> Callable[[random.Random], None]:
        def work(own: random.Random) -> None:
            while not self._over.wait(own.uniform(0.0, 0.02)):
                if self.taken_in:
                    what(own)

        return work

    def _any(self, own: random.Random) -> str:
        """One of the newest tasks, which may still wait, or any other."""
        return own.choice(self.taken_in[-50:] if own.random() < 0.7 else self.taken_in)

    def _cancel(self, own: random.Random) -> None:
        chosen = self._any(own)
        try:
            if self.place.rows.cancel(ACCOUNT, chosen) is not None:
                self.canceled.add(chosen)
        except TaskCannotBeCanceled:
            return

    def _delete(self, own: random.Random) -> None:
        chosen = self._any(own)
        try:
            if self.place.rows.delete(ACCOUNT, chosen):
                self.deleted.add(chosen)
        except TaskCannotBeDeleted:
            return

    def _list(self, own: random.Random) -> None:
        status = own.choice((None, "queued", "processing", "ready", "canceled"))
        shown, total = self.place.rows.page(ACCOUNT, TaskFilter(status=status), page=1, limit=50)
        assert len({task.id for task in shown}) == len(shown) == min(total, 50)
        assert status is None or {task.status for task in shown} <= {status}
