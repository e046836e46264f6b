"""Turns pixels into the plain English colour names that people use, and the share each name fills."""

import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.thumbs import Planes

NAMES = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
_BLACK, _WHITE, _GREY, _RED, _ORANGE, _YELLOW, _GREEN, _BLUE, _PURPLE, _PINK, _BROWN = range(len(NAMES))

# Upper bounds of the hue circle in degrees, and what lies below each.
_HUES = (
    (15.0, _RED),
    (42.0, _ORANGE),
    (68.0, _YELLOW),
    (170.0, _GREEN),
    (258.0, _BLUE),
    (295.0, _PURPLE),
    (345.0, _PINK),
    (360.1, _RED),
)


def rgb_of(frame: Planes) -> NDArray[np.float32]:
    """RGB (0..255, last axis) of a thumbnail whose planes are full-range or TV-range Y, U, V."""
    y = (frame[0] - 16.0) * 1.164
    u, v = frame[1] - 128.0, frame[2] - 128.0
    rgb = np.stack((y + 1.596 * v, y - 0.391 * u - 0.813 * v, y + 2.018 * u), axis=-1)
    clipped: NDArray[np.float32] = np.clip(rgb, 0.0, 255.0).astype(np.float32)
    return clipped


def shares(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The share (0..1) of the pixels that each of `NAMES` fills."""
    counts = np.bincount(names_of(rgb).ravel(), minlength=len(NAMES))
    filled: NDArray[np.float32] = (counts / max(1, counts.sum())).astype(np.float32)
    return filled


def names_of(rgb: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each pixel the index of its name in `NAMES`."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    high, low = rgb.max(axis=-1), rgb.min(axis=-1)
    chroma = high - low
    saturation = chroma / np.maximum(high, 1.0)
    hue = _hue(red, green, blue, high, chroma)
    names = np.full(high.shape, _RED, dtype=np.int64)
    lower = 0.0
    for upper, name in _HUES:
        names[(hue >= lower) & (hue < upper)] = name
        lower = upper
    dull = (saturation < 0.6) & (high < 190)
    names[((names == _ORANGE) | (names == _RED)) & (high < 165) & ((names == _ORANGE) | dull)] = _BROWN
    names[(names == _ORANGE) & (saturation < 0.45) & (high < 215)] = _BROWN
    names[(names == _RED) & (saturation < 0.55) & (high >= 190)] = _PINK
    names[(names == _YELLOW) & (high < 110)] = _BROWN
    faint = (saturation < 0.16) | (chroma < 22)
    names[faint] = _GREY
    names[faint & (high >= 205)] = _WHITE
    names[(high < 48) | (faint & (high < 60))] = _BLACK
    return names


def main_colour(rgb: NDArray[np.float32], least: float = 0.45) -> str | None:
    """The name that fills at least `least` of the pixels and twice as much as the next; grey tones do not count."""
    found = shares(rgb)
    order = np.argsort(-found)
    first, second = int(order[0]), int(order[1])
    if first in (_BLACK, _WHITE, _GREY) or found[first] < least or found[first] < 2 * found[second]:
        return None
    return NAMES[first]


def _hue(
    red: NDArray[np.float32],
    green: NDArray[np.float32],
    blue: NDArray[np.float32],
    high: NDArray[np.float32],
    chroma: NDArray[np.float32],
) -> NDArray[np.float32]:
    part = np.maximum(chroma, 1e-6)
    hue = np.where(
        high == red,
        ((green - blue) / part) % 6.0,
        np.where(high == green, (blue - red) / part + 2.0, (red - green) / part + 4.0),
    )
    return (hue * 60.0).astype(np.float32)
