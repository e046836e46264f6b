"""Runs one function in a process that ends right after it, so that what it loads does not stay in memory."""

import importlib
import os
import signal
import traceback
from typing import Any

import msgspec

from kinoscribe.cli.exits import FAILED, KNOWN, Exit, exit_for


class _Said(msgspec.Struct):
    result: str | None = None
    code: int = 0
    sentence: str = ""


def apart(function: str, argument: Any) -> str | None:
    """What `function` ("module:name") returns for `argument`; its module is loaded only there.

    Raises `Exit` when it failed. To be called while this process has one thread.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _live(function, argument, write)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        body = told.read()
    os.waitpid(pid, 0)
    said = msgspec.json.decode(body, type=_Said) if body else _Said(code=FAILED)
    if said.code:
        raise Exit(said.code, said.sentence)
    return said.result


def _live(function: str, argument: Any, write: int) -> None:
    """The life of the process; it never returns into the code of the one it is a copy of."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the other process gets it too, and decides
        module, _, name = function.partition(":")
        try:
            said = _Said(result=getattr(importlib.import_module(module), name)(argument))
        except KNOWN as error:
            said = _Said(code=exit_for(error).code, sentence=exit_for(error).sentence)
        os.write(write, msgspec.json.encode(said))
    except BaseException:  # noqa: BLE001  the edge of this process: told in full, the other one ends with a failure
        traceback.print_exc()
    finally:
        os._exit(0)
