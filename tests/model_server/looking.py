"""Tells from a picture alone which seconds of a clip it can be from, by comparing it with all pictures of the clip."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

_SIZE = (32, 18)
_ALIKE = 7.0  # mean difference of grey levels that scaling and JPEG make


class Looked:
    """The pictures of a clip, small."""

    def __init__(self, clip: Path) -> None:
        times, small = [], []
        with av.open(str(clip)) as container:
            for frame in container.decode(video=0):
                times.append(float(frame.time or 0.0))
                small.append(_small(frame.to_ndarray(format="gray")))
        self._times = times
        self._pictures = np.stack(small)

    def fits(self, picture: bytes, time: float) -> bool:
        """Whether the picture looks like what the clip shows at that time, or no less than like any other of its pictures."""
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            return False
        apart = np.abs(self._pictures - _small(pixels)).mean(axis=(1, 2))
        place = max(0, bisect_right(self._times, time + 1e-3) - 1)
        near = apart[max(0, place - 1) : place + 2].min()
        return bool(near <= apart.min() + _ALIKE)


def _small(grey: Any) -> Any:
    return cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
