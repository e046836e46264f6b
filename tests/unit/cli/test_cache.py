"""The command that shows and clears what is kept, and what it leaves alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinoscribe.cli.cache import app
from kinoscribe.cli.exits import USAGE, Exit
from kinoscribe.storage.api_key_rows import pepper_of
from kinoscribe.storage.cache_folder import CacheFolder

VIDEO = "ab" * 32


def run(folder: Path, *words: str, **env: str) -> Result:
    return CliRunner().invoke(
        app, [*words, "--data-dir", str(folder)], env={"COLUMNS": "200", "NO_COLOR": "1", **env}
    )


def shown(folder: Path) -> dict[str, dict[str, Any]]:
    return {kind["kind"]: kind for kind in json.loads(run(folder, "show", "--json").stdout)["kinds"]}


@pytest.fixture
def cache(tmp_path: Path) -> CacheFolder:
    made = CacheFolder(tmp_path / "cache", 1 << 28, pepper_of(tmp_path))
    made.put("frames", made.key("ann", VIDEO), bytes(50_000))
    made.put("frames", made.key("bob", VIDEO), bytes(50_000))
    made.put("answers", made.key("ann", VIDEO), b"yes")
    return made


@pytest.fixture
def evidence(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "evidence" / "ab"
    folder.mkdir(parents=True)
    files = [folder / name for name in ("one.json", "two.flawed", "one.lock", "one.milestone")]
    for file in files:
        file.write_bytes(b"{}")
    return files


def test_kinds_are_shown_with_entries_disk_and_quota(tmp_path: Path, cache: CacheFolder) -> None:
    told = json.loads(run(tmp_path, "show", "--json", KINOSCRIBE_CACHE_BYTES="1000000").stdout)
    assert told["quota_bytes"] == 1_000_000
    assert [(kind["kind"], kind["entries"]) for kind in told["kinds"]] == [
        ("evidence", 0),
        ("answers", 1),
        ("frames", 2),
    ]
    assert told["kinds"][0]["last_used"] is None
    assert told["kinds"][2]["bytes"] >= 100_000
    assert told["kinds"][2]["last_used"].endswith("Z")
    text = run(tmp_path, "show").stdout
    assert "frames" in text
    assert "KiB" in text
    assert "of 4.0 GiB used" in text


def test_an_empty_folder_is_no_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "show").exit_code == 0
    assert run(tmp_path, "clear").exit_code == 0
    assert run(tmp_path, "clear", "frames", "captions").exit_code == 0


def test_a_kind_is_cleared_and_the_others_stay(
    tmp_path: Path, cache: CacheFolder, evidence: list[Path]
) -> None:
    result = run(tmp_path, "clear", "frames")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "frames: 2 removed" in result.stderr
    assert {kind: use["entries"] for kind, use in shown(tmp_path).items()} == {"evidence": 2, "answers": 1}


def test_an_accounts_entries_are_cleared_and_evidence_which_is_nobodys_stays(
    tmp_path: Path, cache: CacheFolder, evidence: list[Path]
) -> None:
    assert run(tmp_path, "clear", "--account", "ann").exit_code == 0
    assert {kind: use["entries"] for kind, use in shown(tmp_path).items()} == {"evidence": 2, "frames": 1}
    assert cache.get("frames", cache.key("bob", VIDEO)) is not None


def test_everything_is_cleared_but_what_is_being_collected(
    tmp_path: Path, cache: CacheFolder, evidence: list[Path]
) -> None:
    assert run(tmp_path, "clear").exit_code == 0
    assert {kind: use["entries"] for kind, use in shown(tmp_path).items()} == {"evidence": 0}
    assert [file.suffix for file in evidence if file.exists()] == [".lock", ".milestone"]


@pytest.mark.parametrize(
    "words", [("thumbnails",), ("../x",), ("--account", "a b"), ("evidence", "--account", "ann")]
)
def test_what_cannot_be_meant_is_a_usage_error_and_clears_nothing(
    tmp_path: Path, cache: CacheFolder, evidence: list[Path], words: tuple[str, ...]
) -> None:
    result = run(tmp_path, "clear", *words)
    assert isinstance(result.exception, Exit)
    assert result.exception.code == USAGE
    assert {kind: use["entries"] for kind, use in shown(tmp_path).items()} == {
        "evidence": 2,
        "answers": 1,
        "frames": 2,
    }
