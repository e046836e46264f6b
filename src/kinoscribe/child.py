"""Runs a function in a process of its own, many requests one after another, and brings its pieces back.

Untrusted media is decoded and models are held in such processes: one that crashes, hangs or eats memory costs
the request that used it, and a fresh one takes its place. Requests, pieces and failures travel as MessagePack
over a socket pair; nothing is unpickled.

The function is named by a string, `"package.module:function"`. It is called once, with the configuration bytes,
and returns the handler: `bytes -> Iterator[bytes]`. Between two pieces the process looks whether its caller has
lost interest, and then closes the iterator.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from socket import socketpair

import msgspec
import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled

Handler = Callable[[bytes], Iterator[bytes]]

_POLL = 0.1
_STOP_PATIENCE = 1.0
_log = structlog.get_logger(__name__)


class ChildDied(Exception):
    """The process ended, was killed for its limits, or never became ready. `reason` is a short sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChildFailed(Exception):
    """The handler raised. `kind` is the class name of what it raised, `reason` its text."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a process runs and what it may use.

    `address_space` and `file_size` are hard limits in bytes; `silence` is the longest time in seconds without a
    piece before the process is taken for hung; `start` the longest time until it is ready.
    """

    target: str
    config: bytes = b""
    address_space: int | None = None
    file_size: int | None = None
    silence: float = 120.0
    start: float = 120.0
    niceness: int = 0


class _Request(msgspec.Struct, tag="request"):
    body: bytes


class _Stop(msgspec.Struct, tag="stop"):
    pass


class _Ready(msgspec.Struct, tag="ready"):
    pass


class _Piece(msgspec.Struct, tag="piece"):
    body: bytes


class _Done(msgspec.Struct, tag="done"):
    pass


class _Raised(msgspec.Struct, tag="raised"):
    kind: str
    reason: str


_encode = msgspec.msgpack.Encoder().encode
_from_parent = msgspec.msgpack.Decoder(_Request | _Stop)
_from_child = msgspec.msgpack.Decoder(_Ready | _Piece | _Done | _Raised)


class Children:
    """A fixed number of processes of one kind, started when first needed and replaced when they die."""

    def __init__(self, spec: ChildSpec, most: int = 1) -> None:
        self._spec = spec
        self._slots = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._closed = False

    def call(
        self, body: bytes, *, cancel: Cancel | None = None, wall: float | None = None
    ) -> Generator[bytes, None, None]:
        """Yields the pieces the handler makes of `body`.

        Waits for a free process. Raises `ChildDied`, `ChildFailed` or `Canceled`. Closing the generator stops
        the work; a process that does not stop within a second is killed. `wall` bounds the whole call in seconds.
        """
        cancel = cancel or Cancel()
        while not self._slots.acquire(timeout=_POLL):
            cancel.check()
        process: _Process | None = None
        try:
            process = self._take()
            yield from process.run(body, cancel, wall)
        finally:
            if process is not None:
                self._give_back(process)
            self._slots.release()

    def warm(self) -> None:
        """Starts one process and waits until it is ready. Raises `ChildDied`."""
        with self._slots:
            self._give_back(self._take())

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the idle processes, for people who watch or test."""
        with self._lock:
            return tuple(p.pid for p in self._idle)

    def close(self) -> None:
        """Ends every idle process; busy ones end when their call does."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self) -> _Process:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return _Process(self._spec)
            if process.alive:
                return process
            process.end()

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            keep = not self._closed and process.usable and process.alive
            if keep:
                self._idle.append(process)
        if not keep:
            process.end()


class _Process:
    def __init__(self, spec: ChildSpec) -> None:
        self._spec = spec
        self.usable = True
        ours, theirs = socketpair()
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "kinoscribe.child", str(theirs.fileno()), spec.target],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        finally:
            theirs.close()
        self._link = Connection(ours.detach())
        try:
            limits = (spec.address_space or 0, spec.file_size or 0, spec.niceness)
            self._link.send_bytes(msgspec.msgpack.encode((spec.config, *limits)))
            match self._receive(clock.steady() + spec.start, Cancel(), "did not become ready"):
                case _Ready():
                    pass
                case _Raised(kind=kind, reason=reason):
                    raise ChildDied(f"could not start: {kind}: {reason}")
                case _:
                    raise ChildDied("spoke out of turn")
        except OSError as error:
            self.end()
            raise ChildDied(self._obituary()) from error
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def run(self, body: bytes, cancel: Cancel, wall: float | None) -> Generator[bytes, None, None]:
        last = None if wall is None else clock.steady() + wall
        finished = False
        try:
            self._send(_Request(body))
            while True:
                until = clock.steady() + self._spec.silence
                match self._receive(until if last is None else min(until, last), cancel, "took too long"):
                    case _Piece(body=piece):
                        yield piece
                    case _Done():
                        finished = True
                        return
                    case _Raised(kind=kind, reason=reason):
                        finished = True
                        raise ChildFailed(kind, reason)
                    case _Ready():
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
            self._send(_Stop())
            while True:
                match self._receive(until, Cancel(), "did not stop"):
                    case _Done() | _Raised():
                        return True
                    case _:
                        continue
        self.end()
        return False

    def _send(self, message: _Request | _Stop) -> None:
        try:
            self._link.send_bytes(_encode(message))
        except OSError as error:
            raise ChildDied(self._obituary()) from error

    def _receive(self, until: float, cancel: Cancel, why: str) -> _Ready | _Piece | _Done | _Raised:
        while True:
            cancel.check()
            left = until - clock.steady()
            if left <= 0:
                self.end()
                raise ChildDied(why)
            try:
                if self._link.poll(min(_POLL, left)):
                    return _from_child.decode(self._link.recv_bytes())
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


def main(arguments: list[str]) -> None:
    """The life of a child: set limits, load, then answer until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Connection(int(arguments[0]))
    config, address_space, file_size, niceness = msgspec.msgpack.decode(
        link.recv_bytes(), type=tuple[bytes, int, int, int]
    )
    _limit(resource.RLIMIT_AS, address_space)
    _limit(resource.RLIMIT_FSIZE, file_size)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if niceness:
        os.nice(niceness)
    try:
        module, _, name = arguments[1].partition(":")
        handler: Handler = getattr(importlib.import_module(module), name)(config)
    except Exception as error:  # noqa: BLE001  what failed is told to the parent, whatever it is
        link.send_bytes(_encode(_Raised(type(error).__name__, str(error))))
        return
    link.send_bytes(_encode(_Ready()))
    with contextlib.suppress(EOFError, OSError):
        while True:
            match _from_parent.decode(link.recv_bytes()):
                case _Request(body=body):
                    _answer(link, handler, body)
                case _Stop():
                    continue


def _answer(link: Connection, handler: Handler, body: bytes) -> None:
    pieces: Iterator[bytes] | None = None
    try:
        pieces = handler(body)
        for piece in pieces:
            link.send_bytes(_encode(_Piece(piece)))
            if link.poll(0):
                link.recv_bytes()
                break
        last: _Done | _Raised = _Done()
    except OSError as error:
        last = _Raised(type(error).__name__, str(error))
    except MemoryError:
        last = _Raised("MemoryError", "needs more memory than it may use")
    except Exception as error:  # noqa: BLE001  what failed is told to the parent, whatever it is
        last = _Raised(type(error).__name__, str(error))
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    link.send_bytes(_encode(last))


def _limit(what: int, most: int) -> None:
    if most:
        resource.setrlimit(what, (most, most))


__all__ = ["Canceled", "ChildDied", "ChildFailed", "ChildSpec", "Children", "Handler"]

if __name__ == "__main__":
    main(sys.argv[1:])
