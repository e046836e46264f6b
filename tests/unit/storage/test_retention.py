from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from tests.unit.storage.queues import ANSWER, Desk

from kinoscribe import ids
from kinoscribe.storage import retention as retention_module
from kinoscribe.storage.asset_rows import Asset, AssetFilter, Examined
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.retention import OldRows
from kinoscribe.storage.tables import assets, deliveries, index_tasks, indexes, receipts, tasks, videos

DAY = 86_400.0


class Kept:
    """Rows of an account whose age is set by hand."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.old = OldRows(desk.database, desk.blobs, now=desk.clock)

    def asset(self, data: bytes, days: float, *, ready: bool = True) -> Asset:
        made = self.desk.assets.add(
            "a", method="direct", filename="f", file_type="video/mp4", stored=self.desk.stored(data)
        )
        if ready:
            self.desk.assets.ready(made.id, Examined("video", "video/mp4"))
        self._made(assets, assets.c.id == made.id, created_at=self._before(days))
        return made

    def ended(self, days: float) -> str:
        task = self.desk.submit()
        (claimed,) = self.desk.queue.claim("w", 1)
        self.desk.queue.finish(claimed.claim, ANSWER)
        self._made(tasks, tasks.c.id == task.id, completed_at=self._before(days))
        return task.id

    def receipt(self, name: str, days: float) -> None:
        ReceiptRows(self.desk.database).keep("a", name, {})
        self._made(receipts, receipts.c.generation_id == name, created_at=self._before(days))

    def index(self) -> str:
        index, now = ids.new_object_id(), self.desk.clock()
        row = {"id": index, "account": "a", "name": index, "models": [], "addons": []}
        with self.desk.database.writing() as db:
            db.execute(insert(indexes).values(**row, created_at=now, updated_at=now))
        return index

    def _before(self, days: float) -> object:
        now = self.desk.clock()
        self.desk.clock.pass_by(-days * DAY)
        then = self.desk.clock()
        self.desk.clock.now = now
        return then

    def _made(self, table: object, where: object, **values: object) -> None:
        with self.desk.database.writing() as db:
            db.execute(update(table).where(where).values(**values))  # type: ignore[arg-type]


@pytest.fixture
def kept(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setattr(retention_module, "_AT_ONCE", 2)
    desk = Desk(database_url, tmp_path)
    desk.database.migrate()
    yield Kept(desk)
    desk.close()


def names(kept: Kept) -> list[str]:
    found, _ = kept.desk.assets.page("a", AssetFilter(), page=1, limit=50)
    return sorted(asset.id for asset in found)


def test_old_assets_go_with_their_files(kept: Kept) -> None:
    young = kept.asset(b"young", 1)
    for number in range(5):
        kept.asset(b"old %d" % number, 11)
    assert kept.old.assets(10 * DAY, dry=True) == 5
    assert len(names(kept)) == 6
    assert kept.old.assets(10 * DAY, dry=False) == 5
    assert names(kept) == [young.id]
    assert list(kept.desk.blobs.kept()) == [young.content]


def test_an_old_asset_stays_while_something_needs_it(kept: Kept) -> None:
    tasked, indexed, processing = (
        kept.asset(b"1", 11),
        kept.asset(b"2", 11),
        kept.asset(b"3", 11, ready=False),
    )
    waiting = kept.desk.submit(asset_id=tasked.id)
    index, now = kept.index(), kept.desk.clock()
    row = {
        "id": ids.new_object_id(),
        "account": "a",
        "index_id": index,
        "asset_id": indexed.id,
        "brought": False,
    }
    with kept.desk.database.writing() as db:
        db.execute(insert(videos).values(**row, status="ready", created_at=now, updated_at=now))
    assert kept.old.assets(10 * DAY, dry=False) == 0
    kept.desk.rows.cancel("a", waiting.id)
    assert kept.old.assets(10 * DAY, dry=False) == 1
    assert names(kept) == sorted([indexed.id, processing.id])


def test_a_file_that_a_task_needs_outlives_its_asset(kept: Kept) -> None:
    asset = kept.asset(b"data", 11)
    task = kept.desk.submit(assets=(("image", asset.id),))
    assert kept.old.assets(10 * DAY, dry=False) == 1
    assert list(kept.desk.blobs.kept()) == [asset.content]
    kept.desk.rows.cancel("a", task.id)
    assert list(kept.desk.blobs.kept()) == []


def test_old_tasks_go_once_they_have_ended(kept: Kept) -> None:
    gone = [kept.ended(11) for _ in range(3)]
    stays, waits = kept.ended(9), kept.desk.submit().id
    assert kept.old.tasks(10 * DAY, dry=True) == 3
    assert kept.old.tasks(10 * DAY, dry=False) == 3
    assert [kept.desk.rows.get("a", task) for task in gone] == [None] * 3
    assert kept.desk.rows.get("a", stays) is not None
    assert kept.desk.rows.get("a", waits) is not None


def test_old_tasks_of_indexes_go(kept: Kept) -> None:
    index, now = kept.index(), kept.desk.clock()
    row = {"account": "a", "index_id": index, "video_id": "v", "filename": "f", "filename_folded": "f"}
    with kept.desk.database.writing() as db:
        for status in ("ready", "indexing"):
            made = {**row, "id": ids.new_object_id(), "status": status}
            db.execute(insert(index_tasks).values(**made, created_at=now, updated_at=now))
    kept.desk.clock.pass_by(11 * DAY)
    assert kept.old.index_tasks(10 * DAY, dry=False) == 1
    assert kept.old.index_tasks(12 * DAY, dry=False) == 0


def test_old_receipts_go(kept: Kept) -> None:
    for number in range(5):
        kept.receipt(f"old {number}", 91)
    kept.receipt("young", 89)
    assert kept.old.receipts(90 * DAY, dry=True) == 5
    assert kept.old.receipts(90 * DAY, dry=False) == 5
    assert ReceiptRows(kept.desk.database).find("a", "young") == {}


def test_files_that_nothing_refers_to_go(kept: Kept) -> None:
    asset = kept.asset(b"data", 1)
    kept.desk.blobs.keep(kept.desk.stored(b"left by a process that was killed"))
    assert kept.old.unused_contents(dry=True) == 1
    assert kept.old.unused_contents(dry=False) == 1
    assert list(kept.desk.blobs.kept()) == [asset.content]


def test_of_ended_tasks_the_last_ones_of_each_account_are_kept(kept: Kept) -> None:
    ended = [kept.ended(days) for days in (5, 4, 3, 2, 1)]
    waiting = kept.desk.submit()
    assert kept.old.tasks_beyond(2, dry=True) == 3
    assert kept.old.tasks_beyond(2, dry=False) == 3
    assert kept.old.tasks_beyond(2, dry=False) == 0
    left = [task for task in (*ended, waiting.id) if kept.desk.rows.get("a", task) is not None]
    assert left == [*ended[3:], waiting.id]
    other = kept.desk.submit(account="b")
    kept.desk.rows.cancel("b", other.id)
    assert kept.old.tasks_beyond(1, dry=False) == 1
    assert kept.desk.rows.get("b", other.id) is not None
    assert kept.old.tasks_beyond(0, dry=False) == 2
    assert kept.desk.rows.get("a", waiting.id) is not None


def test_an_ended_task_of_which_a_webhook_has_still_to_be_told_is_not_counted_out(kept: Kept) -> None:
    untold, told = kept.ended(9), kept.ended(8)
    now = kept.desk.clock()
    row = {
        "id": ids.new_object_id(),
        "event_id": "e",
        "webhook_id": ids.new_object_id(),
        "account": "a",
        "task_id": untold,
        "url": "http://x/",
        "receiver": "x",
        "type": "t",
        "payload": "{}",
        "created_at": now,
        "attempts": 0,
        "run_at": now,
        "delivered": False,
    }
    with kept.desk.database.writing() as db:
        db.execute(insert(deliveries).values(**row))
    assert kept.old.tasks_beyond(0, dry=False) == 1
    assert kept.desk.rows.get("a", told) is None
    kept._made(deliveries, deliveries.c.id == row["id"], ended_at=now)
    assert kept.old.tasks_beyond(0, dry=False) == 1
    assert kept.desk.rows.get("a", untold) is None


def test_of_receipts_the_last_ones_are_kept(kept: Kept) -> None:
    for days in range(1, 6):
        kept.receipt(f"r{days}", days)
    assert kept.old.receipts_beyond(3, dry=True) == 2
    assert kept.old.receipts_beyond(3, dry=False) == 2
    rows = ReceiptRows(kept.desk.database)
    assert [days for days in range(1, 6) if rows.find("a", f"r{days}") is not None] == [1, 2, 3]


def test_two_who_sweep_at_once_remove_no_more_than_is_too_much(kept: Kept) -> None:
    for days in range(1, 11):
        kept.receipt(f"r{days}", days)
    with ThreadPoolExecutor(4) as threads:
        gone = list(threads.map(lambda _: kept.old.receipts_beyond(4, dry=False), range(4)))
    assert sum(gone) == 6
    rows = ReceiptRows(kept.desk.database)
    assert sum(rows.find("a", f"r{days}") is not None for days in range(1, 11)) == 4
