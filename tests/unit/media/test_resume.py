"""A reading that begins again at a border brings what the first one brought after it: nothing twice, nothing lost."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from tests.media_truth import BLUE, GREEN, RED, Pixels, Track, beep, card, cards, make_video

from kinoscribe.media import reading
from kinoscribe.media.freeze import freeze, thaw
from kinoscribe.media.pieces import SAMPLE_RATE, Border, Picture, Piece, Read, ReadPlan, Sound, Thumb
from kinoscribe.media.reading import read
from kinoscribe.media.sampling import Chooser, Metronome, pace
from kinoscribe.media.video_file import VideoFile, packets

PIXELS = 64_000_000
PLAN = ReadPlan(border_every=3.0)


def lively(time: float) -> Pixels:
    """Cards with a square that moves over them and a line that comes up now and then."""
    picture = card([RED, GREEN, BLUE][int(time / 4) % 3], (320, 180))
    across = int(time * 45) % 280
    picture[50:80, across : across + 40] = 255
    if time % 5 > 2.5:
        picture[150:160, 30:200] = 20
    return picture


def noise(seconds: float, rate: int = 44_100) -> np.ndarray:
    """Low sound that never repeats: where it is a few milliseconds off, that shows."""
    points = np.random.default_rng(7).normal(0, 0.2, round(seconds * 400) + 1)
    at = np.arange(round(seconds * rate)) / rate * 400
    return np.clip(np.interp(at, np.arange(points.size), points), -1, 1).astype(np.float32)[None]


def sounds(seconds: float, codec: str = "pcm_s16le") -> tuple[Track, ...]:
    return (Track(noise(seconds), rate=44_100, codec=codec),)


def whole_and_resumed(path: Path, plan: ReadPlan = PLAN) -> list[tuple[float, list[Piece], list[Piece]]]:
    """For each border: its time, what came after it at first, and what comes when reading begins there."""
    whole = list(read(path, plan, PIXELS))
    found = []
    for at, piece in enumerate(whole):
        if isinstance(piece, Border):
            again = msgspec.structs.replace(plan, resume=piece.state)
            found.append((piece.time, whole[at + 1 :], list(read(path, again, PIXELS))))
    return found


def of(kind: type, pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for piece in pieces if isinstance(piece, kind)]


def samples(pieces: Sequence[Piece]) -> np.ndarray:
    return np.concatenate(
        [np.frombuffer(p.samples, "<f4") for p in pieces if isinstance(p, Sound)] or [np.zeros(0)]
    )


def check_same(first: list[Piece], again: list[Piece]) -> None:
    assert of(Thumb, again) == of(Thumb, first)
    assert of(Picture, again) == of(Picture, first)
    assert [p.time for p in again if isinstance(p, Border)] == [
        p.time for p in first if isinstance(p, Border)
    ]
    chunks, wanted = ([p for p in pieces if isinstance(p, Sound)] for pieces in (again, first))
    assert [c.time for c in chunks[:-1]] == pytest.approx(
        [c.time for c in wanted[: len(chunks) - 1]], abs=1e-3
    )
    heard, due = samples(again), samples(first)
    assert heard.size == pytest.approx(due.size, abs=16)
    both = min(heard.size, due.size)
    apart = heard[:both] - due[:both]
    assert both == 0 or np.sqrt(np.mean(np.square(apart))) < 0.06
    last, told = again[-1], first[-1]
    assert isinstance(last, Read)
    assert isinstance(told, Read)
    assert last.end_of_pictures == told.end_of_pictures
    assert last.warnings == told.warnings


@pytest.mark.parametrize(
    ("name", "codec", "sound", "start"),
    [
        ("v.mkv", "libx264", "pcm_s16le", 0.0),
        ("v.mkv", "libx264", "pcm_s16le", 7.3),
        ("v.mov", "libx264", "pcm_s16le", 0.0),
        ("v.mp4", "libx264", "flac", 0.0),
        ("v.avi", "mpeg4", "pcm_s16le", 0.0),
        ("v.ts", "libx264", "mp2", 50.0),
    ],
)
def test_what_comes_after_a_border_is_the_same(
    name: str, codec: str, sound: str, start: float, tmp_path: Path
) -> None:
    options = {"g": "22", "bf": "2"} if codec == "libx264" else {"g": "22"}
    path = make_video(
        tmp_path / name,
        lively,
        seconds=13,
        fps=24,
        codec=codec,
        start=start,
        sound=sounds(13, sound),
        codec_options=options,
    )
    found = whole_and_resumed(path)
    assert [time - start for time, _, _ in found] == pytest.approx([3.0, 6.0, 9.0, 12.0], abs=0.12)
    for _, first, again in found:
        check_same(first, again)


def test_borders_change_nothing_of_what_comes(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", lively, seconds=10, fps=25, sound=sounds(10))
    with_borders = list(read(path, PLAN, PIXELS))
    assert len(of(Border, with_borders)) == 3
    assert [p for p in with_borders if not isinstance(p, Border)] == list(read(path, ReadPlan(), PIXELS))


def test_a_video_no_longer_than_a_part_has_no_border(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", lively, seconds=3, fps=25)
    assert not of(Border, list(read(path, PLAN, PIXELS)))


def test_uneven_frames_and_silent_videos_go_on_alike(tmp_path: Path) -> None:
    times = tuple(np.cumsum(np.random.default_rng(3).choice([0.02, 0.04, 0.3, 1.1], 60)).round(3))
    path = make_video(tmp_path / "v.mkv", lively, times=times, codec="ffv1")
    found = whole_and_resumed(path)
    assert len(found) >= 3
    for _, first, again in found:
        check_same(first, again)


@pytest.mark.parametrize("start", [0.0, 2.0, 5.5])
def test_sound_that_begins_late_ends_early_or_has_a_hole_stays_in_its_place(
    start: float, tmp_path: Path
) -> None:
    late = Track(noise(3), rate=44_100, codec="pcm_s16le", start=start)
    path = make_video(tmp_path / "v.mkv", lively, seconds=10, sound=(late,))
    for _, first, again in whole_and_resumed(path):
        check_same(first, again)


def test_a_hole_in_the_sound_is_filled_also_across_a_border(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    make_video(path, lively, seconds=12, sound=sounds(12))
    holed = tmp_path / "holed.mkv"
    with av.open(str(path)) as source, av.open(str(holed), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            at = float((packet.pts or 0) * packet.time_base)
            if packet.dts is None or (packet.stream.type == "audio" and 4.0 < at < 8.0):
                continue
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    found = whole_and_resumed(holed)
    assert len(found) == 3
    for time, first, again in found:
        check_same(first, again)
        if time < 4:
            heard = [p for p in again if isinstance(p, Sound)]
            assert sum(len(p.samples) for p in heard) / 4 / SAMPLE_RATE == pytest.approx(
                12 - heard[0].time, abs=0.1
            )


def test_the_sound_of_a_lossy_track_stays_in_its_place(tmp_path: Path) -> None:
    tone = (Track(beep((2.0, 2.5), (5.9, 6.1), (8.0, 9.0), seconds=12)),)
    path = make_video(tmp_path / "v.mp4", lively, seconds=12, sound=tone)
    for _, first, again in whole_and_resumed(path):
        check_same(first, again)


def test_time_stamps_that_jump_are_followed_from_the_beginning(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / f"{n}.ts", cards((0, RED), (2, BLUE)), seconds=5, start=start)
        for n, start in enumerate((40.0, 2.0, 300.0))
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = whole_and_resumed(joined)
    assert len(found) >= 4
    for _, first, again in found:
        check_same(first, again)


def test_damaged_packets_before_the_border_are_told_of(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", lively, seconds=20, codec_options={"g": "10"})
    content = bytearray(path.read_bytes())
    quarter = len(content) // 4
    content[quarter : quarter + 4000] = bytes(4000)
    path.write_bytes(content)
    found = whole_and_resumed(path)
    for time, first, again in found[-2:]:
        assert time > 12
        check_same(first, again)
        assert "damaged" in again[-1].warnings[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_what_lies_before_a_border_is_sought_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(
        tmp_path / name, lively, seconds=30, sound=(Track(beep(seconds=30)),), codec_options={"g": "10"}
    )
    borders = [p for p in read(path, ReadPlan(border_every=20.0), PIXELS) if isinstance(p, Border)]
    seen: list[float] = []

    def noting(video: VideoFile):  # type: ignore[no-untyped-def]
        for packet in packets(video):
            if packet.size:
                seen.append(float((packet.pts or 0) * packet.time_base))
            yield packet
        return False

    monkeypatch.setattr(reading, "packets", noting)
    *_, last = read(path, ReadPlan(border_every=20.0, resume=borders[0].state), PIXELS)
    assert min(seen) > 12.0
    assert isinstance(last, Read)
    assert last.frames == 100


def test_where_time_stamps_jumped_no_place_is_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "v.mkv", lively, seconds=10, sound=sounds(10), codec_options={"g": "10"})
    whole = list(read(path, PLAN, PIXELS))
    at = max(n for n, piece in enumerate(whole) if isinstance(piece, Border))
    state = thaw(whole[at].state, reading._State)  # type: ignore[union-attr]
    state.jumps = True
    seen: list[float] = []

    def noting(video: VideoFile):  # type: ignore[no-untyped-def]
        for packet in packets(video):
            if packet.size:
                seen.append(float((packet.pts or 0) * packet.time_base))
            yield packet
        return False

    monkeypatch.setattr(reading, "packets", noting)
    again = list(read(path, msgspec.structs.replace(PLAN, resume=freeze(state)), PIXELS))
    assert min(seen) < 1.0
    check_same(whole[at + 1 :], again)


def test_sound_that_was_not_heard_yet_at_the_border_is_heard_from_its_beginning(tmp_path: Path) -> None:
    """A file that was not interleaved: all pictures come before all sound."""
    path = make_video(tmp_path / "v.mkv", lively, seconds=8, sound=sounds(8))
    apart = tmp_path / "apart.mov"
    with av.open(str(path)) as source:
        ready = [p for p in source.demux() if p.dts is not None]
        with av.open(str(apart), "w", options={"max_interleave_delta": "1", "flush_packets": "1"}) as target:
            streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
            for packet in sorted(ready, key=lambda p: p.stream.type != "video"):
                packet.stream = streams[packet.stream.index]
                target.mux_one(packet)
    for _, first, again in whole_and_resumed(apart):
        check_same(first, again)


def test_even_pictures_go_on_evenly(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", lively, seconds=12, fps=25)
    plan = ReadPlan(min_gap=0.7, max_gap=0.7, thumbs=False, border_every=3.0, most_pictures=1000)
    for _, first, again in whole_and_resumed(path, plan):
        check_same(first, again)


@pytest.mark.parametrize("make", [lambda: Chooser(pace(0.5, 10.0, 8, 20.0)), lambda: Metronome(0.3)])
def test_what_is_frozen_before_its_first_use_is_as_new(make: Callable[[], Chooser | Metronome]) -> None:
    assert freeze(thaw(freeze(make()), type(make()))) == freeze(make())


def test_what_is_not_a_state_is_refused() -> None:
    for body in (b"", b"\x00", freeze(Metronome(1.0))):
        with pytest.raises(msgspec.MsgspecError):
            thaw(body, Chooser)
