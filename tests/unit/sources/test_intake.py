from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ServiceUnavailable, VideoFileBroken
from kinoscribe.contract.video import VideoFacts, sound_facts
from kinoscribe.media.pieces import FileKind, PictureFacts, SoundFacts
from kinoscribe.sources.intake import Intake, Unusable
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import Gate, make_gate
from kinoscribe.storage.asset_queue import AssetJob, AssetQueue
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.database import Database

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
VIDEO = FileKind("video", "video/mp4", facts=FACTS)
SOUND = SoundFacts(3.5, "mp3", "mp3", 44_100, 2, 1)
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
        self.queue = AssetQueue(self.database, self.rows)
        self.told: list[tuple[Path, str, VideoFacts, str]] = []

    def intake(self, gate: Gate | None = None, **more: Any) -> Intake:
        fetcher = UrlFetcher(gate or make_gate(["127.0.0.1"], [0]), LIMITS)
        when_ready = lambda *told: self.told.append(told)  # noqa: E731
        return Intake(self.rows, self.blobs, fetcher, self.looks, **{"when_ready": when_ready, **more})

    def job(self) -> AssetJob:
        """The one asset that waits, as a worker gets it."""
        (job,) = self.queue.claim("w", arrivals=1, looks=1)
        return job

    def upload(self, data: bytes = b"data") -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(data)
            stored = incoming.finish()
            return self.rows.add("a", method="direct", filename="v", file_type="video/mp4", stored=stored)

    def by_url(self, url: str) -> Asset:
        return self.rows.add("a", method="url", filename="v", file_type="video/mp4", url=url)

    def close(self) -> None:
        self.blobs.close()
        self.database.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def decided(bench: Bench, asset: Asset, intake: Intake | None = None) -> Asset:
    """The asset after one attempt that is the last one."""
    found = (intake or bench.intake()).process(bench.job(), Cancel(), patient=False)
    assert found is not None
    assert bench.rows.get("a", asset.id) == found
    return found


def test_an_uploaded_video_becomes_ready_and_those_who_want_to_know_are_told(bench: Bench) -> None:
    asset = decided(bench, bench.upload())
    assert (asset.status, asset.kind, asset.duration, asset.facts) == ("ready", "video", 8.0, FACTS)
    assert asset.technical is not None
    assert asset.technical["video_codec"] == "h264"
    assert asset.content is not None
    assert bench.told == [(bench.blobs.path(asset.content), asset.content, FACTS, "a")]


@pytest.mark.parametrize(
    ("found", "kind", "duration"),
    [
        (FileKind("image", "image/png", picture=PictureFacts(4, 3, "image/png")), "image", None),
        (FileKind("audio", "audio/mpeg", sound=SOUND), "audio", 3.5),
    ],
)
def test_a_picture_and_a_sound_become_ready_as_what_they_are(
    bench: Bench, found: FileKind, kind: str, duration: float | None
) -> None:
    bench.looks.found = found
    asset = decided(bench, bench.upload())
    assert (asset.status, asset.kind, asset.file_type, asset.duration) == (
        "ready",
        kind,
        found.mime_type,
        duration,
    )
    assert asset.facts is None, "only a video has these"
    heard = [sound_facts(found.mime_type, 3.5, 4)] if kind == "audio" else []
    assert [facts for _, _, facts, _ in bench.told] == heard, "there is something to be heard"


def test_a_sound_tells_what_it_is_made_of(bench: Bench) -> None:
    bench.looks.found = FileKind("audio", "audio/mpeg", sound=SOUND)
    assert decided(bench, bench.upload()).technical == {
        "file_size_bytes": 4,
        "file_mime_type": "audio/mpeg",
        "file_container_format": "mp3",
        "audio_codec": "mp3",
        "audio_sample_rate": 44_100,
        "audio_channels": 2,
        "audio_duration_seconds": 3.5,
        "has_audio": True,
        "total_video_streams": 0,
        "total_audio_streams": 1,
    }


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
    asset = decided(bench, bench.upload())
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


def test_a_decoder_that_cannot_be_started_at_the_moment_is_no_fault_of_the_file(bench: Bench) -> None:
    bench.looks.found = ServiceUnavailable(reason="No decoder.")
    asset, intake = bench.upload(), bench.intake()
    job = bench.job()
    with pytest.raises(Unusable, match="No decoder") as caught:
        intake.process(job, Cancel())
    assert caught.value.passes
    assert (bench.rows.get("a", asset.id) or asset).status == "processing"
    failed = intake.process(job, Cancel(), patient=False)
    assert failed is not None
    assert (failed.status, failed.error) == ("failed", "No decoder.")


def test_a_url_is_fetched_and_looked_into(bench: Bench) -> None:
    with hostile(says(answer(b"from afar"))) as server:
        asset = decided(bench, bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4"))
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
        asset = decided(bench, bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert asset.status == "failed"
    assert asset.error is not None
    assert sentence in asset.error
    assert bench.looks.seen == []


def test_a_url_into_the_inside_fails(bench: Bench) -> None:
    asset = decided(bench, bench.by_url("http://127.0.0.1/v.mp4"), bench.intake(make_gate()))
    assert asset.status == "failed"


def test_an_asset_deleted_while_it_is_looked_into_comes_to_nothing(bench: Bench) -> None:
    asset = bench.upload()

    def delete_it(_path: Path, _cancel: Cancel) -> FileKind:
        bench.rows.remove("a", asset.id)
        return VIDEO

    bench.looks.found = delete_it
    assert bench.intake().process(bench.job(), Cancel()) is None
    assert list(bench.blobs.kept()) == []
    assert bench.told == []


def test_an_asset_deleted_before_it_is_looked_into_comes_to_nothing(bench: Bench) -> None:
    asset = bench.upload()
    job = bench.job()
    bench.rows.remove("a", asset.id)
    assert bench.intake().process(job, Cancel()) is None
    assert bench.looks.seen == []


def test_a_url_whose_host_is_down_is_tried_again_and_one_that_is_not_there_is_not(bench: Bench) -> None:
    intake = bench.intake()
    with hostile(says(answer(b"", status=b"503 Service Unavailable"))) as server:
        bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4")
        with pytest.raises(Unusable) as caught:
            intake.process(bench.job(), Cancel())
    assert caught.value.passes
    with hostile(says(answer(b"", status=b"404 Not Found"))) as server:
        bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4")
        failed = intake.process(bench.job(), Cancel())
    assert failed is not None
    assert failed.status == "failed"


def test_who_has_lost_an_asset_decides_nothing(bench: Bench) -> None:
    asset = bench.upload()
    job = bench.job()
    bench.queue.put_back(job)
    (other,) = bench.queue.claim("other", arrivals=1, looks=1)
    assert bench.intake().process(job, Cancel()) is None
    assert (bench.rows.get("a", asset.id) or asset).status == "processing"
    ready = bench.intake().process(other, Cancel())
    assert ready is not None
    assert ready.status == "ready"


def test_a_file_that_arrives_after_its_asset_went_to_another_is_not_kept(bench: Bench) -> None:
    with hostile(says(answer(b"from afar"))) as server:
        bench.by_url(f"http://127.0.0.1:{server.port}/v.mp4")
        job = bench.job()
        bench.queue.put_back(job)
        assert bench.intake().process(job, Cancel()) is None
    assert list(bench.blobs.kept()) == []


def test_work_that_is_broken_off_decides_nothing(bench: Bench) -> None:
    asset = bench.upload()
    bench.looks.found = Canceled()
    job = bench.job()
    with pytest.raises(Canceled):
        bench.intake().process(job, Cancel(), patient=False)
    assert (bench.rows.get("a", asset.id) or asset).status == "processing"
    bench.looks.found = VIDEO
    assert bench.intake().process(job, Cancel()) is not None


def test_bringing_a_file_from_far_away_can_be_broken_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def far_away(_content: str, switch: Cancel | None = None) -> Iterator[Path]:
        assert switch is cancel
        cancel.throw()
        switch.check()
        yield Path()

    asset, cancel = bench.upload(), Cancel()
    monkeypatch.setattr(bench.blobs, "borrow", far_away)
    with pytest.raises(Canceled):
        bench.intake().process(bench.job(), cancel)
    assert bench.rows.get("a", asset.id) == asset


def test_an_upload_is_put_together_and_looked_into(bench: Bench) -> None:
    asset = bench.rows.add("a", method="multipart", filename="v", file_type="video/mp4")
    assert bench.queue.claim("w", arrivals=1, looks=1) == (), "its chunks are still coming"
    with bench.database.writing() as db:
        bench.rows.hand_over(db, asset.id, "5" * 24)
    asked: list[str] = []

    @contextmanager
    def assemble(upload_id: str, _cancel: Cancel) -> Iterator[Stored]:
        asked.append(upload_id)
        with bench.blobs.begin() as incoming:
            incoming.write(b"in parts")
            yield incoming.finish()

    ready = decided(bench, asset, bench.intake(assemble=assemble))
    assert (ready.status, ready.size, asked) == ("ready", 8, ["5" * 24])
    assert bench.looks.seen == [b"in parts"]


def test_a_thumbnail_is_made_only_for_those_who_want_one(bench: Bench) -> None:
    intake = bench.intake(depict=lambda _path, found, _cancel: found.mime_type.encode())
    plain = decided(bench, bench.upload(), intake)
    with bench.blobs.begin() as incoming:
        stored = incoming.finish()
        added = bench.rows.add(
            "a", method="direct", filename="v", file_type="video/mp4", stored=stored, wants_thumbnail=True
        )
    wanted = decided(bench, added, intake)
    assert bench.rows.thumbnail(wanted.id) == b"video/mp4"
    assert bench.rows.thumbnail(plain.id) is None
    assert (plain.has_thumbnail, wanted.has_thumbnail) == (False, True)


def test_a_listener_that_fails_does_not_unmake_the_asset(bench: Bench) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    assert decided(bench, bench.upload(), bench.intake(when_ready=fail)).status == "ready"
