"""What is hashed and synced beside the writer is exactly what was written, and what goes wrong there is told."""

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage import beside, files
from kinoscribe.storage.beside import Digest, ToDisk
from kinoscribe.storage.files import Incoming

MIB = 1 << 20


@pytest.mark.parametrize("size", [1, 1000, 200_000, MIB])
def test_a_digest_is_that_of_all_pieces_in_their_order(size: int) -> None:
    data = os.urandom(5 * MIB)
    digest = Digest()
    for at in range(0, min(len(data), 50 * size), size):
        digest.update(memoryview(data[at : at + size]))
    assert digest.hexdigest() == hashlib.sha256(data[: 50 * size]).hexdigest()
    assert digest.hexdigest() == digest.hexdigest()


def test_a_piece_that_may_change_is_hashed_before_it_does() -> None:
    digest, piece, whole = Digest(), bytearray(MIB), hashlib.sha256()
    for number in range(20):
        piece[:] = bytes([number]) * MIB
        whole.update(piece)
        digest.update(memoryview(piece))
    piece[:] = b"x" * MIB
    assert digest.hexdigest() == whole.hexdigest()


def test_a_large_file_is_on_its_way_to_the_disk_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = beside.to_disk

    def counted(handle: int) -> None:
        synced.append(os.fstat(handle).st_size)
        sync(handle)

    monkeypatch.setattr(beside, "to_disk", counted)
    monkeypatch.setattr(files, "_TO_DISK_BYTES", MIB)
    with Incoming(tmp_path / "a") as file:
        for _ in range(8):
            file.write(bytes(MIB))
        assert file.finish().bytes == 8 * MIB
        assert synced
        assert synced == sorted(synced)
    synced.clear()
    with Incoming(tmp_path / "b", durable=False) as file:
        for _ in range(8):
            file.write(bytes(MIB))
        file.finish()
    assert synced == []


def write_on(file: Incoming) -> None:
    while file.size < 1 << 30:
        file.write(bytes(MIB))


@pytest.mark.parametrize("at_the_end", [True, False])
def test_a_disk_that_fails_beside_the_writer_fails_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: bool
) -> None:
    """The system tells such an error once: the sync at the end would hear nothing of it."""

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(beside, "to_disk", full)
    monkeypatch.setattr(files, "_TO_DISK_BYTES", MIB)
    file = Incoming(tmp_path / "a")
    file.write(bytes(MIB))
    with pytest.raises(StorageFull):
        file.finish() if at_the_end else write_on(file)
    file.discard()
    assert not (tmp_path / "a").exists()


def test_a_file_is_not_closed_while_it_is_on_its_way_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, ended = threading.Event(), threading.Event()

    def slow(handle: int) -> None:
        go.wait(20)
        os.fstat(handle)
        ended.set()

    monkeypatch.setattr(beside, "to_disk", slow)
    monkeypatch.setattr(files, "_TO_DISK_BYTES", 1)
    file = Incoming(tmp_path / "a")
    file.write(b"abc")
    threading.Timer(0.1, go.set).start()
    file.discard()
    assert ended.is_set()


def test_one_sync_at_a_time_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun = threading.Event(), []

    def slow(handle: int) -> None:
        begun.append(handle)
        go.wait(20)

    monkeypatch.setattr(beside, "to_disk", slow)
    to_disk = ToDisk(7, 1)
    for _ in range(10):
        to_disk.wrote(5)
    go.set()
    to_disk.wait()
    assert begun == [7]
    to_disk.wrote(5)
    to_disk.wait()
    assert begun == [7, 7]
