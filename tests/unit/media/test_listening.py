"""Sound of a file without pictures: all of it, at its own time, whatever it is packed in, from wherever one goes on."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
from tests.media_truth import RED, cards, make_video

from kinoscribe.media.listening import listen
from kinoscribe.media.pieces import SAMPLE_RATE, Border, Read, ReadPlan, Sound
from kinoscribe.media.reading import read
from kinoscribe.media.video_file import Unreadable

PIXELS = 64_000_000
PLAN = ReadPlan(pictures=False, thumbs=False, alone=True)
RATE = 44_100


def noise(seconds: float) -> np.ndarray:
    """Low sound that never repeats: where it is a few milliseconds off, that shows."""
    points = np.random.default_rng(7).normal(0, 0.2, round(seconds * 400) + 1)
    at = np.arange(round(seconds * RATE)) / RATE * 400
    return np.clip(np.interp(at, np.arange(points.size), points), -1, 1).astype(np.float32)


def sound_file(
    path: Path, codec: str = "pcm_s16le", seconds: float = 7.3, start: float = 0.0, form: str | None = None
) -> Path:
    with av.open(str(path), "w", format=form) as out:
        rate = 48_000 if codec == "libopus" else RATE
        stream: Any = out.add_stream(codec, rate=rate, layout="stereo")
        size = stream.codec_context.frame_size or 1024
        made = av.AudioResampler(
            format=stream.codec_context.format.name, layout="stereo", rate=rate, frame_size=size
        )
        samples = np.stack([noise(seconds)] * 2)
        for at in range(0, samples.shape[1], 1000):
            frame = av.AudioFrame.from_ndarray(samples[:, at : at + 1000].copy(), "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, at + round(start * RATE)
            for ready in made.resample(frame):
                out.mux(stream.encode(ready))
        for ready in made.resample(None):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return path


def heard(pieces: list[Any]) -> np.ndarray:
    return np.concatenate([np.frombuffer(p.samples, "<f4") for p in pieces if isinstance(p, Sound)])


def truth(seconds: float) -> np.ndarray:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = noise(seconds)
    return np.interp(at, np.arange(samples.size) / RATE, samples).astype(np.float32)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    size = min(one.size, other.size)
    return float(np.corrcoef(one[:size], other[:size])[0, 1])


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.wav", "pcm_s16le", None),
        ("a.flac", "flac", None),
        ("a.mp3", "libmp3lame", None),
        ("a.m4a", "aac", "ipod"),
        ("a.ogg", "libopus", None),
        ("a.mka", "libopus", "matroska"),
        ("a.aac", "aac", "adts"),
    ],
)
def test_all_of_a_sound_is_heard_at_its_time(name: str, codec: str, form: str | None, tmp_path: Path) -> None:
    pieces = list(read(sound_file(tmp_path / name, codec, form=form), PLAN, PIXELS))
    assert isinstance(pieces[-1], Read)
    assert (pieces[-1].frames, pieces[-1].end_of_pictures, pieces[-1].warnings) == (0, None, ())
    sounds = [piece for piece in pieces if isinstance(piece, Sound)]
    assert len(sounds) == len(pieces) - 1
    for one, following in pairwise(sounds):
        assert following.time == pytest.approx(one.time + len(one.samples) / 4 / SAMPLE_RATE, abs=1e-3)
    assert sounds[0].time == pytest.approx(0.0, abs=0.06)
    early = round((0.0 - sounds[0].time) * SAMPLE_RATE)  # a coder may begin a moment before or after
    samples = heard(pieces)
    assert samples.size / SAMPLE_RATE == pytest.approx(7.3, abs=0.12)
    shifts = [
        alike(samples[max(0, early + s) :], truth(7.3)[max(0, -early - s) :]) for s in range(-1200, 1200, 4)
    ]
    assert max(shifts) > 0.95


def test_sound_that_begins_late_keeps_its_time(tmp_path: Path) -> None:
    pieces = list(
        listen(sound_file(tmp_path / "a.mka", "flac", 3.0, start=5.0, form="matroska"), PLAN, PIXELS)
    )
    assert isinstance(pieces[0], Sound)
    assert pieces[0].time == pytest.approx(5.0, abs=0.01)
    assert isinstance(pieces[-1], Read)
    assert pieces[-1].end_of_sound == pytest.approx(8.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac")]
)
def test_who_goes_on_at_a_border_hears_what_came_after_it_and_nothing_twice(
    name: str, codec: str, tmp_path: Path
) -> None:
    path = sound_file(tmp_path / name, codec, 9.4, form="ipod" if name == "a.m4a" else None)
    plan = msgspec.structs.replace(PLAN, border_every=2.0)
    whole = list(listen(path, plan, PIXELS))
    borders = [at for at, piece in enumerate(whole) if isinstance(piece, Border)]
    assert len(borders) in (3, 4)
    for at in borders:
        border = whole[at]
        assert isinstance(border, Border)
        again = list(listen(path, msgspec.structs.replace(plan, resume=border.state), PIXELS))
        expected, got = heard(whole[at + 1 :]), heard(again)
        assert isinstance(again[0], Sound)
        assert again[0].time == pytest.approx(border.time, abs=1e-6)
        assert got.size == pytest.approx(expected.size, abs=2)
        assert alike(got, expected) > 0.999
        assert [p.time for p in again if isinstance(p, Border)] == pytest.approx(
            [p.time for p in whole[at + 1 :] if isinstance(p, Border)]
        )


def test_a_border_never_comes_before_the_first_sound_or_without_being_asked_for(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.wav", seconds=3.2)
    assert not any(isinstance(piece, Border) for piece in listen(path, PLAN, PIXELS))
    first = next(iter(listen(path, msgspec.structs.replace(PLAN, border_every=0.1), PIXELS)))
    assert isinstance(first, Sound)


def test_only_the_sound_inside_a_window_is_heard(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, start=2.5, end=4.0)
    pieces = list(listen(sound_file(tmp_path / "a.wav"), plan, PIXELS))
    assert isinstance(pieces[0], Sound)
    assert pieces[0].time == pytest.approx(2.5)
    assert heard(pieces).size / SAMPLE_RATE == pytest.approx(1.5, abs=0.01)


def test_a_file_that_breaks_off_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.flac", "flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    pieces = list(listen(path, PLAN, PIXELS))
    assert 2.0 < heard(pieces).size / SAMPLE_RATE < 6.0


@pytest.mark.parametrize("content", [b"", b"hello", b"#EXTM3U\nhttp://x/a.mp3\n", b"ID3" + bytes(2000)])
def test_what_is_no_sound_is_unreadable(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(Unreadable):
        list(listen(tmp_path / "a.mp3", PLAN, PIXELS))


def test_pictures_without_sound_are_unreadable_as_sound(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no sound"):
        list(listen(make_video(tmp_path / "v", cards((0, RED)), seconds=1, form="mp4"), PLAN, PIXELS))
