import subprocess
import sys
from pathlib import Path

import pytest
import typer

from kinoscribe import __version__
from kinoscribe.cli import main as cli
from kinoscribe.cli.exits import FAILED, INTERRUPTED, MEANINGS, REFUSED, USAGE, Exit
from kinoscribe.contract.errors import ApiError, ParameterInvalid


def _code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def _failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["--version"]) == 0
    assert capsys.readouterr().out == f"kinoscribe {__version__}\n"


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["sing"]) == USAGE
    assert "sing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ParameterInvalid(p="prompt", reason="It is empty."), REFUSED, "It is empty."),
        (ApiError(), FAILED, ApiError.sentence),
        (Exit(USAGE, "Wrong."), USAGE, "Wrong."),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_every_failure_has_a_sentence_and_a_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _failing(error, monkeypatch)
    assert _code([]) == code
    assert code in MEANINGS
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err


def test_a_data_folder_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert _code(["receipt", "x", "--data-dir", str(tmp_path / "file")]) == FAILED
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_prepared_answers_that_cannot_be_read_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "answers.toml").write_text("[[answer]]\n")
    (tmp_path / "video.mp4").write_text("")
    monkeypatch.setenv("KINOSCRIBE_SCRIPTED_FILE", str(tmp_path / "answers.toml"))
    video, data = str(tmp_path / "video.mp4"), str(tmp_path / "data")
    assert _code(["analyze", video, "What?", "--engine", "scripted", "--data-dir", data]) == USAGE
    assert "answers.toml" in capsys.readouterr().err


def test_every_command_is_there_and_says_what_it_does() -> None:
    for name, command in cli.Commands().items():
        assert command.name == name
        assert command.help, name


def test_a_command_waits_for_nothing_that_others_need(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom kinoscribe.cli.main import main\ntry:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "tasks", "list", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert "sqlalchemy" in loaded
    assert loaded & {"fastapi", "starlette", "uvicorn", "numpy", "cv2", "av", "onnxruntime"} == set()
