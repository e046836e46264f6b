"""A supervisor with programs of a few lines: whom it starts again and when, whom it ends and how, and what it costs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kinoscribe.cli.exits import INTERRUPTED, OK, USAGE

SUPERVISOR = """
import json, os, sys
from kinoscribe import log
from kinoscribe.cli.supervisor import Program, Supervisor

log.set_up()
programs = [
    Program(name, [sys.executable, "-c", text], patience) for name, text, patience in json.loads(sys.argv[1])
]
supervisor = Supervisor(programs, dict(os.environ))
supervisor.start()
code = supervisor.run(lambda: print("ending", flush=True))
sys.exit(code)
"""

# Says that it lives, and ends when it is asked to. One call for each line: two programs write into the same file.
POLITE = """
import os, signal, sys
from kinoscribe.cli import lifeline
lifeline.wait(int(sys.argv[2]))
lifeline.watch(int(sys.argv[2]), lambda: os._exit(0))
os.write(1, b"lives %d\\n" % os.getpid())
os.write(1, b"told %d\\n" % signal.sigwait({signal.SIGTERM, signal.SIGINT}))
"""
BLOCKED = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})\n"
POLITE = BLOCKED + POLITE
# Heeds only the second request, the one to hurry.
SLOW = POLITE + "\nos.write(1, b'told %d\\n' % signal.sigwait({signal.SIGINT}))\n"
DEAF = POLITE + "\nimport time\ntime.sleep(600)\n"
BROKEN = "print('lives 0', flush=True); raise SystemExit(3)"
MISCHOSEN = f"raise SystemExit({USAGE})"


class Running:
    def __init__(self, process: "subprocess.Popen[str]", out: Path) -> None:
        self.process = process
        self._out = out

    def said(self) -> str:
        return self._out.read_text()

    def lives(self) -> list[int]:
        return [int(found) for found in re.findall(r"lives (\d+)", self.said())]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def supervised(folder: Path, *programs: tuple[str, float]) -> Iterator[Running]:
    named = [(f"program{number}", *program) for number, program in enumerate(programs)]
    out = folder / "out"
    with out.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, json.dumps(named)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Running(process, out)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)


def until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, OK), (signal.SIGINT, INTERRUPTED)])
def test_programs_are_ended_in_turn_and_asked_politely(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with supervised(tmp_path, (POLITE, 5.0), (POLITE, 5.0)) as running:
        assert until(lambda: len(running.lives()) == 2), running.said()
        family = running.children()
        running.process.send_signal(number)
        assert running.process.wait(20) == code
        assert psutil.wait_procs(family, 1)[1] == []
        assert running.said().count(f"told {signal.SIGTERM.value}") == 2
        assert "ending" in running.said().split("told")[0]


def test_a_program_that_dies_is_started_again_and_the_other_one_is_left_alone(tmp_path: Path) -> None:
    with supervised(tmp_path, (POLITE, 5.0), (POLITE, 5.0)) as running:
        assert until(lambda: len(running.lives()) == 2), running.said()
        victim, other = running.lives()
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: len(running.lives()) == 3)
        assert {process.pid for process in running.children()} == {other, running.lives()[-1]}
        assert "SIGKILL" in running.said()


def test_a_program_that_dies_at_once_is_started_less_and_less_often(tmp_path: Path) -> None:
    with supervised(tmp_path, (BROKEN, 5.0)) as running:
        assert until(lambda: len(running.lives()) >= 4)
        waits = [float(found) for found in re.findall(r'"restart_in": ([\d.]+)', running.said())]
        assert waits[:3] == [0.2, 0.4, 0.8]
        assert len(running.children()) <= 1
        began = running.process.pid
        spent = psutil.Process(began).cpu_times()
        before = spent.user + spent.system
        assert until(lambda: len(running.lives()) >= 5)
        spent = psutil.Process(began).cpu_times()
        assert spent.user + spent.system - before < 0.2
        running.process.terminate()
        assert running.process.wait(20) == OK


def test_a_program_that_finds_a_setting_wrong_ends_all(tmp_path: Path) -> None:
    with supervised(tmp_path, (POLITE, 5.0), (MISCHOSEN, 5.0)) as running:
        assert running.process.wait(30) == USAGE
        assert len(running.lives()) <= 1


def test_a_program_that_takes_too_long_is_hurried(tmp_path: Path) -> None:
    with supervised(tmp_path, (SLOW, 0.1)) as running:
        assert until(running.lives)
        running.process.terminate()
        assert running.process.wait(20) == OK
        assert running.said().count("told") == 2


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    with supervised(tmp_path, (SLOW, 600.0)) as running:
        assert until(running.lives)
        running.process.terminate()
        assert until(lambda: "told" in running.said())
        assert running.process.poll() is None
        running.process.terminate()
        assert running.process.wait(20) == OK
        assert running.said().count("told") == 2


def test_a_program_that_hears_nothing_is_killed_in_the_end(tmp_path: Path) -> None:
    with supervised(tmp_path, (DEAF, 0.1)) as running:
        assert until(running.lives)
        family = running.children()
        running.process.terminate()
        assert running.process.wait(30) == OK
        assert psutil.wait_procs(family, 1)[1] == []
        assert "killed" in running.said()


def test_no_program_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, (POLITE, 5.0), (DEAF, 5.0)) as running:
        assert until(lambda: len(running.lives()) == 2), running.said()
        family = running.children()
        running.process.kill()
        assert psutil.wait_procs(family, 10)[1] == []


def test_ctrl_c_at_a_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    with supervised(tmp_path, (POLITE, 5.0)) as running:
        assert until(running.lives)
        (pid,) = running.lives()
        assert os.getpgid(pid) != os.getpgid(running.process.pid)


def test_a_supervisor_at_rest_does_nothing(tmp_path: Path) -> None:
    with supervised(tmp_path, (POLITE, 5.0)) as running:
        assert until(running.lives)
        process = psutil.Process(running.process.pid)
        time.sleep(0.5)
        before = process.num_ctx_switches().voluntary
        time.sleep(1.0)
        assert process.num_ctx_switches().voluntary - before <= 2
