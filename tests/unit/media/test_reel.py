"""Pictures laid out as a video can be read back as videos are."""

from pathlib import Path

import numpy as np
from tests.unit.evidence.drawn import logo, texture
from tests.unit.media.ended import ended

from kinoscribe.media.pieces import Cutout, Picture, ReadPlan
from kinoscribe.media.probe import probe
from kinoscribe.media.reading import read
from kinoscribe.media.reel import SECONDS, write_reel

PIXELS = 64_000_000


def cutout(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Cutout:
    return Cutout(pixels.shape[1], pixels.shape[0], pixels.tobytes())


def test_every_picture_is_shown_for_its_time_in_the_middle_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "reel.mkv"
    red, blue = (np.full((90, 160, 4), 255, np.uint8) for _ in range(2))
    red[..., :3], blue[..., :3] = (220, 20, 20), (20, 20, 220)
    write_reel([cutout(red), cutout(blue), cutout(logo("ring"))], path)
    facts = ended(probe(path, PIXELS))
    assert facts.duration == 3 * SECONDS
    assert (facts.width, facts.height, facts.audio_codec) == (1280, 720, None)
    plan = ReadPlan(sound=False, thumbs=False, min_gap=0.5, max_gap=0.5)
    pictures = [piece for piece in read(path, plan, PIXELS) if isinstance(piece, Picture)]
    for time, colour in ((0.5, (220, 20, 20)), (SECONDS + 0.5, (20, 20, 220))):
        shown = next(one for one in pictures if one.time >= time)
        seen = np.frombuffer(shown.pixels, np.uint8).reshape(shown.height, shown.width, 3)
        assert np.abs(seen[360, 640].astype(int) - colour).max() < 12
        assert seen[10, 10].min() > 240


def test_large_and_narrow_pictures_are_fitted_and_the_same_pictures_give_the_same_file(
    tmp_path: Path,
) -> None:
    pictures = [
        cutout(texture(1, 2000, 300)),
        cutout(texture(2, 20, 900)),
        cutout(np.zeros((1, 1, 4), np.uint8)),
    ]
    write_reel(pictures, tmp_path / "a.mkv")
    write_reel(pictures, tmp_path / "b.mkv")
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()
    assert ended(probe(tmp_path / "a.mkv", PIXELS)).duration == 3 * SECONDS
