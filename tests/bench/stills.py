"""Compares the pictures an engine is shown with a bare PyAV loop that takes the same ones, and watches their memory."""

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import psutil

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Sight
from kinoscribe.evidence.frame_shelf import FrameShelf, Strip
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.jpeg import jpeg
from kinoscribe.notes import Notes
from kinoscribe.storage.cache_folder import CacheFolder

SECONDS, SPARSE = 60.0, 10
SIGHT = Sight(2_000, 448, lambda width, height: max(1, width // 28 * (height // 28)))
MIB = 1024 * 1024


def one_window(video: Path, rounds: int = 3) -> dict[str, float]:
    """Pictures of a minute, a picture a second: ours to the bare loop's, and found again to made."""
    ours, bare, again, shown = [], [], [], 0
    with closing(Decoders()) as decoders:
        decoders.warm()
        facts = decoders.probe(video)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                shelf = FrameShelf(decoders, CacheFolder(Path(folder), 1 << 30, b"bench"))
                seconds, first = _timed(shelf, video, facts, SECONDS, 1_000_000)
                ours.append(seconds)
                again.append(_timed(shelf, video, facts, SECONDS, 1_000_000)[0])
                shown = len(first.frames) + first.dropped
            began = time.perf_counter()
            _bare(video, [facts.start + number for number in range(round(SECONDS))])
            bare.append(time.perf_counter() - began)
    return {
        "pictures": shown,
        "ours_s": min(ours),
        "bare_s": min(bare),
        "ratio": min(bare) / min(ours),
        "again_s": min(again),
        "again_to_first": min(again) / min(ours),
    }


def whole(video: Path) -> dict[str, float]:
    """A picture every ten seconds of a long video: seconds, and the peak of the process that decodes."""
    with closing(Decoders(most=1)) as decoders, tempfile.TemporaryDirectory() as folder:
        facts = decoders.probe(video)
        shelf = FrameShelf(decoders, CacheFolder(Path(folder), 1 << 30, b"bench"), most_a_second=1 / SPARSE)
        seconds, strip = _timed(shelf, video, facts, facts.end, 1_000_000)
        (pid,) = decoders.pids
        return {
            "pictures": len(strip.frames) + strip.dropped,
            "seconds": seconds,
            "peak_mib": _peak(psutil.Process(pid)) / MIB,
        }


def _timed(shelf: FrameShelf, video: Path, facts: VideoFacts, end: float, budget: int) -> tuple[float, Strip]:
    began = time.perf_counter()
    notes = Notes("bench", facts.start, facts.end)
    found = shelf.of(video, "bench", facts, notes, facts.start, end, SIGHT, budget, Cancel(), account="bench")
    return time.perf_counter() - began, found


def _peak(process: psutil.Process) -> int:
    """Most memory the process ever had, where the system tells it; else what it has now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    found: Any = process.memory_info()
    return int(found.rss)


def _bare(video: Path, instants: list[float]) -> int:
    """Reads on from frame to frame and writes a JPEG of the first frame at or after each instant."""
    made, due = 0, list(instants)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if not due:
                break
            if frame.time < due[0]:
                continue
            due.pop(0)
            scale = SIGHT.max_side / max(frame.width, frame.height)
            width, height = round(frame.width * scale), round(frame.height * scale)
            made += len(jpeg(frame.reformat(width, height, "rgb24").to_ndarray()))
    return made
