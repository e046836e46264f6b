"""Turns packet times that may jump, as in joined streams, into one clock that only runs forward."""

from dataclasses import dataclass

JUMPS = "Its time stamps jump; the parts were set one after another."
"""What is said of a file whose clock is not the one its packets carry."""

_BACK = 1.0
_FORWARD = 10.0
_SAME_JUMP = 5.0


@dataclass(slots=True)
class _Track:
    end: float
    epoch: int


class Timeline:
    """The clock of one file. The first packet sets it; where times jump, what follows is moved to touch.

    Times that run back by more than a second are a jump in any container. Times that leap ahead are one only in
    containers that people join by appending (`joined`): elsewhere a long gap is meant.
    """

    def __init__(self, *, joined: bool) -> None:
        self._forward = _FORWARD if joined else float("inf")
        self._offsets = [0.0]
        self._tracks: dict[int, _Track] = {}

    @property
    def jumps(self) -> int:
        return len(self._offsets) - 1

    def shift(self, track: int, at: float, length: float) -> float:
        """Seconds to add to the times of the next packet of `track`, which is decoded at `at`."""
        known = self._tracks.get(track)
        if known is None:
            known = self._tracks[track] = _Track(at, len(self._offsets) - 1)
        elif not -_BACK <= at - known.end <= self._forward:
            known.epoch = self._epoch(known, at)
        known.end = at + length
        return self._offsets[known.epoch]

    def _epoch(self, track: _Track, at: float) -> int:
        """Another track may have jumped the same way before: then both stay in step."""
        due = track.end + self._offsets[track.epoch]
        for epoch in range(track.epoch + 1, len(self._offsets)):
            if abs(at + self._offsets[epoch] - due) <= _SAME_JUMP:
                return epoch
        self._offsets.append(due - at)
        return len(self._offsets) - 1
