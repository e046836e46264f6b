"""Scenes, slides and moves painted on the spot, and the cuts that are found in them."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.shots import ShotFinder
from kinoscribe.evidence.thumbs import HEIGHT, WIDTH, Planes

Pixels = NDArray[np.uint8]
FPS = 12.5
BLACK = np.zeros((360, 640, 3), np.uint8)
WHITE = np.full((360, 640, 3), 255, np.uint8)


def scene(seed: int, size: tuple[int, int] = (640, 360)) -> Pixels:
    """A picture full of shapes; another seed is another place."""
    dice = np.random.default_rng(seed)
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = dice.integers(0, 255, 3)
    for _ in range(25):
        colour = tuple(int(v) for v in dice.integers(0, 255, 3))
        x, y = int(dice.integers(0, width)), int(dice.integers(0, height))
        if dice.random() < 0.5:
            cv2.circle(picture, (x, y), int(dice.integers(10, 80)), colour, -1)
        else:
            far = (x + int(dice.integers(20, 160)), y + int(dice.integers(20, 160)))
            cv2.rectangle(picture, (x, y), far, colour, -1)
    return picture


def grain(tiny: Planes, seed: int, strength: float) -> Planes:
    noise = np.random.default_rng(seed).normal(0, strength, tiny.shape)
    return np.clip(tiny + noise, 0, 255).astype(np.float32)


def mix(a: Pixels, b: Pixels, share: float) -> Pixels:
    return np.asarray(a * (1 - share) + b * share, np.uint8)


def slide(title: str, lines: Sequence[str], paper: int = 255, ink: int = 20) -> Pixels:
    picture = np.full((360, 640, 3), paper, np.uint8)
    cv2.putText(picture, title, (30, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (ink,) * 3, 3)
    for number, line in enumerate(lines):
        cv2.putText(picture, line, (40, 110 + 45 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (ink,) * 3, 2)
    return picture


def thumb(picture: Pixels) -> Planes:
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YUV).transpose(2, 0, 1), np.float32)


def cuts_in(pictures: Iterable[Pixels], fps: float = FPS, noise: float = 0.4) -> list[tuple[float, str]]:
    """The times and kinds of the boundaries that are found."""
    finder, count = ShotFinder(), 0
    for count, picture in enumerate(pictures, 1):
        finder.feed((count - 1) / fps, grain(thumb(picture), count, noise))
    return [(round(shot.start, 3), shot.begins_with) for shot in finder.finish(0.0, count / fps)[1:]]
