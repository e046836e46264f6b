import os
from pathlib import Path

import pytest
from tests.object_store import Bucket, Trouble, Way

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import StoreUnavailable
from kinoscribe.storage import objects as objects_module
from kinoscribe.storage.data_folder import StoreUnusable
from kinoscribe.storage.objects import ObjectOptions, Objects, read_url


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "_PIECE", 6 * 1024 * 1024)


def file(folder: Path, size: int) -> Path:
    path = folder / "file"
    path.write_bytes(os.urandom(size))
    return path


def read(objects: Objects, key: str, size: int) -> bytes:
    return b"".join(objects.pieces(key, size, Cancel()))


@pytest.mark.parametrize("size", [0, 1, 6 * 1024 * 1024, 20_000_001])
def test_a_file_comes_back_as_it_was(bucket: Bucket, tmp_path: Path, size: int) -> None:
    objects, path = bucket.objects(), file(tmp_path, size)
    objects.put_file("media/a", path)
    assert read(objects, "media/a", size) == path.read_bytes()
    assert [(each.key, each.bytes) for each in objects.below("media")] == [("media/a", size)]


def test_what_is_not_there_is_told(bucket: Bucket) -> None:
    objects = bucket.objects()
    assert objects.get("media/none") is None
    assert not objects.has("media/none")
    with pytest.raises(FileNotFoundError):
        read(objects, "media/none", 10)
    objects.remove(["media/none"])


def test_where_there_is_no_bucket_nothing_is_said_of_its_objects(bucket: Bucket) -> None:
    objects = Bucket(bucket.endpoint, "nobodys-bucket").objects()
    for act in (
        lambda: objects.get("a"),
        lambda: read(objects, "a", 1),
        lambda: objects.put("a", b"x"),
        lambda: list(objects.below("a")),
    ):
        with pytest.raises(StoreUnavailable):
            act()


def test_an_object_that_is_shorter_than_it_must_be_is_not_there(bucket: Bucket) -> None:
    objects = bucket.objects()
    objects.put("a", b"short")
    with pytest.raises(FileNotFoundError):
        read(objects, "a", 10)


def test_the_first_to_create_decides(bucket: Bucket) -> None:
    objects = bucket.objects()
    assert objects.create("secret", b"mine") == b"mine"
    assert objects.create("secret", b"yours") == b"mine"


def test_many_objects_are_listed_and_removed(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "_MANY", 3)
    objects = bucket.objects()
    for number in range(8):
        objects.put(f"parts/{number}", b"x")
    objects.put("partsofanother", b"x")
    assert len(list(objects.below("parts"))) == 8
    objects.remove([f"parts/{number}" for number in range(7)])
    assert bucket.names() == ["parts/7", "partsofanother"]


def test_an_answer_that_was_cut_once_is_asked_for_again(bucket: Bucket, way: Way, tmp_path: Path) -> None:
    objects, path = bucket.objects(way.endpoint), file(tmp_path, 8_000_000)
    objects.put_file("a", path)
    way.trouble = Trouble("cut", lambda method, _path: method == "GET", times=1)
    assert read(objects, "a", 8_000_000) == path.read_bytes()
    assert way.trouble.met == 1


@pytest.mark.parametrize("how", ["500", "503", "drop"])
def test_a_store_that_stays_away_is_an_error_that_passes(
    bucket: Bucket, way: Way, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_module, "_TRIES", 2)
    objects = bucket.objects(way.endpoint)
    way.trouble = Trouble(how)
    for act in (
        lambda: objects.put("a", b"x"),
        lambda: objects.get("a"),
        lambda: objects.has("a"),
        lambda: list(objects.below("a")),
        lambda: objects.remove(["a"]),
        lambda: read(objects, "a", 1),
        lambda: objects.create("a", b"x"),
    ):
        with pytest.raises(StoreUnavailable) as found:
            act()
        assert found.value.passes
    assert bucket.names() == []


def test_who_cancels_waits_for_no_more_than_what_was_asked(bucket: Bucket, tmp_path: Path) -> None:
    objects, path = bucket.objects(), file(tmp_path, 20_000_000)
    objects.put_file("a", path)
    cancel = Cancel()
    pieces = objects.pieces("a", 20_000_000, cancel)
    next(pieces)
    cancel.throw()
    with pytest.raises(Canceled):
        next(pieces)


@pytest.mark.parametrize(
    "url",
    ["", "s3://", "http://bucket/x", "s3://key:secret@bucket/x", "s3://bucket/x?y=1", "bucket/x", "gs://b"],
)
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(StoreUnusable, match="neither file:///folder nor s3://bucket/prefix"):
        read_url(url)


def test_a_store_without_tls_is_taken_on_this_machine_or_where_it_was_said(bucket: Bucket) -> None:
    Objects(bucket.url, ObjectOptions(endpoint="http://localhost:9000", region="x"))
    Objects(bucket.url, ObjectOptions(endpoint="https://store.example", region="x"))
    Objects(bucket.url, ObjectOptions(endpoint="http://minio:9000", region="x", allow_http=True))
    with pytest.raises(StoreUnusable, match="without TLS"):
        Objects(bucket.url, ObjectOptions(endpoint="http://minio:9000", region="x"))
    with pytest.raises(StoreUnusable, match="no address"):
        Objects(bucket.url, ObjectOptions(endpoint="minio:9000", region="x"))
