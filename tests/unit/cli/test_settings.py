import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinoscribe.cli.exits import USAGE, Exit
from kinoscribe.cli.main import app
from kinoscribe.cli.settings import origins, read_settings, unknown_variables


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KINOSCRIBE_DATA_DIR", "KINOSCRIBE_CONFIG", "KINOSCRIBE_PORT", "KINOSCRIBE_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def _printed(*arguments: str) -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(app, ["settings", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_each_setting_is_printed_with_the_source_of_its_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kinoscribe.toml").write_text('log_level = "debug"\nport = 9000\n')
    monkeypatch.setenv("KINOSCRIBE_PORT", "9001")
    printed = _printed()
    assert printed["port"] == {"value": "9001", "source": "KINOSCRIBE_PORT"}
    assert printed["log_level"] == {"value": "debug", "source": "kinoscribe.toml"}
    assert printed["host"] == {"value": "127.0.0.1", "source": "default"}


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOSCRIBE_PORT", "9001")
    assert read_settings(port=9002, host=None).port == 9002
    assert origins(frozenset({"port"}))["port"] == "command line"


def test_a_secret_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOSCRIBE_API_KEY", "tlk_very_secret")
    assert _printed()["api_key"]["value"] == "**********"
    result = CliRunner().invoke(app, ["settings"])
    assert "very_secret" not in result.output


def test_a_wrong_value_is_refused_with_its_name_its_source_and_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KINOSCRIBE_PORT", "eighty")
    with pytest.raises(Exit) as caught:
        read_settings()
    assert caught.value.code == USAGE
    assert "port" in caught.value.sentence
    assert "KINOSCRIBE_PORT" in caught.value.sentence
    assert "eighty" in caught.value.sentence


def test_a_key_of_the_file_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kinoscribe.toml").write_text("prot = 9000\n")
    with pytest.raises(Exit, match="prot is no setting"):
        read_settings()


def test_a_settings_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kinoscribe.toml").write_text("port 9000\n")
    with pytest.raises(Exit, match="not TOML"):
        read_settings()


def test_a_named_settings_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOSCRIBE_CONFIG", "nowhere.toml")
    with pytest.raises(Exit, match=r"nowhere\.toml"):
        read_settings()


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINOSCRIBE_PROT", "9000")
    assert unknown_variables() == ["KINOSCRIBE_PROT"]
    result = CliRunner().invoke(app, ["settings"])
    assert "KINOSCRIBE_PROT is set but is no setting" in result.stderr
