"""One child process as its parent holds it: started, asked, stopped, and given up when it dies or hangs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from multiprocessing.connection import Connection
from socket import socketpair

import msgspec

from kinoscribe import clock, log
from kinoscribe.cancel import Cancel
from kinoscribe.child.messages import (
    LONGEST_MESSAGE,
    NO_LIMIT,
    OUT_OF_MEMORY,
    ChildDied,
    ChildFailed,
    ChildNotStarted,
    ChildSpec,
    Done,
    FromChild,
    Piece,
    Raised,
    Ready,
    Request,
    Stop,
    encode,
    read_from_child,
)

POLL = 0.1
_STOP_PATIENCE = 1.0


class Process:
    """One child and the link to it. Used by one thread at a time."""

    def __init__(self, spec: ChildSpec, cancel: Cancel) -> None:
        self._spec = spec
        self.usable = True
        ours, theirs = socketpair()
        self._link = Connection(ours.detach())
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "kinoscribe.child", str(theirs.fileno()), spec.target, *log.chosen()],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **dict(spec.environment)},
            )
        except OSError as error:
            self._link.close()
            raise ChildNotStarted(f"cannot be started: {error.strerror}") from error
        finally:
            theirs.close()
        try:
            self._become_ready(cancel)
        except BaseException:
            self.end()
            raise

    def _become_ready(self, cancel: Cancel) -> None:
        spec = self._spec
        limits = tuple(NO_LIMIT if most is None else most for most in (spec.address_space, spec.file_size))
        try:
            self._link.send_bytes(encode((spec.config, *limits, spec.niceness)))
            answer = self._receive(clock.steady() + spec.start, cancel, "did not become ready")
        except OSError as error:
            raise ChildNotStarted(self._obituary()) from error
        except ChildDied as error:
            raise ChildNotStarted(error.reason, timed_out=error.timed_out) from error
        match answer:
            case Ready():
                return
            case Raised(kind=kind, reason=reason):
                raise ChildNotStarted(f"could not start: {kind}: {reason}")
            case _:
                raise ChildNotStarted("spoke out of turn")

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def send_request(self, body: bytes) -> bool:
        """False when the process was gone already: it died idle, and another one may be asked."""
        try:
            self._link.send_bytes(encode(Request(body)))
        except OSError:
            self.usable = False
        return self.usable

    def pieces(self, cancel: Cancel, wall: float | None) -> Generator[bytes, None, None]:
        left = float("inf") if wall is None else wall
        finished = False
        try:
            while True:
                asked = clock.steady()
                answer = self._receive(asked + min(self._spec.silence, left), cancel, "took too long")
                left -= clock.steady() - asked
                match answer:
                    case Piece(body=piece):
                        yield piece
                    case Done():
                        finished = True
                        return
                    case Raised(kind=kind, reason=reason):
                        finished = True
                        self.usable = kind != OUT_OF_MEMORY
                        raise ChildFailed(kind, reason)
                    case Ready():
                        raise ChildDied("spoke out of turn")
        finally:
            if not finished:
                self.usable = self._stop()

    def end(self) -> None:
        self.usable = False
        self._link.close()
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()

    def _stop(self) -> bool:
        """Asks the process to drop what it does. True when it did so in time and can be used again."""
        if not self.alive:
            return False
        until = clock.steady() + _STOP_PATIENCE
        with contextlib.suppress(ChildDied, OSError):
            self._link.send_bytes(encode(Stop()))
            while True:
                match self._receive(until, Cancel(), "did not stop"):
                    case Done() | Raised():
                        return True
                    case _:
                        continue
        self.end()
        return False

    def _receive(self, until: float, cancel: Cancel, why: str) -> FromChild:
        while True:
            cancel.check()
            left = until - clock.steady()
            if left <= 0:
                self.end()
                raise ChildDied(why, timed_out=True)
            try:
                if self._link.poll(min(POLL, left)):
                    return read_from_child(self._link.recv_bytes(LONGEST_MESSAGE))
            except (EOFError, OSError, msgspec.MsgspecError) as error:
                raise ChildDied(self._obituary()) from error

    def _obituary(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=1.0)
        code = self._popen.poll()
        if code is None:
            return "broke its connection"
        if code < 0:
            return f"was ended by signal {signal.Signals(-code).name}"
        return f"ended with status {code}"
