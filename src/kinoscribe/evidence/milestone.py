"""Takes down what all collectors know at one place of a video, so that another process can go on from there."""

import threading
from collections.abc import Iterable

import msgspec
import structlog

from kinoscribe import __version__
from kinoscribe.evidence.trail import TrailKeeper
from kinoscribe.media.freeze import freeze, thaw

_log = structlog.get_logger(__name__)


class Known(msgspec.Struct, frozen=True):
    """What one collector knows, frozen, and the seconds it has worked for that."""

    memory: bytes
    seconds: float


class Milestone(msgspec.Struct, frozen=True):
    """Everything that is known at `time`: what the decoder needs to go on, and what each collector does.

    Only the very program that made it can go on from it.
    """

    program: str
    time: float
    decoding: bytes
    pictures: tuple[float, ...]
    trail: TrailKeeper
    lines: dict[str, Known]


class Marker:
    """Goes through the queues of all collectors, behind everything that came before its time.

    Each collector adds what it knows when the marker reaches it; one that has failed never does.
    """

    def __init__(
        self,
        time: float,
        decoding: bytes,
        pictures: Iterable[float],
        trail: TrailKeeper,
        collectors: Iterable[str],
    ) -> None:
        self.time = time
        self._decoding = decoding
        self._pictures = tuple(pictures)
        self._trail = thaw(freeze(trail), TrailKeeper)
        self._awaited = set(collectors)
        self._lock = threading.Lock()
        self._lines: dict[str, Known] = {}

    def add(self, collector: str, memory: bytes, seconds: float) -> None:
        with self._lock:
            self._lines[collector] = Known(memory, seconds)

    @property
    def complete(self) -> bool:
        with self._lock:
            return self._awaited == self._lines.keys()

    def milestone(self) -> bytes:
        """What was taken down, once complete."""
        known = (self.time, self._decoding, self._pictures, self._trail, self._lines)
        return freeze(Milestone(__version__, *known))


def read_milestone(body: bytes | None, collectors: Iterable[str]) -> Milestone | None:
    """A milestone of this program and of these collectors; None when it is another's or cannot be read."""
    if body is None:
        return None
    try:
        found = thaw(body, Milestone)
    except msgspec.MsgspecError as error:
        _log.warning("milestone_unreadable", reason=str(error))
        return None
    return found if found.program == __version__ and found.lines.keys() == set(collectors) else None
