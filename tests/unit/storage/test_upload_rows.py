from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select

from kinoscribe.contract.errors import IdempotencyKeyReused
from kinoscribe.storage.asset_record import Asset, AssetFilter
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import Once, Replay
from kinoscribe.storage.parts import PartStored
from kinoscribe.storage.tables import upload_chunks, uploads
from kinoscribe.storage.upload_record import (
    Counts,
    Proven,
    Report,
    TooManyOpen,
    Upload,
    new_asset,
    new_upload,
)
from kinoscribe.storage.upload_rows import UploadRows

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOBODY = "0123456789abcdef01234567"


@dataclass
class Shelf:
    """Rows on one database, with a clock that stands still unless a test moves it."""

    database: Database
    blobs: Blobs
    now: datetime = NOON
    assets: AssetRows = field(init=False)
    rows: UploadRows = field(init=False)

    def __post_init__(self) -> None:
        self.assets = AssetRows(self.database, self.blobs)
        self.rows = UploadRows(self.database, self.assets, now=lambda: self.now)

    def new(self, total: int = 25, chunk: int = 10, account: str = "a") -> tuple[Asset, Upload]:
        asset = new_asset(account, "a.mp4", "video/mp4", {"k": 1}, wants_thumbnail=False)
        return asset, new_upload(asset, total, chunk)

    def open(
        self,
        total: int = 25,
        chunk: int = 10,
        account: str = "a",
        *,
        once: Once[Upload] | None = None,
        most_open: int = 100,
        most_bytes: int = 1000,
    ) -> Upload | Replay:
        made = self.new(total, chunk, account)
        return self.rows.open(*made, seconds=60, most_open=most_open, most_bytes=most_bytes, once=once)

    def opened(self, total: int = 25, chunk: int = 10, account: str = "a") -> Upload:
        found = self.open(total, chunk, account)
        assert isinstance(found, Upload)
        return found

    def send(self, upload: Upload, *numbers: int, proof: str = "p") -> None:
        for number in numbers:
            size = min(upload.chunk_size, upload.total_size - (number - 1) * upload.chunk_size)
            there = self.rows.chunk(upload.id, number)
            since = None if there is None else there.updated_at
            assert self.rows.stored(upload.id, PartStored(number, f"{proof}{number}", size), since) == "kept"

    def report(self, upload: Upload, *numbers: int, proof: str = "p", account: str = "a") -> Report:
        told = self.rows.report(account, upload.id, [Proven(n, f"{proof}{n}") for n in numbers])
        assert told is not None
        return told

    def asset(self, upload: Upload) -> Asset:
        found = self.assets.get(upload.account, upload.asset_id)
        assert found is not None
        return found

    def status(self, upload: Upload) -> str:
        found = self.rows.get(upload.account, upload.id)
        assert found is not None
        return found.status


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, Blobs(tmp_path))


def test_a_session_and_its_asset_are_there_together(shelf: Shelf) -> None:
    upload = shelf.opened()
    assert (upload.status, upload.created_at, upload.expires_at) == (
        "active",
        NOON,
        NOON + timedelta(seconds=60),
    )
    assert shelf.rows.get("a", upload.id) == upload
    asset = shelf.asset(upload)
    assert (asset.status, asset.method, asset.content, asset.upload_id) == (
        "processing",
        "multipart",
        None,
        None,
    )
    assert (asset.user_metadata, asset.created_at) == ({"k": 1}, NOON)


def test_what_belongs_to_another_account_is_not_there(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1)
    assert shelf.rows.get("b", upload.id) is None
    assert shelf.rows.get(None, upload.id) == upload, "whoever has a signed URL"
    assert shelf.rows.status("b", upload.id, range(1, 4)) is None
    assert shelf.rows.report("b", upload.id, [Proven(1, "p1")]) is None
    assert shelf.rows.page("b", page=1, limit=10) == ((), 0)
    assert shelf.rows.of_asset("b", upload.asset_id) is None
    assert shelf.rows.of_asset("a", upload.asset_id) == upload.id


def test_chunks_are_settled_in_any_order_and_the_last_hands_the_asset_over(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 3, 1, 2)
    first = shelf.report(upload, 3, 1)
    assert (first.processed, first.duplicates, first.completed, first.upload.status) == (2, 0, 2, "active")
    assert shelf.asset(upload).upload_id is None
    last = shelf.report(upload, 1, 2, 2)
    assert (last.processed, last.duplicates, last.completed, last.upload.status) == (1, 2, 3, "completed")
    assert shelf.asset(upload).upload_id == upload.id
    assert shelf.status(upload) == "completed"
    again = shelf.report(upload, 1, 2, 3)
    assert (again.processed, again.duplicates, again.completed, again.upload.status) == (0, 3, 3, "completed")
    assert shelf.rows.parts(upload.id) == (
        PartStored(1, "p1", 10),
        PartStored(2, "p2", 10),
        PartStored(3, "p3", 5),
    )


def test_one_wrong_proof_settles_nothing_at_all(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1, 2)
    for wrong in (Proven(2, "x"), Proven(3, "p3"), Proven(9, "p9")):
        told = shelf.rows.report("a", upload.id, [Proven(1, "p1"), wrong])
        assert told is not None
        assert (told.wrong, told.processed) == (1, 0)
    assert shelf.rows.parts(upload.id) == ()


def test_a_chunk_that_is_sent_again_counts_for_nothing_until_it_is_whole(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1)
    assert shelf.rows.reopen(upload.id, 1) == NOON
    assert shelf.report(upload, 1).wrong == 0
    shelf.send(upload, 1, proof="q")
    assert shelf.report(upload, 1).wrong == 0
    assert shelf.report(upload, 1, proof="q").processed == 1
    assert shelf.rows.reopen(upload.id, 1) is None, "what was reported stays as it is"
    chunk = shelf.rows.chunk(upload.id, 1)
    assert chunk is not None
    assert (chunk.etag, chunk.reported_at) == ("q1", NOON)
    assert shelf.rows.reopen(upload.id, 2) is None, "there is nothing to replace"


def test_the_status_counts_what_was_reported(shelf: Shelf) -> None:
    upload = shelf.opened(95)
    shelf.send(upload, 2, 5, 10)
    shelf.report(upload, 2, 10)
    found = shelf.rows.status("a", upload.id, range(1, 6))
    assert found is not None
    _, chunks, counts = found
    assert counts == Counts(completed=2, failed=0, bytes=15)
    assert {number: chunk.reported_at for number, chunk in chunks.items()} == {2: NOON, 5: None}


def test_lost_chunks_fail_the_session(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1, 2, 3)
    shelf.report(upload, 1, 2, 3)
    shelf.rows.failed(upload.id, "They are gone.")
    found = shelf.rows.status("a", upload.id, range(1, 4))
    assert found is not None
    assert (found[0].status, found[2]) == ("failed", Counts(0, 3, 0))
    assert {chunk.error for chunk in found[1].values()} == {"They are gone."}
    assert shelf.report(upload, 1).upload.status == "failed"


def test_a_session_whose_time_has_passed_has_expired_at_once(shelf: Shelf) -> None:
    upload, other = shelf.opened(), shelf.opened()
    shelf.send(upload, 1)
    shelf.send(other, 1, 2, 3)
    shelf.report(other, 1, 2, 3)
    shelf.now += timedelta(seconds=60)
    assert shelf.status(upload) == "expired"
    assert shelf.report(upload, 1).upload.status == "expired"
    assert shelf.rows.page("a", page=1, limit=10) == ((), 0)
    assert shelf.asset(upload).status == "processing"
    assert shelf.rows.expire("Too late.") == (upload.id,)
    asset = shelf.asset(upload)
    assert (asset.status, asset.error) == ("failed", "Too late.")
    assert shelf.rows.stored(upload.id, PartStored(2, "p2", 10)) == "ended"
    assert shelf.rows.expire("Too late.") == ()
    assert (shelf.status(other), shelf.asset(other).status) == ("completed", "processing")


def test_an_asset_fails_also_when_the_process_that_ended_its_session_died_in_between(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = shelf.opened()
    shelf.now += timedelta(seconds=61)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shelf.assets, "failed", killed)
        with pytest.raises(KeyboardInterrupt):
            shelf.rows.expire("Too late.")
    assert shelf.asset(upload).status == "processing"
    assert shelf.rows.expire("Too late.") == (upload.id,)
    assert shelf.asset(upload).status == "failed"


def test_sessions_that_can_go_on_are_listed_newest_first(shelf: Shelf) -> None:
    made = []
    for _ in range(3):
        shelf.now += timedelta(seconds=1)
        made.append(shelf.opened())
    shelf.send(made[1], 1, 2, 3)
    shelf.report(made[1], 1, 2, 3)
    assert shelf.rows.page("a", page=1, limit=10) == ((made[2], made[0]), 2)
    assert shelf.rows.page("a", page=2, limit=1) == ((made[0],), 2)


def test_an_account_may_have_so_many_open_and_so_many_bytes(shelf: Shelf) -> None:
    shelf.open(600)
    with pytest.raises(TooManyOpen) as refused:
        shelf.open(401)
    assert (refused.value.count, refused.value.size) == (1, 600)
    shelf.open(400)
    with pytest.raises(TooManyOpen):
        shelf.open(1, most_bytes=10**6, most_open=2)
    shelf.open(1000, account="b")
    shelf.now += timedelta(seconds=61)
    shelf.open(1000)
    with shelf.database.reading() as db:
        assert db.execute(select(func.count()).select_from(uploads)).scalar_one() == 4


def test_those_who_open_at_once_are_counted_one_after_another(shelf: Shelf) -> None:
    barrier = Barrier(8)

    def one(account: str) -> bool:
        made = shelf.new(account=account)
        barrier.wait()
        try:
            shelf.rows.open(*made, seconds=60, most_open=1, most_bytes=1000)
        except TooManyOpen:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for account in "abcdef":
            assert sum(threads.map(one, [account] * 8)) == 1


def test_the_same_request_opens_one_session(shelf: Shelf) -> None:
    def once(digest: str) -> Once[Upload]:
        return Once("POST /x", "key", digest, 201, lambda made: {"upload_id": made.id})

    first = shelf.open(once=once("d"))
    assert isinstance(first, Upload)
    assert shelf.open(once=once("d")) == Replay(201, {"upload_id": first.id})
    with pytest.raises(IdempotencyKeyReused):
        shelf.open(once=once("e"))
    assert shelf.assets.page("a", AssetFilter(), page=1, limit=10)[1] == 1


def both_at_once(first: Callable[[], object], second: Callable[[], object]) -> None:
    barrier = Barrier(2)

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        work()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run, first), threads.submit(run, second)]:
            done.result()


def test_reports_that_cross_complete_the_session_once(shelf: Shelf) -> None:
    for _ in range(5):
        upload = shelf.opened()
        shelf.send(upload, 1, 2, 3)
        both_at_once(lambda u=upload: shelf.report(u, 1, 2), lambda u=upload: shelf.report(u, 2, 3))  # type: ignore[misc]
        assert shelf.status(upload) == "completed"
        assert shelf.asset(upload).upload_id == upload.id


def test_of_two_who_store_the_same_chunk_at_once_one_is_overtaken(shelf: Shelf) -> None:
    upload = shelf.opened()
    told: list[str] = []

    def store(proof: str) -> None:
        told.append(shelf.rows.stored(upload.id, PartStored(1, proof, 10)))

    both_at_once(lambda: store("p"), lambda: store("q"))
    assert sorted(told) == ["kept", "overtaken"]
    with shelf.database.reading() as db:
        assert db.execute(select(func.count()).select_from(upload_chunks)).scalar_one() == 1


def test_the_same_chunk_sent_twice_at_once_is_kept_for_both(shelf: Shelf) -> None:
    upload = shelf.opened()
    part = PartStored(1, "same1", 10)
    told: list[str] = []
    both_at_once(*[lambda: told.append(shelf.rows.stored(upload.id, part))] * 2)
    assert told == ["kept", "kept"]
    assert shelf.report(upload, 1, proof="same").processed == 1
    assert shelf.rows.stored(upload.id, part) == "kept"
    assert shelf.report(upload, 1, proof="same").duplicates == 1


def test_a_writer_that_comes_late_changes_neither_a_newer_nor_a_settled_chunk(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1)
    shelf.now += timedelta(seconds=1)
    slow = shelf.rows.reopen(upload.id, 1)
    shelf.now += timedelta(seconds=1)
    quick = shelf.rows.reopen(upload.id, 1)
    assert (slow, quick) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=2))
    assert shelf.rows.stored(upload.id, PartStored(1, "slow", 10), slow) == "overtaken"
    assert shelf.rows.stored(upload.id, PartStored(1, "q1", 10), quick) == "kept"
    shelf.now += timedelta(seconds=1)
    assert shelf.report(upload, 1, proof="q").processed == 1
    assert shelf.rows.stored(upload.id, PartStored(1, "slow", 10), quick) == "overtaken"
    assert shelf.rows.stored(upload.id, PartStored(1, "slow", 10)) == "overtaken"
    assert shelf.rows.parts(upload.id) == (PartStored(1, "q1", 10),)


def test_nothing_is_left_of_the_session_of_an_asset_that_was_deleted(shelf: Shelf) -> None:
    upload = shelf.opened()
    shelf.send(upload, 1)
    assert shelf.assets.remove("a", upload.asset_id)
    assert shelf.rows.get("a", upload.id) is None
    assert shelf.rows.stored(upload.id, PartStored(2, "p2", 10)) == "ended"
    assert shelf.rows.chunk(upload.id, 1) is None


def test_bytes_are_needed_as_long_as_somebody_waits_for_them(shelf: Shelf) -> None:
    active, completed, expired = shelf.opened(), shelf.opened(), shelf.opened()
    for upload in (completed,):
        shelf.send(upload, 1, 2, 3)
        shelf.report(upload, 1, 2, 3)
    ids = [active.id, completed.id, expired.id, NOBODY]
    assert shelf.rows.needed(ids) == {active.id, completed.id, expired.id}
    shelf.assets.failed(completed.asset_id, "broken")
    assert shelf.rows.needed(ids) == {active.id, expired.id}
    shelf.now += timedelta(seconds=61)
    shelf.rows.expire("Too late.")
    assert shelf.rows.needed(ids) == set()


def test_sessions_that_ended_long_ago_are_forgotten(shelf: Shelf) -> None:
    late, waiting, done = shelf.opened(), shelf.opened(), shelf.opened()
    for upload in (waiting, done):
        shelf.send(upload, 1, 2, 3)
        shelf.report(upload, 1, 2, 3)
    shelf.assets.failed(done.asset_id, "broken")
    shelf.now += timedelta(seconds=61)
    shelf.rows.expire("Too late.")
    assert shelf.rows.forget() == 0
    shelf.now += timedelta(days=7)
    assert shelf.rows.forget() == 2
    assert shelf.rows.get("a", late.id) is None
    assert shelf.rows.get("a", done.id) is None
    assert shelf.status(waiting) == "completed", "its asset has not got its file yet"
    assert shelf.asset(done).status == "failed"
