import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.limits import app
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.storage.api_key_rows import ApiKeyRows, pepper_of
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import RateRows


def run(folder: Path, *words: str, **env: str) -> Result:
    return CliRunner().invoke(
        app, [*words, "--data-dir", str(folder)], env={"COLUMNS": "200", "NO_COLOR": "1", **env}
    )


def shown(folder: Path, *words: str, **env: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "show", "--json", *words, **env).stdout)
    return found


def refused(result: Result) -> int:
    assert isinstance(result.exception, Exit)
    return result.exception.code


def a_key(folder: Path) -> str:
    with closing(Database(f"sqlite:///{folder / 'kinoscribe.db'}")) as database:
        database.migrate()
        return ApiKeyRows(database, pepper_of(folder)).create("acme")[1].id


def test_limits_are_set_shown_and_cleared(tmp_path: Path) -> None:
    result = run(tmp_path, "set", "analyze:rpm=60", "analyze:dph=600", "upload:rpd=9", "--account", "acme")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "analyze:rpm=60" in result.stderr
    limits = [one["limit"] for one in shown(tmp_path)["account acme"]]
    assert limits == ["analyze:dph=600", "analyze:rpm=60", "upload:rpd=9"]
    run(tmp_path, "set", "analyze:rpm=5", "--account", "acme")
    assert "analyze:rpm=5" in run(tmp_path, "show").stdout
    assert run(tmp_path, "clear", "--account", "acme").exit_code == 0
    assert "account acme" not in shown(tmp_path)
    assert refused(run(tmp_path, "clear", "--account", "acme")) == REFUSED


def test_what_was_used_is_shown_in_the_operators_units(tmp_path: Path) -> None:
    run(tmp_path, "set", "analyze:dph=10", "analyze:tpm=30", "--account", "acme")
    with closing(Database(f"sqlite:///{tmp_path / 'kinoscribe.db'}")) as database:
        rows = RateRows(database)
        rows.charge(rows.counters("acme", None, "analyze"), seconds=90, tokens=1500)
    dph, tpm = shown(tmp_path)["account acme"]
    assert (dph["used"], tpm["used"]) == (1.5, 1.5)
    assert dph["resets_at"] is not None
    assert "1.5" in run(tmp_path, "show").stdout


def test_the_setting_is_shown_for_all_others_and_for_an_account_without_its_own(tmp_path: Path) -> None:
    env = {"KINOSCRIBE_RATE_LIMITS": "analyze:rpm=7"}
    assert shown(tmp_path, **env) == {"all other accounts": [{"limit": "analyze:rpm=7"}]}
    (of_acme,) = shown(tmp_path, "--account", "acme", **env)["account acme"]
    assert of_acme["limit"] == "analyze:rpm=7"
    assert "all other accounts" in run(tmp_path, "show", **env).stdout
    assert shown(tmp_path, "--account", "acme") == {"account acme": []}


def test_a_key_may_have_limits_of_its_own(tmp_path: Path) -> None:
    key = a_key(tmp_path)
    assert run(tmp_path, "set", "analyze:rpm=2", "--key", key).exit_code == 0
    assert list(shown(tmp_path, "--key", key)) == [f"key {key}"]
    with closing(Database(f"sqlite:///{tmp_path / 'kinoscribe.db'}")) as database:
        (counter,) = RateRows(database).counters("acme", key, "analyze")
    assert counter.limit == read_limit("analyze:rpm=2")
    assert refused(run(tmp_path, "set", "analyze:rpm=2", "--key", "0" * 24)) == REFUSED


@pytest.mark.parametrize(
    "words",
    [
        ["analyze:rpm=60"],
        ["analyze:rpm=60", "--account", "a", "--key", "0" * 24],
        ["analyze:rpm=60", "--account", "../x"],
        ["analyze:rpm=0", "--account", "a"],
        ["analyze:rpx=5", "--account", "a"],
        ["rpm=5", "--account", "a"],
        ["analyze:rpm=5", "nonsense", "--account", "a"],
    ],
)
def test_a_limit_that_is_none_or_nobodys_is_a_usage_error_and_nothing_is_set(
    tmp_path: Path, words: list[str]
) -> None:
    assert refused(run(tmp_path, "set", *words)) == USAGE
    assert shown(tmp_path) == {"all other accounts": []}


def test_a_setting_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    assert refused(run(tmp_path, "show", KINOSCRIBE_RATE_LIMITS="analyze:rpm=many")) == USAGE
