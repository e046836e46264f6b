import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.storage.ended import Ended, put
from typer.testing import CliRunner, Result

from kinoscribe.cli.exits import FAILED, NOT_READY, REFUSED, USAGE, Exit
from kinoscribe.cli.webhooks import app
from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_rows import DeliveryRows, Outcome

URL = "https://example.com/hook"


def run(folder: Path, *words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(
        app, [*words, "--data-dir", str(folder)], input=given, env={"COLUMNS": "220", "NO_COLOR": "1"}
    )


def listed(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(folder, "list", "--json").stdout)
    return found


@contextmanager
def rows_of(folder: Path) -> Iterator[tuple[Database, DeliveryRows]]:
    with closing(Database(f"sqlite:///{folder / 'kinoscribe.db'}")) as database:
        yield database, DeliveryRows(database, waits=(0, 10), lease=30)


def attempt(folder: Path, outcome: Outcome) -> None:
    """What a worker does with all that is due."""
    with rows_of(folder) as (_, rows):
        for held in rows.claim("w", [one.id for one in rows.due(10)]):
            rows.settle(held, outcome)


def test_a_webhook_is_added_its_secret_stands_alone_on_standard_output_and_it_is_listed(
    tmp_path: Path,
) -> None:
    result = run(tmp_path, "add", URL, "--account", "acme")
    secret = result.stdout.strip()
    assert (result.exit_code, result.stdout) == (0, f"{secret}\n")
    assert secret.startswith("whsec_")
    (kept,) = listed(tmp_path)
    assert kept["id"] in result.stderr
    assert (kept["account"], kept["url"]) == ("acme", URL)
    shown = run(tmp_path, "list").stdout
    assert kept["id"] in shown
    assert "all" in shown
    assert secret not in shown
    assert json.loads(run(tmp_path, "list", "--json", "--account", "other").stdout) == []


def test_events_and_secret_may_be_chosen(tmp_path: Path) -> None:
    run(tmp_path, "add", URL, "--event", "analyze.task.failed", "--secret", "a-secret-of-my-own")
    assert listed(tmp_path)[0]["events"] == ["analyze.task.failed"]
    assert "analyze.task.failed" in run(tmp_path, "list").stdout
    read = run(tmp_path, "add", URL, "--secret", "-", given="from-standard-input\n")
    assert read.stdout.strip() == "from-standard-input"


@pytest.mark.parametrize(
    "words",
    [["ftp://example.com/"], ["http://127.0.0.1/"], [URL, "--event", "nonsense"], [URL, "--secret", "short"]],
)
def test_what_cannot_be_a_webhook_is_refused(tmp_path: Path, words: list[str]) -> None:
    result = run(tmp_path, "add", *words)
    assert isinstance(result.exception, ParameterInvalid)
    assert listed(tmp_path) == []


def test_a_name_that_can_name_no_account_is_a_usage_error(tmp_path: Path) -> None:
    result = run(tmp_path, "add", URL, "--account", "../x")
    assert isinstance(result.exception, Exit)
    assert result.exception.code == USAGE


def test_a_webhook_is_removed_once(tmp_path: Path) -> None:
    run(tmp_path, "add", URL)
    (kept,) = listed(tmp_path)
    assert run(tmp_path, "remove", kept["id"]).exit_code == 0
    assert listed(tmp_path) == []
    again = run(tmp_path, "remove", kept["id"])
    assert isinstance(again.exception, Exit)
    assert again.exception.code == REFUSED


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (Outcome(204, None, 0.5), 0, "204"),
        (Outcome(None, "Its server fell silent.", 9.0), FAILED, "fell silent"),
    ],
)
def test_a_test_tells_how_its_first_attempt_went(
    tmp_path: Path, outcome: Outcome, code: int, says: str
) -> None:
    run(tmp_path, "add", URL)
    webhook = listed(tmp_path)[0]["id"]
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            attempt(tmp_path, outcome)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        result = run(tmp_path, "test", webhook)
    finally:
        ended.set()
        worker.join()
    if code:
        assert isinstance(result.exception, Exit)
        assert (result.exception.code, says in result.exception.sentence) == (code, True)
    else:
        assert (result.exit_code, says in result.stderr) == (0, True), result.exception or result.stderr


def test_a_test_without_a_worker_says_so_and_stays_in_the_queue(tmp_path: Path) -> None:
    run(tmp_path, "add", URL)
    result = run(tmp_path, "test", listed(tmp_path)[0]["id"], "--wait", "0")
    assert isinstance(result.exception, Exit)
    assert result.exception.code == NOT_READY
    (queued,) = json.loads(run(tmp_path, "log", "--json").stdout)
    assert (queued["type"], queued["attempts"], queued["delivered"]) == ("webhook.test", [], False)
    assert "waits" in run(tmp_path, "log").stdout
    unknown = run(tmp_path, "test", "0" * 24)
    assert isinstance(unknown.exception, Exit)
    assert unknown.exception.code == REFUSED


def test_the_log_tells_what_was_sent_and_why_it_did_not_arrive(tmp_path: Path) -> None:
    run(tmp_path, "add", URL, "--account", "acme")
    webhook = listed(tmp_path)[0]["id"]
    with rows_of(tmp_path) as (database, rows):
        task = put(database, rows, Ended())
    attempt(tmp_path, Outcome(500, "It answered with the status 500.", 0.25))
    shown = run(tmp_path, "log").stdout
    assert task.id in shown
    assert "again at" in shown
    assert "It answered with the status 500." in shown
    assert run(tmp_path, "log", webhook).stdout.count("It answered with the status 500.") == 2
    (plain,) = json.loads(run(tmp_path, "log", "--json", webhook).stdout)
    assert plain["task_id"] == task.id
    assert plain["attempts"][0]["status"] == 500
    assert plain["next_attempt_at"] is not None
    assert json.loads(run(tmp_path, "log", "--json", "--account", "other").stdout) == []
    run(tmp_path, "remove", webhook)
    assert "given up: The webhook was removed." in run(tmp_path, "log").stdout


def test_lists_of_nothing_are_no_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "list").exit_code == 0
    assert run(tmp_path, "log").exit_code == 0
