"""Measures how two tiny frames differ: how much, where, whether motion explains it, what structure was lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]

HEIGHT, WIDTH = 36, 64
_BLOCK_ROWS, _BLOCK_COLUMNS = 6, 8
_REACH = 3
_CHANGED = 12.0
_EDGE = 6.0


@dataclass(frozen=True, slots=True)
class Difference:
    """How a frame differs from an earlier one.

    `mean` is the mean absolute difference (0..255), `unexplained` the share of blocks that no small motion
    explains, `residue` what is left of `mean` after motion, `lost` and `gained` the shares of old and new edges
    that lie where pixels changed, `height` how far the lost edges reach over the height (0..1), `alike` the
    correlation of the edges (1 is the same drawing, whatever its light), `relit` the
    same of the brightness itself, `shape` the mean difference of the brightness after its average is taken off,
    `hue` the mean difference of the colours that no stronger or weaker light explains, `drawn` the share of
    the picture that edges fill, in the fuller of the two frames.
    """

    mean: float
    unexplained: float
    residue: float
    lost: float
    gained: float
    height: float
    alike: float
    relit: float
    shape: float
    hue: float
    drawn: float


def planes(pixels: bytes) -> Planes:
    """The Y, U and V planes of a thumbnail."""
    return np.frombuffer(pixels, dtype=np.uint8).reshape(3, HEIGHT, WIDTH).astype(np.float32)


def mean_difference(old: Planes, new: Planes) -> float:
    """The mean absolute difference of all samples."""
    return float(np.abs(new - old).mean())


def difference(old: Planes, new: Planes) -> Difference:
    """Compares two thumbnails in every way; about a millisecond."""
    apart = np.abs(new - old)
    changed = apart.max(axis=0) > _CHANGED
    old_edges, new_edges = edges(old[0]), edges(new[0])
    lost = old_edges * changed
    residue = _after_motion(old, new)
    return Difference(
        mean=float(apart.mean()),
        unexplained=float((residue > 8.0).mean()),
        residue=float(residue.mean()),
        lost=_share(lost.sum(), old_edges.sum()),
        gained=_share((new_edges * changed).sum(), new_edges.sum()),
        height=_reach(lost.max(axis=1) > 0),
        alike=_correlation(old_edges, new_edges),
        relit=_correlation(old[0], new[0]),
        shape=float(np.abs((new[0] - new[0].mean()) - (old[0] - old[0].mean())).mean()),
        hue=_hue(old, new),
        drawn=float(max((old_edges > 0).mean(), (new_edges > 0).mean())),
    )


def edges(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The strength of the edges of a plane; faint ones count nothing."""
    across = np.abs(np.diff(luma, axis=1, append=luma[:, -1:]))
    down = np.abs(np.diff(luma, axis=0, append=luma[-1:, :]))
    strength = across + down
    return np.where(strength > _EDGE, strength, np.float32(0.0))


def _after_motion(old: Planes, new: Planes) -> NDArray[np.float32]:
    """For each block of `new`, its distance to the best of the nearby places in `old`."""
    reach = 2 * _REACH + 1
    padded = np.pad(old, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)), mode="edge")
    best = np.full((HEIGHT // _BLOCK_ROWS, WIDTH // _BLOCK_COLUMNS), np.inf, dtype=np.float32)
    for down in range(reach):
        for across in range(reach):
            moved = padded[:, down : down + HEIGHT, across : across + WIDTH]
            apart = np.abs(moved - new).mean(axis=0)
            blocks = apart.reshape(
                HEIGHT // _BLOCK_ROWS, _BLOCK_ROWS, WIDTH // _BLOCK_COLUMNS, _BLOCK_COLUMNS
            )
            np.minimum(best, blocks.mean(axis=(1, 3)), out=best)
    return best


def _reach(rows: NDArray[np.bool_]) -> float:
    hit = np.flatnonzero(rows)
    return float(hit[-1] - hit[0] + 1) / HEIGHT if hit.size else 0.0


def _hue(old: Planes, new: Planes) -> float:
    before, after = old[1:] - 128.0, new[1:] - 128.0
    energy = float((before * before).sum())
    gain = float(np.clip((before * after).sum() / energy, 0.25, 4.0)) if energy > 0 else 1.0
    return float(np.abs(after - gain * before).mean())


def plain(frame: Planes) -> bool:
    """Whether a frame is all black or all white: the pause between two scenes."""
    luma = frame[0]
    return bool(luma.std() < 4.0 and not 40.0 <= luma.mean() <= 225.0)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _correlation(old: NDArray[np.float32], new: NDArray[np.float32]) -> float:
    a, b = old - old.mean(), new - new.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 1e-6 else 0.0
