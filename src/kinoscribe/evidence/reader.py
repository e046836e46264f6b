"""Turns a picture into the lines of text that stand in it, with PP-OCR by RapidOCR."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_rec import TextRecOutput

from kinoscribe.evidence.screen_text import Line
from kinoscribe.media.freeze import freeze, thaw
from kinoscribe.notes import Box

_SIDE = 736
_FINE_SIDE = 1280
_SMALL_LINE = 20.0
_MANY_LINES = 4
_PATCH = (192, 16)
_STRIP = 4
_SAME = 6.0

Pixels = NDArray[np.uint8]
_Read = tuple[NDArray[np.float32], float, str, float]


@dataclass(frozen=True, slots=True)
class Lately:
    """What was read in the picture before: how each line looks, its shape, its text and score; and how finely."""

    before: tuple[_Read, ...] = ()
    fine: bool = False


class Reader:
    """The loaded models. One thread at a time."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._ocr = _Sparing(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,
                "Det.model_path": str(folder / "models" / "PP-OCRv6_det_small.onnx"),
                "Rec.model_path": str(folder / "models" / "PP-OCRv6_rec_small.onnx"),
                "Det.limit_type": "max",
                "Det.limit_side_len": _SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        self._fine = False

    def begin(self, lately: bytes | None = None) -> None:
        """Begins a new video, or goes on with one: what was read in another counts no more."""
        known = Lately() if lately is None else thaw(lately, Lately)
        self._ocr.before, self._fine = known.before, known.fine

    def lately(self) -> bytes:
        """What has to be known to go on with this video."""
        return freeze(Lately(self._ocr.before, self._fine))

    def read(self, picture: Pixels) -> list[Line]:
        """The lines of an RGB picture. Where they are many and small, it is read at its full size."""
        large = max(picture.shape[:2]) > _SIDE * 1.2
        lines = self._lines(picture, _FINE_SIDE if self._fine and large else _SIDE)
        fine = large and len(lines) >= _MANY_LINES and _smallest(lines, picture) < _SMALL_LINE
        if fine and not self._fine:
            lines = self._lines(picture, _FINE_SIDE)
        self._fine = fine
        return lines

    def _lines(self, picture: Pixels, side: int) -> list[Line]:
        if self._ocr.text_det is not None:
            self._ocr.text_det.limit_side_len = side
        found: Any = self._ocr(np.ascontiguousarray(picture[:, :, ::-1]))
        if found.boxes is None or found.txts is None:
            return []
        height, width = picture.shape[:2]
        lines = []
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
            xs, ys = np.clip(corners[:, 0] / width, 0, 1), np.clip(corners[:, 1] / height, 0, 1)
            box = Box(*(round(float(v), 4) for v in (xs.min(), ys.min(), np.ptp(xs), np.ptp(ys))))
            lines.append(Line(str(text).strip(), float(score), box))
        return lines


class _Sparing(RapidOCR):
    """Recognises a line anew only when the picture before had none that looks like it."""

    before: tuple[_Read, ...] = ()

    def recognize_txt(self, img: list[Pixels]) -> Any:
        patches = [(_patch(crop), crop.shape[1] / crop.shape[0]) for crop in img]
        known = [self._find(*patch) for patch in patches]
        fresh = [crop for crop, found in zip(img, known, strict=True) if found is None]
        read: Any = super().recognize_txt(fresh) if fresh else None
        news = iter(zip(read.txts, read.scores, strict=True) if read else ())
        results = [found if found is not None else next(news) for found in known]
        self.before = tuple(
            (*patch, str(text), float(score)) for patch, (text, score) in zip(patches, results, strict=True)
        )
        output: Any = TextRecOutput
        return output(
            imgs=list(img),
            txts=tuple(text for text, _ in results),
            scores=tuple(score for _, score in results),
            word_results=tuple(("", 1.0, None) for _ in results),
            elapse=0.0,
        )

    def _find(self, patch: NDArray[np.float32], shape: float) -> tuple[str, float] | None:
        for old, old_shape, text, score in self.before:
            if abs(old_shape - shape) < 0.05 * shape and _apart(old, patch) < _SAME:
                return text, score
        return None


def _patch(crop: Pixels) -> NDArray[np.float32]:
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, _PATCH, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The largest difference of a narrow strip, so that one changed digit is not lost in a long line."""
    apart = np.abs(a - b)
    strips: NDArray[np.float32] = apart.reshape(_PATCH[1], _PATCH[0] // _STRIP, _STRIP)
    return float(np.max(strips.mean(axis=(0, 2))))


def _smallest(lines: list[Line], picture: Pixels) -> float:
    return min(line.box.height for line in lines) * float(picture.shape[0])
