import os
import tempfile
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import StorageFull, StoreUnavailable
from kinoscribe.storage import object_cache as cache_module
from kinoscribe.storage.object_cache import ObjectCache


class Place:
    """A cache, and what was brought from afar."""

    def __init__(self, folder: Path, quota: int) -> None:
        self.own = folder / "own"
        self.own.mkdir()
        self.folder = folder / "cache"
        self.cache = ObjectCache(self.folder, quota, self.own)
        self.brought: list[str] = []

    def want(self, content: str, data: bytes, cancel: Cancel | None = None) -> bytes:
        def fill(path: Path) -> None:
            self.brought.append(content)
            path.write_bytes(data)

        with self.cache.borrow(content, len(data), fill, cancel or Cancel()) as path:
            return path.read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, 100)


def left(place: Place) -> list[str]:
    return [path.name for path in place.own.iterdir()]


def test_what_was_used_is_brought_once(place: Place) -> None:
    for _ in range(3):
        assert place.want("aa", b"x" * 10) == b"x" * 10
    assert place.brought == ["aa"]
    assert left(place) == []


def test_what_was_not_used_for_longest_goes(place: Place) -> None:
    for number, content in enumerate(("aa", "bb")):
        place.want(content, b"x" * 40)
        os.utime(place.cache.place(content), (number, number))
    place.want("aa", b"x" * 40)
    place.want("cc", b"x" * 40)
    assert sorted(place.cache.contents()) == ["aa", "cc"]


def test_a_borrowed_file_stays_when_it_loses_its_place(place: Place) -> None:
    place.want("aa", b"x" * 60)
    with place.cache.borrow("aa", 60, lambda _path: None, Cancel()) as path:
        place.want("bb", b"y" * 60)
        assert place.cache.contents() == ("bb",)
        place.cache.forget("bb")
        assert path.read_bytes() == b"x" * 60
    assert left(place) == []


def test_a_file_above_the_quota_is_lent_and_not_kept(place: Place) -> None:
    assert place.want("aa", b"x" * 101) == b"x" * 101
    assert place.cache.contents() == ()
    assert left(place) == []


def test_those_who_want_the_same_at_once_have_it_brought_once(place: Place) -> None:
    go, found = threading.Event(), []

    def fill(path: Path) -> None:
        place.brought.append("aa")
        assert go.wait(20)
        path.write_bytes(b"x" * 10)

    def want() -> None:
        with place.cache.borrow("aa", 10, fill, Cancel()) as path:
            found.append(path.read_bytes())

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert found == [b"x" * 10] * 4
    assert place.brought == ["aa"]


def test_who_waits_for_another_to_bring_it_can_be_canceled(place: Place) -> None:
    cancel = Cancel()

    def fill(path: Path) -> None:
        other = ObjectCache(place.folder, 100, place.own)
        cancel.throw()
        with pytest.raises(Canceled), other.borrow("aa", 10, lambda _path: None, cancel):
            raise AssertionError
        path.write_bytes(b"x" * 10)

    with place.cache.borrow("aa", 10, fill, Cancel()):
        pass


def test_what_could_not_be_brought_leaves_nothing(place: Place) -> None:
    def fill(path: Path) -> None:
        path.write_bytes(b"half")
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable), place.cache.borrow("aa", 10, fill, Cancel()):
        raise AssertionError
    assert left(place) == []
    assert place.cache.contents() == ()
    assert place.want("aa", b"x" * 10) == b"x" * 10


def test_a_file_that_a_power_failure_cut_is_brought_again(place: Place) -> None:
    place.want("aa", b"x" * 10)
    place.cache.place("aa").write_bytes(b"xxx")
    assert place.want("aa", b"x" * 10) == b"x" * 10
    assert place.brought == ["aa", "aa"]


def test_a_full_disk_is_told_before_anything_is_brought(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 5

    place.want("aa", b"x" * 50)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _path: Usage)
    with pytest.raises(StorageFull):
        place.want("bb", b"x" * 10)
    assert place.brought == ["aa"]
    assert place.cache.contents() == (), "room was made as far as that went"


class Cached(RuleBasedStateMachine):
    """Readers borrow, hold and give back in any order; processes come and go; the quota is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.place = Place(Path(self._folder.name), 100)
        self.held: list[tuple[ExitStack, Path, bytes]] = []

    def teardown(self) -> None:
        for loan, _, _ in self.held:
            loan.close()
        assert left(self.place) == []
        self._folder.cleanup()

    def _data(self, content: str) -> bytes:
        return content.encode() * (int(content, 16) % 60)

    @rule(content=st.sampled_from(["00", "11", "2a", "3b", "34"]))
    def borrow(self, content: str) -> None:
        data = self._data(content)
        loan = ExitStack()
        fill = partial(_write, data=data)
        path = loan.enter_context(self.place.cache.borrow(content, len(data), fill, Cancel()))
        self.held.append((loan, path, data))

    @rule(which=st.integers(0, 9))
    def give_back(self, which: int) -> None:
        if which < len(self.held):
            loan, path, _ = self.held.pop(which)
            loan.close()
            assert not path.exists()

    @rule(content=st.sampled_from(["00", "11", "2a", "3b"]))
    def forget(self, content: str) -> None:
        self.place.cache.forget(content)

    @rule()
    def another_process(self) -> None:
        self.place.cache = ObjectCache(self.place.folder, 100, self.place.own)

    @invariant()
    def what_is_held_is_whole(self) -> None:
        for _, path, data in self.held:
            assert path.read_bytes() == data

    @invariant()
    def the_quota_is_kept(self) -> None:
        files = [self.place.cache.place(content).read_bytes() for content in self.place.cache.contents()]
        assert sum(map(len, files)) <= 100
        assert all(
            self.place.cache.place(content).read_bytes() == self._data(content)
            for content in self.place.cache.contents()
        )


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


TestCached = Cached.TestCase
TestCached.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
