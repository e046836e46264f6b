"""Says how alike two pictures of one size are, in structure and in colour, and which colours one is made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

PART = 0.2
"""Share of its sides that makes a part of a picture."""
_WEIGHTS = np.array([0.5, 1.0, 1.0], np.float32)
_PALETTE, _PALETTE_SHARE = 4, 0.12


def correlation(first: Pixels, second: Pixels, where: Mask) -> float:
    """Of all colour channels together, each about its own mean."""
    one, other = first[where].astype(np.float32), second[where].astype(np.float32)
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    both = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / both if both > 1e-3 else 0.0


def colour_distance(first: Pixels, second: Pixels, where: Mask) -> float:
    """Mean distance in Lab; brightness counts half, for light changes more than paint."""
    apart = np.abs(lab(first)[where] - lab(second)[where]).mean(axis=0)
    return float(apart @ _WEIGHTS)


def worst_part(first: Pixels, second: Pixels, where: Mask) -> float:
    """The distance in Lab of the part that differs most; a pixel of shift at an edge hardly counts."""
    one, other = (cv2.blur(lab(pixels), (3, 3)) for pixels in (first, second))
    apart = np.abs(np.subtract(one, other)) @ _WEIGHTS
    size = tuple(max(3, round(PART * side)) for side in where.shape[::-1])
    inside = cv2.boxFilter(where.astype(np.float32), -1, size, normalize=True, borderType=cv2.BORDER_CONSTANT)
    parts = cv2.boxFilter(
        np.where(where, apart, 0.0).astype(np.float32), -1, size, borderType=cv2.BORDER_CONSTANT
    )
    told = inside >= 0.4
    return float((parts[told] / inside[told]).max()) if told.any() else 0.0


def lab(pixels: Pixels) -> Floats:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)


def palette(colours: Floats) -> tuple[tuple[Floats, float], ...]:
    """The main colours and their shares."""
    some = np.ascontiguousarray(colours[:: max(1, len(colours) // 4000)])
    count = min(_PALETTE, len(some))
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    start = np.zeros((len(some), 1), np.int32)
    _, labels, centres = cv2.kmeans(some, count, start, criteria, 2, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=count) / len(labels)
    return tuple(
        (centre.astype(np.float32), float(share))
        for centre, share in zip(centres, shares, strict=True)
        if share >= _PALETTE_SHARE
    )
