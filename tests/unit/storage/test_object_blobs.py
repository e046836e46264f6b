import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.object_store import Bucket, Trouble, Way

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, StoreUnavailable
from kinoscribe.storage import object_blobs as blobs_module
from kinoscribe.storage import objects as objects_module
from kinoscribe.storage.asset_rows import AssetFilter, AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.object_blobs import ObjectBlobs
from kinoscribe.storage.objects import Objects
from kinoscribe.storage.parts import PartsGone, PartStored, PartTooLong, PartTooShort

UPLOAD = "0123456789abcdef01234567"
QUOTA = 1_000_000


class Shelf:
    """Assets whose files lie in a bucket, as one machine has them."""

    def __init__(self, folder: Path, database: Database, objects: Objects, quota: int = QUOTA) -> None:
        folder.mkdir(exist_ok=True)
        self.database = database
        self.blobs = ObjectBlobs(folder, objects, database, quota)
        self.rows = AssetRows(database, self.blobs)
        self.contents = Contents(database, self.blobs)
        self.folder = folder

    def add(self, data: bytes, account: str = "one") -> str:
        with self.blobs.begin() as incoming:
            incoming.write(data)
            made = self.rows.add(
                account, method="direct", filename="f", file_type="video/mp4", stored=incoming.finish()
            )
        return made.id

    def read(self, data: bytes) -> bytes:
        with self.blobs.borrow(hashlib.sha256(data).hexdigest()) as path:
            return path.read_bytes()

    def files(self, name: str) -> list[str]:
        found = [path for path in (self.folder / name).rglob("*") if path.is_file()]
        return [path.name for path in found if "lock" not in path.name and path.parent.name != "locks"]


@pytest.fixture
def machine(database: Database, tmp_path: Path) -> Iterator[Callable[..., Shelf]]:
    with ExitStack() as open_ones:

        def make(objects: Objects, name: str = "here", quota: int = QUOTA) -> Shelf:
            shelf = Shelf(tmp_path / name, database, objects, quota)
            open_ones.callback(shelf.blobs.close)
            return shelf

        yield make


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "_TRIES", 2)


def test_an_asset_of_one_machine_is_read_on_another(bucket: Bucket, machine: Callable[..., Shelf]) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    here.add(b"data")
    assert there.read(b"data") == b"data"
    assert len(bucket.names()) == 1
    assert here.files("incoming") == there.files("incoming") == []


def test_the_machine_that_took_a_file_in_has_it_at_hand(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf]
) -> None:
    here = machine(bucket.objects(way.endpoint))
    here.add(b"data")
    assert here.read(b"data") == b"data"
    assert [method for method, _ in way.seen] == ["PUT"]


def test_the_same_content_is_stored_once_and_goes_with_the_last_asset(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    first, second = here.add(b"data"), there.add(b"data", "two")
    assert len(bucket.names()) == 1
    here.rows.remove("one", first)
    assert there.read(b"data") == b"data"
    there.rows.remove("two", second)
    assert bucket.names() == []
    with pytest.raises(FileNotFoundError):
        here.read(b"data")
    assert there.files("media-cache") == []


def test_bytes_are_sent_again_though_another_account_has_them(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf]
) -> None:
    here = machine(bucket.objects(way.endpoint))
    here.add(b"data")
    here.add(b"data", "two")
    assert [method for method, _ in way.seen].count("PUT") == 2


def test_a_transaction_that_fails_leaves_no_object(bucket: Bucket, machine: Callable[..., Shelf]) -> None:
    here = machine(bucket.objects())
    with here.blobs.begin() as incoming, suppress(KeyError):
        incoming.write(b"data")
        stored = incoming.finish()
        with here.contents.shipping(stored) as shipped, here.database.writing() as db:
            here.contents.keep(db, *shipped)
            assert len(bucket.names()) == 1
            raise KeyError
    assert bucket.names() == []
    assert list(here.blobs.kept()) == []


@pytest.mark.parametrize("how", ["500", "drop"])
def test_a_store_that_is_away_keeps_nothing_and_is_told(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf], how: str
) -> None:
    here = machine(bucket.objects(way.endpoint))
    way.trouble = Trouble(how)
    with pytest.raises(StoreUnavailable):
        here.add(b"data")
    way.trouble = None
    assert bucket.names() == []
    assert here.rows.page("one", AssetFilter(), page=1, limit=10)[1] == 0
    assert here.files("incoming") == []


def test_a_store_that_goes_away_while_a_file_is_read_leaves_nothing_half(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(way.endpoint), "there")
    here.add(b"data")
    way.trouble = Trouble("cut", lambda method, _path: method == "GET")
    with pytest.raises(StoreUnavailable):
        there.read(b"data")
    assert there.files("media-cache") == there.files("incoming") == []
    way.trouble = None
    assert there.read(b"data") == b"data"


def test_bytes_that_are_others_than_they_must_be_are_never_lent(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    here.add(b"data")
    bucket.spoil(bucket.names()[0], b"dada")
    with pytest.raises(StoreUnavailable):
        there.read(b"data")
    assert there.files("media-cache") == there.files("incoming") == []


def test_who_wants_a_file_no_more_is_not_kept_by_its_way_here(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    here.add(b"data")
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled), there.blobs.borrow(hashlib.sha256(b"data").hexdigest(), cancel):
        raise AssertionError
    assert there.files("media-cache") == there.files("incoming") == []
    assert there.read(b"data") == b"data"


def test_an_object_that_could_not_be_removed_is_swept_later(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine(bucket.objects(way.endpoint))
    asset, other = here.add(b"data"), here.add(b"other")
    way.trouble = Trouble("500", lambda method, _path: method in {"DELETE", "POST"})
    assert here.rows.remove("one", asset)
    way.trouble = None
    assert len(bucket.names()) == 2
    assert here.blobs.sweep() == 0, "it may be of a transaction that has not ended"
    monkeypatch.setattr(blobs_module, "_LEFT", timedelta(seconds=-60))
    assert here.blobs.sweep(dry=True) == 1
    assert len(bucket.names()) == 2
    assert here.blobs.sweep() == 1
    assert here.rows.get("one", other) is not None
    assert here.read(b"other") == b"other"
    assert len(bucket.names()) == 1


def test_what_no_row_knows_any_more_leaves_the_cache_of_every_machine(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    asset = here.add(b"data")
    there.read(b"data")
    here.rows.remove("one", asset)
    assert there.blobs.sweep(dry=True) == 1
    assert there.files("media-cache") != []
    assert there.blobs.sweep() == 1
    assert there.files("media-cache") == []


def test_a_file_that_is_nobodys_asset_is_lent_to_other_machines(
    bucket: Bucket, machine: Callable[..., Shelf], tmp_path: Path
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    content = hashlib.sha256(b"fetched").hexdigest()
    with here.blobs.begin() as incoming:
        incoming.write(b"fetched")
        with here.blobs.lending(incoming.finish().path, content) as word:
            assert there.blobs.there(word, content)
            with there.blobs.reach(word, content, Cancel()) as path:
                assert path.read_bytes() == b"fetched"
    assert bucket.names() == []
    assert not there.blobs.there(word, content)
    there.blobs.sweep()
    with pytest.raises(FileNotFoundError), there.blobs.reach(word, content, Cancel()):
        raise AssertionError


def test_an_asset_is_reached_from_other_machines_by_its_content(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    here.add(b"data")
    content = hashlib.sha256(b"data").hexdigest()
    with here.blobs.borrow(content) as path, here.blobs.lending(path, content) as word:
        pass
    assert there.blobs.there(word, content)
    with there.blobs.reach(word, content, Cancel()) as path:
        assert path.read_bytes() == b"data"
    assert len(bucket.names()) == 1


def test_files_of_a_local_store_that_was_used_before_are_still_lent(
    bucket: Bucket, database: Database, machine: Callable[..., Shelf], tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    local = Blobs(tmp_path / "here")
    with local.begin() as incoming:
        incoming.write(b"old")
        old = AssetRows(database, local).add(
            "one", method="direct", filename="f", file_type="video/mp4", stored=incoming.finish()
        )
    local.close()
    here = machine(bucket.objects())
    assert here.read(b"old") == b"old"
    here.rows.remove("one", old.id)
    with pytest.raises(FileNotFoundError):
        here.read(b"old")


def _put(shelf: Shelf, number: int, data: bytes) -> PartStored:
    with shelf.blobs.parts.put(UPLOAD, number, len(data)) as part:
        part.write(data[:2])
        part.write(data[2:])
        return part.finish()


def test_parts_become_an_asset_without_a_copy_in_the_store(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects(way.endpoint)), machine(bucket.objects(), "there")
    asset = here.rows.add("one", method="multipart", filename="f", file_type="video/mp4")
    here.blobs.parts.begin(UPLOAD, 10, 4)
    stored = [_put(here, number, data) for number, data in ((3, b"ij"), (1, b"abcd"), (2, b"efgh"))]
    stored.sort(key=lambda part: part.number)
    _put(here, 2, b"EFGH")  # another part of the same number, of which no row tells
    sent = len([method for method, _ in way.seen if method in {"PUT", "POST"}])
    with here.blobs.parts.assemble(UPLOAD, stored, Cancel()) as made:
        assert made.sha256 == hashlib.sha256(b"abcdefghij").hexdigest()
        assert here.rows.arrived(asset.id, made)
    assert len([method for method, _ in way.seen if method in {"PUT", "POST"}]) == sent
    here.blobs.parts.drop(UPLOAD)
    assert len(bucket.names()) == 3
    assert there.read(b"abcdefghij") == b"abcdefghij"
    assert list(here.blobs.parts.held(-60.0)) == []
    here.rows.remove("one", asset.id)
    assert bucket.names() == []


def test_assembly_is_repeated_after_a_failure(
    bucket: Bucket, way: Way, machine: Callable[..., Shelf]
) -> None:
    here = machine(bucket.objects(way.endpoint))
    stored = [_put(here, 1, b"abcd")]
    way.trouble = Trouble("500", lambda method, _path: method == "GET")
    with pytest.raises(StoreUnavailable), here.blobs.parts.assemble(UPLOAD, stored, Cancel()):
        raise AssertionError
    way.trouble = None
    for _ in range(2):
        with suppress(KeyError), here.blobs.parts.assemble(UPLOAD, stored, Cancel()) as made:
            assert made.bytes == 4
            raise KeyError
    assert here.files("incoming") == []
    assert list(here.blobs.parts.held(-60.0)) == [UPLOAD]
    assert list(here.blobs.parts.held(60.0)) == []
    here.blobs.parts.drop(UPLOAD)
    assert bucket.names() == []
    with pytest.raises(PartsGone), here.blobs.parts.assemble(UPLOAD, stored, Cancel()):
        raise AssertionError


def test_a_part_is_there_whole_or_not_at_all(bucket: Bucket, way: Way, machine: Callable[..., Shelf]) -> None:
    here = machine(bucket.objects(way.endpoint))
    with here.blobs.parts.put(UPLOAD, 1, 4) as part:
        part.write(b"abc")
        with pytest.raises(PartTooShort):
            part.finish()
        with pytest.raises(PartTooLong):
            part.write(b"de")
    way.trouble = Trouble("500")
    with pytest.raises(ApiError):
        _put(here, 1, b"abcd")
    way.trouble = None
    assert bucket.names() == []
    assert here.files("incoming") == []


def test_the_same_file_by_parts_and_whole_is_stored_once(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here = machine(bucket.objects())
    here.add(b"abcdef")
    asset = here.rows.add("one", method="multipart", filename="f", file_type="video/mp4")
    stored = [_put(here, 1, b"abcd"), _put(here, 2, b"ef")]
    with here.blobs.parts.assemble(UPLOAD, stored, Cancel()) as made:
        assert here.rows.arrived(asset.id, made)
    here.blobs.parts.drop(UPLOAD)
    assert len(bucket.names()) == 1


def test_a_file_of_the_cache_that_is_reached_by_its_place_stays_though_its_place_is_taken(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    """As evidence is collected of assets: the worker is told where the cache has the file."""
    here = machine(bucket.objects(), quota=10)
    here.add(b"wanted")
    content = hashlib.sha256(b"wanted").hexdigest()
    word = str(here.blobs.path(content))
    assert Path(word).exists()
    with here.blobs.reach(word, content, Cancel()) as path:
        here.add(b"something")
        assert not Path(word).exists(), "the cache holds no more than it may"
        assert path.read_bytes() == b"wanted"
    assert not path.exists()
    assert here.files("incoming") == [], "the file was given back"
    with here.blobs.reach(word, content, Cancel()) as path:
        assert path.read_bytes() == b"wanted", "it was brought again"
    assert here.files("incoming") == []
    assert sum(file.stat().st_size for file in (here.folder / "media-cache" / "files").iterdir()) <= 10


def test_being_reached_counts_as_use(bucket: Bucket, machine: Callable[..., Shelf]) -> None:
    here = machine(bucket.objects(), quota=9)
    first, second = b"1st", b"2nd"
    for data in (first, second):
        here.add(data)
    names = [hashlib.sha256(data).hexdigest() for data in (first, second)]
    for at, name in enumerate(names):
        os.utime(here.blobs.path(name), (1000 + at, 1000 + at))
    with here.blobs.reach(str(here.blobs.path(names[0])), names[0], Cancel()):
        pass
    here.add(b"3rd")
    here.add(b"4th")
    assert here.blobs.path(names[0]).exists()
    assert not here.blobs.path(names[1]).exists()


def test_the_place_in_the_cache_of_another_machine_is_as_good(
    bucket: Bucket, machine: Callable[..., Shelf]
) -> None:
    here, there = machine(bucket.objects()), machine(bucket.objects(), "there")
    here.add(b"data")
    content = hashlib.sha256(b"data").hexdigest()
    here.blobs.path(content).unlink()
    with there.blobs.reach(str(here.blobs.path(content)), content, Cancel()) as path:
        assert path.read_bytes() == b"data"
        assert path.is_relative_to(there.folder)
    assert there.files("incoming") == []


def test_a_file_that_is_gone_everywhere_is_not_found(bucket: Bucket, machine: Callable[..., Shelf]) -> None:
    here = machine(bucket.objects())
    asset = here.add(b"data")
    content = hashlib.sha256(b"data").hexdigest()
    word = str(here.blobs.path(content))
    here.rows.remove("one", asset)
    with pytest.raises(FileNotFoundError), here.blobs.reach(word, content, Cancel()):
        pass
    assert not here.blobs.there(word, content)
