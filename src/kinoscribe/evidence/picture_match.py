"""Turns a reference picture and a picture of a video into the place where the one is seen in the other, or into none.

Two ways, because things look different: rich pictures are found by local features that agree on one geometry
(SIFT, RANSAC), flat ones such as logos by sliding the picture over the other at many sizes. Either way the pixels
of the place found must agree with those of the reference, in structure and in colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.picture_alike import (
    Floats,
    Pixels,
    colour_distance,
    correlation,
    lab,
    palette,
    worst_part,
)
from kinoscribe.notes import Box

REFERENCE_SIDE = 512
"""Pixels of the longer side a reference is made small to."""
LOOK_SIDE = 720
"""Pixels of the longer side of the pictures that are looked at."""

_COARSE_SIDE = 320
_STEP, _SMALLEST, _LARGEST = 1.2, 0.06, 0.95
"""Sizes tried: each so much larger than the one before, from and to so much of the shorter side."""
_LEAST_PIXELS = 10
_TRIED, _TRIED_A_SIZE = 6, 3
_FINER = (0.9, 0.95, 1.0, 1.05, 1.1)
_ALIKE, _COLOUR = 0.8, 26.0
"""Correlation (1 is the same) from which structure agrees, and the mean distance in Lab up to which colour does."""
_COLOUR_PART = 45.0
"""No part of it may differ in colour by more: one that lacks a detail is another picture."""
_ALIKE_WARPED, _COLOUR_WARPED = 0.55, 45.0
"""The same for a place that many features agree on already: light and perspective may differ."""
_LEAST_FEATURES, _LEAST_AGREE, _AGREE_SHARE = 12, 10, 0.3
_RATIO = 0.75
_NEAR = 24.0
_PLAIN_BORDER, _SAME = 0.97, 12.0


@dataclass(frozen=True, slots=True)
class Match:
    """Where a reference was found, and how alike (0..1) it is there."""

    box: Box
    score: float


class Reference:
    """A picture to look for. `pixels` is RGBA; what is see-through counts as not there."""

    def __init__(self, name: str, pixels: Pixels) -> None:
        self.name = name
        self.views = tuple(_views(pixels))

    def find(self, look: Look) -> Match | None:
        """The best place in a picture where all agrees."""
        found = [m for m in (view.by_features(look) or view.by_sliding(look) for view in self.views) if m]
        return max(found, key=lambda match: match.score, default=None)


class Look:
    """A picture of the video, RGB, with what several references need of it made once."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = _shrunk(pixels, LOOK_SIDE)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def coarse(self) -> Pixels:
        return _shrunk(self.pixels, _COARSE_SIDE)

    @cached_property
    def shades(self) -> Floats:
        return lab(self.coarse).reshape(-1, 3)

    @cached_property
    def features(self) -> tuple[Floats, Floats]:
        return _features(self.pixels, None)

    def box(self, left: float, top: float, width: float, height: float) -> Box:
        high, wide = self.size
        x, y = max(0.0, left / wide), max(0.0, top / high)
        return Box(
            round(x, 4),
            round(y, 4),
            round(min(1.0, (left + width) / wide) - x, 4),
            round(min(1.0, (top + height) / high) - y, 4),
        )


class _View:
    """One reading of a reference: its pixels, and which of them belong to it."""

    def __init__(self, pixels: Pixels, mask: Pixels) -> None:
        rows, columns = np.where(mask > 127)
        inside = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        self.pixels, self.mask = np.ascontiguousarray(pixels[inside]), np.ascontiguousarray(mask[inside])
        belongs = self.mask > 127
        self._palette = palette(lab(self.pixels)[belongs])
        # The colour channel that shows most of the structure is enough to find places worth a closer look.
        self._channel = int(self.pixels[belongs].astype(np.float32).var(axis=0).argmax())
        self._points, self._described = _features(self.pixels, self.mask)

    def by_features(self, look: Look) -> Match | None:
        """By local features that agree on a shift, a turn and a size, or on a perspective."""
        if len(self._points) < _LEAST_FEATURES:
            return None
        points, described = look.features
        pairs = _pairs(self._described, described)
        if len(pairs) < _LEAST_AGREE:
            return None
        ours, theirs = self._points[pairs[:, 0]], points[pairs[:, 1]]
        turned, agree = cv2.estimateAffinePartial2D(ours, theirs, ransacReprojThreshold=4.0)
        if turned is not None and _enough(agree, len(pairs)):
            return self._checked(np.vstack([turned, [0, 0, 1]]), look)
        bent, agree = cv2.findHomography(ours, theirs, cv2.RANSAC, 4.0)
        return self._checked(bent, look) if bent is not None and _enough(agree, len(pairs)) else None

    def _checked(self, placed: NDArray[Any], look: Look) -> Match | None:
        """The match, when the pixels where the reference was placed agree with it."""
        high, wide = self.pixels.shape[:2]
        corners = cv2.perspectiveTransform(
            np.array([[[0, 0], [wide, 0], [wide, high], [0, high]]], np.float32), placed
        )[0]
        left, top, width, height = cv2.boundingRect(corners)
        area = abs(cv2.contourArea(corners))
        if (
            min(width, height) < _LEAST_PIXELS
            or area < 0.2 * width * height
            or not cv2.isContourConvex(corners)
        ):
            return None
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        there = cv2.warpPerspective(look.pixels, placed, (wide, high), flags=flags).astype(np.uint8)
        seen = cv2.warpPerspective(np.full(look.size, 255, np.uint8), placed, (wide, high), flags=flags)
        both = (self.mask > 127) & (seen > 127)
        if both.sum() < 0.4 * (self.mask > 127).sum():
            return None
        alike = correlation(there, self.pixels, both)
        if alike < _ALIKE_WARPED or colour_distance(there, self.pixels, both) > _COLOUR_WARPED:
            return None
        return Match(look.box(left, top, width, height), round(alike, 3))

    def by_sliding(self, look: Look) -> Match | None:
        """By sliding it over the picture at many sizes."""
        if not self._may_be_in(look):
            return None
        high = look.coarse.shape[0]
        places = sorted(self._slide(look.coarse), key=lambda place: -place[0])[:_TRIED]
        finer = look.size[0] / high
        best: Match | None = None
        for _, scale, x, y in places:
            match = self._refined(look, scale * finer, x * finer, y * finer, finer)
            if match is not None and (best is None or match.score > best.score):
                best = match
        return best

    def _may_be_in(self, look: Look) -> bool:
        """Whether the picture has pixels of every main colour of the reference."""
        least = _LEAST_PIXELS**2
        for colour, share in self._palette:
            near = np.abs(look.shades - colour).sum(axis=1) < 2 * _NEAR
            if near.sum() < share * least / 2:
                return False
        return True

    def _slide(self, picture: Pixels) -> Iterator[tuple[float, float, int, int]]:
        """Correlation, size, left and top of the best places at each size."""
        high, wide = picture.shape[:2]
        own_high, own_wide = self.pixels.shape[:2]
        scale = max(_SMALLEST * min(high, wide), _LEAST_PIXELS) / max(own_high, own_wide)
        flat = np.ascontiguousarray(picture[..., self._channel]).astype(np.float32)
        while own_high * scale <= high * _LARGEST and own_wide * scale <= wide * _LARGEST:
            found = self._map(flat, scale)
            if found is not None:
                for _ in range(_TRIED_A_SIZE):
                    _, best, _, (x, y) = cv2.minMaxLoc(found)
                    yield best, scale, x, y
                    found[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] = -1.0
            scale *= _STEP

    def _refined(self, look: Look, scale: float, x: float, y: float, slack: float) -> Match | None:
        """The place looked at again in full size, and only taken when structure and colour agree."""
        high, wide = look.size
        best: tuple[float, float, int, int] | None = None
        for factor in _FINER:
            own_high, own_wide = (round(side * scale * factor) for side in self.pixels.shape[:2])
            if min(own_high, own_wide) < _LEAST_PIXELS or own_high > high or own_wide > wide:
                continue
            pad = int(2 * slack + 3 + 0.06 * max(own_high, own_wide))
            left, top = int(max(0, x - pad)), int(max(0, y - pad))
            around = look.pixels[top : top + own_high + 2 * pad, left : left + own_wide + 2 * pad]
            found = self._map(around.astype(np.float32), scale * factor)
            if found is None:
                continue
            _, alike, _, (right, down) = cv2.minMaxLoc(found)
            if best is None or alike > best[0]:
                best = alike, scale * factor, left + right, top + down
        return None if best is None else self._agreed(look, *best[1:])

    def _agreed(self, look: Look, scale: float, left: int, top: int) -> Match | None:
        own, mask = self._at(scale)
        high, wide = own.shape[:2]
        there = look.pixels[top : top + high, left : left + wide]
        core = mask > 200
        if there.shape != own.shape or core.sum() < _LEAST_PIXELS**2 / 2:
            return None
        alike = correlation(there, own, core)
        if alike < _ALIKE or colour_distance(there, own, core) > _COLOUR:
            return None
        if worst_part(there, own, core) > _COLOUR_PART:
            return None
        return Match(look.box(left, top, wide, high), round(alike, 3))

    def _map(self, picture: Floats, scale: float) -> Floats | None:
        """How well it agrees at every place of a picture, or of one channel; None where it does not fit in."""
        own, mask = self._at(scale)
        if own.shape[0] > picture.shape[0] or own.shape[1] > picture.shape[1]:
            return None
        inside: NDArray[Any] = (mask > 127).astype(np.float32)
        if picture.ndim == 2:
            own = np.ascontiguousarray(own[..., self._channel])
        else:
            inside = cv2.merge([inside] * 3)
        found = cv2.matchTemplate(picture, own.astype(np.float32), cv2.TM_CCOEFF_NORMED, mask=inside)
        found[~np.isfinite(found) | (found > 1.01)] = -1.0
        return found.astype(np.float32, copy=False)

    def _at(self, scale: float) -> tuple[Pixels, Pixels]:
        high, wide = (max(2, round(side * scale)) for side in self.pixels.shape[:2])
        size = (wide, high)
        own, mask = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (self.pixels, self.mask))
        return own.astype(np.uint8, copy=False), mask.astype(np.uint8, copy=False)


def _views(pixels: Pixels) -> Iterator[_View]:
    """The picture as it is, and where it lies on one plain colour also without that."""
    small = _shrunk(pixels, REFERENCE_SIDE)
    colours, mask = np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])
    if (mask > 127).sum() < _LEAST_PIXELS**2:
        mask = np.full_like(mask, 255)
    yield _View(colours, mask)
    if (mask > 127).all():
        cut = _without_ground(colours)
        if cut is not None:
            yield _View(colours, cut)


def _without_ground(colours: Pixels) -> Pixels | None:
    """A mask of all but the plain ground that a drawing lies on; None when there is no such ground."""
    shades = lab(colours)
    border = np.concatenate([shades[0], shades[-1], shades[:, 0], shades[:, -1]])
    ground = np.median(border, axis=0)
    if (np.abs(border - ground).max(axis=1) < _SAME).mean() < _PLAIN_BORDER:
        return None
    rest = (np.abs(shades - ground).max(axis=2) >= _SAME).astype(np.uint8)
    # What the ground encloses belongs to the drawing: only what reaches the border is left out.
    filled = np.pad(rest, 1)
    cv2.floodFill(filled, None, (0, 0), 2)
    mask = np.where(filled[1:-1, 1:-1] == 2, 0, 255).astype(np.uint8)
    share = (mask > 0).mean()
    return mask if 0.05 <= share <= 0.9 else None


def _shrunk(pixels: Pixels, side: int) -> Pixels:
    longer = max(pixels.shape[:2])
    if longer <= side:
        return pixels
    factor = side / longer
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _features(pixels: Pixels, mask: Pixels | None) -> tuple[Floats, Floats]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    points, described = cv2.SIFT.create(nfeatures=1200).detectAndCompute(grey, mask)
    if described is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([point.pt for point in points], np.float32), described.astype(np.float32, copy=False)


def _pairs(ours: Floats, theirs: Floats) -> NDArray[np.intp]:
    """Features that are much more like each other than like any other; each of the second picture once."""
    if len(theirs) < 2:
        return np.zeros((0, 2), np.intp)
    best: dict[int, tuple[int, float]] = {}
    for first, second in cv2.BFMatcher(cv2.NORM_L2).knnMatch(ours, theirs, k=2):
        if first.distance < _RATIO * second.distance:
            known = best.get(first.trainIdx)
            if known is None or first.distance < known[1]:
                best[first.trainIdx] = (first.queryIdx, first.distance)
    return np.array([(query, train) for train, (query, _) in best.items()], np.intp).reshape(-1, 2)


def _enough(agree: NDArray[Any] | None, pairs: int) -> bool:
    agreeing = 0 if agree is None else int(agree.sum())
    return agreeing >= _LEAST_AGREE and agreeing >= _AGREE_SHARE * pairs
