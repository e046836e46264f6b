"""Puts each official SDK into a folder of its own under `.cache/sdk/` and runs jobs in it."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
KEPT = ROOT / ".cache" / "sdk"

PYTHON_VERSIONS = ("1.2.4", "1.2.9", "1.3.6")
JAVASCRIPT_VERSIONS = ("1.2.4", "1.3.4")
# Those that know indexes and `video_id`; the first knows nothing else.
CLASSIC_VERSIONS = ("1.0.2", "1.2.4")

SETUP_SECONDS = 300


def node() -> str | None:
    """The Node.js program, or None where a machine has none."""
    return shutil.which("node") if shutil.which("npm") else None


def python_program(version: str) -> Path:
    """The interpreter of an environment that holds `twelvelabs` of that version; makes it if it is not there."""
    folder = KEPT / f"python-{version}"
    program = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(KEPT / f"python-{version}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder)
            pip = [sys.executable, "-m", "pip", "--python", str(program), "--disable-pip-version-check"]
            _set_up([*pip, "install", "--quiet", f"twelvelabs=={version}"], folder)
    return program


def javascript_folder(version: str) -> Path:
    """A folder whose `node_modules` hold `twelvelabs-js` of that version."""
    folder = KEPT / f"javascript-{version}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(KEPT / f"javascript-{version}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_text('{"private": true}')
            quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
            _set_up([shutil.which("npm") or "npm", "install", *quiet, f"twelvelabs-js@{version}"], folder)
    return folder


def _set_up(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SETUP_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    (folder / "complete").touch()


class Sdk:
    """One official SDK: `run` gives it steps to do and tells what became of each.

    A process per server is kept, for importing an SDK takes longer than using it.
    """

    def __init__(self, language: str, version: str, program: str = "sdk_python.py") -> None:
        self.language, self.version, self._program = language, version, program
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __repr__(self) -> str:
        return f"{self.language}-{self.version}"

    def run(self, base_url: str, key: str, *steps: dict[str, Any]) -> list[dict[str, Any]]:
        """Does `steps` in order with one client, which learns the server from TWELVELABS_BASE_URL alone.

        Each result is {"value": ...} or {"raised": class name, "kinds": its classes, "status": ..., "body": ...}.
        """
        process = self._processes.get(base_url)
        if process is None:
            process = self._processes[base_url] = self._start(base_url)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"api_key": key, "steps": steps}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"{self} ended"
        results: list[dict[str, Any]] = json.loads(line)
        assert len(results) == len(steps)
        return results

    def values(self, base_url: str, key: str, *steps: dict[str, Any]) -> list[Any]:
        """The same when no step may raise."""
        results = self.run(base_url, key, *steps)
        assert all("value" in result for result in results), results
        return [result["value"] for result in results]

    def close(self) -> None:
        for process in self._processes.values():
            with process:
                process.kill()
        self._processes.clear()

    def _start(self, base_url: str) -> subprocess.Popen[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TWELVE", "PYTHON", "KINOSCRIBE_"))
            and not name.lower().endswith("_proxy")
        }
        return subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=kept | {"TWELVELABS_BASE_URL": base_url},
            cwd=KEPT,
            encoding="utf-8",
        )

    def _command(self) -> list[str]:
        if self.language == "python":
            return [str(python_program(self.version)), str(HERE / self._program)]
        return [node() or "node", str(HERE / "sdk_javascript.mjs"), str(javascript_folder(self.version))]


PYTHON_SDKS = [Sdk("python", version) for version in PYTHON_VERSIONS]
CLASSIC_SDKS = [Sdk("python", version, "sdk_classic.py") for version in CLASSIC_VERSIONS]
JAVASCRIPT_SDKS = [Sdk("javascript", version) for version in JAVASCRIPT_VERSIONS]


if __name__ == "__main__":
    for python_version in sorted({*PYTHON_VERSIONS, *CLASSIC_VERSIONS}):
        print(python_program(python_version))
    if node() is None:
        sys.exit("Node.js is not here: the JavaScript SDK is left out.")
    for javascript_version in JAVASCRIPT_VERSIONS:
        print(javascript_folder(javascript_version))
