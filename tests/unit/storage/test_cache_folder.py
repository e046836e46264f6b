"""The cache folder: what comes back, what never does, what goes when room is short, and what others may do to it."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe import clock
from kinoscribe.storage import cache_folder as module
from kinoscribe.storage.cache_folder import CacheFolder, CacheKey

MIB = 1024 * 1024
VIDEO = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> CacheFolder:
    return CacheFolder(folder, 64 * MIB, b"secret")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*/*/*") if path.is_file())


def unused_since(seconds: float, *paths: Path) -> None:
    then = clock.now().timestamp() - seconds
    for path in paths:
        os.utime(path, (then, then))


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_what_is_put_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    cache = CacheFolder(tmp_path_factory.mktemp("c"), 64 * MIB, b"secret")
    key = cache.key("ann", VIDEO, "plan")
    assert cache.get("frames", key) is None
    cache.put("frames", key, data)
    assert cache.get("frames", key) == data


def test_another_process_finds_what_was_put(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "plan"), b"pictures")
    again = CacheFolder(folder, 64 * MIB, b"secret")
    assert again.get("frames", again.key("ann", VIDEO, "plan")) == b"pictures"


def test_accounts_contents_parts_and_kinds_are_kept_apart(cache: CacheFolder) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "ab", "c"), b"hers")
    for key in (
        cache.key("bob", VIDEO, "ab", "c"),
        cache.key("ann", "cd" * 32, "ab", "c"),
        cache.key("ann", VIDEO, "a", "bc"),
        cache.key("ann", VIDEO, "abc"),
        cache.key("ann", VIDEO, "ab", "c", ""),
    ):
        assert cache.get("frames", key) is None
    assert cache.get("captions", cache.key("ann", VIDEO, "ab", "c")) is None


_words = st.lists(st.text(max_size=8), max_size=4).map(tuple)


@settings(deadline=None)
@given(one=_words, other=_words)
def test_two_lists_of_parts_share_a_key_only_when_they_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    cache = CacheFolder(Path("never-made"), MIB, b"secret")
    assert (cache.key("ann", VIDEO, *one) == cache.key("ann", VIDEO, *other)) == (one == other)


def test_names_on_disk_tell_neither_account_nor_content(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "plan"), b"pictures")
    (place,) = files(folder)
    assert "ann" not in str(place.relative_to(folder))
    assert VIDEO[:12] not in str(place)
    other = CacheFolder(folder, 64 * MIB, b"another secret")
    assert other.salt("ann") != cache.salt("ann")
    assert cache.salt("ann") != cache.salt("bob")


def test_only_the_owner_may_read_what_is_kept(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "plan"), b"pictures")
    (place,) = files(folder)
    assert place.stat().st_mode & 0o077 == 0
    assert {parent.stat().st_mode & 0o077 for parent in place.parents[:4]} == {0}


@pytest.mark.parametrize(
    "harm",
    [
        lambda body: body[:-1],
        lambda body: body[:10],
        lambda body: b"",
        lambda body: body + b"x",
        lambda body: bytes(len(body)),
        lambda body: body[:-3] + b"???",
    ],
    ids=["cut", "cut in its head", "emptied", "longer", "zeros", "changed"],
)
def test_a_damaged_entry_is_dropped_and_can_be_made_again(
    cache: CacheFolder, folder: Path, harm: object
) -> None:
    key = cache.key("ann", VIDEO, "plan")
    cache.put("frames", key, b"pictures" * 100)
    (place,) = files(folder)
    place.write_bytes(harm(place.read_bytes()))  # type: ignore[operator]
    assert cache.get("frames", key) is None
    assert files(folder) == []
    cache.put("frames", key, b"anew")
    assert cache.get("frames", key) == b"anew"


def test_an_entry_moved_to_anothers_place_is_not_believed(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "plan"), b"hers")
    (hers,) = files(folder)
    cache.put("frames", cache.key("bob", VIDEO, "plan"), b"his")
    (his,) = [path for path in files(folder) if path != hers]
    os.replace(hers, his)
    assert cache.get("frames", cache.key("bob", VIDEO, "plan")) is None


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    cache = CacheFolder(folder, 4 * MIB, b"secret")
    keys = [cache.key("ann", VIDEO, str(number)) for number in range(8)]
    for age, key in enumerate(keys[:7]):
        cache.put("frames", key, bytes(500_000))
        unused_since(10_000 - 1000 * age, *(path for path in files(folder) if path.name == key.name))
    assert cache.get("frames", keys[0]) is not None
    cache.put("captions", keys[7], bytes(900_000))
    cache.put("captions", cache.key("bob", VIDEO), bytes(900_000))
    left = [key for key in keys[:7] if cache.get("frames", key) is not None]
    assert keys[0] in left
    assert keys[1] not in left
    assert keys[6] in left
    assert sum(use.bytes for use in cache.kinds()) <= 4 * MIB


def test_the_quota_holds_whatever_is_put(folder: Path) -> None:
    cache = CacheFolder(folder, 2 * MIB, b"secret")
    for number in range(120):
        cache.put("answers", cache.key("ann", VIDEO, str(number)), os.urandom(40_000))
        assert sum(path.stat().st_size for path in files(folder)) <= 2 * MIB
    assert cache.get("answers", cache.key("ann", VIDEO, "119")) is not None


def test_many_small_entries_count_as_the_disk_counts_them(folder: Path) -> None:
    cache = CacheFolder(folder, MIB, b"secret")
    for number in range(600):
        cache.put("answers", cache.key("ann", VIDEO, str(number)), b"yes")
    assert sum(path.stat().st_blocks * 512 for path in files(folder)) <= MIB


def test_a_new_process_looks_after_what_the_last_one_left(folder: Path) -> None:
    large = CacheFolder(folder, 64 * MIB, b"secret")
    for number in range(8):
        large.put("frames", large.key("ann", VIDEO, str(number)), bytes(MIB))
    small = CacheFolder(folder, 4 * MIB, b"secret")
    small.put("answers", small.key("ann", VIDEO, "new"), b"yes")
    assert sum(use.bytes for use in small.kinds()) <= 4 * MIB


def test_an_entry_that_would_push_out_the_others_is_not_kept(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO), bytes(20 * MIB))
    assert files(folder) == []


@pytest.mark.parametrize("data", [b"", b"x"])
def test_with_a_quota_of_nothing_nothing_is_kept(folder: Path, data: bytes) -> None:
    cache = CacheFolder(folder, 0, b"secret")
    cache.put("frames", cache.key("ann", VIDEO), data)
    assert cache.get("frames", cache.key("ann", VIDEO)) is None
    assert not folder.exists()


def test_a_full_disk_costs_the_keeping_only(
    cache: CacheFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.put("frames", cache.key("ann", VIDEO), b"pictures")
    monkeypatch.undo()
    assert cache.get("frames", cache.key("ann", VIDEO)) is None
    assert [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_a_folder_that_is_cleared_at_this_very_moment_is_made_again(
    cache: CacheFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, moved = os.replace, []

    def cleared_at_first(new: Path, place: Path) -> None:
        moved.append(place)
        if len(moved) == 1:
            place.parent.rmdir()
        replace(new, place)

    monkeypatch.setattr(os, "replace", cleared_at_first)
    cache.put("frames", cache.key("ann", VIDEO), b"pictures")
    assert cache.get("frames", cache.key("ann", VIDEO)) == b"pictures"


def test_a_disk_with_little_room_is_left_to_others(
    cache: CacheFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROOM", 1 << 62)
    cache.put("frames", cache.key("ann", VIDEO), b"pictures")
    assert files(folder) == []


def test_a_folder_that_cannot_be_made_costs_the_keeping_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = CacheFolder(tmp_path / "file" / "cache", 64 * MIB, b"secret")
    cache.put("frames", cache.key("ann", VIDEO), b"pictures")
    assert cache.get("frames", cache.key("ann", VIDEO)) is None
    assert cache.kinds() == ()
    assert cache.clear().entries == 0
    assert cache.sweep(0).entries == 0


def test_kinds_tell_entries_and_bytes_of_each(cache: CacheFolder) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "1"), bytes(10_000))
    cache.put("frames", cache.key("bob", VIDEO, "1"), bytes(10_000))
    cache.put("answers", cache.key("ann", VIDEO, "1"), b"yes")
    answers, frames = cache.kinds()
    assert (answers.kind, answers.entries) == ("answers", 1)
    assert (frames.kind, frames.entries) == ("frames", 2)
    assert frames.bytes >= 20_000
    assert frames.last_used is not None
    assert abs((clock.now() - frames.last_used).total_seconds()) < 600


def test_clearing_takes_what_all_words_fit_to(cache: CacheFolder, folder: Path) -> None:
    keys = {
        (kind, account, content): cache.key(account, content, "plan")
        for kind in ("frames", "answers")
        for account in ("ann", "bob")
        for content in (VIDEO, "cd" * 32)
    }

    def put_all() -> None:
        for (kind, *_), key in keys.items():
            cache.put(kind, key, b"x")

    def left() -> set[tuple[str, str, str]]:
        return {name for name, key in keys.items() if cache.get(name[0], key) is not None}

    put_all()
    assert cache.clear(kind="frames", account="ann").entries == 2
    assert left() == {name for name in keys if name[:2] != ("frames", "ann")}
    put_all()
    assert cache.clear(content=VIDEO).entries == 4
    assert left() == {name for name in keys if name[2] != VIDEO}
    put_all()
    assert cache.clear(account="bob").entries == 4
    assert left() == {name for name in keys if name[1] != "bob"}
    assert cache.clear(kind="../..").entries == 0
    assert cache.clear().entries == 4
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []


def test_sweeping_takes_what_was_not_used_for_long(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO, "old"), b"old")
    unused_since(5000, *files(folder))
    cache.put("frames", cache.key("ann", VIDEO, "new"), b"new")
    assert cache.sweep(4000).entries == 1
    assert cache.get("frames", cache.key("ann", VIDEO, "old")) is None
    assert cache.get("frames", cache.key("ann", VIDEO, "new")) == b"new"


def test_a_use_makes_an_entry_young_again(cache: CacheFolder, folder: Path) -> None:
    cache.put("frames", cache.key("ann", VIDEO), b"x")
    unused_since(5000, *files(folder))
    assert cache.get("frames", cache.key("ann", VIDEO)) == b"x"
    assert cache.sweep(4000).entries == 0


def test_what_a_killed_process_left_is_swept_and_what_is_being_written_is_not(
    cache: CacheFolder, folder: Path
) -> None:
    cache.put("frames", cache.key("ann", VIDEO), b"x")
    left, fresh = folder / ".new" / "left", folder / ".new" / "fresh"
    left.write_bytes(b"half")
    fresh.write_bytes(b"half")
    unused_since(100_000, left)
    cache.sweep(1e9)
    assert not left.exists()
    assert fresh.exists()


@pytest.mark.parametrize("kind", ["", "../up", "Frames", "a/b", ".new"])
def test_a_kind_is_a_plain_word(cache: CacheFolder, kind: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        cache.get(kind, cache.key("ann", VIDEO))


def test_a_key_that_was_not_made_here_reaches_no_other_file(cache: CacheFolder) -> None:
    with pytest.raises(ValueError, match="made by"):
        cache.get("frames", CacheKey("..", "..", "pepper"))


def test_threads_that_put_read_and_clear_at_once_never_see_half_an_entry(folder: Path) -> None:
    cache = CacheFolder(folder, 3 * MIB, b"secret")
    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            for turn in range(60):
                key = cache.key("ann", VIDEO, str(turn % 7))
                cache.put("frames", key, bytes([turn % 7]) * 60_000)
                found = cache.get("frames", key)
                if found is not None and found != bytes([turn % 7]) * 60_000:
                    wrong.append(turn)
                if number == 0 and turn % 10 == 0:
                    cache.clear(kind="frames")
        except Exception as error:  # noqa: BLE001  told by the test
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_looking_at_a_cache_while_all_of_it_goes_and_comes_is_never_an_error(folder: Path) -> None:
    cache = CacheFolder(folder, 3 * MIB, b"secret")
    ended = threading.Event()
    wrong: list[Exception] = []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not ended.is_set():
                work()
        except Exception as error:  # noqa: BLE001  told by the test
            wrong.append(error)

    def fill() -> None:
        for number in range(8):
            cache.put("frames", cache.key(f"account {number}", f"video {number}"), b"data")

    works = (fill, cache.clear, cache.kinds, lambda: cache.sweep(3600))
    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            cache.kinds()
    finally:
        ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []


_OTHER = """
import sys
from pathlib import Path
from kinoscribe.storage.cache_folder import CacheFolder
cache = CacheFolder(Path(sys.argv[1]), 3 << 20, b"secret")
for turn in range(80):
    key = cache.key("ann", "v", str(turn % 90))
    cache.put("frames", key, bytes([turn]) * 60_000)
    found = cache.get("frames", key)
    assert found is None or found == bytes([turn]) * 60_000
"""


def test_nothing_is_put_on_top_while_another_process_looks_after_the_quota_for_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    cache = CacheFolder(folder, 3 * MIB, b"secret")
    cache.put("frames", cache.key("ann", "v", "first"), b"x")
    with (folder / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for number in range(60):
            cache.put("frames", cache.key("ann", "v", str(number)), bytes(60_000))
        assert 1 < len(files(folder)) < 10, "as much as is written between two looks"
    for number in range(100):
        key = cache.key("ann", "v", f"then {number}")
        cache.put("frames", key, bytes(60_000))
        assert cache.get("frames", key) is not None
    assert sum(path.stat().st_size for path in files(folder)) <= 3 * MIB


def test_processes_share_one_quota(folder: Path) -> None:
    others = [subprocess.Popen([sys.executable, "-c", _OTHER, str(folder)]) for _ in range(3)]
    assert [other.wait(60) for other in others] == [0, 0, 0]
    assert sum(path.stat().st_size for path in files(folder)) <= 3 * MIB * 1.1
