import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from kinoscribe.cli.exits import FAILED, INTERRUPTED
from kinoscribe.cli.serve import children_environment, welcome
from kinoscribe.settings import Settings


def _said(settings: Settings, key: str | None = None) -> str:
    return "\n".join(welcome("http://127.0.0.1:8080", settings, key))


def test_whoever_starts_the_server_is_told_how_to_reach_it() -> None:
    said = _said(Settings(), "ksk_new")
    assert said.count("ksk_new") == 1
    assert 'base_url="http://127.0.0.1:8080/v1.3"' in said
    assert "TWELVELABS_BASE_URL=http://127.0.0.1:8080/v1.3" in said
    assert "TLS" not in said


def test_later_starts_say_how_to_come_by_a_key() -> None:
    assert "kinoscribe keys create" in _said(Settings())
    assert "kinoscribe keys create" not in _said(Settings(api_key="preset"))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_a_server_that_others_can_reach_is_warned_of(host: str) -> None:
    assert "TLS" in _said(Settings(host=host))


@contextmanager
def _start(data: Path) -> Iterator["subprocess.Popen[str]"]:
    program = [sys.executable, "-m", "kinoscribe.cli.main", "serve", "--port", "0", "--engine", "scripted"]
    server = subprocess.Popen([*program, "--data-dir", str(data)], stderr=subprocess.PIPE, text=True)
    try:
        yield server
    finally:
        server.kill()
        server.communicate()


def _lines(err: IO[str] | None) -> list[str]:
    assert err is not None
    lines = []
    for line in err:
        lines.append(line)
        if line.startswith("Routes:"):
            break
    return lines


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)])
def test_a_server_answers_until_it_is_asked_to_end(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with _start(tmp_path) as server:
        lines = _lines(server.stderr)
        address = re.search(r"http://\S+", lines[0])
        assert address is not None
        with urllib.request.urlopen(f"{address[0]}/healthz", timeout=60) as answer:
            assert answer.status == 200
        with _start(tmp_path) as second:
            _, err = second.communicate(timeout=60)
        assert (second.returncode, "already uses the data folder" in err) == (FAILED, True)
        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(number)
        _, err = server.communicate(timeout=60)
    assert server.returncode == code
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_what_the_command_line_chose_reaches_the_children(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KINOSCRIBE_PORT": "1", "kinoscribe_engine": "embedded", "OTHER": "x"}.items():
        monkeypatch.setenv(name, value)
    chosen = {"port": 0, "engine": "scripted", "data_dir": Path("/data"), "host": None}
    made = children_environment(chosen)
    assert (made["KINOSCRIBE_PORT"], made["KINOSCRIBE_ENGINE"]) == ("0", "scripted")
    assert made["KINOSCRIBE_DATA_DIR"] == "/data"
    assert "kinoscribe_engine" not in made, "two names of one setting, and nobody knows which holds"
    assert "KINOSCRIBE_HOST" not in made
    assert made["OTHER"] == "x"
