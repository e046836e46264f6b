"""Turns a picture into the objects seen in it, with SSD-MobileNet v2 by OpenCV."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.colours import main_colour
from kinoscribe.evidence.labels import COCO
from kinoscribe.evidence.visual_tags import Seen
from kinoscribe.notes import Box

_SIZE = 300
_LEAST_SCORE = 0.45


class Detector:
    """The loaded model. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        cv2.setNumThreads(1)
        self._net = cv2.dnn.readNetFromTensorflow(
            str(folder / "frozen_inference_graph.pb"), str(folder / "ssd_mobilenet_v2_coco_2018_03_29.pbtxt")
        )

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        """The objects of an RGB picture that the model is at least fairly sure of."""
        self._net.setInput(cv2.dnn.blobFromImage(picture, size=(_SIZE, _SIZE)))
        rows = np.asarray(self._net.forward(), dtype=np.float32).reshape(-1, 7)
        return [self._seen(picture, row) for row in rows if row[2] >= _LEAST_SCORE and int(row[1]) in COCO]

    def _seen(self, picture: NDArray[np.uint8], row: NDArray[np.float32]) -> Seen:
        left, top, right, bottom = (float(v) for v in np.clip(row[3:7], 0.0, 1.0))
        box = Box(round(left, 4), round(top, 4), round(right - left, 4), round(bottom - top, 4))
        return Seen(COCO[int(row[1])], round(float(row[2]), 3), box, _colour(picture, box))


def _colour(picture: NDArray[np.uint8], box: Box) -> str | None:
    height, width = picture.shape[:2]
    top, bottom = (box.top + 0.2 * box.height) * height, (box.top + 0.8 * box.height) * height
    left, right = (box.left + 0.2 * box.width) * width, (box.left + 0.8 * box.width) * width
    inside = picture[int(top) : int(bottom) + 1 : 3, int(left) : int(right) + 1 : 3]
    return main_colour(inside.astype(np.float32)) if inside.size else None
