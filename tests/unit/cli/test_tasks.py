"""The queue as an operator sees it: listed, shown in full, watched to the end, canceled and deleted."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.storage.queues import ANSWER, Desk
from typer.testing import CliRunner, Result

from kinoscribe.cli.exits import FAILED, REFUSED, USAGE, Exit
from kinoscribe.cli.tasks import app
from kinoscribe.contract.errors import EngineFailed, TaskCannotBeCanceled, TaskCannotBeDeleted
from kinoscribe.contract.webhooks import EVENTS
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.webhook_rows import WebhookRows


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    open_database(None, DataFolder(tmp_path)).close()
    desk = Desk(f"sqlite:///{tmp_path / 'kinoscribe.db'}", tmp_path, told=False)
    yield desk
    desk.blobs.close()
    desk.database.close()


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-dir", str(folder)], env={"COLUMNS": "200"})


def failure(folder: Path, *words: str) -> BaseException:
    error = run(folder, *words).exception
    assert error is not None
    return error


def test_tasks_are_listed_newest_first_with_how_far_they_are(desk: Desk, tmp_path: Path) -> None:
    first = desk.submit("default", video_url="https://a.example/v.mp4", custom_id="mine")
    second = desk.submit("default")
    other = desk.submit("else")
    (claimed,) = desk.queue.claim("w", 1)
    desk.queue.progress(claimed.claim, "speech", 0.25)
    lines = run(tmp_path, "list").stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(second.id)
    assert all(words in lines[2] for words in (first.id, "https://a.example/v.mp4", "mine", "25%", "speech"))
    assert other.id not in "".join(lines)
    assert other.id in run(tmp_path, "list", "--account", "else").stdout


def test_a_list_can_be_narrowed_and_paged(desk: Desk, tmp_path: Path) -> None:
    tasks = [desk.submit("default") for _ in range(3)]
    desk.rows.cancel("default", tasks[0].id)
    listed = json.loads(run(tmp_path, "list", "--status", "queued", "--json").stdout)
    assert [task["task_id"] for task in listed] == [tasks[2].id, tasks[1].id]
    page = run(tmp_path, "list", "--limit", "2", "--page", "2")
    assert tasks[0].id in page.stdout
    assert "1 of 3" in page.stderr
    error = failure(tmp_path, "list", "--status", "lost")
    assert isinstance(error, Exit)
    assert (error.code, "queued" in error.sentence) == (USAGE, True)


def test_all_of_a_task_is_shown(desk: Desk, tmp_path: Path) -> None:
    WebhookRows(desk.database).add("default", "https://hooks.example/x", EVENTS, most=10)
    task = desk.submit("default", custom_id="mine [bold]")
    (claimed,) = desk.queue.claim("worker-of-host", 1)
    assert desk.queue.begin(claimed.claim, 12.5)
    running = run(tmp_path, "show", task.id).stdout
    assert all(words in running for words in ("worker-of-host", "processing", "12.5 s", "mine [bold]"))
    assert desk.queue.again(claimed.claim, 0.0, EngineFailed(reason="it rained."), strike=True)
    waiting = run(tmp_path, "show", task.id).stdout
    assert "it rained." in waiting
    assert "next attempt" in waiting
    (again,) = desk.queue.claim("worker-of-host", 1)
    assert desk.queue.begin(again.claim, 12.5)
    assert desk.queue.finish(again.claim, ANSWER)
    done = run(tmp_path, "show", task.id).stdout
    assert "fine" in done
    assert "2, 1 of them" in done
    shown = json.loads(run(tmp_path, "show", task.id, "--json").stdout)
    assert shown["status"] == "ready"
    assert "fine" in shown["result"]["data"]
    assert (shown["operator"]["attempt"], shown["operator"]["strikes"]) == (2, 1)
    assert shown["operator"]["worker"] is None


def test_a_task_of_another_account_or_none_is_refused(desk: Desk, tmp_path: Path) -> None:
    other = desk.submit("else")
    for command in ("show", "watch", "cancel", "delete"):
        error = failure(tmp_path, command, other.id)
        assert isinstance(error, Exit), command
        assert (error.code, other.id in error.sentence) == (REFUSED, True)
    assert desk.rows.get("else", other.id) == other


def test_tasks_are_canceled_and_deleted(desk: Desk, tmp_path: Path) -> None:
    one, two = desk.submit("default"), desk.submit("default")
    assert run(tmp_path, "cancel", one.id, two.id).exit_code == 0
    found = desk.rows.get("default", two.id)
    assert found is not None
    assert found.status == "canceled"
    assert run(tmp_path, "delete", one.id).exit_code == 0
    assert desk.rows.get("default", one.id) is None


def test_what_cannot_be_canceled_or_deleted_is_told(desk: Desk, tmp_path: Path) -> None:
    task = desk.submit("default")
    (claimed,) = desk.queue.claim("w", 1)
    assert desk.queue.begin(claimed.claim, 1.0)
    assert isinstance(failure(tmp_path, "delete", task.id), TaskCannotBeDeleted)
    assert desk.queue.finish(claimed.claim, ANSWER)
    assert isinstance(failure(tmp_path, "cancel", task.id), TaskCannotBeCanceled)


def test_tasks_are_watched_until_they_have_ended(desk: Desk, tmp_path: Path) -> None:
    done, failed = desk.submit("default"), desk.submit("default")
    first, second = desk.queue.claim("w", 2)
    assert desk.queue.begin(first.claim, 1.0)
    assert desk.queue.begin(second.claim, 1.0)

    def work() -> None:
        desk.queue.progress(first.claim, "speech", 0.5)
        pause.wait(1.5)
        desk.queue.finish(first.claim, ANSWER)
        desk.queue.fail(second.claim, EngineFailed(reason="it rained."))

    pause = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    result = run(tmp_path, "watch")
    worker.join()
    assert result.exit_code == 0, "what became of tasks that were not named is no failure of this command"
    lines = result.stdout.splitlines()
    assert any(done.id in line and "processing" in line and "50%" in line for line in lines)
    assert f"{done.id} ready" in lines[-2:]
    assert any(failed.id in line and "failed" in line for line in lines[-2:])
    error = failure(tmp_path, "watch", done.id, failed.id)
    assert isinstance(error, Exit)
    assert error.code == FAILED
    assert run(tmp_path, "watch", done.id).exit_code == 0


def test_where_nothing_lives_there_is_nothing_to_watch(desk: Desk, tmp_path: Path) -> None:
    desk.rows.cancel("default", desk.submit("default").id)
    result = run(tmp_path, "watch")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_watched_task_that_is_deleted_ends_the_watch(desk: Desk, tmp_path: Path) -> None:
    task = desk.submit("default")
    timer = threading.Timer(1.0, lambda: desk.rows.delete("default", task.id))
    timer.start()
    assert run(tmp_path, "watch").exit_code == 0
    timer.join()
