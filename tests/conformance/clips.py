"""Makes the tiny videos of the conformance tests on the spot; each is made once and kept under `.cache/`."""

import hashlib
import os
import struct
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache" / "conformance" / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]

COLOURS = ((200, 30, 30), (30, 160, 40), (30, 60, 200), (220, 200, 40), (120, 40, 140), (240, 240, 240))


def clip(name: str) -> Path:
    """The file of that name; see `MAKERS` for what is in it."""
    path = KEPT / name
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:
            made = Path(folder) / name
            MAKERS[name](made)
            os.replace(made, path)
    return path


def _video(
    path: Path,
    *,
    seconds: float = 6.0,
    size: tuple[int, int] = (640, 360),
    fps: Fraction = Fraction(10),
    cut_every: float = 2.0,
    sound: bool = False,
    start: float = 0.0,
    pixel_aspect: Fraction = Fraction(1),
    turned: bool = False,
) -> None:
    """Colour cards that change every `cut_every` seconds, with a beep if `sound`."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = 1 / fps
        stream.codec_context.time_base = 1 / fps
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number in range(round(seconds * fps)):
            card = int(float(number / fps) / cut_every)
            picture = np.empty((height, width, 3), np.uint8)
            picture[:] = COLOURS[card % len(COLOURS)]
            left = (number * 8) % max(width - 40, 1)
            picture[height // 3 : height // 3 + 40, left : left + 40] = 255 - picture[0, 0]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number + round(start * fps)
            frame.time_base = 1 / fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            times = np.arange(int(seconds * 16_000), dtype=np.float32) / 16_000
            tone = (0.3 * np.sin(2 * np.pi * 440 * times) * (times % 1 < 0.2)).astype(np.float32)
            for first in range(0, len(tone), 1024):
                block = av.AudioFrame.from_ndarray(
                    tone[None, first : first + 1024], format="fltp", layout="mono"
                )
                block.sample_rate = 16_000
                block.pts = first + round(start * 16_000)
                block.time_base = Fraction(1, 16_000)
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    if turned:
        _turn(path)


def _turn(path: Path) -> None:
    """Writes a quarter turn into the track header, as phones do: the stored picture stays as it is."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(content)


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        for first in range(0, 16_000 * 6, 1024):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 16_000, first, Fraction(1, 16_000)
            container.mux(stream.encode(block))
        container.mux(stream.encode())


def _text(path: Path) -> None:
    path.write_text("This is not a video.\n" * 50)


def _half(path: Path) -> None:
    whole = clip("plain.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _padded(size: int) -> Callable[[Path], None]:
    """A good file made larger by an empty box at its end."""

    def make(path: Path) -> None:
        whole = clip("plain.mp4").read_bytes()
        rest = size - len(whole)
        path.write_bytes(whole + struct.pack(">I4s", rest, b"free") + bytes(rest - 8))

    return make


def _picture(path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 16:48] = (250, 120, 0)
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


MAKERS: dict[str, Callable[[Path], None]] = {
    "plain.mp4": lambda path: _video(path, sound=True),
    "twelve.mp4": lambda path: _video(path, seconds=12, cut_every=4, sound=True),
    "minute.mp4": lambda path: _video(path, seconds=60, sound=True),
    "silent.mp4": _video,
    "3.9s.mp4": lambda path: _video(path, seconds=3.9),
    "4.0s.mp4": lambda path: _video(path, seconds=4.0),
    "1.5s.mp4": lambda path: _video(path, seconds=1.5),
    "320x240.mp4": lambda path: _video(path, size=(320, 240)),
    "360x360.mp4": lambda path: _video(path, size=(360, 360)),
    "360x640.mp4": lambda path: _video(path, size=(360, 640)),
    "868x360.mp4": lambda path: _video(path, size=(868, 360)),
    "5184x2162.mp4": lambda path: _video(path, size=(5184, 2162), seconds=4, fps=Fraction(2)),
    "turned_320x240.mp4": lambda path: _video(path, size=(320, 240), turned=True),
    "turned_640x360.mp4": lambda path: _video(path, turned=True),
    "wide_pixels.mp4": lambda path: _video(path, pixel_aspect=Fraction(27, 16)),
    "late.ts": lambda path: _video(path, seconds=8, start=100, sound=True),
    "over_an_hour.mp4": lambda path: _video(
        path, seconds=3700, size=(360, 360), fps=Fraction(1, 10), cut_every=600
    ),
    "over_two_hours.mp4": lambda path: _video(
        path, seconds=7300, size=(360, 360), fps=Fraction(1, 10), cut_every=600
    ),
    "half.mp4": _half,
    "sound.m4a": _sound_only,
    "text.mp4": _text,
    "31MB.mp4": _padded(31 * 1024 * 1024),
    "38MB.mp4": _padded(38 * 1024 * 1024),
    "orange.png": _picture,
}
