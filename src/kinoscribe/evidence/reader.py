"""Turns a picture into the lines of text that stand in it, with PP-OCR by RapidOCR."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from kinoscribe.evidence.screen_text import Line
from kinoscribe.notes import Box

_SIDE = 736
_FINE_SIDE = 1280
_SMALL_LINE = 20.0
_MANY_LINES = 4


class Reader:
    """The loaded models. One thread at a time."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._ocr = RapidOCR(
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

    def read(self, picture: NDArray[np.uint8]) -> list[Line]:
        """The lines of an RGB picture. Where they are many and small, it is read again at its full size."""
        height, width = picture.shape[:2]
        lines, smallest = self._lines(picture, _SIDE)
        if len(lines) >= _MANY_LINES and smallest < _SMALL_LINE and max(height, width) > _SIDE * 1.2:
            again, _ = self._lines(picture, _FINE_SIDE)
            if sum(len(line.text) for line in again) >= sum(len(line.text) for line in lines):
                return again
        return lines

    def _lines(self, picture: NDArray[np.uint8], side: int) -> tuple[list[Line], float]:
        detector = self._ocr.text_det
        if detector is not None:
            detector.limit_side_len = side
        found: Any = self._ocr(np.ascontiguousarray(picture[:, :, ::-1]))
        height, width = picture.shape[:2]
        lines, smallest = [], float(height)
        for corners, text, score in zip(
            () if found.boxes is None else found.boxes, found.txts or (), found.scores or (), strict=False
        ):
            xs, ys = np.clip(corners[:, 0] / width, 0, 1), np.clip(corners[:, 1] / height, 0, 1)
            box = Box(*(round(float(v), 4) for v in (xs.min(), ys.min(), np.ptp(xs), np.ptp(ys))))
            smallest = min(smallest, box.height * height)
            lines.append(Line(str(text).strip(), float(score), box))
        return lines, smallest
