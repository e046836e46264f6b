"""Signals are read like messages, and waiting for them costs nothing."""

import subprocess
import sys

PROGRAM = """
import os, signal
from kinoscribe import clock
from kinoscribe.cli.signals import Signals
signals = Signals(signal.SIGTERM, signal.SIGINT)
print(signals.next(clock.steady() + 0.05))
print(signals.next(clock.steady() - 1))
os.kill(os.getpid(), signal.SIGTERM)
print(signals.next())
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
got = signals.next()
while len(got) < 2:
    got += signals.next()
print(sorted(got))
"""


def test_signals_come_as_numbers_and_none_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[]", "[15]", "[2, 15]"]
