"""Sound arrives as mono at 16 kHz with its time: late starts, holes, doubled parts and surround mixes included."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.media_truth import beep

from kinoscribe.media.audio import Listener, clip
from kinoscribe.media.pieces import SAMPLE_RATE, Sound


def frames(
    samples: NDArray[np.float32], rate: int = 48_000, layout: str = "mono", size: int = 1024
) -> Iterator[av.AudioFrame]:
    for at in range(0, samples.shape[1], size):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, at : at + size]), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        yield frame


def listen(heard: Iterable[tuple[av.AudioFrame, float | None]]) -> tuple[list[Sound], Listener]:
    listener = Listener()
    sounds = [sound for frame, time in heard for sound in listener.hear(frame, time)]
    return sounds + list(listener.finish()), listener


def all_samples(sounds: list[Sound]) -> NDArray[np.float32]:
    return np.concatenate([np.frombuffer(sound.samples, np.float32) for sound in sounds])


def loudness(sounds: list[Sound], start: float, end: float) -> float:
    samples = all_samples(sounds)
    first = sounds[0].time
    part = samples[round((start - first) * SAMPLE_RATE) : round((end - first) * SAMPLE_RATE)]
    return float(np.sqrt(np.mean(part**2)))


def touch(sounds: list[Sound]) -> bool:
    ends = [sound.time + len(sound.samples) / 4 / SAMPLE_RATE for sound in sounds]
    return all(abs(end - sound.time) < 1e-6 for end, sound in zip(ends, sounds[1:], strict=False))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_beep_keeps_its_place_at_any_rate(rate: int) -> None:
    sounds, listener = listen((f, f.time) for f in frames(beep((1, 2), seconds=3, rate=rate), rate))
    assert loudness(sounds, 1.05, 1.95) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert loudness(sounds, 0.0, 0.95) < 0.01
    assert loudness(sounds, 2.05, 2.95) < 0.01
    assert all_samples(sounds).size == pytest.approx(3 * SAMPLE_RATE, abs=50)
    assert listener.end == pytest.approx(3.0, abs=1e-6)


def test_chunks_last_a_second_and_touch() -> None:
    sounds, _ = listen((f, f.time) for f in frames(beep(seconds=5.5)))
    assert [len(s.samples) // 4 for s in sounds[:5]] == [SAMPLE_RATE] * 5
    assert touch(sounds)


def test_sound_that_starts_late_keeps_its_time() -> None:
    sounds, listener = listen((f, f.time + 3.0) for f in frames(beep((0, 1), seconds=2)))
    assert sounds[0].time == 3.0
    assert listener.end == pytest.approx(5.0)


def test_a_hole_is_filled_with_silence() -> None:
    sounds, _ = listen((f, f.time + (4.0 if f.time >= 1.0 else 0.0)) for f in frames(beep((0, 2), seconds=2)))
    assert touch(sounds)
    assert loudness(sounds, 1.1, 4.9) < 0.01
    assert loudness(sounds, 5.1, 5.9) > 0.3


def test_after_a_very_long_hole_the_clock_is_set_anew() -> None:
    sounds, _ = listen(
        (f, f.time + (7200.0 if f.time >= 1.0 else 0.0)) for f in frames(beep((0, 2), seconds=2))
    )
    assert sum(len(s.samples) for s in sounds) // 4 == pytest.approx(2 * SAMPLE_RATE, abs=200)
    assert sounds[-1].time == pytest.approx(7201.0, abs=0.1)


def test_doubled_sound_is_heard_once() -> None:
    once = [(f, f.time) for f in frames(beep((0, 2), seconds=2))]
    sounds, _ = listen(once[:60] + once[20:])
    assert all_samples(sounds).size == pytest.approx(2 * SAMPLE_RATE, abs=0.06 * SAMPLE_RATE)


def test_frames_without_a_time_follow_the_one_before() -> None:
    sounds, listener = listen((f, 1.5 if n == 0 else None) for n, f in enumerate(frames(beep(seconds=2))))
    assert sounds[0].time == 1.5
    assert listener.end == pytest.approx(3.5)


def test_small_strays_of_the_clock_leave_no_gap() -> None:
    rng = np.random.default_rng(3)
    sounds, _ = listen((f, f.time + rng.uniform(-0.03, 0.03)) for f in frames(beep((0, 3), seconds=3)))
    assert all_samples(sounds).size == pytest.approx(3 * SAMPLE_RATE, abs=50)
    assert touch(sounds)


def test_a_voice_in_the_centre_of_a_surround_mix_stays_audible() -> None:
    mix = np.zeros((6, 48_000), np.float32)
    mix[2] = beep((0, 1), seconds=1)[0]
    sounds, _ = listen((f, f.time) for f in frames(mix, layout="5.1"))
    assert loudness(sounds, 0.1, 0.9) > 0.15


@pytest.mark.parametrize("layout", ["stereo", "5.1", "quad"])
def test_no_mix_clips(layout: str) -> None:
    channels = {"stereo": 2, "5.1": 6, "quad": 4}[layout]
    loud = np.full((channels, 48_000), 1.0, np.float32)
    sounds, _ = listen((f, f.time) for f in frames(loud, layout=layout))
    assert np.abs(all_samples(sounds)).max() <= 1.05


def test_a_change_of_rate_in_the_middle_is_followed() -> None:
    first = [(f, f.time) for f in frames(beep((0, 1), seconds=1, rate=48_000), 48_000)]
    second = [
        (f, f.time + 1.0) for f in frames(beep((0, 1), seconds=1, rate=22_050, channels=2), 22_050, "stereo")
    ]
    sounds, listener = listen(first + second)
    assert all_samples(sounds).size == pytest.approx(2 * SAMPLE_RATE, abs=100)
    assert listener.end == pytest.approx(2.0, abs=0.01)
    assert loudness(sounds, 1.1, 1.9) > 0.3


def test_no_sound_is_no_chunk() -> None:
    sounds, listener = listen(iter(()))
    assert sounds == []
    assert listener.end is None


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 100), st.integers(1, 40_000), st.floats(-10, 120), st.floats(0, 60))
def test_a_clipped_chunk_lies_inside_its_window(time: float, size: int, start: float, length: float) -> None:
    sound = Sound(time, np.zeros(size, np.float32).tobytes())
    found = clip(sound, start, start + length)
    if found is None:
        return
    end = found.time + len(found.samples) / 4 / SAMPLE_RATE
    assert found.time >= start - 1 / SAMPLE_RATE
    assert end <= start + length + 1 / SAMPLE_RATE
    assert found.time >= time - 1e-9


def test_a_chunk_is_left_as_it_is_without_a_window() -> None:
    sound = Sound(1.0, bytes(400))
    assert clip(sound, None, None) is sound
    assert clip(sound, 5.0, None) is None
    assert clip(sound, None, 0.5) is None
