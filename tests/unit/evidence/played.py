"""Stand-ins for perception: processes that play pieces, a gate to hold them at, and what waits for conditions."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from kinoscribe.cancel import Cancel
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.keep import key_of
from kinoscribe.evidence.record import Collected, Piece, Stage, Wanted, pack, unpack_wanted
from kinoscribe.notes import CollectorReport, Notes, Shot

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
CONTENT = "ab" * 32
OTHER = "cd" * 32
KEY = key_of(CONTENT, ("shots 1",))

Play = Callable[[Wanted, Cancel, int], Iterator[Piece]]


def notes(content: str = CONTENT, state: Any = "done") -> Notes:
    return Notes(
        content, 0.0, 8.0, shots=(Shot(0.0, 8.0, "start"),), reports=(CollectorReport("shots", "1", state),)
    )


class Pretended:
    """Stands in for the perception processes: plays pieces and remembers who asked."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.asked: list[Wanted] = []
        self.running = 0
        self.closed = False

    def call(
        self, body: bytes, *, cancel: Cancel | None = None, wall: float | None = None
    ) -> Generator[bytes, None, None]:
        wanted = unpack_wanted(body)
        self.asked.append(wanted)
        self.running += 1
        try:
            for piece in self._play(wanted, cancel or Cancel(), len(self.asked)):
                yield pack(piece)
        finally:
            self.running -= 1

    def close(self) -> None:
        self.closed = True


def at_once(wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
    yield Stage("look", 0.5)
    yield Collected(notes(wanted.content))


class Gate:
    """A play that waits in the middle until it is let go, or until it is canceled."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, wanted: Wanted, cancel: Cancel, _number: int) -> Iterator[Piece]:
        yield Stage("look", 0.1)
        self.reached.set()
        while not self.go.wait(0.02):
            cancel.check()
        yield Collected(notes(wanted.content))


def finished(asking: Generator[Progress, None, Notes]) -> tuple[list[Progress], Notes]:
    told = []
    while True:
        try:
            told.append(next(asking))
        except StopIteration as end:
            return told, end.value


def until(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())
