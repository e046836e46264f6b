"""What an operator removes by hand: what is too old, and all of an account."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.unit.storage.queues import Desk
from typer.testing import CliRunner, Result

from kinoscribe import clock
from kinoscribe.cli import accounts
from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.main import app
from kinoscribe.cli.sweep import lines
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.tables import receipts
from kinoscribe.tasks.retention import Swept


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(accounts, "_MARGIN", 0.0)
    for name, value in (("ENGINE", "scripted"), ("LEASE_SECONDS", "0.5"), ("RECEIPT_DAYS", "10")):
        monkeypatch.setenv(f"KINOSCRIBE_{name}", value)
    open_database(None, DataFolder(tmp_path)).close()
    desk = Desk(f"sqlite:///{tmp_path / 'kinoscribe.db'}", tmp_path, told=False)
    yield desk
    desk.blobs.close()
    desk.database.close()


def run(command: str, folder: Path, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(app, [command, *words, "--data-dir", str(folder)], input=said)


def old_receipt(desk: Desk) -> ReceiptRows:
    rows = ReceiptRows(desk.database)
    rows.keep("a", "old", {})
    with desk.database.writing() as db:
        db.execute(update(receipts).values(created_at=clock.now() - timedelta(days=11)))
    return rows


def test_what_would_go_is_said_and_stays(desk: Desk, tmp_path: Path) -> None:
    rows = old_receipt(desk)
    assert run("sweep", tmp_path, "--dry-run").output == "receipts: 1 would go\n"
    assert rows.find("a", "old") == {}


def test_what_is_too_old_goes_and_is_said(desk: Desk, tmp_path: Path) -> None:
    rows = old_receipt(desk)
    assert run("sweep", tmp_path).output == "receipts: 1 went\n"
    assert rows.find("a", "old") is None
    assert run("sweep", tmp_path).output == "There is nothing to remove.\n"
    assert {swept["kind"] for swept in json.loads(run("sweep", tmp_path, "--json").output)} >= {"evidence"}


def test_what_a_dead_process_left_stays_in_a_dry_sweep(desk: Desk, tmp_path: Path) -> None:
    half = tmp_path / "incoming" / "dead" / "half"
    half.parent.mkdir()
    half.write_bytes(b"data")
    assert run("sweep", tmp_path, "--dry-run").output == "files left in the store: 1 would go\n"
    assert half.exists()
    assert run("sweep", tmp_path).output == "files left in the store: 1 went\n"
    assert not half.exists()


def test_what_could_not_be_looked_at_is_said() -> None:
    found = (Swept("evidence", 2, 3_400_000), Swept("receipts", error="The disk is away."))
    assert lines(found, dry=False) == ["evidence: 2 went, 3.4 MB", "receipts: The disk is away."]


def test_an_account_is_erased_when_that_was_confirmed(desk: Desk, tmp_path: Path) -> None:
    desk.submit("gone", files=(("video", desk.stored(b"data")),))
    kept = desk.submit("stays")
    refused = run("accounts", tmp_path, "erase", "gone", said="n\n").exception
    assert isinstance(refused, Exit)
    assert refused.code == REFUSED
    assert list(desk.blobs.kept()) != []
    erased = run("accounts", tmp_path, "erase", "gone", said="y\n")
    assert "tasks: 1 removed" in erased.output
    assert "1 tasks were canceled" in erased.output
    assert list(desk.blobs.kept()) == []
    assert desk.rows.get("stays", kept.id) is not None
    nothing = run("accounts", tmp_path, "erase", "gone", "--yes")
    assert nothing.output == "Nothing was kept of the account gone.\n"


def test_what_names_no_account_is_refused(desk: Desk, tmp_path: Path) -> None:
    refused = run("accounts", tmp_path, "erase", "../x", "--yes").exception
    assert isinstance(refused, Exit)
    assert refused.code == USAGE


def test_the_account_of_the_preset_key_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINOSCRIBE_API_KEY", "a-key-that-is-long-enough")
    refused = run("accounts", tmp_path, "erase", "default", "--yes").exception
    assert isinstance(refused, Exit)
    assert refused.code == REFUSED
