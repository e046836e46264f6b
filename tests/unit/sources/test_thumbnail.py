from collections.abc import Generator
from pathlib import Path

import pytest

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ServiceUnavailable, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.decoders import PictureRefused
from kinoscribe.media.pieces import FileKind, Picture, PictureFacts, SoundFacts, Still, Stills, StillsPlan
from kinoscribe.sources.thumbnail import LONGEST_SIDE, Thumbnails

FACTS = VideoFacts(100.0, 110.0, 640, 360, 25.0, 0, "mpegts", "video/mp2t", "h264", None, None, None, 1, 0, 4)
VIDEO = FileKind("video", "video/mp2t", facts=FACTS)
IMAGE = FileKind("image", "image/png", picture=PictureFacts(4, 2, "image/png"))
PATH = Path("file")


class Pictures:
    def __init__(self, *jpegs: bytes, error: Exception | None = None) -> None:
        self.jpegs = jpegs
        self.error = error
        self.plan: StillsPlan | None = None

    def stills(
        self, path: Path, plan: StillsPlan, cancel: Cancel | None = None
    ) -> Generator[Still | Stills, None, None]:
        self.plan = plan
        if self.error is not None:
            raise self.error
        yield from (Still(float(place), 2, 2, jpeg) for place, jpeg in enumerate(self.jpegs))
        yield Stills(0)

    def picture(self, path: Path, max_side: int = 1280, cancel: Cancel | None = None) -> Picture:
        assert max_side == LONGEST_SIDE
        if self.error is not None:
            raise self.error
        return Picture(0.0, 0.0, 4, 2, bytes(24))


def test_the_richest_of_a_few_pictures_out_of_the_video_stands_for_it() -> None:
    pictures = Pictures(b"black", b"many things", b"grey")
    assert Thumbnails(pictures).of(PATH, VIDEO, Cancel()) == b"many things"
    assert pictures.plan is not None
    assert all(101 <= instant <= 109 for instant in pictures.plan.instants)
    assert (pictures.plan.width, pictures.plan.begins) == (LONGEST_SIDE, 100.0)


def test_a_picture_stands_for_itself() -> None:
    jpeg = Thumbnails(Pictures()).of(PATH, IMAGE, Cancel())
    assert jpeg is not None
    assert jpeg.startswith(b"\xff\xd8\xff")


def test_what_shows_nothing_has_no_thumbnail() -> None:
    sound = FileKind("audio", "audio/mp4", sound=SoundFacts(3.0, "mov", "aac", 44_100, 2, 1))
    assert Thumbnails(Pictures(b"x")).of(PATH, sound, Cancel()) is None
    assert Thumbnails(Pictures()).of(PATH, VIDEO, Cancel()) is None
    broken = Thumbnails(Pictures(error=VideoFileBroken(reason="x")))
    assert broken.of(PATH, VIDEO, Cancel()) is None
    assert Thumbnails(Pictures(error=PictureRefused("x"))).of(PATH, IMAGE, Cancel()) is None


def test_a_decoder_that_is_away_is_told_of() -> None:
    with pytest.raises(ServiceUnavailable):
        Thumbnails(Pictures(error=ServiceUnavailable(reason="x"))).of(PATH, VIDEO, Cancel())
