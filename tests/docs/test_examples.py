"""The examples of the README and of docs/ are run as they stand, with this machine's address, key and clip put in."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from tests.conformance.clips import clip
from tests.conformance.file_server import start_file_server
from tests.conformance.sdk_environments import JAVASCRIPT_VERSIONS, javascript_folder, node, python_program
from tests.conformance.served import serve

from kinoscribe.contract.tasks import TaskView
from kinoscribe.contract.webhooks import payload
from kinoscribe.engines.models_file import read_models_file
from kinoscribe.engines.scripted import ScriptedEngine
from kinoscribe.settings import Settings

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# An example that is not for the newest SDK begins with the version it is for.
VERSION = re.compile(r"# twelvelabs==(\S+)\n")
ADDRESS = "http://127.0.0.1:8080"
CLIP = "https://example.com/talk.mp4"


@dataclass(frozen=True)
class Example:
    page: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def _examples(*languages: str) -> list[Example]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        Example(page.stem, number, text)
        for page in pages
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text("utf-8")))
        if language in languages
    ]


@dataclass(frozen=True)
class Stage:
    """A folder with `talk.mp4`, `logo.png` and our `examples/`, a served Kinoscribe, and a clip it can fetch."""

    folder: Path
    address: str
    key: str
    clip_url: str

    def set(self, text: str) -> str:
        return text.replace(ADDRESS, self.address).replace("YOUR_KEY", self.key).replace(CLIP, self.clip_url)

    def run(self, *command: str) -> str:
        environment = {**os.environ, "TWELVELABS_BASE_URL": f"{self.address}/v1.3", "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(clip("plain.mp4"), folder / "talk.mp4")
    shutil.copy(clip("orange.png"), folder / "logo.png")
    shutil.copytree(ROOT / "examples", folder / "examples")
    files = start_file_server()
    served = serve(folder / "data", url_allow="127.0.0.1", url_ports=0)
    yield Stage(folder, served.url, served.key, files.url("plain.mp4"))
    served.stop()
    files.close()


@pytest.mark.sdk
@pytest.mark.parametrize("example", _examples("python"), ids=str)
def test_python_examples_work(example: Example, stage: Stage) -> None:
    program = stage.folder / f"{example}.py"
    program.write_text(stage.set(example.text), encoding="utf-8")
    version = VERSION.match(example.text)
    assert stage.run(str(python_program(version[1] if version else "1.3.6")), str(program)).strip()


@pytest.mark.sdk
@pytest.mark.parametrize("example", _examples("javascript"), ids=str)
def test_javascript_examples_work(example: Example, stage: Stage) -> None:
    program = javascript_folder(JAVASCRIPT_VERSIONS[-1]) / f"{example}-{os.getpid()}.mjs"
    program.write_text(stage.set(example.text), encoding="utf-8")
    try:
        assert stage.run(node() or "node", str(program)).strip()
    finally:
        program.unlink()


@pytest.mark.parametrize("example", [e for e in _examples("sh") if "curl" in e.text], ids=str)
def test_curl_examples_work(example: Example, stage: Stage) -> None:
    text = stage.set(example.text).replace(
        "curl ", "curl --fail-with-body --silent --show-error --noproxy '*' "
    )
    said = stage.run("sh", "-e", "-c", text)
    assert ('"finish_reason":"stop"' if "/analyze" in text else '"id":"') in said


SEGMENTS = [e for e in _examples("sh") if e.text.startswith("kinoscribe segment")]


@pytest.mark.parametrize("example", SEGMENTS, ids=str)
def test_segment_examples_work(example: Example, stage: Stage) -> None:
    program = f"{sys.executable} -m kinoscribe.cli.main"
    own = "--engine scripted --data-dir segments"
    text = re.sub(
        r"^kinoscribe segment (\S+)", rf"{program} segment \1 {own}", example.text, flags=re.MULTILINE
    )
    assert '"start_time"' in stage.run("sh", "-e", "-c", text)


def test_every_command_of_the_shell_examples_exists(stage: Stage) -> None:
    asked = {name for e in _examples("sh") for name in re.findall(r"kinoscribe ([a-z]+)", e.text)}
    assert {"analyze", "serve", "doctor"} <= asked
    for name in asked:
        stage.run(sys.executable, "-m", "kinoscribe.cli.main", name, "--help")


def test_every_make_target_of_the_examples_exists() -> None:
    asked = {name for e in _examples("sh") for name in re.findall(r"^make ([a-z]+)", e.text, re.MULTILINE)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= asked <= targets


@pytest.mark.parametrize("example", _examples("toml"), ids=str)
def test_toml_examples_are_what_they_say(example: Example, tmp_path: Path) -> None:
    read = tomllib.loads(example.text)
    if "answer" in read:
        (tmp_path / "answers.toml").write_text(example.text, encoding="utf-8")
        assert ScriptedEngine(tmp_path / "answers.toml").state().ready
    elif "models" in read:
        (tmp_path / "models.toml").write_text(example.text, encoding="utf-8")
        assert read_models_file(tmp_path / "models.toml").models
    else:
        assert Settings(**read).port == read["port"]


@pytest.mark.parametrize("example", _examples("json"), ids=str)
def test_the_message_of_a_webhook_is_what_is_sent(example: Example) -> None:
    told = json.loads(example.text)
    task, source = told["data"], told["data"]["video_source"]
    view = TaskView(
        task_id=task["id"],
        status=task["status"],
        created_at=datetime.fromisoformat(task["created_at"]),
        params={},
        custom_id=task["custom_id"],
        source={name: source[name] for name in ("type", "url")},
        duration=source["system_metadata"]["duration"],
    )
    sent = json.loads(payload(told["id"], datetime.fromisoformat(told["created_at"]), view))
    assert json.dumps(sent) == json.dumps(told)
