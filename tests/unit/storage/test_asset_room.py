"""Bytes that accounts may hold: counted over all processes, given back with every way an asset or upload ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from kinoscribe import clock
from kinoscribe.contract.errors import StorageQuotaExceeded
from kinoscribe.storage.asset_record import Asset
from kinoscribe.storage.asset_room import AssetLimits, AssetRoom, Held
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import Once, Replay
from kinoscribe.storage.parts import PartStored
from kinoscribe.storage.retention import OldRows
from kinoscribe.storage.tables import assets, uploads
from kinoscribe.storage.upload_record import Proven, Upload, new_asset, new_upload
from kinoscribe.storage.upload_rows import UploadRows


@dataclass
class Shelf:
    """Rows on one database. `limits` are those of this process."""

    database: Database
    blobs: Blobs
    limits: AssetLimits
    rows: AssetRows = field(init=False)
    uploads: UploadRows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = AssetRows(self.database, self.blobs, limits=self.limits)
        self.uploads = UploadRows(self.database, self.rows)

    @property
    def room(self) -> AssetRoom:
        return self.rows.room

    def add(self, size: int, account: str = "a", filling: bytes = b"x") -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(filling * size)
            return self.rows.add(
                account, method="direct", filename="v", file_type="video/mp4", stored=incoming.finish()
            )

    def name(self, account: str = "a") -> Asset:
        return self.rows.add(account, method="url", filename="v", file_type="video/mp4", url="http://x/")

    def arrive(self, asset: Asset, size: int) -> bool:
        with self.blobs.begin() as incoming:
            incoming.write(b"x" * size)
            return self.rows.arrived(asset.id, incoming.finish())

    def open(self, size: int, account: str = "a", seconds: float = 3600) -> Upload:
        asset = new_asset(account, "v", "video/mp4", None, wants_thumbnail=False)
        made = new_upload(asset, size, size)
        opened = self.uploads.open(asset, made, seconds=seconds, most_open=100, most_bytes=10**9)
        assert isinstance(opened, Upload)
        return opened

    def complete(self, upload: Upload) -> None:
        assert self.uploads.stored(upload.id, PartStored(1, "p", upload.total_size)) == "kept"
        told = self.uploads.report(upload.account, upload.id, [Proven(1, "p")])
        assert told is not None
        assert told.upload.status == "completed"


ACCOUNT = AssetLimits(most_account=100)


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Iterator[Shelf]:
    with closing(Blobs(tmp_path)) as blobs:
        yield Shelf(database, blobs, ACCOUNT)


def test_without_limits_everything_is_taken_and_still_counted(database: Database, tmp_path: Path) -> None:
    with closing(Blobs(tmp_path)) as blobs:
        shelf = Shelf(database, blobs, AssetLimits())
        shelf.add(500)
        shelf.open(10**8)
        assert shelf.room.left("a") is None
        assert shelf.room.held() == (Held("a", 1, 500, 10**8),)


def test_assets_may_fill_the_room_to_the_last_byte_and_no_further(shelf: Shelf) -> None:
    shelf.add(60)
    with pytest.raises(StorageQuotaExceeded, match=r"41 bytes more.*this account may come to 100 bytes"):
        shelf.add(41)
    assert shelf.room.left("a") == 40
    shelf.add(40, filling=b"y")
    assert shelf.room.left("a") == 0
    with pytest.raises(StorageQuotaExceeded):
        shelf.add(1)
    assert len(list(shelf.blobs.kept())) == 2, "what was refused is not kept"


def test_each_account_has_a_room_of_its_own_and_all_share_that_of_the_server(
    database: Database, tmp_path: Path
) -> None:
    with closing(Blobs(tmp_path)) as blobs:
        shelf = Shelf(database, blobs, AssetLimits(most=150, most_account=100))
        shelf.add(90, "a")
        assert (shelf.room.left("a"), shelf.room.left("b")) == (10, 60)
        with pytest.raises(StorageQuotaExceeded, match="this account"):
            shelf.add(11, "a")
        with pytest.raises(StorageQuotaExceeded, match="this server may come to 150"):
            shelf.add(61, "b")
        shelf.add(60, "b")
        assert (shelf.room.left("a"), shelf.room.left("b")) == (0, 0)


def test_the_same_content_counts_for_each_asset_that_has_it(shelf: Shelf) -> None:
    first, second = shelf.add(50), shelf.add(50)
    assert first.content == second.content
    assert shelf.room.left("a") == 0
    shelf.rows.remove("a", first.id)
    assert shelf.room.left("a") == 50


def test_every_end_of_an_asset_gives_its_room_back(shelf: Shelf) -> None:
    removed, failed, old = shelf.add(30, filling=b"1"), shelf.add(30, filling=b"2"), shelf.add(30)
    assert shelf.room.left("a") == 10
    shelf.rows.remove("a", removed.id)
    assert shelf.room.left("a") == 40
    shelf.rows.failed(failed.id, "It is a text.")
    assert shelf.room.left("a") == 70
    with shelf.database.writing() as db:
        long_ago = clock.now() - timedelta(days=9)
        db.execute(update(assets).where(assets.c.id == old.id).values(status="ready", created_at=long_ago))
    assert OldRows(shelf.database, shelf.blobs).assets(86_400, dry=False) == 1
    assert shelf.room.left("a") == 100


def test_an_upload_in_chunks_takes_its_whole_size_when_it_begins(shelf: Shelf) -> None:
    shelf.open(80)
    assert shelf.room.left("a") == 20
    with pytest.raises(StorageQuotaExceeded):
        shelf.open(21)
    with pytest.raises(StorageQuotaExceeded):
        shelf.add(21)
    assert shelf.uploads.page("a", page=1, limit=10)[1] == 1, "what was refused is no session"
    assert shelf.room.held() == (Held("a", 0, 0, 80),)


def test_an_upload_keeps_its_room_until_its_file_is_there_and_does_not_count_twice(shelf: Shelf) -> None:
    upload = shelf.open(80)
    shelf.complete(upload)
    assert shelf.room.left("a") == 20
    asset = shelf.rows.get("a", upload.asset_id)
    assert asset is not None
    assert shelf.arrive(asset, 80), "for these bytes there was room from the beginning"
    assert shelf.room.left("a") == 20
    assert shelf.room.held() == (Held("a", 1, 80, 0),)


def test_an_upload_that_expires_fails_or_loses_its_asset_gives_its_room_back(shelf: Shelf) -> None:
    late, broken, unwanted = shelf.open(30), shelf.open(30), shelf.open(30)
    with shelf.database.writing() as db:
        past = clock.now() - timedelta(seconds=1)
        db.execute(update(uploads).where(uploads.c.id == late.id).values(expires_at=past))
    assert shelf.room.left("a") == 40, "its time has passed, whether that was written down or not"
    assert shelf.uploads.expire("It is late.") == (late.id,)
    assert shelf.room.left("a") == 40
    shelf.uploads.failed(broken.id, "Its chunks are gone.")
    shelf.rows.failed(broken.asset_id, "Its chunks are gone.")
    assert shelf.room.left("a") == 70
    shelf.rows.remove("a", unwanted.asset_id)
    assert shelf.room.left("a") == 100


def test_a_file_that_comes_from_a_url_is_measured_when_it_is_there(shelf: Shelf) -> None:
    first, second = shelf.name(), shelf.name()
    assert shelf.room.left("a") == 100, "nobody knows how large it will be"
    assert shelf.arrive(first, 70)
    with pytest.raises(StorageQuotaExceeded):
        shelf.arrive(second, 31)
    assert shelf.arrive(second, 30)
    with pytest.raises(StorageQuotaExceeded):
        shelf.name()


def test_a_repeated_request_is_answered_when_there_is_no_room_any_more(shelf: Shelf) -> None:
    once: Once[Asset] = Once("POST /assets", "k", "d", 201, lambda asset: {"_id": asset.id})

    def add() -> Asset | Replay:
        with shelf.blobs.begin() as incoming:
            incoming.write(b"x" * 100)
            return shelf.rows.add_once(
                "a", once, method="direct", filename="v", file_type="v", stored=incoming.finish()
            )

    first = add()
    assert isinstance(first, Asset)
    assert add() == Replay(201, {"_id": first.id})


def test_of_many_at_once_in_several_processes_only_as_many_come_in_as_there_is_room_for(
    database_url: str, tmp_path: Path
) -> None:
    """Each has a database of its own, as processes have."""
    shelves = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        shelves.append(Shelf(Database(database_url), Blobs(folder), AssetLimits(most=100, most_account=70)))
    together = Barrier(len(shelves))

    def bring(number: int) -> int:
        shelf, account, brought = shelves[number], "ab"[number % 2], 0
        together.wait(20)
        for turn in range(4):
            with suppress(StorageQuotaExceeded):
                if turn % 2:
                    shelf.open(20, account)
                else:
                    shelf.add(20, account, bytes([65 + number]))
                brought += 20
        return brought

    try:
        with ThreadPoolExecutor(len(shelves)) as threads:
            brought = sum(threads.map(bring, range(len(shelves))))
        held = shelves[0].room.held()
        assert sum(one.bytes + one.promised for one in held) == brought
        assert brought == 100
        assert all(one.bytes + one.promised <= 70 for one in held)
    finally:
        for shelf in shelves:
            shelf.blobs.close()
            shelf.database.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("open", "add", "drop")), st.integers(1, 60)), max_size=12))
def test_what_is_left_is_always_the_limit_without_what_is_there(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/rows.db")) as database:
        database.migrate()
        with closing(Blobs(Path(folder))) as blobs:
            shelf, there = Shelf(database, blobs, ACCOUNT), list[tuple[str, int]]()
            for step, size in steps:
                used = sum(taken for _, taken in there)
                if step == "drop":
                    if there:
                        assert shelf.rows.remove("a", there.pop(size % len(there))[0])
                else:
                    try:
                        made = shelf.open(size).asset_id if step == "open" else shelf.add(size).id
                    except StorageQuotaExceeded:
                        assert used + size > 100
                    else:
                        there.append((made, size))
                assert shelf.room.left("a") == 100 - sum(taken for _, taken in there)
