"""Compares our sampled decode, in its process of its own, with a bare PyAV loop that takes the same samples."""

import time
from pathlib import Path

import av

from kinoscribe.media.decoders import Decoders
from kinoscribe.media.pieces import Picture, ReadPlan

GAP = 1.0
SIDE = 640
PLAN = ReadPlan(sound=False, thumbs=False, min_gap=GAP, max_gap=GAP, most_pictures=100_000, max_side=SIDE)


def sampled_decode(video: Path, rounds: int = 3) -> dict[str, float]:
    """Best of some rounds, taken in turn, so that a busy machine hurts both alike."""
    ours, bare, taken = [], [], set()
    decoders = Decoders()
    decoders.warm()
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            taken.add(sum(isinstance(piece, Picture) for piece in decoders.read(video, PLAN)))
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            taken.add(_bare(video))
            bare.append(time.perf_counter() - began)
    finally:
        decoders.close()
    assert len(taken) == 1, f"the two took different numbers of pictures: {taken}"
    return {"ours_s": min(ours), "bare_s": min(bare), "pictures": taken.pop(), "ratio": min(bare) / min(ours)}


def _bare(video: Path) -> int:
    taken, due = 0, None
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if due is not None and frame.time < due - 1e-6:
                continue
            due = frame.time + GAP if due is None else max(due + GAP, frame.time + GAP / 2)
            scale = SIDE / max(frame.width, frame.height)
            width, height = round(frame.width * scale), round(frame.height * scale)
            frame.reformat(width, height, "rgb24").to_ndarray().tobytes()
            taken += 1
    return taken
