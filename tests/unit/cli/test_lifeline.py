"""A child begins when it is told to, and ends when its supervisor is gone, even one that is stuck."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kinoscribe.cli.lifeline import Lifeline

CHILD = """
import os, sys, threading
from kinoscribe.cli import lifeline
print("waits", flush=True)
lifeline.wait(int(sys.argv[1]))
print("began", flush=True)
lifeline.watch(int(sys.argv[1]), {end})
threading.Event().wait(60)
"""
ENDS = "lambda: (print('alone', flush=True), os._exit(7))"
STUCK = "lambda: threading.Event().wait(60)"


@contextmanager
def child(end: str) -> Iterator[tuple["subprocess.Popen[str]", Lifeline]]:
    lifeline = Lifeline()
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(end=end), str(lifeline.childs_end)],
        pass_fds=(lifeline.childs_end,),
        stdout=subprocess.PIPE,
        text=True,
    )
    lifeline.handed_over()
    try:
        yield process, lifeline
    finally:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_child_begins_when_it_is_told_and_ends_in_its_own_way_when_it_is_alone() -> None:
    with child(ENDS) as (process, lifeline):
        assert line(process) == "waits"
        assert process.poll() is None
        lifeline.begin()
        assert line(process) == "began"
        assert process.poll() is None
        lifeline.close()
        assert line(process) == "alone"
        assert process.wait(20) == 7


def test_a_child_whose_supervisor_dies_first_never_begins() -> None:
    with child(ENDS) as (process, lifeline):
        assert line(process) == "waits"
        lifeline.close()
        assert line(process) == ""
        assert process.wait(20) == 0


def test_a_child_that_is_stuck_is_ended_all_the_same() -> None:
    with child(STUCK) as (process, lifeline):
        lifeline.begin()
        assert (line(process), line(process)) == ("waits", "began")
        lifeline.close()
        assert process.wait(20) == 0


def test_telling_a_child_that_is_gone_to_begin_is_no_failure() -> None:
    lifeline = Lifeline()
    lifeline.handed_over()
    lifeline.begin()
    lifeline.close()
