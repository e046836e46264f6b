"""Pictures drawn for tests: flat logos, rich textures, and pages on which they stand."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def logo(kind: str, side: int = 200) -> Pixels:
    """A flat RGBA drawing with a see-through ground: `ring`, `arrow` or `cross`."""
    picture = np.zeros((side, side, 4), np.uint8)
    middle = side // 2
    match kind:
        case "ring":
            cv2.circle(picture, (middle, middle), middle - 6, (20, 90, 200, 255), -1)
            cv2.circle(picture, (middle, middle), middle // 2, (250, 240, 60, 255), -1)
            cv2.rectangle(
                picture, (middle - 12, middle - 60), (middle + 12, middle + 60), (20, 90, 200, 255), -1
            )
        case "arrow":
            corners = np.array(
                [[10, 90], [110, 90], [110, 40], [190, 100], [110, 160], [110, 110], [10, 110]]
            )
            cv2.fillPoly(picture, [corners * side // 200], (220, 40, 40, 255))
            cv2.circle(picture, (side * 120 // 200, middle), side // 12, (255, 255, 255, 255), -1)
        case "cross":
            cv2.rectangle(picture, (10, 10), (side - 10, side - 10), (30, 130, 60, 255), -1)
            cv2.line(picture, (40, 40), (side - 40, side - 40), (240, 240, 240, 255), 24)
            cv2.line(picture, (40, side - 40), (side - 40, 40), (240, 240, 240, 255), 24)
    return picture


def texture(seed: int, width: int = 320, height: int = 240) -> Pixels:
    """A rich RGBA picture without meaning: blobs of many sizes and colours."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 4), 255, np.uint8)
    picture[..., :3] = random.integers(60, 200, 3)
    for _ in range(160):
        place = tuple(int(v) for v in random.integers(0, (width, height)))
        colour = (*(int(v) for v in random.integers(0, 255, 3)), 255)
        size = int(random.integers(4, 28))
        if random.random() < 0.5:
            cv2.circle(picture, place, size, colour, -1)
        else:
            other = tuple(int(v) for v in random.integers(0, (width, height)))
            cv2.line(picture, place, other, colour, max(1, size // 6))
    return picture


def page(seed: int = 0, width: int = 854, height: int = 480) -> Pixels:
    """An RGB page: a soft gradient with a few large shapes."""
    random = np.random.default_rng(seed)
    across = np.linspace(0, 1, width)[None, :, None]
    first, last = random.integers(40, 220, 3), random.integers(40, 220, 3)
    picture = (first * (1 - across) + last * across) * np.ones((height, 1, 1))
    picture = np.ascontiguousarray(picture.astype(np.uint8))
    for _ in range(5):
        place = tuple(int(v) for v in random.integers(0, (width, height)))
        cv2.circle(
            picture,
            place,
            int(random.integers(20, 80)),
            tuple(int(v) for v in random.integers(0, 255, 3)),
            -1,
        )
    return picture


def put(ground: Pixels, picture: Pixels, left: int, top: int, width: int) -> Pixels:
    """The ground with the picture on it, made `width` wide, as a JPEG of middling quality brings it."""
    height = round(width * picture.shape[0] / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    alpha = small[..., 3:].astype(np.float32) / 255
    made = ground.copy()
    there = made[top : top + height, left : left + width]
    there[:] = (there * (1 - alpha) + small[..., :3] * alpha).astype(np.uint8)
    return compressed(made)


def compressed(picture: Pixels) -> Pixels:
    _, packed = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 65])
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1]).astype(np.uint8)
