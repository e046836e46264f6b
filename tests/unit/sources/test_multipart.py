import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ChunkNotTaken, ParameterInvalid, ResourceNotExist, StorageFull
from kinoscribe.contract.uploads import Cut
from kinoscribe.sources import multipart as module
from kinoscribe.sources.multipart import ChunkWriter, Multipart, UploadBroken
from kinoscribe.storage import files
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.upload_record import Proven, Upload, new_asset, new_upload
from kinoscribe.storage.upload_rows import UploadRows

CONTENT = b"abcdefghijklmnopqrstuvwxy"


@dataclass
class House:
    folder: Path
    moved: timedelta = timedelta(0)
    database: Database = field(init=False)
    blobs: Blobs = field(init=False)
    assets: AssetRows = field(init=False)
    uploads: Multipart = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.database = Database(f"sqlite:///{self.folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(self.folder)
        self.assets = AssetRows(self.database, self.blobs)
        rows = UploadRows(self.database, self.assets, now=lambda: datetime.now(UTC) + self.moved)
        self.uploads = Multipart(rows, self.blobs.parts)

    def open(self, size: int = len(CONTENT), chunk: int = 10) -> Upload:
        asset = new_asset("a", "a.mp4", "video/mp4", None, wants_thumbnail=False)
        upload = new_upload(asset, size, chunk)
        self.uploads.begin(upload)
        made = self.uploads.rows.open(asset, upload, seconds=60, most_open=1000, most_bytes=10**12)
        assert isinstance(made, Upload)
        return made

    def writer(self, upload: Upload, number: int) -> ChunkWriter:
        cut = Cut(upload.total_size, upload.chunk_size)
        return self.uploads.writer(upload, number, cut.size_of(number))

    def send(self, upload: Upload, number: int, data: bytes | None = None) -> str:
        size = upload.chunk_size
        writer = self.writer(upload, number)
        try:
            writer.write(CONTENT[(number - 1) * size : number * size] if data is None else data)
            return writer.finish()
        finally:
            writer.close()

    def complete(self, upload: Upload) -> None:
        cut = Cut(upload.total_size, upload.chunk_size)
        proven = [Proven(n, self.send(upload, n)) for n in range(1, cut.total_chunks + 1)]
        told = self.uploads.rows.report("a", upload.id, proven)
        assert told is not None
        assert told.upload.status == "completed"

    def arrive(self, upload: Upload) -> bool:
        with self.uploads.assembled(upload.id, Cancel()) as stored:
            return self.assets.arrived(upload.asset_id, stored)

    def parts(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "parts").iterdir())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "data")


def test_chunks_in_any_order_become_the_file_of_the_asset(house: House) -> None:
    upload = house.open()
    proven = [Proven(number, house.send(upload, number)) for number in (3, 1, 2)]
    house.uploads.rows.report("a", upload.id, proven)
    assert house.arrive(upload)
    asset = house.assets.get("a", upload.asset_id)
    assert asset is not None
    assert (asset.content, asset.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    with house.blobs.borrow(asset.content or "") as path:
        assert path.read_bytes() == CONTENT
    assert house.parts() == []


@settings(max_examples=20, deadline=None)
@given(
    data=st.binary(min_size=1, max_size=300),
    chunk=st.integers(1, 40),
    order=st.randoms(use_true_random=False),
    twice=st.booleans(),
)
def test_whatever_is_sent_and_however_it_is_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int, order: object, twice: bool
) -> None:
    house = House(tmp_path_factory.mktemp("any") / "data")
    upload = house.open(len(data), chunk)
    numbers = list(range(1, Cut(len(data), chunk).total_chunks + 1))
    order.shuffle(numbers)  # type: ignore[attr-defined]
    proven = []
    for number in numbers:
        piece = data[(number - 1) * chunk : number * chunk]
        if twice:
            house.send(upload, number, piece[::-1])
        proven.append(Proven(number, house.send(upload, number, piece)))
    house.uploads.rows.report("a", upload.id, proven)
    with house.uploads.assembled(upload.id, Cancel()) as stored:
        assert (stored.path.read_bytes(), stored.sha256) == (data, hashlib.sha256(data).hexdigest())
    house.database.close()


def test_a_chunk_of_another_size_counts_for_nothing(house: House) -> None:
    upload = house.open()
    for data in (b"", b"123456789"):
        with pytest.raises(ParameterInvalid, match="Chunk 1 has 10 bytes; fewer came"):
            house.send(upload, 1, data)
    with pytest.raises(ParameterInvalid, match="Chunk 1 has 10 bytes; more came"):
        house.send(upload, 1, b"12345678901")
    assert house.uploads.rows.chunk(upload.id, 1) is None


def test_a_chunk_that_breaks_off_does_not_leave_the_older_one_provable(house: House) -> None:
    upload = house.open()
    proof = house.send(upload, 1)
    writer = house.writer(upload, 1)
    writer.write(b"XXXXX")
    writer.close()
    told = house.uploads.rows.report("a", upload.id, [Proven(1, proof)])
    assert told is not None
    assert told.wrong == 0


def test_what_was_reported_cannot_be_overwritten(house: House) -> None:
    upload = house.open()
    proof = house.send(upload, 1)
    house.uploads.rows.report("a", upload.id, [Proven(1, proof)])
    with pytest.raises(ChunkNotTaken, match=r"Chunk 1 .* reported"):
        house.writer(upload, 1)
    house.uploads.rows.report("a", upload.id, [Proven(n, house.send(upload, n)) for n in (2, 3)])
    with house.uploads.assembled(upload.id, Cancel()) as stored:
        assert stored.path.read_bytes() == CONTENT


def test_a_newer_request_takes_a_chunk_over(house: House) -> None:
    upload = house.open()
    old = house.writer(upload, 1)
    old.write(b"old")
    new = house.writer(upload, 1)
    new.write(CONTENT[:10])
    with pytest.raises(ChunkNotTaken, match="overtaken"):
        old.write(b"more")
    etag = new.finish()
    old.close()
    new.close()
    assert etag == blake3(CONTENT[:10]).hexdigest()


def test_a_session_that_ended_meanwhile_takes_no_chunk(house: House) -> None:
    upload = house.open()
    writer = house.writer(upload, 1)
    writer.write(CONTENT[:10])
    house.assets.remove("a", upload.asset_id)
    with pytest.raises(ResourceNotExist):
        writer.finish()
    writer.close()
    house.uploads.drop(upload.id)
    with pytest.raises(ResourceNotExist):
        house.writer(upload, 1)


def test_a_session_for_10_gb_takes_no_room(house: House) -> None:
    upload = house.open(10_000_000_000, 16 << 20)
    house.send(upload, 1, bytes(16 << 20))
    taken = sum(path.stat().st_blocks * 512 for path in (house.folder / "parts").rglob("*") if path.is_file())
    assert taken < (16 << 20) + 65_536


def test_lost_chunks_fail_the_asset_with_a_sentence(house: House) -> None:
    upload = house.open()
    house.complete(upload)
    house.uploads.drop(upload.id)
    with pytest.raises(UploadBroken, match="no longer here"):
        house.arrive(upload)
    found = house.uploads.rows.get("a", upload.id)
    assert found is not None
    assert found.status == "failed"


def test_an_assembly_that_is_called_off_can_be_done_again(house: House) -> None:
    upload = house.open()
    house.complete(upload)
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled), house.uploads.assembled(upload.id, cancel):
        raise AssertionError
    with pytest.raises(StorageFull), house.uploads.assembled(upload.id, Cancel()):
        raise StorageFull
    assert house.arrive(upload)


def test_a_worker_that_lost_the_asset_leaves_the_chunks_to_the_next(house: House) -> None:
    upload = house.open()
    house.complete(upload)
    with house.uploads.assembled(upload.id, Cancel()) as stored:
        assert not house.assets.arrived(upload.asset_id, stored, owner="somebody who does not hold it")
    assert house.parts() == [upload.id]
    assert house.arrive(upload)
    assert house.parts() == []


def die_in(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> Callable[[], None]:
    """Has a function never come back, as when the process is killed in it; returns what undoes that."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, name, killed)
    return monkeypatch.undo


@pytest.mark.parametrize("step", ["keep", "drop"])
def test_a_process_that_dies_around_the_assembly_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Killed before the file has its place, and after it has but before the chunks are gone."""
    upload = house.open()
    house.complete(upload)
    undo = die_in(monkeypatch, house.blobs if step == "keep" else house.blobs.parts, step)
    with pytest.raises(KeyboardInterrupt):
        house.arrive(upload)
    undo()
    house.assets.sweep()
    if step == "keep":
        assert house.arrive(upload)
    asset = house.assets.get("a", upload.asset_id)
    assert asset is not None
    assert asset.content is not None
    with house.blobs.borrow(asset.content) as path:
        assert path.read_bytes() == CONTENT


def test_a_file_that_has_its_place_but_no_row_is_put_together_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = house.open()
    house.complete(upload)
    keep = house.blobs.keep

    def kept_and_killed(stored: files.Stored) -> Path:
        keep(stored)
        raise KeyboardInterrupt

    monkeypatch.setattr(house.blobs, "keep", kept_and_killed)
    with pytest.raises(KeyboardInterrupt):
        house.arrive(upload)
    monkeypatch.undo()
    house.assets.sweep()
    assert list(house.blobs.kept()) == []
    assert house.arrive(upload)
    assert list(house.blobs.kept()) == [hashlib.sha256(CONTENT).hexdigest()]


def test_the_sweep_ends_late_sessions_and_drops_what_nobody_waits_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, active, completed = house.open(), house.open(), house.open()
    house.complete(completed)
    house.blobs.parts.begin("0" * 24, 5, 5)
    assert house.uploads.sweep() == 0, "what was touched a moment ago may be about to get its row"
    an_hour_ago = time.time() - module._IDLE_SECONDS - 5
    for path in (house.folder / "parts").rglob("*"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    for home in (house.folder / "parts").iterdir():
        os.utime(home, (an_hour_ago, an_hour_ago))
    assert house.uploads.sweep() == 1
    assert house.parts() == sorted([late.id, active.id, completed.id])
    house.moved = timedelta(seconds=61)
    assert house.uploads.expire() == 2
    assert house.uploads.expire() == 0
    assert house.parts() == [completed.id]
    asset = house.assets.get("a", late.asset_id)
    assert asset is not None
    assert (asset.status, asset.error) == ("failed", "The upload was not finished before it expired.")
    assert house.arrive(completed)


def test_removing_an_asset_drops_the_bytes_of_its_upload(house: House) -> None:
    upload = house.open()
    house.send(upload, 1)

    def remove(account: str) -> bool:
        return house.uploads.remove_with(
            account, upload.asset_id, lambda: house.assets.remove(account, upload.asset_id)
        )

    assert not remove("b")
    assert house.parts() == [upload.id]
    assert remove("a")
    assert house.parts() == []
    assert not remove("a")
