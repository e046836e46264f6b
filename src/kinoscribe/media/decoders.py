"""Turns media files into facts, pictures and sound by asking processes of their own to decode them."""

import os
from collections.abc import Generator
from pathlib import Path

import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children, ChildSpec
from kinoscribe.contract.errors import ServiceUnavailable, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import (
    Bars,
    Beat,
    Border,
    Cutout,
    FileKind,
    Picture,
    PictureFacts,
    Piece,
    Read,
    ReadPlan,
    Sound,
    Still,
    Stills,
    StillsPlan,
    Thumb,
)
from kinoscribe.media.worker import (
    Answer,
    BarsRequest,
    CutoutRequest,
    Facts,
    KindRequest,
    Limits,
    PictureRequest,
    ProbeRequest,
    ReadRequest,
    Refusal,
    Request,
    StillsRequest,
    encode,
    read_answers,
)

MIB = 1024 * 1024

_QUICK = 50.0
"""Most seconds for a request that brings one answer, of a small file."""
_SLOWEST = 4 * MIB
"""Bytes of a file, of which much or all may have to be read, for which a second more is given."""
_SILENCE = 60.0
_START = 60.0
_NO_MEMORY = "Decoding it needs more memory than this server gives to one file."
_NO_TIME = "Decoding it takes longer than this server allows."
_CRASHED = "The decoder broke down over it."

_log = structlog.get_logger(__name__)


class PictureRefused(Exception):
    """A picture that cannot be used. `reason` is a sentence for whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoders:
    """At most `most` decode processes, each bounded in memory and time; safe to share between threads.

    `seconds` bounds the time one `read` may decode, `memory` the address space of a process in bytes.
    """

    def __init__(
        self,
        *,
        most: int = 2,
        memory: int = 3072 * MIB,
        seconds: float = 1800.0,
        max_pixels: int = 64_000_000,
        max_picture_pixels: int = 16_777_216,
        niceness: int = 0,
    ) -> None:
        self._seconds = seconds
        self._children = Children(
            ChildSpec(
                target="kinoscribe.media.worker:serve",
                config=encode(Limits(max_pixels, max_picture_pixels)),
                address_space=memory,
                file_size=0,
                silence=_SILENCE,
                start=_START,
                niceness=niceness,
                environment=(
                    ("OPENBLAS_NUM_THREADS", "1"),
                    ("OMP_NUM_THREADS", "1"),
                    ("MALLOC_ARENA_MAX", "2"),
                ),
            ),
            most,
        )

    def probe(self, path: Path, cancel: Cancel | None = None) -> VideoFacts:
        """What the video is. Raises `VideoFileBroken` when it is none, `ServiceUnavailable` or `Canceled`."""
        match self._one(ProbeRequest(os.fsencode(path)), cancel, _seconds_for(path)):
            case Facts(facts=facts):
                return facts
            case Refusal(reason=reason):
                raise VideoFileBroken(reason=reason)
            case other:
                raise _unexpected(other)

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind:
        """What any file is, by its content. Raises `ServiceUnavailable` or `Canceled`."""
        match self._one(KindRequest(os.fsencode(path)), cancel, _seconds_for(path)):
            case FileKind() as found:
                return found
            case Refusal(reason=reason):
                return FileKind("other", "application/octet-stream", reason=reason)
            case other:
                raise _unexpected(other)

    def picture_facts(self, path: Path, cancel: Cancel | None = None) -> PictureFacts:
        """What a still picture is, decoded once. Raises `PictureRefused`, `ServiceUnavailable` or `Canceled`."""
        match self._one(PictureRequest(os.fsencode(path)), cancel):
            case PictureFacts() as facts:
                return facts
            case Refusal(reason=reason):
                raise PictureRefused(reason)
            case other:
                raise _unexpected(other)

    def picture(self, path: Path, max_side: int = 1280, cancel: Cancel | None = None) -> Picture:
        """A still picture, upright, RGB24. Raises as `picture_facts` does."""
        match self._one(PictureRequest(os.fsencode(path), max(1, max_side)), cancel):
            case Picture() as found:
                return found
            case Refusal(reason=reason):
                raise PictureRefused(reason)
            case other:
                raise _unexpected(other)

    def cutout(self, path: Path, max_side: int, cancel: Cancel | None = None) -> Cutout:
        """A still picture, upright, with what is see-through in it. Raises as `picture_facts` does."""
        match self._one(CutoutRequest(os.fsencode(path), max_side), cancel):
            case Cutout() as found:
                return found
            case Refusal(reason=reason):
                raise PictureRefused(reason)
            case other:
                raise _unexpected(other)

    def read(self, path: Path, plan: ReadPlan, cancel: Cancel | None = None) -> Generator[Piece, None, None]:
        """Decodes the video once from front to back; the last piece is a `Read`. Close it to stop.

        Raises `VideoFileBroken`, `ServiceUnavailable` or `Canceled`.
        """
        answers = self._ask(ReadRequest(os.fsencode(path), plan), cancel, self._seconds)
        try:
            for answer in answers:
                match answer:
                    case Thumb() | Picture() | Sound() | Border() | Read():
                        yield answer
                    case Refusal(reason=reason):
                        raise VideoFileBroken(reason=reason)
                    case other:
                        raise _unexpected(other)
        finally:
            answers.close()

    def stills(
        self, path: Path, plan: StillsPlan, cancel: Cancel | None = None
    ) -> Generator[Still | Stills, None, None]:
        """Decodes the pictures that are wanted, one by one; the last piece is a `Stills`. Close it to stop.

        Raises as `read` does.
        """
        answers = self._ask(StillsRequest(os.fsencode(path), plan), cancel, self._seconds)
        try:
            for answer in answers:
                match answer:
                    case Still() | Stills():
                        yield answer
                    case Beat():
                        continue
                    case Refusal(reason=reason):
                        raise VideoFileBroken(reason=reason)
                    case other:
                        raise _unexpected(other)
        finally:
            answers.close()

    def bars(
        self, path: Path, start: float, end: float, *, jumps: bool = False, cancel: Cancel | None = None
    ) -> Bars:
        """The black bars around the picture of a video. Raises as `probe` does."""
        match self._one(BarsRequest(os.fsencode(path), start, end, jumps), cancel):
            case Bars() as found:
                return found
            case Refusal(reason=reason):
                raise VideoFileBroken(reason=reason)
            case other:
                raise _unexpected(other)

    def warm(self) -> None:
        """Starts one process, so that the first request need not wait for it. Raises `ServiceUnavailable`."""
        try:
            self._children.warm()
        except ChildDied as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Ends the idle processes; busy ones end with their request."""
        self._children.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the processes, for people who watch or test."""
        return self._children.pids

    def _one(self, request: Request, cancel: Cancel | None, seconds: float = _QUICK) -> Answer:
        told = self._ask(request, cancel, min(seconds, self._seconds))
        answers = [answer for answer in told if not isinstance(answer, Beat)]
        if len(answers) != 1:
            raise RuntimeError(f"a decode process gave {len(answers)} answers where one was due")
        return answers[0]

    def _ask(self, request: Request, cancel: Cancel | None, wall: float) -> Generator[Answer, None, None]:
        """What the process answers; when it fails, a refusal in its place."""
        messages = self._children.call(encode(request), cancel=cancel, wall=wall)
        try:
            for message in messages:
                yield from read_answers(message)
        except ChildNotStarted as error:
            raise _unavailable(error) from error
        except ChildDied as error:
            _log.warning("a decode process died", reason=error.reason, took_too_long=error.timed_out)
            yield Refusal(_NO_TIME if error.timed_out else _CRASHED)
        except ChildFailed as error:
            _log.warning("a decode process failed", kind=error.kind, reason=error.reason)
            yield Refusal(_NO_MEMORY if error.kind == "MemoryError" else _CRASHED)
        finally:
            messages.close()


def _seconds_for(path: Path) -> float:
    """Most seconds for telling what a file is: one without an index has to be read to its end."""
    try:
        return _QUICK + path.stat().st_size / _SLOWEST
    except OSError:  # whoever opens it tells
        return _QUICK


def _unavailable(error: ChildDied) -> ServiceUnavailable:
    _log.error("no decode process can be started", reason=error.reason)
    return ServiceUnavailable(reason="This server cannot start a decoder at the moment.")


def _unexpected(answer: object) -> RuntimeError:
    return RuntimeError(f"a decode process answered with {type(answer).__name__}")
