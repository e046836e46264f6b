"""One pass over a video: exact times, upright pictures, sound in its place, and what is left of damaged files."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media_truth import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    Pixels,
    Track,
    beep,
    card,
    cards,
    count_in,
    counted,
    make_video,
)

from kinoscribe.media import reading
from kinoscribe.media.audio import Listener
from kinoscribe.media.pieces import SAMPLE_RATE, THUMB_BYTES, Picture, Piece, Read, ReadPlan, Sound, Thumb
from kinoscribe.media.reading import read
from kinoscribe.media.video_file import Unreadable, VideoFile, packets

PIXELS = 64_000_000
ALL = ReadPlan()
EVERY = ReadPlan(sound=False, thumbs=False, min_gap=0.01, max_gap=0.01, most_pictures=100_000)


def pieces(path: Path, plan: ReadPlan = ALL) -> list[Piece]:
    return list(read(path, plan, PIXELS))


def pictures(path: Path, plan: ReadPlan = ALL) -> list[Picture]:
    return [piece for piece in pieces(path, plan) if isinstance(piece, Picture)]


def thumbs(path: Path, plan: ReadPlan = ALL) -> list[Thumb]:
    return [piece for piece in pieces(path, plan) if isinstance(piece, Thumb)]


def colour(picture: Picture) -> tuple[int, ...]:
    pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 3)
    return tuple(int(value) for value in pixels.mean((0, 1)).round())


def is_near(found: tuple[int, ...], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "start"),
    [
        ("v.mp4", "libx264", 0.0),
        ("v.mp4", "libx264", 10.0),
        ("v.mkv", "libx264", 10.0),
        ("v.ts", "libx264", 3600.0),
        ("v.avi", "mpeg4", 0.0),
        ("v.mkv", "ffv1", 0.0),
        ("v.mpg", "mpeg2video", 2.0),
    ],
)
def test_every_frame_comes_at_its_own_time(name: str, codec: str, start: float, tmp_path: Path) -> None:
    options = {"bf": "2"} if codec == "libx264" else {}
    path = make_video(
        tmp_path / name, counted(25), seconds=3, fps=25, codec=codec, start=start, codec_options=options
    )
    found = pictures(path, EVERY)
    numbers = [count_in(p.pixels, p.width, p.height) for p in found]
    assert numbers == list(range(75))
    assert [p.time for p in found] == pytest.approx([start + n / 25 for n in range(75)], abs=0.002)


def test_uneven_frames_come_at_their_own_times(tmp_path: Path) -> None:
    times = (0.0, 0.04, 0.08, 0.5, 1.7, 1.72, 4.0)
    path = make_video(tmp_path / "v.mkv", counted(1000), times=times, codec="ffv1")
    assert [p.time for p in pictures(path, EVERY)] == pytest.approx(times, abs=0.002)


def test_thumbs_come_for_every_frame_or_twelve_and_a_half_a_second(tmp_path: Path) -> None:
    slow = make_video(tmp_path / "slow.mp4", cards((0, RED)), seconds=4, fps=10)
    fast = make_video(tmp_path / "fast.mp4", cards((0, RED)), seconds=4, fps=50)
    assert len(thumbs(slow)) == 40
    assert len(thumbs(fast)) == pytest.approx(50, abs=2)
    assert all(len(thumb.pixels) == THUMB_BYTES for thumb in thumbs(fast))


def test_a_thumb_is_three_full_planes(tmp_path: Path) -> None:
    (first, *_) = thumbs(make_video(tmp_path / "v.mp4", cards((0, BLUE)), seconds=1))
    y, u, v = np.frombuffer(first.pixels, np.uint8).reshape(3, 36, 64).mean((1, 2))
    assert y < 100
    assert u > 170
    assert v < 128


def test_each_card_is_pictured_and_dated(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", cards((0, RED), (3, GREEN), (6, BLUE)), seconds=9)
    found = pictures(path)
    assert [is_near(colour(p), c) for p, c in zip(found, (RED, GREEN, BLUE), strict=True)] == [True] * 3
    assert [p.since for p in found] == pytest.approx([0.0, 3.0, 6.0], abs=0.01)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = card(RED)
        picture[:180] = BLUE
        return picture

    for turned, blue in ((90, "left"), (-90, "right"), (180, "bottom")):
        path = make_video(tmp_path / f"{turned}.mp4", paint, seconds=1, rotation=turned)
        picture = pictures(path)[0]
        pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 3)
        part = {"left": pixels[:, :100], "right": pixels[:, -100:], "bottom": pixels[-100:]}[blue]
        assert part[..., 2].mean() > 150
        assert (picture.width, picture.height) == ((640, 360) if turned == 180 else (360, 640))
        thumb = np.frombuffer(thumbs(path)[0].pixels, np.uint8).reshape(3, 36, 64)[1]
        part = {"left": thumb[:, :10], "right": thumb[:, -10:], "bottom": thumb[-5:]}[blue]
        assert part.mean() > 150


def test_pictures_are_fitted_and_have_square_pixels(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "v.mp4", cards((0, RED), size=(720, 576)), seconds=1, pixel_aspect=Fraction(64, 45)
    )
    (whole,) = pictures(path)
    (small,) = pictures(path, ReadPlan(max_side=512))
    assert (whole.width, whole.height) == (1024, 576)
    assert (small.width, small.height) == (512, 288)
    assert len(small.pixels) == 512 * 288 * 3


def test_sound_keeps_its_place_beside_the_pictures(tmp_path: Path) -> None:
    sound = (Track(beep((1, 2), seconds=3), start=2.0),)
    path = make_video(tmp_path / "v.mkv", cards((0, RED)), seconds=6, sound=sound)
    found = [piece for piece in pieces(path) if isinstance(piece, Sound)]
    assert found[0].time == pytest.approx(2.0, abs=0.03)
    samples = np.concatenate([np.frombuffer(s.samples, np.float32) for s in found])
    loud = np.flatnonzero(np.abs(samples) > 0.2) / SAMPLE_RATE + found[0].time
    assert loud.min() == pytest.approx(3.0, abs=0.05)
    assert loud.max() == pytest.approx(4.0, abs=0.05)


def test_the_last_piece_says_where_everything_ended(tmp_path: Path) -> None:
    sound = (Track(beep(seconds=5)),)
    *_, last = pieces(make_video(tmp_path / "v.mp4", cards((0, RED)), seconds=4, sound=sound))
    assert isinstance(last, Read)
    assert last.end_of_pictures == pytest.approx(4.0, abs=0.01)
    assert last.end_of_sound == pytest.approx(5.0, abs=0.05)
    assert (last.frames, last.warnings) == (40, ())


def test_only_what_was_asked_for_comes(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", cards((0, RED)), seconds=2, sound=(Track(beep(seconds=2)),))
    kinds = {
        name: {type(p) for p in pieces(path, plan)}
        for name, plan in {
            "pictures": ReadPlan(thumbs=False, sound=False),
            "thumbs": ReadPlan(pictures=False, sound=False),
            "sound": ReadPlan(pictures=False, thumbs=False),
        }.items()
    }
    assert kinds == {"pictures": {Picture, Read}, "thumbs": {Thumb, Read}, "sound": {Sound, Read}}


@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "libx264"), ("v.mkv", "libx264"), ("v.ts", "libx264"), ("v.avi", "mpeg4")]
)
def test_a_window_bounds_all_that_comes(name: str, codec: str, tmp_path: Path) -> None:
    path = make_video(
        tmp_path / name,
        counted(10),
        seconds=20,
        codec=codec,
        sound=(Track(beep(seconds=20), codec="mp2" if name == "v.avi" else "aac"),),
        codec_options={"g": "15"},
    )
    plan = ReadPlan(start=7.0, end=9.5, min_gap=0.01, max_gap=0.01)
    found = pieces(path, plan)
    shown = [p for p in found if isinstance(p, Picture)]
    assert [count_in(p.pixels, p.width, p.height) for p in shown] == list(range(70, 95))
    assert [p.time for p in found if isinstance(p, Thumb)] == pytest.approx(
        [n / 10 for n in range(70, 95)], abs=0.03
    )
    sounds = [p for p in found if isinstance(p, Sound)]
    assert sounds[0].time == pytest.approx(7.0, abs=0.01)
    assert sounds[-1].time + len(sounds[-1].samples) / 4 / SAMPLE_RATE == pytest.approx(9.5, abs=0.01)


def test_joined_transport_streams_run_on(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.ts", counted(10), seconds=3, start=50.0, sound=(Track(beep(seconds=3)),))
    second = make_video(
        tmp_path / "b.ts", counted(10), seconds=3, start=2.0, sound=(Track(beep((0, 1), seconds=3)),)
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    found = pieces(joined, ReadPlan(min_gap=0.01, max_gap=0.01))
    times = [p.time for p in found if isinstance(p, Picture)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(55.9, abs=0.1)
    samples = [
        (s.time + np.flatnonzero(np.abs(np.frombuffer(s.samples, np.float32)) > 0.2) / SAMPLE_RATE)
        for s in found
        if isinstance(s, Sound)
    ]
    assert np.concatenate(samples).min() == pytest.approx(53.0, abs=0.15)
    assert isinstance(found[-1], Read)
    assert found[-1].warnings


def test_what_came_of_a_cut_file_is_used(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", counted(10), seconds=20, options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    *shown, last = pieces(path, EVERY)
    assert isinstance(last, Read)
    assert 60 < len(shown) < 140
    assert last.end_of_pictures == pytest.approx(len(shown) / 10, abs=0.11)


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", counted(10), seconds=20, codec_options={"g": "10"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    *shown, last = pieces(path, EVERY)
    assert isinstance(last, Read)
    assert last.end_of_pictures == pytest.approx(20.0, abs=0.2)
    assert len(shown) > 150
    assert "damaged" in last.warnings[0]


def test_a_video_without_a_picture_that_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", cards((0, RED)), seconds=2)
    content = bytearray(path.read_bytes())
    at, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[at:end] = bytes(end - at)
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        pieces(path)


def test_a_change_of_size_in_the_middle_is_followed(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.ts", cards((0, RED)), seconds=2)
    second = make_video(tmp_path / "b.ts", cards((0, WHITE), size=(480, 360)), seconds=2, start=2.0)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    sizes = {(p.width, p.height) for p in pictures(joined)}
    assert sizes == {(640, 360), (480, 360)}


def test_few_pictures_are_spread_over_the_whole_video(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "v.mp4",
        lambda t: card((int(t * 10) * 37 % 256, 90, int(t * 10) * 91 % 256), (320, 180)),
        seconds=60,
        fps=5,
    )
    times = [p.time for p in pictures(path, ReadPlan(most_pictures=8))]
    assert 3 <= len(times) <= 8
    assert times[-1] > 35.0


def test_the_reader_stops_when_it_is_closed(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", cards((0, RED)), seconds=5)
    reading = read(path, ReadPlan(), PIXELS)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert list(reading) == []


def test_sound_that_cannot_be_mixed_costs_the_sound_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Listener, frame: av.AudioFrame) -> None:
        raise av.error.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(Listener, "_resample", refuse)
    path = make_video(tmp_path / "v.mp4", cards((0, RED)), seconds=2, sound=(Track(beep(seconds=2)),))
    *found, last = pieces(path)
    assert isinstance(last, Read)
    assert not [piece for piece in found if isinstance(piece, Sound)]
    assert last.end_of_pictures == pytest.approx(2.0)
    assert "layout" in last.warnings[0]


def test_times_never_run_back_where_parts_overlap(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.ts", counted(10), seconds=3)
    second = make_video(tmp_path / "b.ts", counted(10), seconds=3, start=2.5)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    *shown, last = pieces(joined, EVERY)
    times = [piece.time for piece in shown if isinstance(piece, Picture)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(5.4, abs=0.05)
    assert isinstance(last, Read)
    assert last.frames == len(times) == 55


def test_what_lies_behind_a_window_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(
        tmp_path / "v.mp4",
        counted(10),
        seconds=30,
        sound=(Track(beep(seconds=30)),),
        codec_options={"g": "10"},
    )
    seen: list[float] = []

    def noting(video: VideoFile) -> Generator[av.Packet, None, bool]:
        for packet in packets(video):
            seen.append(float((packet.pts or 0) * packet.time_base))
            yield packet
        return False

    monkeypatch.setattr(reading, "packets", noting)
    pieces(path, ReadPlan(start=10.0, end=12.0))
    assert min(seen) > 5.0
    assert max(seen) < 14.0
