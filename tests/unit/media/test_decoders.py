"""Decode processes: what comes through them, what they refuse, and that one that breaks is replaced."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, make_video

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ServiceUnavailable, VideoFileBroken
from kinoscribe.media import decoders as module
from kinoscribe.media.decoders import MIB, Decoders, PictureRefused
from kinoscribe.media.pieces import Picture, Read, ReadPlan, Sound, Thumb


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sound = (Track(beep((1, 2), seconds=6)),)
    return make_video(
        tmp_path_factory.mktemp("clip") / "v.mp4", cards((0, RED), (3, BLUE)), seconds=6, sound=sound
    )


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(
        tmp_path_factory.mktemp("long") / "v.mp4", cards((0, RED), size=(160, 90)), seconds=1200, fps=5
    )


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders()) as made:
        yield made


def test_facts_kind_and_pieces_come_through(decoders: Decoders, clip: Path) -> None:
    facts = decoders.probe(clip)
    assert (facts.width, facts.height) == (640, 360)
    assert decoders.kind(clip).facts == facts
    *pieces, last = decoders.read(clip, ReadPlan(length=facts.duration))
    assert isinstance(last, Read)
    assert {type(piece) for piece in pieces} == {Thumb, Picture, Sound}
    assert sum(isinstance(piece, Thumb) for piece in pieces) == 60


def test_a_name_of_any_bytes_is_opened(decoders: Decoders, clip: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\xfe -vf=x\n.mp4"))
    odd.write_bytes(clip.read_bytes())
    assert decoders.probe(odd).height == 360


def test_what_is_no_video_is_refused_in_a_sentence(decoders: Decoders, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"<html>")
    with pytest.raises(VideoFileBroken) as refused:
        decoders.probe(tmp_path / "v.mp4")
    assert refused.value.message.endswith("It is a web page, not a media file.")
    with pytest.raises(VideoFileBroken):
        list(decoders.read(tmp_path / "v.mp4", ReadPlan()))
    with pytest.raises(PictureRefused):
        decoders.picture_facts(tmp_path / "v.mp4")
    with pytest.raises(PictureRefused):
        decoders.picture(tmp_path / "v.mp4")
    assert decoders.kind(tmp_path / "v.mp4").kind == "other"


def test_no_path_is_told_in_a_refusal(decoders: Decoders, tmp_path: Path) -> None:
    for content in (b"\0\0\0\x18ftypisom" + bytes(100), b"RIFF\0\0\0\0AVI " + bytes(100)):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(VideoFileBroken) as refused:
            decoders.probe(tmp_path / "secret")
        assert "secret" not in refused.value.message


def test_closing_the_reading_stops_it_and_keeps_the_process(long_clip: Path) -> None:
    with closing(Decoders(most=1)) as decoders:
        decoders.warm()
        before = decoders.pids
        reading = decoders.read(long_clip, ReadPlan())
        next(reading)
        reading.close()
        assert decoders.pids == before
        assert decoders.probe(long_clip).end == 1200.0


def test_a_thrown_cancel_ends_the_reading(decoders: Decoders, long_clip: Path) -> None:
    cancel = Cancel()
    reading = decoders.read(long_clip, ReadPlan(), cancel)
    next(reading)
    cancel.throw()
    with pytest.raises(Canceled):
        list(reading)


def test_a_process_that_is_killed_refuses_its_file_and_the_next_works(long_clip: Path) -> None:
    with closing(Decoders(most=1)) as decoders:
        reading = decoders.read(long_clip, ReadPlan())
        next(reading)
        (pid,) = decoders.pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(VideoFileBroken, match="broke down"):
            list(reading)
        assert decoders.probe(long_clip).end == 1200.0
        assert decoders.pids != (pid,)


def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_works(clip: Path, tmp_path: Path) -> None:
    large = make_video(
        tmp_path / "large.mkv",
        cards((0, RED), size=(6000, 4000)),
        seconds=0.3,
        codec="mpeg4",
        codec_options={"qscale": "31"},
    )
    with closing(Decoders(most=1, memory=330 * MIB)) as decoders:
        assert decoders.probe(clip).height == 360
        with pytest.raises(VideoFileBroken):
            list(decoders.read(large, ReadPlan()))
        assert decoders.probe(clip).height == 360


def test_a_reading_that_takes_too_long_is_ended(long_clip: Path) -> None:
    with closing(Decoders(most=1, seconds=0.02)) as decoders:
        decoders.warm()
        with pytest.raises(VideoFileBroken, match="longer"):
            list(decoders.read(long_clip, ReadPlan()))


def test_the_time_the_caller_takes_is_not_counted(clip: Path) -> None:
    with closing(Decoders(most=1, seconds=3.0)) as decoders:
        decoders.warm()
        count = 0
        for _ in decoders.read(clip, ReadPlan(thumbs=False, sound=False)):
            threading.Event().wait(1.2)
            count += 1
        assert count == 3


def test_a_decoder_that_cannot_start_is_no_fault_of_the_file(clip: Path) -> None:
    with closing(Decoders(memory=30 * MIB)) as decoders:
        with pytest.raises(ServiceUnavailable):
            decoders.probe(clip)
        with pytest.raises(ServiceUnavailable):
            decoders.warm()


def test_threads_share_the_processes(decoders: Decoders, clip: Path) -> None:
    with ThreadPoolExecutor(6) as threads:
        facts = list(threads.map(lambda _: decoders.probe(clip), range(18)))
    assert len(set(facts)) == 1
    assert len(decoders.pids) <= 2


def test_a_decode_process_may_write_no_file(decoders: Decoders) -> None:
    decoders.warm()
    assert {psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE) for pid in decoders.pids} == {(0, 0)}


def test_the_memory_of_a_reading_does_not_grow_with_its_length(long_clip: Path) -> None:
    with closing(Decoders(most=1)) as decoders:
        decoders.warm()
        (pid,) = decoders.pids
        sizes = [
            psutil.Process(pid).memory_info().rss
            for piece in decoders.read(long_clip, ReadPlan())
            if isinstance(piece, Picture)
        ]
    assert len(sizes) > 20
    assert max(sizes) - sizes[3] < 8 * MIB


def test_the_limits_are_the_ones_of_the_settings() -> None:
    with closing(Decoders()) as decoders:
        decoders.warm()
        (pid,) = decoders.pids
        assert psutil.Process(pid).rlimit(psutil.RLIMIT_AS) == (3072 * MIB, 3072 * MIB)
    assert module._QUICK < 60.0


def test_a_large_file_is_given_the_time_that_reading_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two seconds a byte, then one that has no time at all."""
    path = make_video(tmp_path / "v.ts", cards((0, RED), (2, BLUE)))
    monkeypatch.setattr(module, "_QUICK", 0.0)
    with closing(Decoders(most=1)) as decoders:
        decoders.warm()
        monkeypatch.setattr(module, "_SLOWEST", 0.5)
        assert decoders.kind(path).kind == "video"
        assert decoders.probe(path).duration > 0
        monkeypatch.setattr(module, "_SLOWEST", 1e12)
        assert decoders.kind(path).reason == module._NO_TIME
        with pytest.raises(VideoFileBroken, match="longer"):
            decoders.probe(path)
        monkeypatch.setattr(module, "_QUICK", 50.0)
        missing = decoders.kind(tmp_path / "missing")
        assert (missing.kind, "opened" in missing.reason) == ("other", True)
