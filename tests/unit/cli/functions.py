"""Functions for processes of their own."""

import os
import wave

from kinoscribe.cli.exits import NOT_READY, Exit
from kinoscribe.storage.data_folder import DatabaseUnusable


def loads_much(argument: str) -> str:
    assert wave is not None
    return f"loaded {argument}"


def says_nothing(_argument: str) -> None:
    return None


def refuses(_argument: str) -> str:
    raise Exit(NOT_READY, "Not yet.")


def finds_no_database(_argument: str) -> str:
    raise DatabaseUnusable("No database.")


def breaks(_argument: str) -> str:
    raise RuntimeError


def dies(_argument: str) -> str:
    os.kill(os.getpid(), 9)
    return ""
