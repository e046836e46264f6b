import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection, event, select
from tests.unit.storage.queues import ANSWER, ROOMY, Desk, a_desk, once

from kinoscribe.contract.errors import (
    EngineFailed,
    IdempotencyKeyReused,
    QueueFull,
    StorageFull,
    TaskCannotBeCanceled,
    TaskCannotBeDeleted,
)
from kinoscribe.ids import is_object_id
from kinoscribe.storage.blobs import Stored
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_files
from kinoscribe.storage.task_rows import Backlog, NewTask, QueueLimits, Task, TaskFile, TaskFilter, TaskRows

EVERYTHING = TaskFilter()


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with a_desk(database_url, tmp_path) as desk:
        yield desk


def listed(desk: Desk, wanted: TaskFilter = EVERYTHING, account: str = "a") -> list[str]:
    return [task.id for task in desk.rows.page(account, wanted, page=1, limit=50)[0]]


def in_state(desk: Desk, status: str) -> Task:
    """A task in this state, made the way tasks get there."""
    task = desk.submit()
    if status != "queued":
        desk.clock.pass_by(1)
        claim = desk.queue.claim("w", 1)[0].claim
        if status in {"processing", "ready"}:
            assert desk.queue.begin(claim, 12.5)
        if status == "ready":
            assert desk.queue.finish(claim, ANSWER)
        if status == "failed":
            assert desk.queue.fail(claim, EngineFailed(reason="no"))
        if status == "canceled":
            desk.rows.cancel("a", task.id)
    made = desk.rows.get("a", task.id)
    assert made is not None
    assert made.status == status
    return made


# Taking in


def test_a_new_task_waits_and_is_shown_as_it_was_sent(desk: Desk) -> None:
    sent = NewTask(
        "a",
        "general",
        "pegasus1.6",
        '{"prompt": "\\u0000 Große Ferien 🎬"}',
        {"temperature": 0.2, "prompt": "\0\ud83d"},
        custom_id="mine",
        source={"type": "url", "url": "https://example.com/v.mp4"},
        video_url="https://example.com/v.mp4",
        asset_id="f" * 24,
        video_id="v",
        duration=12.5,
        priority=7,
        batch_id="b" * 24,
        key_id="c" * 24,
    )
    submitted = desk.rows.submit(sent, limits=ROOMY)
    task = submitted.task
    assert task is not None
    assert (submitted.status, submitted.body, submitted.replayed) == (0, {}, False)
    assert is_object_id(task.id)
    for name in {each.name for each in dataclasses.fields(sent)} - {"files", "assets"}:
        assert getattr(task, name) == getattr(sent, name), name
    assert (task.status, task.attempt, task.strikes, task.owner, task.ended) == ("queued", 0, 0, None, False)
    assert task.created_at == desk.clock.now
    assert desk.rows.get("a", task.id) == task


def test_another_accounts_task_is_not_there_for_anything(desk: Desk) -> None:
    task = desk.submit("a")
    assert desk.rows.get("b", task.id) is None
    assert listed(desk, account="b") == []
    assert desk.rows.cancel("b", task.id) is None
    assert not desk.rows.delete("b", task.id)
    assert desk.rows.get("a", task.id) == task


def test_text_that_no_database_keeps_is_kept_by_its_sign_and_finds_nothing_when_asked_for(desk: Desk) -> None:
    task = desk.submit(video_url="https://x.example/\0", video_id="\0", custom_id="\0")
    found = desk.rows.get("a", task.id)
    assert found == task
    assert found.video_url == "https://x.example/␀"
    for wanted in (TaskFilter(video_url="\0"), TaskFilter(status="\0"), TaskFilter(analysis_mode="x\0")):
        assert listed(desk, wanted) == []
    assert desk.rows.get("a", "\0") is None
    assert desk.rows.cancel("\0", task.id) is None
    assert not desk.rows.delete("a", "\0" * 100)
    assert desk.queue.claim("\0" * 30, 1)[0].id == task.id


# Files


def test_what_was_sent_with_a_task_is_kept_until_its_end(desk: Desk) -> None:
    video, picture = desk.stored(b"video"), desk.stored(b"png")
    task = desk.submit(files=(("video", video), ("image:logo", picture)))
    assert desk.rows.files(task.id) == (
        TaskFile("image:logo", picture.sha256, 3),
        TaskFile("video", video.sha256, 5),
    )
    assert desk.queue.files(task.id) == desk.rows.files(task.id)
    assert desk.blobs.path(video.sha256).read_bytes() == b"video"
    assert desk.assets.sweep() == 0
    assert desk.queue.finish(desk.queue.claim("w", 1)[0].claim, ANSWER)
    assert desk.rows.files(task.id) == ()
    assert list(desk.blobs.kept()) == []


@pytest.mark.parametrize("end", ["cancel", "delete", "fail", "lost"])
def test_however_a_task_ends_its_files_go(desk: Desk, end: str) -> None:
    task = desk.submit(files=(("video", desk.stored(b"video")),))
    if end == "cancel":
        assert desk.rows.cancel("a", task.id)
    if end == "delete":
        assert desk.rows.delete("a", task.id)
    if end == "fail":
        assert desk.queue.fail(desk.queue.claim("w", 1)[0].claim, EngineFailed(reason="x"))
    if end == "lost":
        for _ in range(3):
            assert desk.claim()
            desk.clock.pass_by(31)
        assert not desk.claim()
    assert list(desk.blobs.kept()) == []


def test_a_file_stays_while_another_task_or_an_asset_has_the_same_content(desk: Desk) -> None:
    first, second = (desk.submit(account, files=(("video", desk.stored(b"same")),)) for account in "ab")
    asset = desk.assets.add(
        "c", method="direct", filename="x", file_type="video/mp4", stored=desk.stored(b"same")
    )
    assert len(list(desk.blobs.kept())) == 1
    desk.rows.cancel("a", first.id)
    assert len(list(desk.blobs.kept())) == 1
    desk.assets.remove("c", asset.id)
    assert len(list(desk.blobs.kept())) == 1, "a task needs it"
    assert desk.assets.sweep() == 0
    desk.rows.delete("b", second.id)
    assert list(desk.blobs.kept()) == []


def test_a_task_keeps_the_content_of_its_asset_when_that_is_deleted(desk: Desk) -> None:
    asset = desk.assets.add(
        "a", method="direct", filename="x", file_type="video/mp4", stored=desk.stored(b"v")
    )
    coming = desk.assets.add("a", method="url", filename="y", file_type="video/mp4", url="https://x.example/")
    foreign = desk.assets.add(
        "b", method="direct", filename="z", file_type="video/mp4", stored=desk.stored(b"z")
    )
    named = (
        ("video", asset.id),
        ("image:late", coming.id),
        ("image:foreign", foreign.id),
        ("gone", "f" * 24),
    )
    task = desk.submit(asset_id=asset.id, assets=named)
    assert asset.content is not None
    assert desk.rows.files(task.id) == (TaskFile("video", asset.content, 1),)
    desk.assets.remove("a", asset.id)
    assert desk.blobs.path(asset.content).read_bytes() == b"v"
    desk.rows.cancel("a", task.id)
    assert not desk.blobs.path(asset.content).exists()


def test_tasks_that_need_the_same_contents_in_another_order_do_not_wait_for_each_other(desk: Desk) -> None:
    made = [
        desk.assets.add("a", method="direct", filename="x", file_type="image/png", stored=desk.stored(data))
        for data in (b"1", b"2", b"3")
    ]
    named = tuple((f"image:{number}", asset.id) for number, asset in enumerate(made))

    def post(number: int) -> int:
        video = (("video", desk.stored(b"%d" % (number % 4))),)
        order = named if number % 2 else tuple(reversed(named))
        return len(desk.rows.files(desk.submit(assets=order, files=video).id))

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(post, range(32))) == {4}


def test_a_task_whose_files_cannot_be_kept_is_not_taken_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = desk.blobs.keep
    kept = 0

    def full(stored: object) -> Path:
        nonlocal kept
        kept += 1
        if kept > 1:
            raise StorageFull
        return keep(stored)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.blobs, "keep", full)
    with pytest.raises(StorageFull):
        desk.submit_once("k", files=(("video", desk.stored(b"1")), ("image:x", desk.stored(b"2"))))
    assert listed(desk) == []
    assert list(desk.blobs.kept()) == []
    monkeypatch.undo()
    assert not desk.submit_once("k").replayed, "a failed attempt leaves the key free"


def test_the_same_content_sent_and_done_with_at_once_is_there_exactly_while_somebody_needs_it(
    desk: Desk,
) -> None:
    def come_and_go(number: int) -> None:
        task = desk.submit(f"account{number % 3}", files=(("video", desk.stored(b"the same")),))
        file = desk.rows.files(task.id)[0]
        assert desk.blobs.path(file.content).read_bytes() == b"the same"
        if number % 4:
            desk.rows.cancel(task.account, task.id)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(come_and_go, range(48)))
    assert len(list(desk.blobs.kept())) == 1


def test_a_content_that_is_just_being_kept_again_is_not_removed_with_its_last_other_task(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = desk.submit(files=(("video", desk.stored(b"same")),))
    keep, kept, go_on = desk.blobs.keep, Event(), Event()

    def slowly(stored: Stored) -> Path:
        place = keep(stored)
        kept.set()
        assert go_on.wait(60)
        return place

    monkeypatch.setattr(desk.blobs, "keep", slowly)
    with ThreadPoolExecutor(2) as threads:
        coming = threads.submit(desk.submit, files=(("video", desk.stored(b"same")),))
        assert kept.wait(60)
        going = threads.submit(desk.rows.cancel, "a", old.id)
        time.sleep(0.3)
        go_on.set()
        assert going.result() is not None
        (file,) = desk.rows.files(coming.result().id)
    assert desk.blobs.path(file.content).read_bytes() == b"same"


# Once


def test_the_same_request_makes_one_task_and_gets_the_same_answer(desk: Desk) -> None:
    first = desk.submit_once("k")
    again = desk.submit_once("k")
    assert first.task is not None
    assert (first.status, first.body, first.replayed) == (202, {"task_id": first.task.id}, False)
    assert (again.task, again.status, again.body, again.replayed) == (None, 202, first.body, True)
    assert listed(desk) == [first.task.id]


def test_eight_equal_requests_at_once_make_one_task(desk: Desk) -> None:
    together = Barrier(8)

    def post(number: int) -> tuple[bool, str]:
        together.wait()
        made = desk.submit_once("k", files=(("video", desk.stored(b"%d" % number)),))
        return made.replayed, made.body["task_id"]

    for _ in range(5):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(post, range(8)))
        (task_id,) = {task_id for _, task_id in answers}
        assert sorted(replayed for replayed, _ in answers) == [False, *[True] * 7]
        assert listed(desk) == [task_id]
        (file,) = desk.rows.files(task_id)
        assert list(desk.blobs.kept()) == [file.content], "the files of the others are not kept"
        desk.rows.cancel("a", task_id)
        desk.empty()


def test_a_replay_needs_no_room_and_outlives_its_task(desk: Desk) -> None:
    first = desk.submit_once("k")
    assert first.task is not None
    assert desk.rows.delete("a", first.task.id)
    desk.submit()
    again = desk.rows.submit(
        desk.new(),
        limits=QueueLimits(1, 1),
        once=dataclasses.replace(once("k"), body=lambda _: pytest.fail("nothing new is made")),
    )
    assert again.body == first.body


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(desk: Desk) -> None:
    desk.submit_once("k", "one body")
    with pytest.raises(IdempotencyKeyReused):
        desk.submit_once("k", "another body", files=(("video", desk.stored(b"x")),))
    assert len(listed(desk)) == 1
    assert list(desk.blobs.kept()) == []


# Room


def test_a_full_queue_takes_no_more_until_something_has_ended(desk: Desk) -> None:
    limits = QueueLimits(most=3, most_account=2)

    def post(account: str) -> Task | None:
        desk.clock.pass_by(1)
        return desk.rows.submit(desk.new(account), limits=limits).task

    first, _ = post("a"), post("a")
    with pytest.raises(QueueFull, match="this account is full: 2 tasks"):
        post("a")
    post("b")
    with pytest.raises(QueueFull, match="this server is full: 3 tasks"):
        post("c")
    assert first is not None
    assert desk.claim() == [first.id]
    with pytest.raises(QueueFull):
        post("c")
    desk.rows.cancel("a", first.id)
    post("c")


def test_a_limit_holds_exactly_when_many_come_at_once_through_several_processes(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    limits = QueueLimits(most=1000, most_account=50)
    with closing(Database(database_url)) as other:
        doors = [desk.rows, TaskRows(other, desk.blobs)]

        def post(number: int) -> bool:
            try:
                return doors[number % 2].submit(desk.new(), limits=limits).task is not None
            except QueueFull:
                return False

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(post, range(80))) == 50
    assert desk.rows.page("a", EVERYTHING, page=1, limit=1)[1] == 50


def test_room_far_from_the_limit_is_not_counted_each_time(desk: Desk) -> None:
    counts = 0

    def look(_db: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal counts
        counts += "count(*)" in statement

    event.listen(desk.database._engine, "before_cursor_execute", look)
    for _ in range(20):
        desk.submit()
    assert counts <= 10, "one count serves for a second"


# Showing


def test_pages_are_newest_first_and_do_not_overlap(desk: Desk) -> None:
    made = []
    for seconds in (3, -2, 1, 0, 3):
        desk.clock.pass_by(seconds)
        made.append(desk.submit())
    desk.submit("b")
    expected = [t.id for t in sorted(made, key=lambda t: (t.created_at, t.id), reverse=True)]
    assert listed(desk) == expected
    pages = [desk.rows.page("a", EVERYTHING, page=page, limit=2) for page in (1, 2, 3, 4)]
    assert [task.id for shown, _ in pages for task in shown] == expected
    assert {total for _, total in pages} == {5}


def test_lists_can_be_narrowed_by_all_filters_together(desk: Desk) -> None:
    url = desk.submit(video_url="https://example.com/V.mp4?a=1&b=%00")
    asset = desk.submit(asset_id="a" * 24, analysis_mode="time_based_metadata")
    plain = desk.submit(video_id="v1")
    desk.rows.cancel("a", plain.id)
    for wanted, found in (
        (TaskFilter(video_url="https://example.com/V.mp4?a=1&b=%00"), [url.id]),
        (TaskFilter(video_url="https://example.com/v.mp4?a=1&b=%00"), []),
        (TaskFilter(video_url="%"), []),
        (TaskFilter(asset_id="a" * 24), [asset.id]),
        (TaskFilter(video_id="v1"), [plain.id]),
        (TaskFilter(status="canceled"), [plain.id]),
        (TaskFilter(status="queued", analysis_mode="time_based_metadata"), [asset.id]),
        (TaskFilter(status="canceled", analysis_mode="time_based_metadata"), []),
        (TaskFilter(status="' OR 1=1 --"), []),
    ):
        assert listed(desk, wanted) == found, wanted


def test_the_backlog_counts_what_waits_and_what_runs(desk: Desk) -> None:
    assert desk.rows.backlog() == Backlog(0, 0, None)
    first = desk.submit("a")
    desk.clock.pass_by(5)
    second = desk.submit("b")
    assert desk.rows.backlog() == Backlog(2, 0, first.created_at)
    assert desk.claim() == [first.id]
    assert desk.rows.backlog() == Backlog(1, 1, second.created_at)
    in_state(desk, "canceled")


# Canceling and deleting


@pytest.mark.parametrize("status", ["queued", "pending", "processing"])
def test_a_task_that_has_not_ended_is_canceled_at_once(desk: Desk, status: str) -> None:
    task = in_state(desk, status)
    held = desk.queue.mine("w")
    canceled = desk.rows.cancel("a", task.id)
    assert canceled is not None
    assert canceled == desk.rows.get("a", task.id)
    assert (canceled.status, canceled.error_code) == ("canceled", "user_canceled")
    assert canceled.error_message == "The task was canceled by the user."
    assert canceled.completed_at == desk.clock.now
    assert (canceled.owner, canceled.lease_until) == (None, None)
    assert held == ({task.id} if status != "queued" else set())
    assert desk.queue.mine("w") == frozenset()
    assert desk.claim() == []
    desk.clock.pass_by(1)
    assert desk.rows.cancel("a", task.id) == canceled, "again: unchanged"
    assert desk.announced == [(task.id, "canceled")]


@pytest.mark.parametrize("status", ["ready", "failed"])
def test_a_task_that_has_ended_is_not_canceled(desk: Desk, status: str) -> None:
    task = in_state(desk, status)
    desk.announced.clear()
    with pytest.raises(TaskCannotBeCanceled, match=f"{task.id} is {status}"):
        desk.rows.cancel("a", task.id)
    assert desk.rows.get("a", task.id) == task
    assert desk.announced == []


@pytest.mark.parametrize("status", ["queued", "pending", "ready", "failed", "canceled"])
def test_a_task_that_is_not_processed_can_be_deleted_and_never_runs(desk: Desk, status: str) -> None:
    task = in_state(desk, status)
    assert desk.rows.delete("a", task.id)
    assert desk.rows.get("a", task.id) is None
    assert listed(desk) == []
    assert not desk.rows.delete("a", task.id)
    assert desk.rows.cancel("a", task.id) is None
    assert desk.claim() == []
    assert desk.queue.mine("w") == frozenset()
    with desk.database.reading() as db:
        assert db.execute(select(task_files)).all() == []


def test_a_task_that_is_processed_cannot_be_deleted_also_between_two_attempts(desk: Desk) -> None:
    task = in_state(desk, "processing")
    for _ in range(2):
        with pytest.raises(TaskCannotBeDeleted, match="is processing"):
            desk.rows.delete("a", task.id)
        desk.queue.release("w")
    assert desk.rows.cancel("a", task.id)
    assert desk.rows.delete("a", task.id)


def test_an_end_is_never_before_the_beginning_although_the_clock_went_back(desk: Desk) -> None:
    task = desk.submit()
    desk.clock.pass_by(-3600)
    canceled = desk.rows.cancel("a", task.id)
    assert canceled is not None
    assert canceled.completed_at == task.created_at


def test_an_announcement_that_fails_undoes_the_end_it_announces(desk: Desk, database_url: str) -> None:
    def refuse(_connection: Connection, _task: Task) -> None:
        raise StorageFull

    task = desk.submit(files=(("video", desk.stored(b"v")),))
    with pytest.raises(StorageFull):
        TaskRows(desk.database, desk.blobs, announce=refuse).cancel("a", task.id)
    assert desk.rows.get("a", task.id) == task
    assert len(desk.rows.files(task.id)) == 1
    assert len(list(desk.blobs.kept())) == 1
