import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from kinoscribe.cli import local, options
from kinoscribe.cli import main as cli
from kinoscribe.cli.exits import INTERRUPTED, NOT_READY, OK, REFUSED, USAGE

SCRIPT = """
[[answer]]
when = "wait"
pieces = [{ text = "begun " }, { wait = 60.0 }, { text = "done" }]

[[answer]]
when = "break"
pieces = [{ text = "begun " }, { fail = "the power went out" }]
"""


def make_video(path: Path, seconds: float = 5.0, size: tuple[int, int] = (384, 384)) -> Path:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * 5)):
            card = np.full((size[1], size[0], 3), 40 + number % 3 * 80, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(card, "rgb24")))
        target.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "cards.mp4")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text(SCRIPT)
    for name in [name for name in os.environ if name.startswith("KINOSCRIBE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KINOSCRIBE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KINOSCRIBE_ENGINE", "scripted")
    monkeypatch.setenv("KINOSCRIBE_SCRIPTED_FILE", str(tmp_path / "answers.toml"))


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["analyze", *arguments])
    return int(ended.value.code or 0)


def test_the_answer_goes_to_standard_output_and_the_rest_to_standard_error(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(str(video), "What is seen?") == OK
    printed = capsys.readouterr()
    assert printed.out.startswith("Scripted answer to “What is seen?”")
    assert printed.out.endswith("\n")
    assert "checking the video" in printed.err
    assert "checking" not in printed.out


def test_the_whole_response_is_printed_as_json(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(video), "What is seen?", "--json") == OK
    body = json.loads(capsys.readouterr().out)
    assert body["finish_reason"] == "stop"
    assert body["data"].startswith("Scripted answer")
    assert body["usage"]["output_tokens"] > 0


def test_the_receipt_is_printed_beside_the_answer(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(video), "What is seen?", "--receipt") == OK
    printed = capsys.readouterr()
    assert "384x384 h264, no sound" in printed.err
    assert "384x384 h264, no sound" not in printed.out


def test_an_answer_can_have_the_shape_of_a_schema(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    (tmp_path / "shape.json").write_text(json.dumps(shape))
    assert _run(str(video), "Title", "--schema", str(tmp_path / "shape.json")) == OK
    assert list(json.loads(capsys.readouterr().out)) == ["title"]


@pytest.mark.parametrize(("dialect", "code"), [("strict", REFUSED), ("wide", OK)])
def test_an_operator_may_accept_more_words_in_schemas(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, code: int
) -> None:
    monkeypatch.setenv("KINOSCRIBE_SCHEMA", dialect)
    title = {"type": "string", "maxLength": 9}
    shape = {"type": "object", "properties": {"title": title}, "required": ["title"]}
    (tmp_path / "shape.json").write_text(json.dumps(shape))
    assert _run(str(video), "Title", "--schema", str(tmp_path / "shape.json")) == code


def test_a_window_is_given_in_seconds_or_as_a_clock(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(video), "What is seen?", "--start", "0:00.5", "--end", "4.75", "--receipt") == OK
    assert "0.500 s to 4.750 s" in capsys.readouterr().err


@pytest.mark.parametrize("time", ["soon", "1:2:3:4", "-3", "1:", ""])
def test_what_is_no_time_is_a_usage_error(video: Path, time: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(video), "What?", f"--start={time}") == USAGE
    assert "is no time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90.5", 90.5), ("1:30", 90.0), ("1:02:03.5", 3723.5), ("0", 0.0)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert options.seconds(text) == seconds


def test_the_prompt_may_come_from_standard_input(
    video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("From a pipe?"))
    assert _run(str(video), "-") == OK
    assert "“From a pipe?”" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nowhere.mp4", "."])
def test_a_video_that_is_not_there_is_a_usage_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(name, "What?") == USAGE
    assert name in capsys.readouterr().err


def test_a_schema_that_is_not_json_is_a_usage_error(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shape.json").write_text("{")
    assert _run(str(video), "Title", "--schema", str(tmp_path / "shape.json")) == USAGE
    assert "not JSON" in capsys.readouterr().err


def test_a_file_that_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.mp4").write_text("<!doctype html>")
    assert _run(str(tmp_path / "page.mp4"), "What?") == REFUSED
    printed = capsys.readouterr()
    assert "Cannot read video file" in printed.err
    assert (printed.out, "Traceback" in printed.err) == ("", False)


def test_a_video_outside_the_limits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = make_video(tmp_path / "small.mp4", size=(128, 128))
    assert _run(str(small), "What?") == REFUSED
    assert "128x128" in capsys.readouterr().err


def test_an_empty_prompt_is_refused_by_the_rules_of_the_wire(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(str(video), " ") == REFUSED
    assert "prompt" in capsys.readouterr().err


def test_an_engine_that_breaks_off_is_a_failure(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(video), "break") == 1
    printed = capsys.readouterr()
    assert printed.out == "begun "
    assert "the power went out" in printed.err
    assert "What happened: kinoscribe receipt " in printed.err
    name = printed.err.split()[-1]
    with pytest.raises(SystemExit):
        cli.main(["receipt", name, "--json"])
    assert "the power went out" in capsys.readouterr().out


def test_the_receipt_of_a_failure_is_printed_where_it_is_wanted(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(str(video), "break", "--receipt") == 1
    printed = capsys.readouterr().err
    assert "sha256" in printed
    assert printed.rstrip().splitlines()[-1].startswith("What happened: kinoscribe receipt ")


def test_missing_weights_are_named_where_nobody_can_be_asked(
    video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert _run(str(video), "What?", "--engine", "embedded") == NOT_READY
    assert "kinoscribe models get" in capsys.readouterr().err


def test_what_a_video_shows_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for out in (terminal, pipe):
        monkeypatch.setattr(sys, "stdout", out)
        local.write("a\x1b[2Jb\x9bc\td\ne\r\n")
    assert terminal.getvalue() == "a\ufffd[2Jb\ufffdc\td\ne\ufffd\n"
    assert pipe.getvalue() == "a\x1b[2Jb\x9bc\td\ne\r\n"


def _started(video: Path, prompt: str) -> "subprocess.Popen[str]":
    program = [sys.executable, "-m", "kinoscribe.cli.main", "analyze", str(video), prompt]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_stops_at_once_and_leaves_nothing_behind(video: Path) -> None:
    with _started(video, "wait") as running:
        assert running.stdout is not None
        assert running.stdout.read(6) == "begun "
        family = psutil.Process(running.pid).children(recursive=True)
        asked = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        took = time.monotonic() - asked
    assert running.returncode == INTERRUPTED
    assert "Traceback" not in err
    assert took < 3
    _, alive = psutil.wait_procs(family, timeout=3)
    assert alive == []


def test_a_reader_that_goes_away_is_no_crash(video: Path) -> None:
    with _started(video, "What is seen?") as running:
        assert running.stdout is not None
        running.stdout.close()
        running.stdout = None
        _, err = running.communicate(timeout=60)
    assert "Traceback" not in err
