import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage import blobs as blobs_module
from kinoscribe.storage.blobs import Blobs

WRITE_AND_HANG = """
import sys, time
from pathlib import Path
from kinoscribe.storage.blobs import Blobs
blobs = Blobs(Path(sys.argv[1]))
incoming = blobs.begin()
incoming.write(b"x" * 100_000)
print(incoming.path, flush=True)
time.sleep(60)
"""

FILL = """
import resource, signal, sys
from pathlib import Path
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.blobs import Blobs
blobs = Blobs(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with blobs.begin() as incoming:
        for _ in range(100):
            incoming.write(b"x" * 100_000)
except StorageFull:
    print("full", flush=True)
"""


MB = 1024 * 1024


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    blobs = Blobs(tmp_path)
    yield blobs
    blobs.close()


def incoming_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "incoming").rglob("*") if path.is_file() and "lock" not in path.name]


def keep(blobs: Blobs, data: bytes) -> str:
    with blobs.begin() as incoming:
        incoming.write(data)
        stored = incoming.finish()
        blobs.keep(stored)
    return stored.sha256


def test_a_file_is_known_by_the_hash_of_all_that_was_written(blobs: Blobs, tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    with blobs.begin() as incoming:
        for start in range(0, len(data), 70_001):
            incoming.write(memoryview(data)[start : start + 70_001])
        stored = incoming.finish()
        assert incoming.size == stored.bytes == len(data)
        place = blobs.keep(stored)
    digest = hashlib.sha256(data).hexdigest()
    assert stored.sha256 == digest
    assert place == blobs.path(digest) == tmp_path / "media" / digest[:2] / digest
    assert place.read_bytes() == data
    assert incoming_files(tmp_path) == []


def test_a_file_that_is_not_kept_vanishes(blobs: Blobs, tmp_path: Path) -> None:
    with blobs.begin() as incoming:
        incoming.write(b"half")
        assert len(incoming_files(tmp_path)) == 1
    assert incoming_files(tmp_path) == []
    with pytest.raises(ZeroDivisionError), blobs.begin():
        raise ZeroDivisionError
    assert incoming_files(tmp_path) == []
    with blobs.begin() as incoming:
        incoming.finish()
    assert incoming_files(tmp_path) == []
    assert list(blobs.kept()) == []


def test_the_same_content_is_kept_once(blobs: Blobs) -> None:
    assert keep(blobs, b"same") == keep(blobs, b"same")
    assert list(blobs.kept()) == [hashlib.sha256(b"same").hexdigest()]


def test_a_dropped_content_is_gone_and_dropping_it_again_is_no_harm(blobs: Blobs) -> None:
    name = keep(blobs, b"data")
    blobs.drop(name)
    blobs.drop(name)
    assert list(blobs.kept()) == []


def test_what_is_no_content_is_not_taken_for_one(blobs: Blobs, tmp_path: Path) -> None:
    name = keep(blobs, b"data")
    (tmp_path / "media" / ".DS_Store").touch()
    (tmp_path / "media" / name[:2] / ".nfs0001").touch()
    assert list(blobs.kept()) == [name]


def test_a_borrowed_content_outlives_its_removal(blobs: Blobs, tmp_path: Path) -> None:
    name = keep(blobs, b"data")
    with blobs.borrow(name) as path:
        blobs.drop(name)
        assert path.read_bytes() == b"data"
    assert incoming_files(tmp_path) == []
    with pytest.raises(FileNotFoundError), blobs.borrow(name):
        pass


def test_where_links_cannot_be_made_the_content_itself_is_lent(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = keep(blobs, b"data")

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with blobs.borrow(name) as path:
        assert path == blobs.path(name)
    assert blobs.path(name).read_bytes() == b"data"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_disk_that_fills_up_at_the_end_is_said_and_nothing_is_left(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(blobs_module.os, moment, full)
    with pytest.raises(StorageFull):
        keep(blobs, b"data")
    monkeypatch.undo()
    assert incoming_files(tmp_path) == []
    assert list(blobs.kept()) == []


def test_a_full_device_is_said_while_it_is_written_to(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    with blobs.begin() as incoming, open("/dev/full", "wb", buffering=0) as device:
        incoming.finish()
        monkeypatch.setattr(incoming, "_file", device)
        with pytest.raises(StorageFull):
            incoming.write(b"x")


def test_a_limit_of_the_system_is_a_full_disk_as_well(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FILL, tmp_path], capture_output=True, text=True, timeout=30, check=True
    )
    assert said.stdout == "full\n", said.stderr
    assert incoming_files(tmp_path) == []


def test_what_a_killed_process_left_is_swept_by_the_next_one_but_not_what_a_living_one_writes(
    tmp_path: Path, blobs: Blobs
) -> None:
    ours = blobs.begin()
    ours.write(b"ours")
    dead = subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_HANG, tmp_path], stdout=subprocess.PIPE, text=True
    )
    alive = subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_HANG, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert dead.stdout is not None
    assert alive.stdout is not None
    left, theirs = Path(dead.stdout.readline().strip()), Path(alive.stdout.readline().strip())
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert left.stat().st_size == 100_000
    Blobs(tmp_path).close()
    assert not left.parent.exists()
    assert theirs.stat().st_size == 100_000
    assert ours.path.read_bytes() == b"ours"
    ours.discard()
    alive.kill()
    alive.communicate()


def test_closing_removes_what_this_process_was_writing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    incoming = blobs.begin()
    incoming.write(b"x")
    blobs.close()
    blobs.close()
    assert incoming_files(tmp_path) == []
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["sweep.lock"]
    incoming.discard()


def test_only_the_owner_may_look_into_the_folders(blobs: Blobs, tmp_path: Path) -> None:
    keep(blobs, b"x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()}
    assert modes == {0o700}


def test_writing_a_large_file_needs_no_memory_of_its_size(blobs: Blobs) -> None:
    piece = bytes(256 * 1024)
    with blobs.begin() as incoming:
        incoming.write(piece)
        tracemalloc.start()
        for _ in range(128):
            incoming.write(piece)
        incoming.finish()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100_000


def test_what_is_still_to_come_of_other_files_is_not_given_away(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not by another process of the same folder."""
    with closing(Blobs(tmp_path)) as other:
        for one in (blobs, other):
            monkeypatch.setattr(one, "room", lambda: 10 * MB)
        with blobs.begin(7 * MB) as first:
            with pytest.raises(StorageFull):
                other.begin(4 * MB)
            with other.begin(3 * MB):
                pass
            first.write(bytes(MB) * 2)
            with other.begin(5 * MB), pytest.raises(StorageFull):
                blobs.begin(MB)
        with other.begin(10 * MB):
            pass


def test_a_file_is_as_long_as_what_came_and_not_as_what_was_announced(blobs: Blobs) -> None:
    for announced in (0, 3, 4, 10 * MB):
        with blobs.begin(announced) as incoming:
            incoming.write(b"data")
            stored = incoming.finish()
            assert (stored.bytes, stored.path.read_bytes()) == (4, b"data"), announced


def test_the_room_on_the_disk_is_known(blobs: Blobs) -> None:
    assert 0 < blobs.room() < 1 << 60


def test_a_file_that_could_never_fit_is_not_begun(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        blobs.begin(blobs.room() * 2)
    assert incoming_files(tmp_path) == []
    blobs.begin(1).discard()
