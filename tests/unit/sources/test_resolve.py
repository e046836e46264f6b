import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    AssetNotReady,
    ParameterInvalid,
    ResourceNotExist,
    SourceUnreachable,
    StorageFull,
    VideoFilesizeTooLarge,
)
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource, VideoIdSource
from kinoscribe.contract.video import VideoFacts
from kinoscribe.sources.resolve import Content, KeptFile, LocalFile, Resolver, Source
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.asset_rows import Asset, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs, Incoming
from kinoscribe.storage.database import Database

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
VIDEO = Examined("video", "video/mp4", 8.0, {}, FACTS)
DIGEST = hashlib.sha256(b"data").hexdigest()


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(folder)
        self.rows = AssetRows(self.database, self.blobs)
        fetcher = UrlFetcher(make_gate(["127.0.0.1"], [0]), FetchLimits(1000, 5, idle=2))
        self.resolver = Resolver(self.rows, self.blobs, fetcher, asset_wait=0.5)

    def asset(self, examined: Examined | None = VIDEO) -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(b"data")
            stored = incoming.finish()
            asset = self.rows.add("a", method="direct", filename="v", file_type="video/mp4", stored=stored)
        return asset if examined is None else self.rows.ready(asset.id, examined) or asset

    def refusal(self, source: Source, account: str = "a") -> ApiError:
        with pytest.raises(ApiError) as refused:
            self.resolver.resolve(source, account, Cancel()).__enter__()
        assert self.left() == []
        return refused.value

    def left(self) -> list[Path]:
        return [p for p in (self.folder / "incoming").rglob("*") if p.is_file() and "lock" not in p.name]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.blobs.close()
    place.database.close()


def check_data(content: Content) -> None:
    assert content.path.read_bytes() == b"data"
    assert (content.sha256, content.bytes) == (DIGEST, 4)


def test_a_url_is_a_file_until_the_request_ends(place: Place) -> None:
    with hostile(says(answer(b"data"))) as server:
        source = UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")
        with place.resolver.resolve(source, "a", Cancel()) as content:
            check_data(content)
            assert (content.kept, content.asset_id) == (False, None)
    assert place.left() == []


def test_a_url_that_fails_names_the_parameter_and_says_why(place: Place) -> None:
    with hostile(says(answer(b"", status=b"404 Not Found"))) as server:
        refusal = place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert isinstance(refusal, ParameterInvalid)
    assert "video.url" in refusal.message
    assert "404" in refusal.message
    inside = place.refusal(UrlSource("http://10.0.0.1/v.mp4"))
    assert (inside.code, inside.status) == ("parameter_invalid", 400)
    assert "not public" in inside.message


@pytest.mark.parametrize("status", [b"500 No", b"502 No", b"503 No", b"429 Slow", b"408 Late"])
def test_a_host_that_is_overloaded_may_be_better_later(place: Place, status: bytes) -> None:
    with hostile(says(answer(b"", status=status))) as server:
        refusal = place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert isinstance(refusal, SourceUnreachable)
    assert (refusal.code, refusal.status, refusal.passes) == ("parameter_invalid", 400, True)


def test_a_host_that_is_down_silent_or_breaks_off_may_be_better_later(place: Place) -> None:
    with hostile(says(answer(b"data"))) as server:
        down = UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")
    assert isinstance(place.refusal(down), SourceUnreachable)
    with hostile(says(answer(b"dat", length=4))) as server:
        assert isinstance(
            place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")), SourceUnreachable
        )
    with hostile(lambda *_: time.sleep(3)) as server:
        assert isinstance(
            place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")), SourceUnreachable
        )


@pytest.mark.parametrize("status", [b"404 No", b"403 No", b"401 No", b"410 No"])
def test_what_is_not_there_will_not_be_there_later(place: Place, status: bytes) -> None:
    with hostile(says(answer(b"", status=status))) as server:
        refusal = place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert type(refusal) is ParameterInvalid
    assert type(place.refusal(UrlSource("http://10.0.0.1/v.mp4"))) is ParameterInvalid


def test_a_glance_brings_a_small_file_and_leaves_nothing(place: Place) -> None:
    with hostile(says(answer(b"data"))) as server:
        source = UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")
        with place.resolver.glance(source, Cancel()) as content:
            assert content is not None
            check_data(content)
    assert place.left() == []


def test_a_glance_leaves_large_slow_and_absent_files_to_those_who_have_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Cancel()
    with hostile(lambda *_: late.wait(3)) as server:
        threading.Timer(0.3, late.throw).start()
        with place.resolver.glance(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"), late) as content:
            assert content is None
    with place.resolver.glance(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"), Cancel()) as content:
        assert content is None
    monkeypatch.setattr("kinoscribe.sources.resolve._SMALL", 3)
    with (
        hostile(says(answer(b"data"))) as server,
        place.resolver.glance(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"), Cancel()) as content,
    ):
        assert content is None
    assert place.left() == []


def test_a_glance_sees_what_will_never_be_better(place: Place) -> None:
    with hostile(says(answer(b"", status=b"404 Not Found"))) as server:
        gone = UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")
        with pytest.raises(ParameterInvalid, match="404"):
            place.resolver.glance(gone, Cancel()).__enter__()
    assert place.left() == []


def test_a_file_kept_with_a_task_is_lent(place: Place) -> None:
    with place.blobs.begin() as incoming:
        incoming.write(b"data")
        place.blobs.keep(incoming.finish())
    with place.resolver.resolve(KeptFile(DIGEST), "a", Cancel()) as content:
        check_data(content)
        place.blobs.drop(DIGEST)
        check_data(content)
    assert place.left() == []
    refusal = place.refusal(KeptFile(DIGEST))
    assert isinstance(refusal, ParameterInvalid)
    assert not refusal.passes
    assert KeptFile(DIGEST).kind == "base64_string"


def test_a_url_to_more_than_allowed_is_refused_with_its_own_code(place: Place) -> None:
    with hostile(says(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2000))) as server:
        refusal = place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4"))
    assert isinstance(refusal, VideoFilesizeTooLarge)


def test_base64_is_a_file_until_the_request_ends(place: Place) -> None:
    text = base64.b64encode(b"data").decode()
    for spelling in (text, text.rstrip("="), f"data:video/mp4;base64,{text}"):
        with place.resolver.resolve(Base64Source(spelling), "a", Cancel()) as content:
            check_data(content)
            assert not content.kept
        assert place.left() == []
    refusal = place.refusal(Base64Source("no base64!"))
    assert "video.base64_string" in refusal.message


def test_an_asset_is_its_file_with_what_is_known_of_it(place: Place) -> None:
    asset = place.asset()
    with place.resolver.resolve(AssetSource(asset.id), "a", Cancel()) as content:
        check_data(content)
        assert (content.kept, content.asset_id, content.facts) == (True, asset.id, FACTS)
    assert place.blobs.path(DIGEST).exists()
    assert place.left() == []


def test_an_asset_deleted_during_a_request_stays_readable_to_its_end(place: Place) -> None:
    asset = place.asset()
    with place.resolver.resolve(AssetSource(asset.id), "a", Cancel()) as content:
        place.rows.remove("a", asset.id)
        check_data(content)
    assert place.left() == []
    assert isinstance(place.refusal(AssetSource(asset.id)), ResourceNotExist)


@pytest.mark.parametrize("kept", [True, False])
def test_who_leaves_does_not_wait_until_a_file_has_come_from_far_away(
    place: Place, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    @contextmanager
    def far_away(_content: str, switch: Cancel | None = None) -> Iterator[Path]:
        assert switch is cancel
        cancel.throw()
        switch.check()
        yield place.folder

    asset, cancel = place.asset(), Cancel()
    source = KeptFile(DIGEST) if kept else AssetSource(asset.id)
    monkeypatch.setattr(place.blobs, "borrow", far_away)
    with pytest.raises(Canceled), place.resolver.resolve(source, "a", cancel):
        pass


def test_an_unknown_asset_and_one_of_another_account_answer_alike(place: Place) -> None:
    asset = place.asset()
    unknown, foreign = place.refusal(AssetSource("f" * 24)), place.refusal(AssetSource(asset.id), "b")
    for refusal in (unknown, foreign):
        assert (refusal.code, refusal.status) == ("resource_not_exist", 404)
        assert "assets" in refusal.message
    assert unknown.message.replace("f" * 24, asset.id) == foreign.message


@pytest.mark.parametrize("name", ["", "x", "F" * 24, "f" * 25, "../../etc/passwd"])
def test_an_asset_id_of_another_form_is_invalid(place: Place, name: str) -> None:
    refusal = place.refusal(AssetSource(name))
    assert (refusal.code, refusal.status) == ("parameter_invalid", 400)
    assert "video.asset_id" in refusal.message


def test_an_asset_that_is_no_video_is_invalid(place: Place) -> None:
    refusal = place.refusal(AssetSource(place.asset(Examined("image", "image/png")).id))
    assert isinstance(refusal, ParameterInvalid)
    assert "image" in refusal.message


def test_a_failed_asset_is_invalid_and_says_so(place: Place) -> None:
    asset = place.asset(None)
    place.rows.failed(asset.id, "Its index is missing.")
    refusal = place.refusal(AssetSource(asset.id))
    assert isinstance(refusal, ParameterInvalid)
    assert "failed" in refusal.message


def test_an_asset_in_processing_is_waited_for(place: Place) -> None:
    asset = place.asset(None)
    threading.Timer(0.2, place.rows.ready, (asset.id, VIDEO)).start()
    with place.resolver.resolve(AssetSource(asset.id), "a", Cancel()) as content:
        check_data(content)


def test_an_asset_that_stays_in_processing_is_invalid_and_names_the_status(place: Place) -> None:
    started = time.monotonic()
    refusal = place.refusal(AssetSource(place.asset(None).id))
    assert 0.4 < time.monotonic() - started < 3
    assert isinstance(refusal, ParameterInvalid)
    assert "processing" in refusal.message


def test_a_task_does_not_stand_and_wait_for_an_asset(place: Place) -> None:
    asset, started = place.asset(None), time.monotonic()
    with pytest.raises(AssetNotReady):
        place.resolver.resolve(AssetSource(asset.id), "a", Cancel(), patient=False).__enter__()
    assert time.monotonic() - started < 0.4, "the patient wait half a second"
    place.rows.ready(asset.id, VIDEO)
    with place.resolver.resolve(AssetSource(asset.id), "a", Cancel(), patient=False) as content:
        check_data(content)


def test_what_is_known_of_an_asset_is_told_without_its_file(place: Place) -> None:
    processing, ready = place.asset(None), place.asset()
    assert place.resolver.known_video("a", processing.id).status == "processing"
    assert place.resolver.known_video("a", ready.id).facts == FACTS
    with pytest.raises(ResourceNotExist):
        place.resolver.known_video("b", ready.id)
    with pytest.raises(ParameterInvalid, match="image"):
        place.resolver.known_video("a", place.asset(Examined("image", "image/png")).id)


def test_nobody_waits_for_an_asset_when_the_client_has_gone(place: Place) -> None:
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled):
        place.resolver.resolve(AssetSource(place.asset(None).id), "a", cancel).__enter__()


def test_a_video_id_names_nothing_here(place: Place) -> None:
    refusal = place.refusal(VideoIdSource("f" * 24))
    assert (refusal.code, refusal.status) == ("resource_not_exist", 404)
    assert "videos" in refusal.message


def test_a_local_file_is_used_where_it_lies(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "own.mp4"
    file.write_bytes(b"data")
    with place.resolver.resolve(LocalFile(file), "a", Cancel()) as content:
        check_data(content)
        assert content.path == file
    assert file.exists()
    assert LocalFile(file).kind == "file"
    with pytest.raises(FileNotFoundError):
        place.resolver.resolve(LocalFile(tmp_path / "none"), "a", Cancel()).__enter__()


def test_a_full_disk_leaves_nothing_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_incoming: Incoming, _data: bytes) -> None:
        raise StorageFull

    monkeypatch.setattr(Incoming, "write", full)
    assert place.refusal(Base64Source("ZGF0YQ==")).status == 507
    with hostile(says(answer(b"data"))) as server:
        assert place.refusal(UrlSource(f"http://127.0.0.1:{server.port}/v.mp4")).status == 507
