"""The look at an upload in the server's own process: quick verdicts, and nothing kept from the workers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from kinoscribe.api import first_look as first_look_module
from kinoscribe.api.first_look import FirstLook
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.sources.intake import Intake, Unusable
from kinoscribe.storage.asset_queue import AssetJob, AssetQueue
from kinoscribe.storage.asset_rows import Asset, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database


class Place:
    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(folder)
        self.rows = AssetRows(self.database, self.blobs)
        self.queue = AssetQueue(self.database, self.rows)
        self.rung = 0
        self.error: Exception | None = None
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.look = FirstLook(cast("Intake", self), self.queue, "api", self.ring, most=1)

    def ring(self) -> None:
        self.rung += 1

    def process(self, job: AssetJob, cancel: Cancel, *, patient: bool = True) -> Asset | None:
        assert patient
        self.begun.set()
        while not self.go.wait(0.01):
            cancel.check()
        if self.error is not None:
            raise self.error
        return self.rows.ready(job.id, Examined("image", "image/png"), owner=job.owner)

    def upload(self) -> Asset:
        with self.blobs.begin() as incoming:
            stored = incoming.finish()
            said: dict[str, Any] = {"method": "direct", "filename": "v", "file_type": "video/mp4"}
            return self.rows.add("a", stored=stored, hold=self.look.hold, **said)

    def claimed(self) -> list[str]:
        return [job.id for job in self.queue.claim("w", arrivals=9, looks=9)]

    def close(self) -> None:
        self.go.set()
        self.look.close()
        self.blobs.close()
        self.database.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def test_a_file_that_is_quickly_looked_into_is_decided_at_once(place: Place) -> None:
    asset = place.upload()
    assert place.claimed() == []
    decided = place.look.take(asset).result(20)
    assert decided is not None
    assert decided.status == "ready"
    assert (place.claimed(), place.rung) == ([], 0)


@pytest.mark.parametrize(
    "error", [Unusable("No decoder.", passes=True), RuntimeError(), DatabaseUnavailable()]
)
def test_what_cannot_be_decided_here_is_left_to_a_worker(place: Place, error: Exception) -> None:
    place.error = error
    asset = place.upload()
    assert place.look.take(asset).result(20) is None
    assert place.rung == 1
    (job,) = place.queue.claim("w", arrivals=9, looks=9)
    assert (job.id, job.attempt) == (asset.id, 1), "the look here does not count"


def test_a_look_that_takes_long_is_broken_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_look_module, "_LONGEST_LOOK", 0.05)
    place.go.clear()
    asset = place.upload()
    assert place.look.take(asset).result(20) is None
    assert place.claimed() == [asset.id]


def test_an_upload_for_which_no_thread_is_free_is_left_to_a_worker(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look_module, "_PATIENCE", -1.0)
    asset = place.upload()
    assert place.look.take(asset).result(20) is None
    assert not place.begun.is_set()
    assert place.claimed() == [asset.id]


def test_a_server_that_ends_leaves_its_uploads_to_the_workers(place: Place) -> None:
    place.go.clear()
    assets = [place.upload(), place.upload()]
    waiting = [place.look.take(asset) for asset in assets]
    assert place.begun.wait(20)
    with ThreadPoolExecutor(1) as other:
        other.submit(place.look.close).result(20)
    assert [future.result(20) for future in waiting] == [None, None]
    assert sorted(place.claimed()) == sorted(asset.id for asset in assets)
