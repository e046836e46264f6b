import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinoscribe.cli import doctor
from kinoscribe.cli.exits import FAILED, Exit
from kinoscribe.cli.machine import Finding
from kinoscribe.cli.main import app
from kinoscribe.settings import Settings
from kinoscribe.weights.registry import SETS


@pytest.fixture
def one_finding(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Finding]]:
    found = [Finding("ok", "Thing", "Works [really].")]
    monkeypatch.setattr(doctor, "examine", lambda _: iter(found))
    return found


def test_findings_are_printed_as_they_are(one_finding: list[Finding]) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "Works [really]." in result.stdout


def test_findings_are_printed_as_json(one_finding: list[Finding]) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert json.loads(result.stdout) == [
        {"state": "ok", "what": "Thing", "sentence": "Works [really].", "advice": ""}
    ]


@pytest.mark.parametrize("state", ["lacks", "wrong"])
def test_something_that_does_not_work_is_told_by_the_exit_code(
    one_finding: list[Finding], state: str
) -> None:
    one_finding.append(Finding(state, "Other", "Broken.", "Mend it."))  # type: ignore[arg-type]
    result = CliRunner().invoke(app, ["doctor"])
    assert isinstance(result.exception, Exit)
    assert result.exception.code == FAILED
    assert "Mend it." in result.stdout


def test_something_slow_is_no_failure(one_finding: list[Finding]) -> None:
    one_finding.append(Finding("slow", "Other", "Slow."))
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0


def test_weights_that_are_not_there_are_named_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    found = {f.what: f for f in doctor.weights(Settings(data_dir=tmp_path))}
    assert found["Weights whisper-base"].state == "lacks"
    assert "kinoscribe models get" in found["Weights whisper-base"].advice


def test_a_damaged_weight_file_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "minilm"
    folder.mkdir(parents=True)
    for file in SETS["minilm"].files:
        with (folder / file.name).open("wb") as sparse:
            sparse.truncate(file.bytes)
    found = {f.what: f for f in doctor.weights(Settings(data_dir=tmp_path))}
    assert found["Weights minilm"].state == "wrong"
    assert "SHA-256" in found["Weights minilm"].sentence


def test_the_scripted_engine_needs_no_weights(tmp_path: Path) -> None:
    assert list(doctor.weights(Settings(data_dir=tmp_path, engine="scripted"))) == []


def test_the_faster_speech_model_is_not_advised_to_those_who_have_it(tmp_path: Path) -> None:
    (base,) = doctor.speed(Settings(data_dir=tmp_path))
    (tiny,) = doctor.speed(Settings(data_dir=tmp_path, speech_model="tiny.en"))
    assert "tiny.en" in base.advice
    assert "tiny.en" not in tiny.advice
