import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.keys import app
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows, pepper_of
from kinoscribe.storage.database import Database


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-dir", str(folder)], env={"COLUMNS": "200"})


def account_of(folder: Path, key: str) -> Account | None:
    with closing(Database(f"sqlite:///{folder / 'kinoscribe.db'}")) as database:
        return ApiKeyRows(database, pepper_of(folder)).account_of(key)


def test_a_key_is_printed_once_alone_on_standard_output_and_works(tmp_path: Path) -> None:
    result = run(tmp_path, "create", "--account", "acme")
    key = result.stdout.strip()
    assert result.exit_code == 0
    assert result.stdout == f"{key}\n"
    assert "acme" in result.stderr
    assert account_of(tmp_path, key) == Account("acme")
    listed = run(tmp_path, "list").stdout
    assert "acme" in listed
    assert key not in listed
    assert key[-4:] in listed
    (shown,) = json.loads(run(tmp_path, "list", "--json").stdout)
    narrow = CliRunner().invoke(app, ["list", "--data-dir", str(tmp_path)], env={"COLUMNS": "40"}).stdout
    assert shown["id"] in narrow, "whoever wants to revoke it needs the whole id"


def test_the_account_is_default_unless_it_is_named(tmp_path: Path) -> None:
    assert account_of(tmp_path, run(tmp_path, "create").stdout.strip()) == Account("default")


def test_a_revoked_key_is_refused_and_shown_as_revoked(tmp_path: Path) -> None:
    key = run(tmp_path, "create").stdout.strip()
    run(tmp_path, "create", "--account", "other")
    (shown,) = json.loads(run(tmp_path, "list", "--json", "--account", "default").stdout)
    assert (shown["valid"], shown["revoked_at"], shown["ending"]) == (True, None, key[-4:])
    assert run(tmp_path, "revoke", shown["id"]).exit_code == 0
    assert account_of(tmp_path, key) is None
    (shown,) = json.loads(run(tmp_path, "list", "--json", "--account", "default").stdout)
    assert shown["valid"] is False
    assert shown["revoked_at"].endswith("Z")
    assert "revoked" in run(tmp_path, "list").stdout
    again = run(tmp_path, "revoke", shown["id"])
    assert isinstance(again.exception, Exit)
    assert again.exception.code == REFUSED


def test_a_key_may_end_by_itself(tmp_path: Path) -> None:
    run(tmp_path, "create", "--days", "30")
    assert "valid until" in run(tmp_path, "list").stdout
    assert json.loads(run(tmp_path, "list", "--json").stdout)[0]["expires_at"] is not None


@pytest.mark.parametrize("name", ["a b", "", "../x"])
def test_a_name_that_cannot_name_an_account_is_a_usage_error(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, "create", "--account", name)
    assert isinstance(result.exception, Exit)
    assert result.exception.code == USAGE
    assert result.stdout == ""


def test_a_list_of_nothing_is_no_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "list").exit_code == 0
    assert json.loads(run(tmp_path, "list", "--json").stdout) == []
