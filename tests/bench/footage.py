"""Makes the long and the large videos of the benchmarks out of one clip, once, under `.cache/bench/`."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT.parent / "shared" / "media" / "clips"
KEPT = ROOT / ".cache" / "bench"
BUNDLED = ROOT / "examples" / "reel.mp4"


def base_clip() -> Path:
    """The made news clip where it lies beside the checkout, else the bundled one."""
    news = CLIPS / "news.mp4"
    return news if news.is_file() else BUNDLED


def long_clip() -> Path:
    """The made clip of 65 minutes where it lies beside the checkout, else the base clip."""
    hour = CLIPS / "long65.mp4"
    return hour if hour.is_file() else base_clip()


def at_720p() -> Path:
    """The base clip as H.264 of 1280x720 and at least 24 pictures a second."""
    return _once("base_720p.mp4", _encode)


def lasting(minutes: float, source: Path) -> Path:
    """`source` again and again, its packets copied, until it lasts `minutes`, less a second so that an hour is not too long."""
    return _once(f"{source.stem}_{minutes:g}min.mp4", lambda path: _repeat(source, minutes * 60 - 1, path))


def _once(name: str, make) -> Path:  # type: ignore[no-untyped-def]
    path = KEPT / name
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.mp4")
        make(part)
        part.replace(path)
    return path


def _encode(path: Path) -> None:
    with av.open(str(base_clip())) as source, av.open(str(path), "w", format="mp4") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        rate = source.streams.video[0].average_rate or Fraction(25)
        copies = max(1, round(24 / rate))
        picture = target.add_stream(
            "libx264", rate=rate * copies, options={"preset": "veryfast", "crf": "23"}
        )
        picture.width, picture.height, picture.pix_fmt = 1280, 720, "yuv420p"
        shown = 0
        for packet in source.demux(source.streams.video[0], source.streams.audio[0]):
            if packet.stream.type == "audio":
                if packet.dts is not None:
                    packet.stream = sound
                    target.mux(packet)
                continue
            for frame in packet.decode():
                larger = frame.reformat(1280, 720, "yuv420p")
                larger.time_base = 1 / (rate * copies)
                for _ in range(copies):
                    larger.pts = shown
                    target.mux(picture.encode(larger))
                    shown += 1
        target.mux(picture.encode(None))


def _repeat(source: Path, seconds: float, path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as target:
        streams, last = None, {}
        offset = 0.0
        while offset < seconds:
            with av.open(str(source)) as part:
                used = [part.streams.video[0], part.streams.audio[0]]
                streams = streams or {s.type: target.add_stream_from_template(s) for s in used}
                length = float(part.duration or 0) / av.time_base
                for packet in part.demux(used):
                    if packet.dts is None or offset + float(packet.pts * packet.time_base) >= seconds:
                        continue
                    shift, kind = round(offset / packet.time_base), packet.stream.type
                    if packet.dts + shift <= last.get(kind, -1_000_000):
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    last[kind] = packet.dts
                    packet.stream = streams[kind]
                    target.mux(packet)
                offset += np.ceil(length * 1000) / 1000
