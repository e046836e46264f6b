"""A function runs in a process of its own: its result comes back, its failure too, its modules do not."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from kinoscribe.cli import apart as module
from kinoscribe.cli.exits import Exit
try:
    print("result", module.apart({function!r}, {argument!r}))
except Exit as error:
    print("exit", error.code, error.sentence)
print("loaded", "wave" in sys.modules)
"""


def outcome(function: str, argument: str = "x") -> list[str]:
    """What the calling process says afterwards; forking is left to a process that has one thread."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(function=function, argument=argument)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    return done.stdout.splitlines()


def test_a_result_comes_back_and_what_was_loaded_for_it_does_not_stay() -> None:
    result, loaded = outcome("tests.unit.cli.functions:loads_much")
    assert result == "result loaded x"
    assert loaded == "loaded False"


def test_nothing_is_a_result_too() -> None:
    assert outcome("tests.unit.cli.functions:says_nothing")[0] == "result None"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refuses", "exit 4 Not yet."),
        ("finds_no_database", "exit 1 No database."),
        ("breaks", "exit 1 "),
        ("dies", "exit 1 "),
    ],
)
def test_a_failure_comes_back_as_a_code_and_a_sentence(name: str, said: str) -> None:
    assert outcome(f"tests.unit.cli.functions:{name}")[0] == said
