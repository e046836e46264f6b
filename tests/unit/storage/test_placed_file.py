"""Bytes reach their places whatever way they take, and the way past the page cache is taken where it can be."""

import errno
import mmap
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.storage import placed_file
from kinoscribe.storage.placed_file import SECTOR, PlacedFile

LARGE = 512 * 1024
DIRECT = 1 << 30
"""A flag that stands in for the real one, so that the way past the cache is there on every file system."""


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """Place, length and way of every write: whether it went past the cache."""
    really_open, really_write = os.open, os.pwrite
    handles: set[int] = set()
    seen: list[tuple[int, int, bool]] = []

    def opened(path: Path, flags: int, *more: int) -> int:
        handle = really_open(path, flags & ~DIRECT, *more)
        handles.discard(handle)
        if flags & DIRECT:
            handles.add(handle)
        return handle

    def written(handle: int, data: memoryview, at: int) -> int:
        seen.append((at, len(data), handle in handles))
        return really_write(handle, data, at)

    monkeypatch.setattr(os, "O_DIRECT", DIRECT, raising=False)
    monkeypatch.setattr(placed_file.os, "open", opened)
    monkeypatch.setattr(placed_file.os, "pwrite", written)
    return seen


def put(file: PlacedFile, data: bytes, at: int) -> None:
    """All of `data`, from memory that is aligned as the buffers of uploads are."""
    pages = mmap.mmap(-1, max(len(data), 1))
    pages[: len(data)] = data
    with memoryview(pages) as whole, whole[: len(data)] as view:
        done = 0
        while done < len(data):
            with view[done:] as rest:
                done += file.write(rest, at + done)
    pages.close()


def empty(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_what_is_aligned_and_large_goes_past_the_cache_and_the_rest_does_not(
    tmp_path: Path, past: list[tuple[int, int, bool]]
) -> None:
    path, data = empty(tmp_path / "f", 3 * LARGE), random.Random(1).randbytes(LARGE + 100)
    file = PlacedFile(path, past_cache=True)
    put(file, data, LARGE)
    put(file, data[:100], 0)
    put(file, data[:LARGE], 1)
    file.to_disk()
    file.close()
    assert past == [
        (LARGE, LARGE, True),
        (2 * LARGE, 100, False),
        (0, 100, False),
        (1, LARGE, False),
    ]
    assert path.read_bytes()[: LARGE + 1] == data[:1] + data[:LARGE]
    assert path.read_bytes()[LARGE + 1 : 2 * LARGE + 100] == data[1:]


def test_nothing_goes_past_the_cache_unless_that_is_wished(
    tmp_path: Path, past: list[tuple[int, int, bool]]
) -> None:
    file = PlacedFile(empty(tmp_path / "f", LARGE), past_cache=False)
    put(file, bytes(LARGE), 0)
    file.close()
    assert past == [(0, LARGE, False)]


def test_a_file_system_without_that_way_is_written_to_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def opened(path: Path, flags: int, *more: int) -> int:
        if flags & DIRECT:
            raise OSError(errno.EINVAL, "no such way")
        return really(path, flags, *more)

    monkeypatch.setattr(os, "O_DIRECT", DIRECT, raising=False)
    monkeypatch.setattr(placed_file.os, "open", opened)
    path, data = empty(tmp_path / "f", LARGE), random.Random(2).randbytes(LARGE)
    file = PlacedFile(path, past_cache=True)
    put(file, data, 0)
    file.close()
    assert path.read_bytes() == data


def test_memory_that_is_not_aligned_is_written_as_usual(
    tmp_path: Path, past: list[tuple[int, int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = placed_file.os.pwrite
    refused = 0

    def written(handle: int, data: memoryview, at: int) -> int:
        nonlocal refused
        count = counted(handle, data, at)
        if past[-1][2]:
            refused += 1
            raise OSError(errno.EINVAL, "not aligned")
        return count

    monkeypatch.setattr(placed_file.os, "pwrite", written)
    path, data = empty(tmp_path / "f", 2 * LARGE), random.Random(3).randbytes(2 * LARGE)
    before = len(os.listdir("/proc/self/fd"))
    file = PlacedFile(path, past_cache=True)
    put(file, data[:LARGE], 0)
    put(file, data[LARGE:], LARGE)
    file.close()
    assert path.read_bytes() == data
    assert refused == 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_disk_is_told_also_past_the_cache(
    tmp_path: Path, past: list[tuple[int, int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    file = PlacedFile(empty(tmp_path / "f", LARGE), past_cache=True)
    monkeypatch.setattr(placed_file.os, "pwrite", full)
    with pytest.raises(OSError, match="full"):
        put(file, bytes(LARGE), 0)
    file.close()
    assert past == []


@settings(max_examples=25, deadline=None)
@given(
    writes=st.lists(
        st.tuples(
            st.integers(0, 3 * SECTOR),
            st.sampled_from([1, 100, SECTOR, 300_000, 300 * SECTOR, 70 * SECTOR + 5]),
        ),
        max_size=6,
    ),
    whole=st.booleans(),
)
def test_the_real_way_writes_what_was_given_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]], whole: bool
) -> None:
    path = empty(tmp_path_factory.mktemp("places") / "f", 2_000_000)
    expected = bytearray(2_000_000)
    file = PlacedFile(path, past_cache=True)
    for number, (place, length) in enumerate(writes):
        at = place % 8 * SECTOR if whole else place
        data = random.Random(number).randbytes(length)
        put(file, data, at)
        expected[at : at + length] = data
    file.to_disk()
    file.close()
    found = path.read_bytes()
    assert found == bytes(expected[: len(found)])
    assert not any(expected[len(found) :])
