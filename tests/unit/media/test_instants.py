"""Instants: the nearest frames, the same ones as by looking at every frame, however a file lets itself be read."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.media_truth import GREY, Pixels, Track, beep, card, cards, counted, make_video

from kinoscribe.media import instants as module
from kinoscribe.media.instants import BEAT, Seen, cheapest, nearest
from kinoscribe.media.video_file import Unreadable

MOST = 64_000_000
FPS, SECONDS = 10, 60
SMALL = (240, 64)

FORMS: dict[str, dict[str, object]] = {
    "short.mp4": {"codec_options": {"g": "10", "bf": "2"}},
    "long.mp4": {"codec_options": {"g": "1000", "bf": "2"}},
    "open.mkv": {"codec_options": {"g": "30", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}},
    "joined.ts": {"codec_options": {"g": "20", "bf": "2"}, "form": "mpegts"},
    "broadcast.ts": {
        "codec": "mpeg2video",
        "fps": 25,
        "seconds": 24,
        "codec_options": {"g": "12", "bf": "2", "b": "2M"},
        "form": "mpegts",
    },
    "old.ts": {"codec": "mpeg4", "codec_options": {"g": "30"}, "form": "mpegts"},
    "old.avi": {"codec": "mpeg4", "codec_options": {"g": "25"}, "form": "avi"},
    "web.webm": {"codec": "libvpx", "codec_options": {"g": "40"}},
    "late.mp4": {"codec_options": {"g": "15"}, "start": 1000.0},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("instants")

    def clip(name: str) -> Path:
        path = folder / name
        if not path.exists():
            how = {"seconds": SECONDS, "fps": FPS, **FORMS[name]}
            make_video(path, counted(how["fps"], SMALL), **how)  # type: ignore[arg-type]
        return path

    return clip


def all_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def number_in(seen: Seen) -> int:
    picture = seen.frame.to_ndarray(format="rgb24")
    return sum(1 << bit for bit in range(12) if picture[10, bit * 20 + 10, 0] > 128)


def seen_at(path: Path, instants: list[float], begins: float = 0.0, until: float | None = None) -> list[Seen]:
    return [
        found
        for found in nearest(path, instants, MOST, begins=begins, until=until)
        if isinstance(found, Seen)
    ]


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_seeking_finds_the_very_frames_that_looking_at_all_finds(
    clips: Callable[[str], Path], name: str, shares: list[float]
) -> None:
    path = clips(name)
    times = all_times(path)
    instants = [times[0] + share * (times[-1] - times[0] + 1) for share in shares]
    due: list[int] = []
    for instant in sorted(instants):
        away = [abs(time - instant) for time in times]
        best = away.index(min(away))
        if best not in due:
            due.append(best)
    found = seen_at(path, instants, begins=times[0])
    for seen, number in zip(found, due, strict=True):
        assert seen.time == pytest.approx(times[number], abs=1e-4)
        assert number_in(seen) == number


@pytest.mark.parametrize("name", ["short.mp4", "joined.ts", "old.avi", "web.webm"])
def test_what_lies_between_far_instants_is_not_decoded(
    clips: Callable[[str], Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0
    frames = module._frames

    def counting(packet: object) -> object:
        nonlocal decoded
        decoded += 1
        return frames(packet)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_frames", counting)
    path = clips(name)
    begins = all_times(path)[0]
    assert len(seen_at(path, [begins + 1.0, begins + 50.0], begins)) == 2
    assert decoded < 200


def test_a_file_without_key_frames_is_not_read_again_and_again(
    clips: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0
    frames = module._frames

    def counting(packet: object) -> object:
        nonlocal decoded
        decoded += 1
        return frames(packet)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_frames", counting)
    assert len(seen_at(clips("long.mp4"), [float(at) for at in range(0, SECONDS, 5)])) == 12
    assert decoded < 4 * FPS * SECONDS


def test_a_frame_that_serves_for_two_instants_comes_once(clips: Callable[[str], Path]) -> None:
    assert [round(seen.time, 3) for seen in seen_at(clips("short.mp4"), [2.0, 2.01, 2.04, 2.06])] == [
        2.0,
        2.1,
    ]


def test_nothing_comes_of_what_lies_at_the_end_of_the_window_or_behind(clips: Callable[[str], Path]) -> None:
    times = [round(seen.time, 3) for seen in seen_at(clips("short.mp4"), [4.96, 4.99], until=5.0)]
    assert times == [4.9]


def test_a_picture_that_stands_is_found_long_after_it_came_up(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "v.mp4",
        cards((0, GREY), size=SMALL),
        times=(0.0, 0.1, 30.0, 30.1),
        codec_options={"g": "2"},
    )
    assert [round(seen.time, 1) for seen in seen_at(path, [12.0])] == [0.1]
    assert [round(seen.time, 1) for seen in seen_at(path, [14.0, 20.0])] == [0.1, 30.0]


def test_nothing_comes_for_a_time_in_which_there_is_only_sound(tmp_path: Path) -> None:
    sound = (Track(beep((1, 2), seconds=30)),)
    path = make_video(tmp_path / "v.mp4", counted(FPS, SMALL), seconds=5, sound=sound)
    assert seen_at(path, [12.0, 20.0, 29.0]) == []
    assert [round(seen.time, 3) for seen in seen_at(path, [4.0, 5.5, 29.0])] == [4.0, 4.9]


@pytest.mark.parametrize("again_from", [0.0, 500.0])
def test_where_time_stamps_jump_the_file_is_read_from_its_start(
    tmp_path: Path, again_from: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: object, time: float) -> bool:
        raise AssertionError(f"{time} was sought")

    monkeypatch.setattr(module._Search, "_seek", never)
    one = make_video(tmp_path / "one.ts", counted(FPS, SMALL), seconds=6, form="mpegts")
    two = make_video(tmp_path / "two.ts", counted(FPS, SMALL), seconds=20, form="mpegts", start=again_from)
    path = tmp_path / "both.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    begins = all_times(one)[0]
    instants = [begins + 2.0, begins + 24.0]
    found = [seen for seen in nearest(path, instants, MOST, jumps=True) if isinstance(seen, Seen)]
    assert [round(seen.time - begins, 1) for seen in found] == [2.0, 24.0]
    assert [number_in(seen) for seen in found] == [20, 180]


def test_what_stands_after_damage_is_found(clips: Callable[[str], Path], tmp_path: Path) -> None:
    body = bytearray(clips("short.mp4").read_bytes())
    third = len(body) // 3
    body[third : third + third // 2] = bytes(third // 2)
    (tmp_path / "v.mp4").write_bytes(bytes(body))
    found = seen_at(tmp_path / "v.mp4", [1.0, 58.0])
    assert [number_in(seen) for seen in found] == [10, 580]


def test_a_file_that_is_cut_gives_what_it_has(clips: Callable[[str], Path], tmp_path: Path) -> None:
    whole = clips("web.webm").read_bytes()
    (tmp_path / "v.webm").write_bytes(whole[: len(whole) // 2])
    found = seen_at(tmp_path / "v.webm", [1.0, 10.0, 58.0])
    assert [number_in(seen) for seen in found][:2] == [10, 100]
    assert len(found) <= 3


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"<html>")
    with pytest.raises(Unreadable):
        seen_at(tmp_path / "v.mp4", [1.0])


def test_whoever_waits_hears_that_work_goes_on(
    clips: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BEAT_EVERY", 0.0)
    found = list(nearest(clips("long.mp4"), [50.0], MOST))
    assert found.count(BEAT) > 400
    assert isinstance(found[-1], Seen)


@pytest.mark.parametrize("name", ["short.mp4", "joined.ts", "web.webm"])
def test_cheap_frames_come_from_near_each_instant(clips: Callable[[str], Path], name: str) -> None:
    path = clips(name)
    begins = all_times(path)[0]
    instants = [begins + at for at in (5.0, 20.0, 35.0, 50.0)]
    found = [seen for seen in cheapest(path, instants, MOST) if isinstance(seen, Seen)]
    assert len(found) == 4
    assert all(abs(seen.time - at) <= 5.0 for seen, at in zip(found, instants, strict=True))


def test_where_nothing_can_be_sought_cheap_frames_come_from_the_first_minute(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        return card((int(time), 0, 0), (64, 64))

    path = make_video(tmp_path / "v.mp4", paint, seconds=200, fps=1)
    found = [s for s in cheapest(path, [10.0, 50.0, 150.0], MOST, jumps=True) if isinstance(s, Seen)]
    assert [seen.time for seen in found] == [10.0, 50.0]
