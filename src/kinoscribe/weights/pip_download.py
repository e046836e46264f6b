"""Asks pip, as a process of its own, to download one wheel, and says how many bytes have come."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from kinoscribe.cancel import Cancel

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_OPTIONS = (
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--no-input",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--progress-bar=raw",
)


def pip_download(requirement: str, folder: Path, cancel: Cancel) -> Generator[int, None, str | None]:
    """Yields the bytes that have come; returns `None`, or the last words of a pip that failed.

    Which index is asked is for pip's own configuration to say. Raises `Canceled`.
    """
    command = [sys.executable, "-m", "pip", *_OPTIONS, "--dest", str(folder), requirement]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    said: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
    ) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                cancel.check()
                if found := _PROGRESS.search(line):
                    yield int(found[1])
                elif line.strip():
                    said.append(line.strip())
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode == 0:
        return None
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR:")]
    return (errors or said or ["it ended without a word"])[-1]
