"""Turns a picture into one with a number painted into its corner, large enough to be read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_ROWS, _COLUMNS = 7, 5
_MARGIN = 1
_SHARE = 14
"""A digit is one part in so many as high as the picture, but at least twice its rows."""
_DOT = 2
"""Columns of a point."""
_INK, _GROUND = 255, 0

_GLYPHS = {
    "0": "01110100011001110101110011000101110",
    "1": "00100011000010000100001000010001110",
    "2": "01110100010000100010001000100011111",
    "3": "11111000100010000010000011000101110",
    "4": "00010001100101010010111110001000010",
    "5": "11111100001111000001000011000101110",
    "6": "00110010001000011110100011000101110",
    "7": "11111000010001000100010000100001000",
    "8": "01110100011000101110100011000101110",
    "9": "01110100011000101111000010001001100",
    "-": "00000000000000011111000000000000000",
}


def paint(pixels: Pixels, number: str) -> Pixels:
    """A copy with `number` (digits, a point, a minus sign) in white on black in the lower right corner.

    A picture too small to hold it stays as it is.
    """
    label = _label(number)
    height, width, _ = pixels.shape
    grown = max(2, round(height / _SHARE / _ROWS))
    while grown > 1 and (label.shape[1] * grown > width / 2 or label.shape[0] * grown > height / 2):
        grown -= 1
    label = label.repeat(grown, axis=0).repeat(grown, axis=1)
    painted = pixels.copy()
    if label.shape[0] <= height and label.shape[1] <= width:
        painted[height - label.shape[0] :, width - label.shape[1] :] = label[..., None]
    return painted


def _label(number: str) -> Pixels:
    parts = [np.full((_ROWS, _MARGIN), _GROUND, np.uint8)]
    for sign in number:
        parts += [_glyph(sign), np.full((_ROWS, _MARGIN), _GROUND, np.uint8)]
    return np.pad(np.hstack(parts), ((_MARGIN, _MARGIN), (0, 0)), constant_values=_GROUND)


def _glyph(sign: str) -> Pixels:
    if sign == ".":
        dot = np.full((_ROWS, _DOT), _GROUND, np.uint8)
        dot[-_DOT:] = _INK
        return dot
    bits = np.array([int(bit) for bit in _GLYPHS[sign]], np.uint8).reshape(_ROWS, _COLUMNS)
    return bits * np.uint8(_INK)
