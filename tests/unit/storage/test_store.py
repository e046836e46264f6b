from contextlib import closing
from pathlib import Path

import pytest
from tests.object_store import REGION, Bucket, Trouble, Way

from kinoscribe.settings import Settings
from kinoscribe.storage import objects as objects_module
from kinoscribe.storage.api_key_rows import pepper_of
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.data_folder import DataFolder, StoreUnusable
from kinoscribe.storage.database import Database
from kinoscribe.storage.object_blobs import ObjectBlobs
from kinoscribe.storage.store import open_blobs, open_folder


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "_TRIES", 1)


def settings_of(folder: Path, bucket: Bucket, endpoint: str | None = None) -> Settings:
    return Settings(
        data_dir=folder, store_url=bucket.url, store_endpoint=endpoint or bucket.endpoint, store_region=REGION
    )


def opened(settings: Settings, database: Database) -> Blobs:
    return open_blobs(settings, open_folder(settings), database)


def test_contents_lie_in_the_data_folder_unless_it_is_said_otherwise(
    database: Database, tmp_path: Path
) -> None:
    with closing(opened(Settings(data_dir=tmp_path), database)) as blobs:
        assert type(blobs) is Blobs
        assert blobs.path("ab" * 32).is_relative_to(tmp_path / "media")


def test_contents_lie_in_the_folder_that_was_named(database: Database, tmp_path: Path) -> None:
    media = tmp_path / "large disk"
    named = Settings(data_dir=tmp_path / "data", store_url=f"file://{tmp_path}/large%20disk")
    with closing(opened(named, database)) as blobs:
        assert blobs.path("ab" * 32).is_relative_to(media)
        assert media.stat().st_mode & 0o777 == 0o700


def test_contents_lie_in_the_bucket_that_was_named(
    database: Database, bucket: Bucket, tmp_path: Path
) -> None:
    with closing(opened(settings_of(tmp_path, bucket), database)) as blobs:
        assert isinstance(blobs, ObjectBlobs)


@pytest.mark.parametrize("url", ["file:relative", "file://host/folder", "file:///folder?x=1"])
def test_an_address_of_no_folder_is_told(database: Database, tmp_path: Path, url: str) -> None:
    settings = Settings(data_dir=tmp_path, store_url=url)
    with pytest.raises(StoreUnusable, match="file:///path/to/folder"):
        open_blobs(settings, DataFolder(tmp_path), database)


def test_all_machines_of_a_bucket_have_one_secret(bucket: Bucket, tmp_path: Path) -> None:
    first, second = (settings_of(tmp_path / name, bucket) for name in ("first", "second"))
    secret = pepper_of(open_folder(first).path)
    assert pepper_of(open_folder(second).path) == secret
    assert len(secret) == 32


def test_a_server_that_had_a_secret_before_brings_it_into_the_bucket(bucket: Bucket, tmp_path: Path) -> None:
    before = pepper_of(DataFolder(tmp_path / "first").path)
    assert pepper_of(open_folder(settings_of(tmp_path / "first", bucket)).path) == before
    assert pepper_of(open_folder(settings_of(tmp_path / "second", bucket)).path) == before


def test_a_data_folder_with_another_secret_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    open_folder(settings_of(tmp_path / "first", bucket))
    pepper_of(DataFolder(tmp_path / "second").path)
    with pytest.raises(StoreUnusable, match="has a secret of its own"):
        open_folder(settings_of(tmp_path / "second", bucket))


def test_a_bucket_that_cannot_be_reached_is_told_at_the_first_start_only(
    bucket: Bucket, way: Way, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, bucket, way.endpoint)
    way.trouble = Trouble("500")
    with pytest.raises(StoreUnusable, match=r"s3://bucket-\d+/kino/scribe cannot be used: .+"):
        open_folder(settings)
    way.trouble = None
    open_folder(settings)
    way.trouble = Trouble("500")
    open_folder(settings)


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="NoSuchBucket"):
        open_folder(settings_of(tmp_path, Bucket(bucket.endpoint, "nobodys-bucket")))
