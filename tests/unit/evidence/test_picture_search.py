"""A search looks at a real video in its own process, once for each picture, and names what it found as the client did."""

import hashlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.media_truth import make_video
from tests.unit.evidence.drawn import logo, page, put

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import Children, ChildSpec
from kinoscribe.contract.errors import EngineFailed, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.picture_record import Found, SearchConfig, encode
from kinoscribe.evidence.picture_search import PictureSearch, Sample, with_sightings
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.pieces import Cutout
from kinoscribe.notes import Notes
from kinoscribe.storage.cache_folder import CacheFolder

TARGET = "kinoscribe.evidence.picture_worker:serve"


def sample(name: str, kind: str) -> Sample:
    pixels = logo(kind)
    cutout = Cutout(pixels.shape[1], pixels.shape[0], pixels.tobytes())
    return Sample(name, hashlib.sha256(cutout.pixels).hexdigest(), cutout)


def drawn(time: float) -> Any:
    """A logo that stands on the page from the third to the sixth second."""
    ground = page(3)
    return put(ground, logo("ring"), 400, 100, 150) if 3.0 <= time < 6.0 else ground


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "video.mp4"
    make_video(path, drawn, seconds=9.0, fps=8)
    return path


@pytest.fixture(scope="module")
def facts(video: Path) -> VideoFacts:
    decoders = Decoders()
    found = decoders.probe(video)
    decoders.close()
    return found


def kept(folder: Path) -> CacheFolder:
    return CacheFolder(folder / "cache", 1 << 30, b"secret")


@pytest.fixture
def search(tmp_path: Path) -> Iterator[PictureSearch]:
    config = encode(SearchConfig(1 << 31, 60.0, 64_000_000, str(tmp_path / "weights")))
    made = PictureSearch(kept(tmp_path), Children(ChildSpec(TARGET, config, silence=60.0), most=1))
    yield made
    made.close()


def ended(steps: Generator[Any, None, tuple[Found, ...]]) -> tuple[list[Any], tuple[Found, ...]]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return told, stop.value


def test_a_logo_is_found_with_its_times_and_a_decoy_is_not(
    search: PictureSearch, video: Path, facts: VideoFacts, tmp_path: Path
) -> None:
    samples = (sample("mark", "ring"), sample("decoy", "cross"), sample("again", "ring"))
    told, found = ended(search.find(video, "ab" * 32, facts, samples, Cancel(), account="one"))
    assert [one.name for one in found] == ["mark", "decoy", "again"]
    (seen,) = found[0].sightings
    assert seen.name == "mark"
    assert seen.start == pytest.approx(3.0, abs=0.3)
    assert seen.end == pytest.approx(6.0, abs=0.3)
    assert found[1].sightings == ()
    assert found[1].looks == found[0].looks > 3
    assert found[2].sightings[0].name == "again"
    assert told[-1].done == 1.0
    notes = with_sightings(Notes("c", 0.0, 9.0), found[:2])
    assert [one.name for one in notes.sightings] == ["mark"]
    assert [one.name for one in notes.sought] == ["mark", "decoy"]

    video_is_gone = tmp_path / "nothing.mp4"
    told, again = ended(search.find(video_is_gone, "ab" * 32, facts, samples, Cancel(), account="one"))
    assert told == []
    assert again == found
    with pytest.raises(VideoFileBroken):  # it was looked for by one account, and another looks for itself
        ended(search.find(video_is_gone, "ab" * 32, facts, samples, Cancel(), account="two"))


def test_what_cannot_be_decoded_is_said(search: PictureSearch, facts: VideoFacts, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(VideoFileBroken):
        ended(search.find(broken, "cd" * 32, facts, (sample("mark", "ring"),), Cancel(), account="one"))


def test_a_search_that_nobody_waits_for_ends(search: PictureSearch, video: Path, facts: VideoFacts) -> None:
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled):
        ended(search.find(video, "ef" * 32, facts, (sample("mark", "ring"),), cancel, account="one"))


def test_a_process_that_dies_twice_is_a_failure(tmp_path: Path, video: Path, facts: VideoFacts) -> None:
    dying = PictureSearch(kept(tmp_path), Children(ChildSpec("os:abort", b"", start=10.0), most=1))
    with pytest.raises(EngineFailed, match="searches for pictures"):
        ended(dying.find(video, "aa" * 32, facts, (sample("mark", "ring"),), Cancel(), account="one"))
    dying.close()
