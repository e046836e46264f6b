"""Makes clips of cards whose pictures tell their own time, as black and white squares that survive scaling and JPEG."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tests.model_server.truth import Part, Truth

Pixels = NDArray[np.uint8]
WORDS = (
    "LANTERN", "COMET", "SADDLE", "VIOLIN", "CACTUS", "TIGER", "WALNUT", "CANYON", "MARBLE", "ORCHID",
    "FALCON", "CRYSTAL", "PEPPER", "HARBOR", "MEADOW", "COPPER", "WINDOW", "ANCHOR", "GRANITE", "VELVET",
)  # fmt: skip
_COLOURS = ((200, 90, 80), (80, 160, 90), (80, 100, 200), (210, 190, 90), (150, 90, 170), (90, 180, 190))
_BITS, _COLUMNS = 18, 6
_LEFT, _TOP, _WIDTH, _HEIGHT = 0.2, 0.4, 0.6, 0.45
_DARK, _LIGHT = 30, 225


@dataclass(frozen=True)
class Coded:
    """A clip in which a new card comes every so often; the squares change every `tick` seconds."""

    seconds: float
    card: float = 20.0
    tick: float = 1.0
    fps: int = 2
    size: tuple[int, int] = (320, 180)
    start: float = 0.0
    """The time of the first frame on the container's clock."""

    @property
    def truth(self) -> Truth:
        edges = [self.start + n * self.card for n in range(int(-(-self.seconds // self.card)))]
        ends = [*edges[1:], self.start + self.seconds]
        parts = tuple(
            Part(start, end, _title(n)) for n, (start, end) in enumerate(zip(edges, ends, strict=True))
        )
        return Truth(self.seconds, parts, read=parts)

    def make(self, path: Path) -> Path:
        """Writes the clip. Two hours of it take some seconds."""
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=self.fps, options={"preset": "ultrafast", "crf": "28"})
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = 10 * self.fps
            stream.codec_context.time_base = stream.time_base = Fraction(1, self.fps)
            for number, picture in enumerate(self._pictures()):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number + round(self.start * self.fps)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path

    def _pictures(self) -> Iterator[Pixels]:
        kept: tuple[int, int] | None = None
        picture = np.zeros((1, 1, 3), np.uint8)
        for number in range(round(self.seconds * self.fps)):
            at = number / self.fps
            now = int(at / self.card + 1e-9), int(at / self.tick + 1e-9)
            if now != kept:
                picture, kept = self._drawn(*now), now
            yield picture

    def _drawn(self, card: int, tick: int) -> Pixels:
        width, height = self.size
        picture = np.empty((height, width, 3), np.uint8)
        picture[:] = _COLOURS[card % len(_COLOURS)]
        cv2.putText(
            picture,
            _title(card),
            (width // 20, height // 4),
            cv2.FONT_HERSHEY_SIMPLEX,
            width / 420,
            (255, 255, 255),
            2,
        )
        for bit, (left, top, right, bottom) in enumerate(_squares(width, height)):
            picture[top:bottom, left:right] = _LIGHT if tick >> bit & 1 else _DARK
        return picture

    def told(self, picture: bytes) -> tuple[float, float] | None:
        """The absolute seconds from which to which the video shows this picture; None where no squares can be read."""
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            return None
        height, width = pixels.shape
        tick = 0
        for bit, (left, top, right, bottom) in enumerate(_squares(width, height)):
            third = max(1, (right - left) // 3), max(1, (bottom - top) // 3)
            middle = pixels[
                top + third[1] : max(top + third[1] + 1, bottom - third[1]),
                left + third[0] : right - third[0],
            ]
            level = float(np.mean(middle))
            if 90 < level < 165:
                return None
            tick |= (level > 128) << bit
        begin = self.start + tick * self.tick
        return begin, begin + self.tick


def _title(card: int) -> str:
    return f"CARD {card + 1:03} {WORDS[card % len(WORDS)]}"


def _squares(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    rows = _BITS // _COLUMNS
    for bit in range(_BITS):
        row, column = divmod(bit, _COLUMNS)
        left, right = (_LEFT + _WIDTH * (column + more) / _COLUMNS for more in (0, 1))
        top, bottom = (_TOP + _HEIGHT * (row + more) / rows for more in (0, 1))
        yield round(left * width), round(top * height), round(right * width), round(bottom * height)
