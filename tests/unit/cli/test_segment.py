"""`kinoscribe segment` finds segments without a server and prints them for people or for programs."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from tests.unit.cli.test_analyze import make_video

from kinoscribe.cli import main as cli
from kinoscribe.cli.exits import OK, REFUSED, USAGE


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "cards.mp4", 6.0)


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("KINOSCRIBE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KINOSCRIBE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KINOSCRIBE_ENGINE", "scripted")
    monkeypatch.setenv("KINOSCRIBE_COLLECTORS", "shots")


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["segment", *arguments])
    return int(ended.value.code or 0)


def test_in_a_pipe_the_segments_come_as_json(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [
        "--define=part=One part",
        "--define=other=Another",
        "--field=part.title:string=A title",
        "--field=part.tags:array=Some words",
        "--field=part.at:timestamp=The best moment",
        "--start=1",
        "--time-format=hh:mm:ss",
    ]
    assert _run(str(video), *wanted) == OK
    found = json.loads(capsys.readouterr().out)
    values = {"title": "scripted title", "tags": ["scripted tags"], "at": 1}
    assert found["part"] == [{"start_time": "00:00:01", "end_time": "00:00:06", "metadata": values}]
    assert found["other"][0]["metadata"] == {}


def test_on_a_terminal_they_come_as_a_table(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    assert _run(str(video), "--define=part=One part", "--field=part.live:boolean=Live?") == OK
    assert out.getvalue() == "part: 1 segment\n  00:00:00.000 - 00:00:06.000  yes\n"


@pytest.mark.parametrize("whole", [True, False])
def test_definitions_may_come_from_a_file(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    definitions = [
        {"id": "part", "description": "One part", "time_ranges": [{"start_time": 1, "end_time": 3.5}]}
    ]
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps({"segment_definitions": definitions} if whole else definitions))
    assert _run(str(video), f"--schema={file}", "--json") == OK
    (found,) = json.loads(capsys.readouterr().out)["part"]
    assert (found["start_time"], found["end_time"]) == (1, 3.5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Say what to find"),
        (["--define=part"], "not of the form ID=DESCRIPTION"),
        (["--define=a=b", "--field=c.d:string=e"], "with the ID of a --define"),
        (["--define=a=b", "--field=a.d"], "not of the form ID.NAME:TYPE"),
        (["--define=a=b", "--schema=x.json"], "x.json cannot be read|either --schema"),
    ],
)
def test_words_that_define_nothing_are_a_usage_error(
    video: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert _run(str(video), *arguments) == USAGE
    err = capsys.readouterr().err
    assert any(part in err for part in told.split("|"))


def test_what_the_api_refuses_is_refused_here_in_the_same_words(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(str(video), "--define=a=b", "--min=1") == REFUSED
    assert "min_segment_duration" in capsys.readouterr().err
    assert _run(str(video), "--define=a=b", "--field=a.start_time:string=c") == REFUSED
    assert "name" in capsys.readouterr().err
