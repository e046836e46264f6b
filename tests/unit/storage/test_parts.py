import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage import parts as parts_module
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.parts import (
    PartReplaced,
    Parts,
    PartsGone,
    PartStored,
    PartTooLong,
    PartTooShort,
)

UPLOAD = "0123456789abcdef01234567"
SIZE = 1000


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    blobs = Blobs(tmp_path)
    yield blobs
    blobs.close()


def put(parts: Parts, number: int, data: bytes) -> PartStored:
    with parts.put(UPLOAD, number, len(data)) as part:
        for at in range(0, len(data), 300):
            part.write(data[at : at + 300])
        return part.finish()


def whole(blobs: Blobs, stored: list[PartStored]) -> bytes:
    with blobs.parts.assemble(UPLOAD, stored, Cancel()) as made:
        assert hashlib.sha256(made.path.read_bytes()).hexdigest() == made.sha256
        return made.path.read_bytes()


def test_parts_in_any_order_and_at_once_make_the_file(blobs: Blobs) -> None:
    data = random.Random(1).randbytes(9 * SIZE + 77)
    blobs.parts.begin(UPLOAD, len(data), SIZE)
    found: dict[int, PartStored] = {}

    def send(numbers: list[int]) -> None:
        for number in numbers:
            found[number] = put(blobs.parts, number, data[(number - 1) * SIZE : number * SIZE])

    senders = [
        threading.Thread(target=send, args=(numbers,)) for numbers in ([10, 3, 1], [9, 2, 8], [7, 5, 6, 4])
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert found[3].etag == blake3(data[2 * SIZE : 3 * SIZE]).hexdigest()
    assert whole(blobs, [found[number] for number in range(1, 11)]) == data


def test_an_upload_reserves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    blobs.parts.begin(UPLOAD, 10_000_000_000, 10_000_000)
    with blobs.parts.put(UPLOAD, 1000, 10_000_000) as part:
        part.write(b"x")
    assert sum(file.stat().st_blocks for file in (tmp_path / "parts").rglob("*")) * 512 < 1_000_000


def test_a_part_that_is_sent_again_takes_the_place_of_the_one_before(blobs: Blobs) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    put(blobs.parts, 1, b"a" * SIZE)
    assert whole(blobs, [put(blobs.parts, 1, b"b" * SIZE)]) == b"b" * SIZE


def test_an_older_writer_of_a_part_changes_no_byte_once_a_newer_one_has_come(blobs: Blobs) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    with blobs.parts.put(UPLOAD, 1, SIZE) as old:
        old.write(b"a" * 900)
        stored = put(blobs.parts, 1, b"b" * SIZE)
        with pytest.raises(PartReplaced):
            old.write(b"a" * 100)
    assert whole(blobs, [stored]) == b"b" * SIZE


def test_an_older_writer_that_has_written_all_cannot_finish_once_a_newer_one_has_come(blobs: Blobs) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    with blobs.parts.put(UPLOAD, 1, SIZE) as old:
        old.write(b"a" * SIZE)
        with blobs.parts.put(UPLOAD, 1, SIZE), pytest.raises(PartReplaced):
            old.finish()


def test_a_newer_writer_waits_until_the_row_of_a_finished_part_is_written(blobs: Blobs) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    told: list[str] = []

    def again() -> None:
        with blobs.parts.put(UPLOAD, 1, SIZE):
            told.append("newer")

    with blobs.parts.put(UPLOAD, 1, SIZE) as old:
        old.write(b"a" * SIZE)
        old.finish()
        newer = threading.Thread(target=again)
        newer.start()
        newer.join(0.2)
        told.append("row")
    newer.join()
    assert told == ["row", "newer"]


def test_a_part_must_have_its_size(blobs: Blobs) -> None:
    blobs.parts.begin(UPLOAD, 2 * SIZE, SIZE)
    with blobs.parts.put(UPLOAD, 1, SIZE) as part:
        part.write(b"a" * (SIZE - 1))
        with pytest.raises(PartTooShort):
            part.finish()
        with pytest.raises(PartTooLong):
            part.write(b"aa")
    for number, size in ((0, SIZE), (3, SIZE), (2, SIZE + 1), (1, 0)):
        with pytest.raises(ValueError, match="is no part of this upload"):
            blobs.parts.put(UPLOAD, number, size)


def test_assembly_may_be_repeated_until_the_parts_are_dropped(blobs: Blobs, tmp_path: Path) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    stored = [put(blobs.parts, 1, b"a" * SIZE)]
    for _ in range(2):  # the transaction after the first was lost
        with blobs.parts.assemble(UPLOAD, stored, Cancel()) as made:
            place = blobs.keep(made)
    assert place.read_bytes() == b"a" * SIZE
    assert place.stat().st_ino == (tmp_path / "parts" / UPLOAD / "data").stat().st_ino, "there is no copy"
    blobs.parts.drop(UPLOAD)
    blobs.parts.drop(UPLOAD)
    assert place.read_bytes() == b"a" * SIZE
    with pytest.raises(PartsGone), blobs.parts.assemble(UPLOAD, stored, Cancel()):
        raise AssertionError
    with pytest.raises(PartsGone):
        put(blobs.parts, 1, b"a" * SIZE)


def test_what_was_assembled_and_not_kept_leaves_no_name(blobs: Blobs, tmp_path: Path) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    stored = [put(blobs.parts, 1, b"a" * SIZE)]
    with pytest.raises(KeyError), blobs.parts.assemble(UPLOAD, stored, Cancel()):
        raise KeyError
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled), blobs.parts.assemble(UPLOAD, stored, cancel):
        raise AssertionError
    assert [path for path in (tmp_path / "incoming").glob("*/*") if path.name != "lock"] == []


def test_a_full_disk_is_an_error_of_ours(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    monkeypatch.setattr(parts_module, "_TOKEN", 0)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with blobs.parts.put(UPLOAD, 1, SIZE) as part:
        monkeypatch.setattr(parts_module.os, "pwrite", full)
        with pytest.raises(StorageFull):
            part.write(b"a")


def test_uploads_in_which_nothing_happens_are_told(blobs: Blobs, tmp_path: Path) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    put(blobs.parts, 1, b"a" * SIZE)
    blobs.parts.begin("f" * 24, SIZE, SIZE)
    for path in (tmp_path / "parts" / UPLOAD, *(tmp_path / "parts" / UPLOAD).iterdir()):
        os.utime(path, (1, 1))
    assert list(blobs.parts.held(3600.0)) == [UPLOAD]
    put(blobs.parts, 1, b"a" * SIZE)
    assert list(blobs.parts.held(3600.0)) == []


@pytest.mark.parametrize("name", ["data", "1.slot"])
def test_an_upload_that_is_dropped_as_a_part_begins_is_gone(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    blobs.parts.begin(UPLOAD, SIZE, SIZE)

    def dropped_meanwhile(path: Path, flags: int, mode: int = 0o777) -> int:
        if path.name == name:
            (tmp_path / "parts" / UPLOAD).rename(tmp_path / "dropped")
        return opened(path, flags, mode)

    opened = os.open
    monkeypatch.setattr(os, "open", dropped_meanwhile)
    with pytest.raises(PartsGone):
        blobs.parts.put(UPLOAD, 1, SIZE)
    assert not (tmp_path / "parts" / UPLOAD).exists()


def test_what_is_no_upload_is_told_of_nobody(blobs: Blobs, tmp_path: Path) -> None:
    stray = tmp_path / "parts" / ".DS_Store"
    stray.touch()
    os.utime(stray, (1, 1))
    blobs.parts.begin(UPLOAD, SIZE, SIZE)
    for path in (tmp_path / "parts" / UPLOAD, *(tmp_path / "parts" / UPLOAD).iterdir()):
        os.utime(path, (1, 1))
    assert list(blobs.parts.held(3600.0)) == [UPLOAD]
