"""The loop that processes assets in a worker: what it takes, gives back, tries again and gives up."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import DatabaseUnavailable, ServiceUnavailable
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import FileKind
from kinoscribe.sources.intake import Intake
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.tasks.asset_loop import AssetLoop

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
VIDEO = FileKind("video", "video/mp4", facts=FACTS)
# Longer than any machine stands still; and one that a test can outlast.
LEASE, SHORT = 60.0, 4.0


class Looks:
    """Sees a video in every file, once `go` is set; `errors` are raised first, one at a time."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.errors: list[Exception] = []
        self.begun: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind:
        self.begun.append(path.read_text())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            while not self.go.wait(0.01):
                (cancel or Cancel()).check()
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.at_once -= 1
        return VIDEO


class Place:
    def __init__(self, database: Database, folder: Path) -> None:
        self.blobs = Blobs(folder)
        self.rows = AssetRows(database, self.blobs)
        self.looks = Looks()
        self.told = 0
        self.ends = ExitStack()
        self.database = database
        self.queue = AssetQueue(database, self.rows, lease=LEASE, attempts=3)

    def loop(self, owner: str = "w", queue: AssetQueue | None = None, **more: Any) -> AssetLoop:
        fetcher = UrlFetcher(make_gate(["127.0.0.1"], [0]), FetchLimits(1_000_000, 5, idle=2))
        intake = Intake(self.rows, self.blobs, fetcher, self.looks)
        chosen = {"lease": LEASE, "attempts": 3, "retry": 0.01, "when_decided": self.tell, **more}
        loop = AssetLoop(queue or self.queue, intake, owner, **chosen)
        self.ends.callback(loop.stop)
        loop.start()
        return loop

    def tell(self) -> None:
        self.told += 1

    def upload(self, data: str = "data") -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(data.encode())
            stored = incoming.finish()
            return self.rows.add("a", method="direct", filename="v", file_type="video/mp4", stored=stored)

    def by_url(self, url: str) -> Asset:
        return self.rows.add("a", method="url", filename="v", file_type="video/mp4", url=url)

    def now(self, asset: Asset) -> Asset:
        found = self.rows.get("a", asset.id)
        assert found is not None
        return found

    def ended(self, asset: Asset) -> Asset:
        until(lambda: self.now(asset).status != "processing")
        return self.now(asset)

    def close(self) -> None:
        self.looks.go.set()
        self.ends.close()
        self.blobs.close()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    assert met


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    place = Place(database, tmp_path)
    yield place
    place.close()


def test_files_that_are_here_and_files_that_are_far_become_ready(place: Place) -> None:
    with hostile(says(answer(b"from afar"))) as server:
        assets = [place.upload(), place.by_url(f"http://127.0.0.1:{server.port}/v.mp4")]
        loop = place.loop()
        loop.ring()
        assert [place.ended(asset).status for asset in assets] == ["ready", "ready"]
    until(lambda: place.told == 2)
    assert sorted(place.looks.begun) == ["data", "from afar"]


def test_only_so_many_files_are_looked_into_at_once(place: Place) -> None:
    place.looks.go.clear()
    assets = [place.upload(str(number)) for number in range(5)]
    place.loop(looks=2)
    until(lambda: place.looks.at_once == 2)
    place.looks.go.set()
    assert {place.ended(asset).status for asset in assets} == {"ready"}
    assert place.looks.most_at_once == 2


def test_what_passes_is_tried_again_and_after_the_last_attempt_given_up(place: Place) -> None:
    place.looks.errors = [ServiceUnavailable(reason="No decoder.") for _ in range(2)]
    place.loop()
    assert place.ended(place.upload()).status == "ready"
    place.looks.errors = [ServiceUnavailable(reason="No decoder.") for _ in range(3)]
    failed = place.ended(place.upload("other"))
    assert (failed.status, failed.error) == ("failed", "No decoder.")


def test_what_does_not_pass_fails_at_once(place: Place) -> None:
    place.looks.errors = [RuntimeError("secret")]
    place.loop()
    failed = place.ended(place.upload())
    assert failed.status == "failed"
    assert "secret" not in str(failed.error)
    assert len(place.looks.begun) == 1


def test_an_asset_is_kept_for_as_long_as_the_look_takes(place: Place) -> None:
    place.looks.go.clear()
    asset = place.upload()
    queue = AssetQueue(place.database, place.rows, lease=SHORT, attempts=3)
    place.loop("w", queue, lease=SHORT)
    until(lambda: len(place.looks.begun) == 1)
    place.loop("v", queue, lease=SHORT)
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 1.5 * SHORT)
    assert place.queue.held("w") == {asset.id}
    assert len(place.looks.begun) == 1
    place.looks.go.set()
    assert place.ended(asset).status == "ready"


def test_a_deleted_asset_is_left_alone(place: Place) -> None:
    place.looks.go.clear()
    asset = place.upload()
    loop = place.loop()
    until(lambda: place.looks.at_once == 1)
    place.rows.remove("a", asset.id)
    loop.ring()
    until(lambda: place.looks.at_once == 0)
    place.looks.go.set()
    assert place.ended(place.upload("next")).status == "ready"


def test_a_worker_that_stops_leaves_its_assets_to_the_next(place: Place) -> None:
    place.looks.go.clear()
    asset = place.upload()
    loop = place.loop("w")
    until(lambda: place.looks.at_once == 1)
    loop.stop()
    assert place.looks.at_once == 0
    assert place.queue.held("w") == frozenset()
    assert place.now(asset).status == "processing"
    place.looks.go.set()
    place.loop("v")
    assert place.ended(asset).status == "ready"


def test_a_database_that_is_away_for_a_while_stops_nothing(place: Place) -> None:
    class Away(AssetQueue):
        times = 2

        def claim(self, owner: str, **more: int) -> Any:
            if self.times:
                self.times -= 1
                raise DatabaseUnavailable
            return super().claim(owner, **more)

    queue = Away(place.database, place.rows, lease=LEASE, attempts=3)
    asset = place.upload()
    place.loop(queue=queue)
    assert place.ended(asset).status == "ready"
