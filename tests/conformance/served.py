"""Starts the real `kinoscribe serve` in a process of its own and ends it again."""

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx2
import psutil

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
PROGRAM = (sys.executable, "-m", "kinoscribe.cli.main")


@dataclass(frozen=True)
class Served:
    """A running server: its address without a path, a valid key, its process, its folder and its log."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    environment: dict[str, str]

    def client(self, key: str | None = None, prefix: str = "/v1.3") -> httpx2.Client:
        """A client that sends `key`, or the valid one."""
        return httpx2.Client(
            base_url=f"{self.url}{prefix}/",
            headers={"x-api-key": self.key if key is None else key},
            timeout=60,
            trust_env=False,
        )

    def command(self, *arguments: str) -> str:
        """What a `kinoscribe` command with this server's settings prints."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=self.environment,
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def memory(self) -> int:
        """Bytes of resident memory of the process that takes the requests."""
        return int(self.child("api").memory_info().rss)

    def child(self, name: str) -> psutil.Process:
        """The process that runs `kinoscribe NAME` for this server: `api` or `work`."""
        (found,) = (child for child in self.children() if name in child.cmdline())
        return found

    def children(self) -> list[psutil.Process]:
        """The living processes that the server's supervisor has started."""
        return [
            child
            for child in psutil.Process(self.process.pid).children()
            if child.status() != psutil.STATUS_ZOMBIE
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> int:
        """Ends the server the polite way and tells its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(20)

    def kill(self) -> None:
        """Ends every process of the server the hard way, as a power cut does."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait(20)
        psutil.wait_procs(family, 20)


def weights_folder() -> Path:
    """Where `make models` puts the weights, unless the environment names another place."""
    if named := os.environ.get("KINOSCRIBE_MODELS_DIR"):
        return Path(named).resolve()
    return Path(os.environ.get("KINOSCRIBE_DATA_DIR") or ROOT / ".kinoscribe").resolve() / "models"


def serve(data: Path, *, port: int | None = None, **settings: object) -> Served:
    """A server on `data` with the scripted engine, unless `settings` say otherwise. It is ready when this returns.

    A setting that is None is left to its default. `port` and the setting `api_key` are new ones unless given.
    """
    data.mkdir(parents=True, exist_ok=True)
    key = f"conformance-{secrets.token_hex(16)}"
    port = port or _free_port()
    chosen = {"engine": "scripted", "api_key": key, "log_level": "info", "log_format": "json", **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KINOSCRIBE_")}
    environment |= {
        f"KINOSCRIBE_{name.upper()}": str(value) for name, value in chosen.items() if value is not None
    }
    environment |= {"KINOSCRIBE_DATA_DIR": str(data), "PYTHONWARNINGS": "default"}
    log = data / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    served = Served(f"http://127.0.0.1:{port}", str(chosen["api_key"]), process, data, log, environment)
    _wait_until_ready(served)
    return served


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(served: Served) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if served.process.poll() is not None:
            break
        try:
            if httpx2.get(f"{served.url}/readyz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    served.stop()
    raise AssertionError(f"The server did not get ready:\n{served.log.read_text(errors='replace')[-4000:]}")
