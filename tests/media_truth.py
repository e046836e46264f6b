"""Where the shared clips lie beside the checkout, and makers of tiny videos whose truth is known."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[2] / "shared"
CLIPS = SHARED / "media" / "clips"
TRUTH = SHARED / "media" / "truth"
CASES = SHARED / "media" / "cases"
REAL = SHARED / "media" / "real"


@dataclass(frozen=True)
class Case:
    """One file of the shared cases: `expect` is accept, reject or either."""

    file: str
    group: str
    expect: str
    why: str
    must_not: tuple[str, ...]
    probe: dict[str, Any]

    @property
    def path(self) -> Path:
        return CASES / self.file


def cases() -> list[Case]:
    """Every shared case; empty when the shared folder is not there."""
    listing = CASES / "cases.json"
    if not listing.exists():
        return []
    return [
        Case(c["file"], c["group"], c["expect"], c["why"], tuple(c["must_not"]), c["probe"])
        for c in json.loads(listing.read_bytes())["cases"]
    ]


Pixels = NDArray[np.uint8]
Painter = Callable[[float], Pixels]
"""What a video shows at a time: height x width x 3."""

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 40), (30, 40, 200)
BLACK, GREY, WHITE = (0, 0, 0), (128, 128, 128), (255, 255, 255)
_BITS = 12
_QUICK = {
    "libx264": {"preset": "ultrafast", "crf": "12"},
    "libvpx": {"deadline": "realtime", "cpu-used": "16", "threads": "1"},
}
_BLOCK = 20


def card(colour: tuple[int, int, int], size: tuple[int, int] = (640, 360)) -> Pixels:
    """A picture of one colour; `size` is width and height."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def cards(*spans: tuple[float, tuple[int, int, int]], size: tuple[int, int] = (640, 360)) -> Painter:
    """Shows each colour from its time on."""

    def paint(time: float) -> Pixels:
        shown = [colour for start, colour in spans if time >= start - 1e-6]
        return card(shown[-1] if shown else BLACK, size)

    return paint


def counted(fps: float, size: tuple[int, int] = (640, 360)) -> Painter:
    """Every frame carries its own number as black and white blocks along the top; `count_in` reads it."""

    def paint(time: float) -> Pixels:
        number, picture = round(time * fps), card(GREY, size)
        for bit in range(_BITS):
            picture[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 if number >> bit & 1 else 0
        return picture

    return paint


def count_in(pixels: bytes, width: int, height: int) -> int:
    """The number in a picture of a `counted` video that was not scaled."""
    picture = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    middle = _BLOCK // 2
    return sum(1 << bit for bit in range(_BITS) if picture[middle, bit * _BLOCK + middle, 0] > 128)


def beep(
    *spans: tuple[float, float], seconds: float, rate: int = 48_000, channels: int = 1
) -> NDArray[np.float32]:
    """Sound that beeps (1 kHz) in the spans and is silent elsewhere: channels x samples."""
    at = np.arange(round(seconds * rate)) / rate
    on = np.zeros(at.shape, np.bool_)
    for start, end in spans:
        on |= (at >= start) & (at < end)
    tone = np.where(on, 0.5 * np.sin(2 * np.pi * 1000 * at), 0.0).astype(np.float32)
    return np.repeat(tone[None, :], channels, axis=0)


@dataclass(frozen=True)
class Track:
    """Sound to put into a video, and when on its clock it starts."""

    samples: NDArray[np.float32]
    rate: int = 48_000
    codec: str = "aac"
    layout: str = "mono"
    start: float = 0.0


def make_video(
    path: Path,
    paint: Painter,
    *,
    seconds: float = 5.0,
    fps: int = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound: tuple[Track, ...] = (),
    start: float = 0.0,
    times: tuple[float, ...] | None = None,
    rotation: int | None = None,
    pixel_aspect: Fraction | None = None,
    form: str | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
) -> Path:
    """Writes a video whose truth is known: `paint(t)` is shown at `start + t`. `times` makes the rate uneven."""
    shown = times if times is not None else tuple(n / fps for n in range(round(seconds * fps)))
    height, width, _ = paint(0.0).shape
    quick = _QUICK.get(codec, {})
    with av.open(str(path), "w", format=form, options=options or {}) as out:
        stream = out.add_stream(codec, rate=fps, options={**quick, **(codec_options or {})})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000) if times else Fraction(1, fps)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        tracks = [out.add_stream(t.codec, rate=t.rate, layout=t.layout) for t in sound]
        base = stream.codec_context.time_base
        ready: list[Any] = []
        for time in shown:
            frame = av.VideoFrame.from_ndarray(paint(time)).reformat(format=pix_fmt)
            frame.pts, frame.time_base = round((start + time) / base), base
            ready += stream.encode(frame)
        ready += stream.encode(None)
        for source, track in zip(sound, tracks, strict=True):
            ready += _encode_sound(source, track, start)
        for packet in sorted(ready, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path


def _encode_sound(source: Track, stream: Any, start: float) -> Iterator[Any]:
    wanted = stream.codec_context.format.name
    size = stream.codec_context.frame_size or 1024
    first = round((start + source.start) * source.rate)
    resampler = av.AudioResampler(format=wanted, layout=source.layout, rate=source.rate)
    for at in range(0, source.samples.shape[1], size):
        part = np.ascontiguousarray(source.samples[:, at : at + size])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=source.layout)
        frame.sample_rate, frame.pts, frame.time_base = source.rate, first + at, Fraction(1, source.rate)
        for ready in resampler.resample(frame):
            yield from stream.encode(ready)
    yield from stream.encode(None)


_PICTURES = {
    "image/png": ("png", "rgb24", "image2pipe"),
    "image/jpeg": ("mjpeg", "yuvj420p", "image2pipe"),
    "image/bmp": ("bmp", "bgr24", "image2pipe"),
    "image/gif": ("gif", "rgb8", "gif"),
}


def make_picture(
    mime_type: str, colour: tuple[int, int, int] = BLUE, size: tuple[int, int] = (120, 80)
) -> bytes:
    """A still picture of one colour as a PNG, JPEG, BMP or GIF file."""
    codec, pix_fmt, form = _PICTURES[mime_type]
    target = io.BytesIO()
    with av.open(target, "w", format=form) as out:
        stream = out.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        frame = av.VideoFrame.from_ndarray(card(colour, size)).reformat(format=pix_fmt)
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()
