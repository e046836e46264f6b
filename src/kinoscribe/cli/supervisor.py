"""Keeps a few programs running as child processes: starts them, starts them again when they die, ends them in turn.

Nothing is polled: the supervisor sleeps until a signal comes or a waiting restart is due.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from kinoscribe import clock
from kinoscribe.cli.exits import INTERRUPTED, OK, USAGE
from kinoscribe.cli.lifeline import Lifeline
from kinoscribe.cli.restarts import next_wait
from kinoscribe.cli.signals import FOR_EVER, Signals

_HURRIED_SECONDS = 5.0
_ENDING = {signal.SIGTERM, signal.SIGINT}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """One command that is kept running. `patience`: seconds it may take to end before it is hurried."""

    name: str
    command: Sequence[str]
    patience: float
    descriptors: tuple[int, ...] = ()


class Supervisor:
    """Runs `programs` until it is told to end. They are ended one after another, in the order given.

    Each gets `--lifeline N` after its command, the descriptor of a pipe that closes when the supervisor dies.
    SIGTERM asks a program to end, SIGINT after it asks it to hurry.
    """

    def __init__(self, programs: Sequence[Program], environment: dict[str, str]) -> None:
        self._kept = [_Kept(program, environment) for program in programs]
        self._signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

    def start(self) -> None:
        """Starts every program; they load what they need and wait for `run`."""
        for kept in self._kept:
            kept.start()

    def run(self, when_ending: Callable[[], None]) -> int:
        """Lets the programs begin and keeps them running. Returns an exit code when all have ended.

        `when_ending` is called once, as soon as the end was asked for. A program that says that a setting is wrong
        (status 2) ends the others too: it would say so each time.
        """
        for kept in self._kept:
            kept.begin()
        code: int | None = None
        while code is None:
            for number in self._signals.next(min(kept.due for kept in self._kept)):
                if number in _ENDING:
                    code = INTERRUPTED if number == signal.SIGINT else OK
            for kept in self._kept:
                if kept.ended_by_a_setting():
                    code = USAGE
            if code is None:
                for kept in self._kept:
                    kept.restart()
        _log.info("ending")
        when_ending()
        self._end()
        return code

    def kill(self) -> None:
        """Ends everything at once: what was started has not begun."""
        for kept in self._kept:
            kept.kill()

    def _end(self) -> None:
        asked, hurried = clock.steady(), False
        for kept in self._kept:
            kept.ask(signal.SIGTERM)
            hurry_at = max(asked + kept.program.patience, clock.steady() + 1.0)
            while kept.alive():
                if not kept.hurried and (hurried or clock.steady() >= hurry_at):
                    kept.hurry()
                if kept.hurried and clock.steady() >= kept.due:
                    _log.warning("killed", program=kept.program.name)
                    kept.kill()
                signals = self._signals.next(kept.due if kept.hurried else hurry_at)
                if not hurried and _ENDING & set(signals):
                    hurried = True
                    _log.info("hurrying")


class _Kept:
    """One program and its process. `due` is when something is to be done about it, by the steady clock."""

    def __init__(self, program: Program, environment: dict[str, str]) -> None:
        self.program = program
        self.due = FOR_EVER
        self.hurried = False
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: Lifeline | None = None
        self._started = 0.0
        self._wait: float | None = None

    def start(self) -> None:
        """Raises `OSError` when the system has no room for a process."""
        self._started = clock.steady()
        lifeline = self._lifeline = Lifeline()
        try:
            self._process = subprocess.Popen(
                [*self.program.command, "--lifeline", str(lifeline.childs_end)],
                stdin=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(*self.program.descriptors, lifeline.childs_end),
                process_group=0,  # Ctrl-C at a terminal reaches the supervisor alone: it ends the others in turn
            )
        except OSError:
            self._forget()
            raise
        finally:
            lifeline.handed_over()
        self.due = FOR_EVER

    def begin(self) -> None:
        if self._lifeline is not None:
            self._lifeline.begin()

    def ended_by_a_setting(self) -> bool:
        """Looks whether the process has died, and if so, when the next one is due. True when a setting is to blame."""
        if self._process is None or self.alive():
            return False
        status = self._process.returncode
        self._forget()
        self._put_off(_how(status))
        return status == USAGE

    def restart(self) -> None:
        """Starts the program again when that is due. A machine that has no room for a process now may have it later."""
        if clock.steady() < self.due:
            return
        try:
            self.start()
        except OSError as error:
            self._put_off(f"could not be started: {error.strerror}")
        else:
            self.begin()

    def _put_off(self, how: str) -> None:
        lived = clock.steady() - self._started
        self._wait = next_wait(self._wait, lived)
        self.due = clock.steady() + self._wait
        _log.error(
            "process_ended", program=self.program.name, how=how, lived=round(lived, 1), restart_in=self._wait
        )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def hurry(self) -> None:
        self.hurried = True
        self.due = clock.steady() + _HURRIED_SECONDS
        self.ask(signal.SIGINT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        self._process = None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None


def _how(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
