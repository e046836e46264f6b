import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ServiceUnavailable, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import FileKind, PictureFacts
from kinoscribe.sources import intake as intake_module
from kinoscribe.sources.intake import Intake
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import Gate, make_gate
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
VIDEO = FileKind("video", "video/mp4", facts=FACTS)
LIMITS = FetchLimits(bytes=1_000_000, seconds=5, idle=2)


class Looks:
    """Knows what every file is: what it was told."""

    def __init__(self, found: FileKind = VIDEO) -> None:
        self.found: FileKind | Exception | Callable[[Path, Cancel], FileKind] = found
        self.seen: list[bytes] = []

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind:
        self.seen.append(path.read_bytes())
        if isinstance(self.found, Exception):
            raise self.found
        if callable(self.found):
            return self.found(path, cancel or Cancel())
        return self.found


class Bench:
    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(folder)
        self.rows = AssetRows(self.database, self.blobs)
        self.looks = Looks()
        self.told: list[tuple[Path, str, VideoFacts]] = []
        self.intakes: list[Intake] = []

    def intake(self, gate: Gate | None = None) -> Intake:
        fetcher = UrlFetcher(gate or make_gate(["127.0.0.1"], [0]), LIMITS)
        when_ready = lambda path, content, facts: self.told.append((path, content, facts))  # noqa: E731
        self.intakes.append(Intake(self.rows, self.blobs, fetcher, self.looks, when_ready=when_ready))
        return self.intakes[-1]

    def upload(self, data: bytes = b"data") -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(data)
            stored = incoming.finish()
            return self.rows.add("a", method="direct", filename="v", file_type="video/mp4", stored=stored)

    def by_url(self, url: str) -> Asset:
        return self.rows.add("a", method="url", filename="v", file_type="video/mp4", url=url)

    def close(self) -> None:
        for intake in self.intakes:
            intake.close()
        self.blobs.close()
        self.database.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def decided(intake: Intake, asset: Asset) -> Asset:
    found = intake.take(asset).result(10)
    assert found is not None
    assert intake.assets.get("a", asset.id) == found
    return found


def test_an_uploaded_video_becomes_ready_and_those_who_want_to_know_are_told(bench: Bench) -> None:
    asset = decided(bench.intake(), bench.upload())
    assert (asset.status, asset.kind, asset.duration, asset.facts) == ("ready", "video", 8.0, FACTS)
    assert asset.technical is not None
    assert asset.technical["video_codec"] == "h264"
    assert asset.content is not None
    bench.intakes[0].close()
    assert bench.told == [(bench.blobs.path(asset.content), asset.content, FACTS)]


@pytest.mark.parametrize(
    ("found", "kind", "duration"),
    [
        (FileKind("image", "image/png", picture=PictureFacts(4, 3, "image/png")), "image", None),
        (FileKind("audio", "audio/mpeg", duration=3.5), "audio", 3.5),
    ],
)
def test_a_picture_and_a_sound_become_ready_as_what_they_are(
    bench: Bench, found: FileKind, kind: str, duration: float | None
) -> None:
    bench.looks.found = found
    asset = decided(bench.intake(), bench.upload())
    assert (asset.status, asset.kind, asset.file_type, asset.duration) == (
        "ready",
        kind,
        found.mime_type,
        duration,
    )
    assert bench.told == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (FileKind("other", "text/plain"), "neither a video nor a picture"),
        (FileKind("other", "text/plain", reason="It is a text."), "It is a text."),
        (VideoFileBroken(reason="Its index is missing."), "Its index is missing."),
        (ApiError(), ApiError().message),
        (RuntimeError("secret"), ApiError().message),
    ],
)
def test_what_cannot_be_read_fails_with_a_sentence(
    bench: Bench, found: FileKind | Exception, sentence: str
) -> None:
    bench.looks.found = found
    asset = decided(bench.intake(), bench.upload())
    assert asset.status == "failed"
    assert asset.error is not None
    assert sentence in asset.error
    assert "secret" not in asset.error
    assert list(bench.blobs.kept()) == []
    assert bench.told == []
    known = isinstance(found, FileKind)
    assert asset.file_type == ("text/plain" if known else "video/mp4"), (
        "what it is, else what its name promises"
    )


def test_a_decoder_that_cannot_be_started_at_the_moment_is_no_fault_of_the_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_PAUSES", (0.01, 0.01))
    attempts: list[int] = []

    def busy(_path: Path, _cancel: Cancel) -> FileKind:
        attempts.append(1)
        if len(attempts) < 3:
            raise ServiceUnavailable(reason="No decoder.")
        return VIDEO

    bench.looks.found = busy
    assert decided(bench.intake(), bench.upload()).status == "ready"
    bench.looks.found = ServiceUnavailable(reason="No decoder.")
    assert decided(bench.intakes[0], bench.upload()).error == "No decoder."


def test_a_url_is_fetched_and_looked_into(bench: Bench) -> None:
    with hostile(says(answer(b"from afar"))) as server:
        asset = decided(bench.intake(), bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert (asset.status, asset.size) == ("ready", 9)
    assert bench.looks.seen == [b"from afar"]


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (answer(b"", status=b"404 Not Found"), "status 404"),
        (answer(b"abc", length=10), "broke off"),
        (answer(b"", b"Location: http://10.0.0.1/", status=b"302 Found"), "not public"),
        (answer(b"", length=2_000_000), "too large"),
    ],
)
def test_a_url_that_cannot_be_fetched_fails_with_a_sentence(
    bench: Bench, reply: bytes, sentence: str
) -> None:
    with hostile(says(reply)) as server:
        asset = decided(bench.intake(), bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert asset.status == "failed"
    assert asset.error is not None
    assert sentence in asset.error
    assert bench.looks.seen == []


def test_a_url_into_the_inside_fails(bench: Bench) -> None:
    asset = decided(bench.intake(make_gate()), bench.by_url("http://127.0.0.1/v.mp4"))
    assert asset.status == "failed"


def test_what_was_processing_when_the_server_went_down_is_taken_up_again(bench: Bench) -> None:
    with hostile(says(answer(b"from afar"))) as server:
        waiting = [bench.upload(), bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4")]
        done = bench.rows.failed(bench.upload(b"other").id, "earlier")
        with bench.blobs.begin() as incoming:
            incoming.write(b"of an asset whose row was never written")
            orphan = bench.blobs.keep(incoming.finish())
        intake = bench.intake()
        assert intake.resume() == 2
        assert not orphan.exists()
        until = threading.Event()
        for _ in range(100):
            if all((bench.rows.get("a", asset.id) or asset).status == "ready" for asset in waiting):
                break
            until.wait(0.05)
    assert [(bench.rows.get("a", asset.id) or asset).status for asset in waiting] == ["ready", "ready"]
    assert done is not None
    assert bench.rows.get("a", done.id) == done


def test_an_asset_deleted_while_it_is_looked_into_comes_to_nothing(bench: Bench) -> None:
    asset = bench.upload()

    def delete_it(_path: Path, _cancel: Cancel) -> FileKind:
        bench.rows.remove("a", asset.id)
        return VIDEO

    bench.looks.found = delete_it
    assert bench.intake().take(asset).result(10) is None
    assert list(bench.blobs.kept()) == []
    assert bench.told == []


def test_an_asset_deleted_before_it_is_looked_into_comes_to_nothing(bench: Bench) -> None:
    asset = bench.upload()
    bench.rows.remove("a", asset.id)
    assert bench.intake().take(asset).result(10) is None
    assert bench.looks.seen == []


def test_closing_leaves_what_is_undecided_for_the_next_start(bench: Bench) -> None:
    begun = threading.Event()

    def wait(_path: Path, cancel: Cancel) -> FileKind:
        begun.set()
        cancel.wait(10)
        raise Canceled

    bench.looks.found = wait
    asset = bench.upload()
    future = bench.intake().take(asset)
    assert begun.wait(5)
    bench.intakes[0].close()
    assert future.result(5) is None
    assert bench.rows.get("a", asset.id) == asset
    bench.looks.found = VIDEO
    assert decided(bench.intake(), asset).status == "ready"


def test_a_listener_that_fails_does_not_unmake_the_asset(bench: Bench) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    fetcher = UrlFetcher(make_gate(), LIMITS)
    intake = Intake(bench.rows, bench.blobs, fetcher, bench.looks, when_ready=fail)
    bench.intakes.append(intake)
    asset = bench.upload()
    assert decided(intake, asset).status == "ready"
    intake.close()
    found = bench.rows.get("a", asset.id)
    assert found is not None
    assert found.status == "ready"
