import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text, update
from tests.unit.storage.queues import ANSWER, ATTEMPTS, LEASE, LONGEST_WAIT, ROOMY, Desk, a_desk

from kinoscribe.contract.errors import (
    DatabaseUnavailable,
    SourceUnreachable,
    TaskCannotBeCanceled,
    TaskCannotBeDeleted,
    VideoFileBroken,
)
from kinoscribe.storage.connections import WRITES
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_windows, tasks
from kinoscribe.storage.task_queue import Claim, Outcome, Task, TaskQueue
from kinoscribe.storage.task_rows import AT_ONCE, TaskFilter

MANY = 20_000

WORK = """
import sys
from pathlib import Path
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.connections import WRITES
from kinoscribe.storage.database import Database
from kinoscribe.storage.task_queue import Outcome, TaskQueue
url, folder, owner = sys.argv[1:]
database = Database(url)
queue = TaskQueue(database, Blobs(Path(folder)), lease=30, attempts=3)
print("ready", flush=True)
sys.stdin.readline()
while claimed := queue.claim(owner, 3):
    for task in claimed:
        queue.begin(task.claim, None)
        done = queue.finish(task.claim, Outcome(owner, "", "stop", 0, 0))
        print(task.id, done, flush=True)
"""


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with a_desk(database_url, tmp_path) as desk:
        yield desk


def claimed(desk: Desk, owner: str = "w") -> Claim:
    (task,) = desk.queue.claim(owner, 1)
    return task.claim


def fill(desk: Desk, count: int) -> None:
    """Many tasks of 200 accounts at once; every other one has ended."""
    task = desk.submit("a0")
    made = {
        "id": "'many-' || n",
        "account": "'a' || (n % 200)",
        "turn": "n / 200",
        "completed_at": "CASE WHEN n % 2 = 1 THEN created_at END",
    }
    names = ", ".join(column.name for column in tasks.c)
    values = ", ".join(made.get(column.name, column.name) for column in tasks.c)
    numbers = f"WITH RECURSIVE many(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM many WHERE n < {count})"
    with desk.database.writing() as db:
        db.execute(
            text(f"{numbers} INSERT INTO tasks ({names}) SELECT {values} FROM tasks, many WHERE id = :id"),
            {"id": task.id},
        )
        db.execute(text("ANALYZE"))


# Claiming


def test_a_claimed_task_belongs_to_its_owner_for_a_lease(desk: Desk) -> None:
    waiting = desk.submit()
    desk.clock.pass_by(2)
    (task,) = desk.queue.claim("w", 5)
    assert task == desk.state(waiting.id)
    assert (task.status, task.owner, task.attempt, task.strikes) == ("pending", "w", 1, 0)
    assert task.lease_until == desk.clock.now + timedelta(seconds=LEASE)
    assert task.started_at == desk.clock.now
    assert task.claim == Claim(task.id, "w", 1)
    assert desk.queue.mine("w") == {task.id}
    assert desk.queue.mine("v") == frozenset()
    assert desk.queue.claim("v", 5) == ()


def test_no_more_are_claimed_than_there_is_room_for_and_the_oldest_come_first(desk: Desk) -> None:
    ids = []
    for _ in range(5):
        desk.clock.pass_by(1)
        ids.append(desk.submit().id)
    assert desk.claim(free=0) == []
    assert desk.claim(free=2) == ids[:2]
    assert desk.claim(free=2) == ids[2:4]
    assert desk.claim(free=2) == ids[4:]


def test_a_smaller_priority_goes_first_whatever_came_before(desk: Desk) -> None:
    late, usual, soon = (desk.submit(priority=number).id for number in (9, 0, -9))
    assert desk.claim(free=2) == [soon, usual]
    assert desk.claim() == [late]


def test_only_tasks_of_the_accounts_that_are_named_are_claimed(desk: Desk) -> None:
    first, second = desk.submit("a"), desk.submit("b")
    assert desk.queue.claim("w", 5, accounts=()) == ()
    assert [task.id for task in desk.queue.claim("w", 5, accounts=("b", "c"))] == [second.id]
    assert desk.claim() == [first.id]


def test_a_worker_is_not_given_a_task_again_whose_older_attempt_it_still_runs(desk: Desk) -> None:
    task = desk.submit()
    assert desk.claim("w") == [task.id]
    desk.clock.pass_by(LEASE + 1)
    assert desk.queue.claim("w", 1, besides=[task.id]) == ()
    assert desk.queue.mine("w") == frozenset(), "it sees that the older attempt is no longer its own"
    assert desk.claim("w") == [task.id]


def test_looking_for_work_writes_nothing_when_there_is_none(desk: Desk) -> None:
    desk.submit()
    desk.claim()
    written: list[object] = []
    event.listen(desk.database._engine, "commit", written.append)
    assert desk.claim(free=8) == []
    assert [one for one in written if one.info[WRITES]] == []


# Fair turns


def turns_of(desk: Desk) -> list[str]:
    return [task.account for task in desk.queue.claim("w", 1000)]


def test_the_first_task_of_an_account_does_not_wait_behind_a_thousand_of_another(desk: Desk) -> None:
    for _ in range(30):
        desk.submit("a")
    desk.clock.pass_by(1)
    assert [task.account for task in desk.queue.claim("v", 10)] == ["a"] * 10
    for _ in range(3):
        desk.submit("b")
    assert turns_of(desk)[:6] == ["b", "a", "b", "a", "b", "a"]


def test_an_account_with_a_long_history_is_not_put_behind_a_newcomer(desk: Desk) -> None:
    for _ in range(50):
        desk.submit("a")
    desk.queue.claim("v", 50)
    desk.clock.pass_by(1)
    for _ in range(10):
        desk.submit("b")
    desk.clock.pass_by(1)
    desk.submit("a")
    assert "a" in turns_of(desk)[:3]


def test_an_account_does_not_pay_for_what_has_ended(desk: Desk) -> None:
    for _ in range(20):
        desk.submit("a")
    for task in desk.queue.claim("v", 20):
        desk.queue.finish(task.claim, ANSWER)
    for _ in range(5):
        desk.submit("b")
    desk.clock.pass_by(1)
    desk.submit("a")
    assert turns_of(desk)[:3] == ["b", "a", "b"]


@settings(deadline=None, max_examples=30)
@given(posts=st.lists(st.sampled_from("abc"), min_size=1, max_size=24))
def test_whoever_posts_what_no_account_with_work_waiting_is_passed_over(
    long_lived: Desk, posts: list[str]
) -> None:
    """Between two tasks of an account, every other one that has been waiting meanwhile gets at most two turns."""
    desk = long_lived
    desk.empty()
    for account in posts:
        desk.clock.pass_by(1)
        desk.submit(account)
    left = Counter(posts)
    order = turns_of(desk)
    assert Counter(order) == left
    for place, account in enumerate(order):
        between = order[
            place + 1 : order.index(account, place + 1) if account in order[place + 1 :] else place + 1
        ]
        assert all(times <= 2 for times in Counter(between).values()), order


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("long")
    (folder / "rows.db").write_bytes(migrated_sqlite.read_bytes())
    with a_desk(f"sqlite:///{folder / 'rows.db'}", folder) as desk:
        yield desk


# What the holder of a task may do


def test_a_task_goes_forward_step_by_step_and_keeps_its_answer(desk: Desk) -> None:
    task = desk.submit()
    claim = claimed(desk)
    assert desk.queue.progress(claim, "fetching", None)
    assert desk.state(task.id).status == "pending"
    assert desk.queue.begin(claim, 12.5)
    assert desk.queue.progress(claim, "speech", 0.25)
    running = desk.state(task.id)
    assert (running.status, running.duration, running.stage, running.done) == (
        "processing",
        12.5,
        "speech",
        0.25,
    )
    desk.clock.pass_by(3)
    assert desk.queue.finish(claim, ANSWER)
    ready = desk.state(task.id)
    assert (ready.status, ready.completed_at, ready.owner, ready.lease_until) == (
        "ready",
        desk.clock.now,
        None,
        None,
    )
    assert (ready.generation_id, ready.finish_reason, ready.input_tokens, ready.output_tokens) == (
        "g",
        "stop",
        10,
        20,
    )
    assert ready.data == ANSWER.data.replace("\0", "␀")
    assert (ready.error_code, ready.error_message) == (None, None)
    assert desk.announced == [(task.id, "ready")]


def test_an_answer_may_come_with_a_warning(desk: Desk) -> None:
    task = desk.submit()
    assert desk.queue.finish(claimed(desk), Outcome("g", "{}", "length", None, 1, "It was cut."))
    assert (desk.state(task.id).error_code, desk.state(task.id).error_message) == (None, "It was cut.")


def test_a_failed_task_says_why(desk: Desk) -> None:
    task = desk.submit()
    assert desk.queue.fail(claimed(desk), VideoFileBroken(reason="No streams."))
    failed = desk.state(task.id)
    assert (failed.status, failed.error_code) == ("failed", "video_file_broken")
    assert failed.error_message is not None
    assert failed.error_message.endswith("No streams.")
    assert desk.announced == [(task.id, "failed")]


def everything_a_holder_may_do(desk: Desk, claim: Claim) -> dict[str, bool]:
    return {
        "begin": desk.queue.begin(claim, 1.0),
        "progress": desk.queue.progress(claim, "late", 0.9),
        "keep_window": desk.queue.keep_window(claim, "late", "late"),
        "beat": bool(desk.queue.beat(claim.owner, [claim.task_id])),
        "again": desk.queue.again(claim, 1, strike=True),
        "fail": desk.queue.fail(claim, VideoFileBroken(reason="late")),
        "finish": desk.queue.finish(claim, Outcome("late", "late", "stop", 0, 0)),
    }


@pytest.mark.parametrize(
    "how", ["reaped", "taken by another", "taken again", "canceled", "deleted", "released", "done"]
)
def test_who_no_longer_holds_a_task_changes_nothing(desk: Desk, how: str) -> None:
    task = desk.submit()
    claim = claimed(desk)
    if how in {"reaped", "taken by another", "taken again"}:
        desk.clock.pass_by(LEASE)
        if how == "reaped":
            assert desk.queue.claim("v", 0) == ()
        else:
            assert desk.claim("v" if how == "taken by another" else "w") == [task.id]
    if how == "canceled":
        desk.rows.cancel("a", task.id)
    if how == "deleted":
        desk.rows.delete("a", task.id)
    if how == "released":
        assert desk.queue.release("w") == 1
    if how == "done":
        assert desk.queue.finish(claim, ANSWER)
    before, announced = desk.rows.get("a", task.id), list(desk.announced)
    said = everything_a_holder_may_do(desk, claim)
    if how == "taken again":
        said.pop("beat")  # the owner is the same and does hold the task: by a later attempt
    assert not any(said.values()), said
    after = desk.rows.get("a", task.id)
    assert after == before
    assert desk.announced == announced
    assert desk.queue.windows(task.id) == {}


def test_a_heartbeat_prolongs_only_what_is_still_held(desk: Desk) -> None:
    kept, lost, foreign = (desk.submit().id for _ in range(3))
    desk.claim("w", 2)
    desk.claim("v")
    desk.rows.cancel("a", lost)
    desk.clock.pass_by(LEASE - 1)
    assert desk.queue.beat("w", [kept, lost, foreign, "f" * 24]) == {kept}
    assert desk.queue.beat("w", []) == frozenset()
    desk.clock.pass_by(LEASE - 1)
    desk.claim("x")
    assert desk.queue.mine("w") == {kept}
    assert desk.queue.mine("x") == {foreign}


def test_a_beat_that_comes_late_but_before_anybody_looked_keeps_the_task(desk: Desk) -> None:
    task = desk.submit()
    desk.claim("w")
    desk.clock.pass_by(LEASE * 2)
    assert desk.queue.beat("w", [task.id]) == {task.id}
    assert desk.claim("v") == []


# Another attempt


def test_a_task_that_is_tried_again_waits_and_keeps_its_turn(desk: Desk) -> None:
    task, other = desk.submit(), desk.submit()
    claim = claimed(desk)
    assert desk.queue.begin(claim, 3.0)
    assert desk.queue.again(claim, 20, SourceUnreachable(p="video.url", reason="Down."), strike=True)
    waiting = desk.state(task.id)
    assert (waiting.status, waiting.owner, waiting.attempt, waiting.strikes) == ("processing", None, 1, 1)
    assert waiting.error_message is not None
    assert waiting.error_code == "parameter_invalid"
    desk.clock.pass_by(19)
    assert desk.claim(free=5) == [other.id]
    desk.clock.pass_by(1)
    (again,) = desk.queue.claim("w", 5)
    assert (again.id, again.attempt, again.status, again.turn) == (task.id, 2, "processing", task.turn)
    assert desk.queue.finish(again.claim, ANSWER)
    assert desk.state(task.id).error_code is None


def test_waiting_for_something_is_no_strike_and_never_longer_than_the_longest_wait(desk: Desk) -> None:
    task = desk.submit()
    assert desk.queue.again(claimed(desk), 1e12, strike=False)
    assert desk.state(task.id).strikes == 0
    assert desk.state(task.id).run_at == desk.clock.now + timedelta(seconds=LONGEST_WAIT)
    desk.clock.pass_by(LONGEST_WAIT)
    assert desk.queue.again(claimed(desk), 0, strike=False)
    assert desk.claim() == [task.id]


def test_a_drained_worker_gives_its_tasks_to_the_next_one_at_once(desk: Desk) -> None:
    ids = {desk.submit().id for _ in range(3)}
    assert set(desk.claim("w", 2)) < ids
    assert desk.queue.release("w") == 2
    assert desk.queue.release("w") == 0
    taken = desk.queue.claim("v", 5)
    assert {task.id for task in taken} == ids
    assert {task.strikes for task in taken} == {0}


def test_finished_windows_are_there_for_the_next_attempt_and_gone_at_the_end(desk: Desk) -> None:
    task = desk.submit()
    claim = claimed(desk)
    assert desk.queue.keep_window(claim, "0-60", "first")
    assert desk.queue.keep_window(claim, "0-60", "better")
    assert desk.queue.keep_window(claim, "60-120", "\0")
    desk.queue.release("w")
    assert desk.queue.windows(task.id)["0-60"] == "better"
    assert set(desk.queue.windows(task.id)) == {"0-60", "60-120"}
    assert desk.queue.finish(claimed(desk), ANSWER)
    assert desk.queue.windows(task.id) == {}
    with desk.database.reading() as db:
        assert db.execute(select(task_windows)).all() == []


# Workers that die


def test_a_task_whose_worker_died_goes_to_another_and_is_given_up_after_its_attempts(desk: Desk) -> None:
    task = desk.submit()
    for attempt in range(1, ATTEMPTS + 1):
        (taken,) = desk.queue.claim(f"w{attempt}", 1)
        assert (taken.attempt, taken.strikes) == (attempt, attempt - 1)
        desk.clock.pass_by(LEASE - 0.001)
        assert desk.claim("other") == []
        desk.clock.pass_by(0.001)
    assert desk.claim("other") == []
    lost = desk.state(task.id)
    assert (lost.status, lost.error_code, lost.strikes, lost.owner) == (
        "failed",
        "internal_server_error",
        ATTEMPTS,
        None,
    )
    assert lost.error_message is not None
    assert f"{ATTEMPTS} attempts" in lost.error_message
    assert desk.announced == [(task.id, "failed")]


def test_the_dead_are_noticed_also_by_a_worker_that_has_no_room(desk: Desk) -> None:
    task = desk.submit()
    desk.claim("w")
    desk.clock.pass_by(LEASE)
    assert desk.queue.claim("v", 0) == ()
    assert desk.state(task.id).owner is None


def test_what_a_crashed_attempt_had_waited_for_does_not_hold_back_the_next(desk: Desk) -> None:
    task = desk.submit()
    desk.queue.again(claimed(desk), 50, strike=False)
    desk.clock.pass_by(50)
    desk.claim("w")
    desk.clock.pass_by(-10)
    desk.queue.release("w")
    assert desk.claim("v") == [task.id]


# Clocks that jump


@pytest.mark.parametrize("hours", [-100_000, -24, -1, 1, 24, 100_000])
def test_a_clock_that_jumps_stalls_nothing_and_costs_a_live_task_at_most_one_attempt(
    desk: Desk, hours: float
) -> None:
    waiting, resting, running = desk.submit(), desk.submit(), desk.submit()
    (first,) = desk.queue.claim("w", 1)
    assert first.id == waiting.id
    desk.queue.release("w")
    second, third = (task for task in desk.queue.claim("w", 3) if task.id != waiting.id)
    desk.queue.release("w")
    desk.queue.claim("w", 1)
    desk.queue.again(desk.state(waiting.id).claim, 60, strike=False)
    held = desk.queue.claim("w", 1)[0]
    desk.clock.pass_by(hours * 3600)
    submitted = desk.submit()
    got = {task.id for task in desk.queue.claim("v", 9)}
    assert got == {waiting.id, resting.id, running.id, submitted.id}
    assert {second.id, third.id} == {resting.id, running.id}
    assert not desk.queue.finish(held.claim, ANSWER)
    if hours < 0:
        assert desk.state(held.id).strikes == 0, "nobody has died"


def test_a_lease_that_is_only_a_little_ahead_is_believed(desk: Desk) -> None:
    task = desk.submit()
    desk.claim("w")
    desk.clock.pass_by(-2 * LEASE)
    assert desk.claim("v") == []
    assert desk.queue.beat("w", [task.id])


# All at once


def test_many_workers_in_threads_never_get_the_same_task(desk: Desk, database_url: str) -> None:
    ids = {desk.submit(f"a{number % 3}").id for number in range(60)}
    together = Barrier(8)

    def work(number: int) -> list[str]:
        got: list[str] = []
        together.wait()
        while taken := desk.queue.claim(f"w{number}", 2):
            got += [task.id for task in taken if desk.queue.finish(task.claim, ANSWER)]
        return got

    with ThreadPoolExecutor(8) as threads:
        done = [task_id for got in threads.map(work, range(8)) for task_id in got]
    # A claim may come back empty while another worker looks at the last rows: those are left to the next look.
    done += work_off(desk)
    assert Counter(done) == dict.fromkeys(ids, 1)
    assert Counter(desk.announced) == dict.fromkeys([(task_id, "ready") for task_id in ids], 1)
    with desk.database.reading() as db:
        assert set(db.execute(select(tasks.c.attempt)).scalars()) == {1}


def work_off(desk: Desk) -> list[str]:
    return [task.id for task in desk.queue.claim("last", 1000) if desk.queue.finish(task.claim, ANSWER)]


def test_many_workers_in_processes_never_get_the_same_task(database_url: str, tmp_path: Path) -> None:
    with a_desk(database_url, tmp_path, told=False) as desk:
        ids = {desk.submit(f"a{number % 3}").id for number in range(40)}
        command = [sys.executable, "-c", WORK, database_url, str(tmp_path)]
        workers = [
            subprocess.Popen(
                [*command, f"w{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for number in range(3)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(b"go\n")
            worker.stdin.flush()
        done = []
        for worker in workers:
            said, complaint = worker.communicate(timeout=60)
            assert worker.returncode == 0, complaint.decode()
            done += [line.split() for line in said.decode().splitlines()]
        assert all(finished == "True" for _, finished in done)
        assert Counter([task_id for task_id, _ in done] + work_off(desk)) == dict.fromkeys(ids, 1)


def test_the_end_of_a_task_whose_account_has_no_webhook_is_announced_to_nobody(desk: Desk) -> None:
    quiet = desk.rows.submit(desk.new("quiet"), limits=ROOMY).task
    assert quiet is not None
    desk.rows.cancel("quiet", quiet.id)
    assert desk.announced == []


def test_canceling_and_finishing_at_once_exactly_one_wins_and_is_announced_once(desk: Desk) -> None:
    for _ in range(15):
        task = desk.submit()
        claim = claimed(desk)
        together = Barrier(3)

        def cancel(task: Task = task, together: Barrier = together) -> bool:
            together.wait()
            try:
                return desk.rows.cancel("a", task.id) is not None
            except TaskCannotBeCanceled:
                return False

        def finish(claim: Claim = claim, together: Barrier = together) -> bool:
            together.wait()
            return desk.queue.finish(claim, ANSWER)

        with ThreadPoolExecutor(3) as threads:
            canceled = [threads.submit(cancel), threads.submit(cancel)]
            finished = threads.submit(finish)
            won = {canceled[0].result(), canceled[1].result()}
        assert won == {not finished.result()}
        status = "ready" if finished.result() else "canceled"
        assert desk.state(task.id).status == status
        assert desk.announced == [(task.id, status)]
        desk.announced.clear()


def test_deleting_a_pending_task_while_its_worker_begins_or_ends_leaves_no_half_of_it(desk: Desk) -> None:
    for number in range(15):
        task = desk.submit(files=(("video", desk.stored(b"v")),))
        claim = claimed(desk)
        together = Barrier(2)

        def end(number: int = number, claim: Claim = claim, together: Barrier = together) -> bool:
            together.wait()
            return desk.queue.finish(claim, ANSWER) if number % 2 else desk.queue.begin(claim, 1.0)

        with ThreadPoolExecutor(1) as threads:
            ending = threads.submit(end)
            together.wait()
            try:
                deleted = desk.rows.delete("a", task.id)
            except TaskCannotBeDeleted:
                deleted = False
        if deleted:
            assert desk.rows.get("a", task.id) is None
        else:
            assert ending.result()
            desk.rows.cancel("a", task.id)
        assert list(desk.blobs.kept()) == []


def test_beats_and_reaps_at_once_agree_on_who_holds_a_task(desk: Desk) -> None:
    for _ in range(10):
        ids = [desk.submit().id for _ in range(6)]
        assert len(desk.claim("w", 6)) == 6
        desk.clock.pass_by(LEASE)
        together = Barrier(3)

        def beat(ids: list[str] = ids, together: Barrier = together) -> frozenset[str]:
            together.wait()
            return desk.queue.beat("w", ids)

        def reap(owner: str, together: Barrier = together) -> frozenset[str]:
            together.wait()
            return frozenset(task.id for task in desk.queue.claim(owner, 6))

        with ThreadPoolExecutor(3) as threads:
            kept = threads.submit(beat)
            taken = [threads.submit(reap, owner) for owner in "vx"]
        held = [kept.result(), *(each.result() for each in taken)]
        assert sum(len(each) for each in held) == len(frozenset().union(*held))
        for owner, each in zip("wvx", held, strict=True):
            assert each <= desk.queue.mine(owner)
        for task_id in ids:
            desk.rows.cancel("a", task_id)


def test_who_is_stopped_in_the_midst_of_a_change_holds_up_nobody_for_ever(
    postgresql_url: str, tmp_path: Path
) -> None:
    """A process that is frozen while it holds rows: its transaction is ended by the server, and its change is none."""
    with a_desk(postgresql_url, tmp_path) as desk, closing(Database(postgresql_url)) as frozen:
        task = desk.submit()

        def freeze() -> None:
            with frozen.writing() as db:
                db.execute(text("SET LOCAL idle_in_transaction_session_timeout = 200"))
                db.execute(update(tasks).values(owner="frozen", lease_until=AT_ONCE))
                assert desk.claim("v") == [], "what another is just changing is passed over"
                assert desk.rows.cancel("a", task.id), "and waited for where it must be"
                db.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailable):
            freeze()
        assert desk.state(task.id).status == "canceled"


# With much to do


def plan(desk: Desk, run: object) -> str:
    """How the database goes about the statement that changes tasks in `run`."""
    said: list[tuple[str, object]] = []

    def note(_db: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        said.append((statement, parameters))

    event.listen(desk.database._engine, "before_cursor_execute", note)
    run()  # type: ignore[operator]
    event.remove(desk.database._engine, "before_cursor_execute", note)
    how = "EXPLAIN QUERY PLAN" if desk.database.is_sqlite else "EXPLAIN"
    lines = []
    with desk.database.writing() as db:
        for statement, parameters in said:
            if " tasks" in statement and not statement.startswith("EXPLAIN"):
                rows = db.exec_driver_sql(f"{how} {statement}", parameters).all()  # type: ignore[arg-type]
                lines += [statement.split()[0], *(str(row[-1]) for row in rows)]
        db.rollback()
    return "\n".join(lines)


@pytest.mark.slow
def test_much_that_waits_and_much_that_is_done_makes_nothing_slower(desk: Desk) -> None:
    fill(desk, 2 * MANY)
    desk.submit("a1")
    (task,) = desk.queue.claim("w", 1)
    for run in (
        lambda: desk.claim(free=4),
        lambda: desk.submit("a1"),
        lambda: desk.queue.mine("w"),
        lambda: desk.queue.beat("w", [task.id]),
        lambda: desk.rows.page("a1", TaskFilter(), page=1, limit=10),
        lambda: desk.rows.cancel("a1", "f" * 24),
        lambda: desk.queue.finish(task.claim, ANSWER),
    ):
        said = plan(desk, run)
        for slow in ("SCAN tasks\n", "Seq Scan on tasks", "USE TEMP B-TREE", "Sort"):
            assert slow not in f"{said}\n", said


def test_the_longest_wait_and_lease_are_what_was_said(desk: Desk) -> None:
    queue = TaskQueue(desk.database, desk.blobs, lease=5, attempts=1)
    task = desk.submit()
    (taken,) = queue.claim("w", 1)
    assert taken.lease_until == desk.clock.now + timedelta(seconds=5)
    desk.clock.pass_by(5)
    assert queue.claim("v", 1) == ()
    assert desk.state(task.id).status == "failed"
