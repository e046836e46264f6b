"""One claim on a task becomes a result, a failure or another attempt, whatever happens on the way."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from sqlalchemy import update
from tests.unit.analysis.pretended import Gatherer, says
from tests.unit.sources.hostile import answer, hostile
from tests.unit.sources.hostile import says as replies
from tests.unit.tasks.workplace import (
    ACCOUNT,
    VIDEO,
    Workplace,
    a_workplace,
    at,
    by_asset,
    examined_video,
    inline,
)

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    AssetNotReady,
    DatabaseUnavailable,
    EngineFailed,
    StorageFull,
    VideoFileBroken,
)
from kinoscribe.engines.engine import Ask, Finished, Piece, Text
from kinoscribe.notes import Notes
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import tasks
from kinoscribe.storage.task_queue import Outcome
from kinoscribe.storage.task_record import Task
from kinoscribe.tasks.execute import KeptWindows, after, execute

Told = list[tuple[str, float]]


def claimed(place: Workplace, task: Task) -> Task:
    (found,) = place.queue.claim("me", 1)
    assert found.id == task.id
    return found


def attempt(place: Workplace, task: Task, cancel: Cancel | None = None) -> tuple[Task, Told]:
    """One attempt at a task that waits, and the task afterwards."""
    told: Told = []
    taken = claimed(place, task)
    execute(
        taken, place.tools, place.queue, cancel or Cancel(), lambda stage, done: told.append((stage, done))
    )
    assert place.left() == []
    assert place.engine.closed == len(place.engine.asked)
    return place.task(task.id), told


def hurry(place: Workplace, task: Task) -> None:
    """Lets the time pass that a task has to wait."""
    with place.database.writing() as db:
        db.execute(update(tasks).where(tasks.c.id == task.id).values(run_at=task.created_at))


def test_an_asset_becomes_a_result(place: Workplace) -> None:
    task, told = attempt(place, place.submit(by_asset(place.asset().id)))
    assert (task.status, task.data, task.finish_reason) == ("ready", "One two three.", "stop")
    assert (task.error_code, task.error_message) == (None, None)
    assert task.completed_at is not None
    assert task.output_tokens == 4
    assert task.input_tokens is not None
    assert task.input_tokens > 0
    assert (task.attempt, task.strikes, task.owner, task.lease_until) == (1, 0, None, None)
    assert [stage for stage, _ in told] == ["fetch", "probe", "look", "answer", "answer"]
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert told[-1][1] == 1.0


def test_a_video_inside_the_body_becomes_a_result_and_is_gone(place: Workplace) -> None:
    task, _ = attempt(place, place.submit(inline()))
    assert (task.status, task.data) == ("ready", "One two three.")
    assert list(place.blobs.kept()) == []


def test_a_url_becomes_a_result_and_its_length_is_known(place: Workplace) -> None:
    with hostile(replies(answer(VIDEO))) as server:
        task, _ = attempt(place, place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")))
    assert (task.status, task.duration) == ("ready", 20.0)


def test_a_task_may_be_about_more_than_an_hour(place: Workplace) -> None:
    task, _ = attempt(place, place.submit(by_asset(place.asset(examined_video(7000)).id)))
    assert (task.status, task.duration) == ("ready", 7000)


def test_the_receipt_bears_the_name_of_the_answer(place: Workplace) -> None:
    task, _ = attempt(place, place.submit(inline()))
    assert task.generation_id is not None
    receipt = place.receipts.find("one", task.generation_id)
    assert receipt is not None
    assert receipt["generation_id"] == task.generation_id
    assert receipt["video"]["source"] == "base64_string"


def test_an_asset_deleted_before_its_turn_is_still_there_for_its_task(place: Workplace) -> None:
    asset = place.asset()
    task = place.submit(by_asset(asset.id))
    place.assets.remove("one", asset.id)
    ended, _ = attempt(place, task)
    assert ended.status == "ready"
    assert ended.generation_id is not None
    receipt = place.receipts.find("one", ended.generation_id)
    assert receipt is not None
    assert receipt["video"]["source"] == "asset_id"


def test_an_asset_deleted_before_its_file_was_there_fails_its_task(place: Workplace) -> None:
    asset = place.assets.add(
        "one", method="url", filename="v", file_type="video/mp4", url="https://a.example/v"
    )
    task = place.submit(by_asset(asset.id))
    place.assets.remove("one", asset.id)
    ended, _ = attempt(place, task)
    assert (ended.status, ended.error_code) == ("failed", "resource_not_exist")


def test_an_answer_that_is_too_long_is_ready_with_a_warning(place: Workplace) -> None:
    place.engine.play = says("word " * 2000)
    task, _ = attempt(place, place.submit(inline(), max_tokens=512))
    assert (task.status, task.finish_reason, task.output_tokens) == ("ready", "length", 512)
    assert task.error_code is None
    assert task.error_message is not None
    assert "max_tokens" in task.error_message


def test_text_that_no_database_keeps_is_made_harmless(place: Workplace) -> None:
    place.engine.play = says("a\x00b", "\ud83d", "c \U0001f600")
    task, _ = attempt(place, place.submit(inline()))
    assert task.data == "a\ufffdb\ufffdc \U0001f600"


def test_a_task_is_processed_once_nothing_can_refuse_it_any_more(place: Workplace) -> None:
    seen: list[Any] = []

    def reply(connection: socket, _head: bytes) -> None:
        seen.extend((task.status, task.duration) for task in place.tasks())
        connection.sendall(answer(VIDEO))

    def look(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        seen.extend((task.status, task.duration) for task in place.tasks())
        yield Text("One.")
        yield Finished()

    place.engine.play = look
    with hostile(reply) as server:
        attempt(place, place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")))
    assert seen == [("pending", None), ("processing", 20.0)]


def used(place: Workplace) -> dict[str, int]:
    counters = place.rates.counters(ACCOUNT, None, "analyze")
    states = place.rates.states(counters)
    return {state.limit.name: state.used for state in states}


def test_what_a_task_used_is_counted_against_the_limits_of_its_account(
    database: Database, tmp_path: Path
) -> None:
    limits = ("analyze:tpm=100000", "analyze:dph=600")
    with a_workplace(database, tmp_path, rate_limits=limits) as place:
        known, _ = attempt(place, place.submit(inline()))
        tokens = (known.input_tokens or 0) + (known.output_tokens or 0)
        assert used(place) == {"tpm": tokens, "dph": 0}, "its length was known when it was taken in"
        with hostile(replies(answer(VIDEO))) as server:
            url = f"http://127.0.0.1:{server.port}/v.mp4"
            attempt(place, place.submit(at(url), start_time=2.0, end_time=12.0))
        assert used(place)["dph"] == 10


def failing(error: Exception) -> Callable[[Ask, Cancel], Iterator[Piece]]:
    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text("Half of ")
        raise error

    return play


def test_an_engine_that_fails_is_tried_again_and_given_up_after_its_attempts(place: Workplace) -> None:
    place.engine.play = failing(EngineFailed(reason="no power."))
    task = place.submit(inline())
    for number in (1, 2):
        task, _ = attempt(place, task)
        assert (task.status, task.attempt, task.strikes, task.owner) == ("processing", number, number, None)
        assert task.completed_at is None
        hurry(place, task)
    task, _ = attempt(place, task)
    assert (task.status, task.attempt) == ("failed", 3)
    assert task.error_message == EngineFailed(reason="no power.").message
    assert task.data is None
    assert task.generation_id is not None
    receipt = place.tools.receipts.find(task.account, task.generation_id)
    assert receipt is not None
    assert "no power" in receipt["error"]["message"]
    assert list(place.blobs.kept()) == []


def test_an_engine_that_comes_back_brings_the_result(place: Workplace) -> None:
    place.engine.play = failing(EngineFailed(reason="no power."))
    task, _ = attempt(place, place.submit(inline()))
    assert task.completed_at is None
    place.engine.play = says("Here I am.")
    hurry(place, task)
    task, _ = attempt(place, task)
    assert (task.status, task.data, task.error_code) == ("ready", "Here I am.", None)
    receipt = place.tools.receipts.find(task.account, task.generation_id or "")
    assert receipt is not None
    assert receipt["error"] is None, "it is that of the answer, not of an attempt that failed"


def test_a_host_that_is_down_is_tried_again_and_one_without_the_file_is_not(place: Workplace) -> None:
    with hostile(replies(answer(b"", status=b"404 No"))) as server:
        gone, _ = attempt(place, place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")))
    assert (gone.status, gone.error_code, gone.attempt) == ("failed", "parameter_invalid", 1)
    assert gone.error_message is not None
    assert "404" in gone.error_message
    down, _ = attempt(place, place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")))
    assert (down.status, down.completed_at, down.strikes) == ("pending", None, 1)


def test_a_file_that_is_no_video_fails_at_once(place: Workplace) -> None:
    with hostile(replies(answer(b"a poem"))) as server:
        task, _ = attempt(place, place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")))
    assert (task.status, task.error_code, task.attempt) == ("failed", "video_file_broken", 1)
    assert task.generation_id is None


def test_evidence_that_can_never_be_had_fails_at_once(place: Workplace) -> None:
    place.gatherer = Gatherer(error=VideoFileBroken(reason="The decoder broke down over it."))
    task, _ = attempt(place, place.submit(inline()))
    assert (task.status, task.error_code) == ("failed", "video_file_broken")
    assert task.error_message is not None
    assert "broke down" in task.error_message


def test_what_nobody_expected_fails_the_task_and_says_nothing_of_our_insides(place: Workplace) -> None:
    place.engine.play = failing(ZeroDivisionError("a secret"))
    task, _ = attempt(place, place.submit(inline()))
    assert (task.status, task.error_code) == ("failed", ApiError.code)
    assert task.error_message == ApiError().message


def test_an_asset_that_is_not_ready_is_waited_for_without_losing_an_attempt(place: Workplace) -> None:
    asset = place.asset(processing=True)
    task = place.submit(by_asset(asset.id))
    for number in range(1, 6):
        task = claimed(place, task)
        execute(task, place.tools, place.queue, Cancel(), lambda *_: None)
        task = place.task(task.id)
        assert (task.status, task.completed_at, task.strikes) == ("pending", None, 0)
        assert (task.attempt, task.owner) == (number, None)
        assert task.started_at is not None
        assert task.run_at - task.started_at >= timedelta(seconds=1)
        hurry(place, task)
    place.assets.ready(asset.id, examined_video())
    ended, _ = attempt(place, task)
    assert (ended.status, ended.strikes) == ("ready", 0)


def test_an_asset_that_is_never_ready_fails_its_task_after_an_hour_of_looking(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = claimed(place, place.submit(by_asset(place.asset(processing=True).id)))
    began = task.started_at
    assert began is not None
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(hours=1, seconds=1))
    error = AssetNotReady(p="video.asset_id", reason="It is processing.")
    assert after(error, replace(task, attempt=300), place.settings) is error
    assert after(error, task, place.settings) is not error, "one look is no hour of looking"
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(minutes=59))
    assert after(error, replace(task, attempt=300), place.settings) is not error


SEGMENTS: dict[str, Any] = {
    "analysis_mode": "time_based_metadata",
    "prompt": None,
    "response_format": {
        "type": "segment_definitions",
        "segment_definitions": [{"id": "goals", "description": "Every goal."}],
    },
}


class Segments:
    """Finds a segment of ten seconds at the begin of every window it is asked about, unless it is time to fail."""

    def __init__(self) -> None:
        self.windows: list[tuple[float, float]] = []
        self.fails_at: int | None = None

    def play(self, ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        if len(self.windows) == self.fails_at:
            raise EngineFailed(reason="no power.")
        self.windows.append((ask.start, ask.end))
        found = [{"start_time": ask.start, "end_time": ask.start + 10, "metadata": {}}]
        yield Text(json.dumps({"goals": found}))
        yield Finished()


def long_asset(place: Workplace) -> dict[str, Any]:
    place.gatherer = Gatherer(Notes("ab" * 32, 0.0, 7000.0))
    return by_asset(place.asset(examined_video(7000)).id)


def test_segments_are_found_window_by_window(place: Workplace) -> None:
    segments = Segments()
    place.engine.play = segments.play
    place.engine.context_tokens = 20_000
    task, told = attempt(place, place.submit(long_asset(place), **SEGMENTS))
    assert (task.status, task.finish_reason, task.analysis_mode) == ("ready", "stop", "time_based_metadata")
    assert len(segments.windows) > 3
    assert len(json.loads(task.data or "")["goals"]) == len(segments.windows)
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert len({done for stage, done in told if stage == "answer"}) >= len(segments.windows)


def test_the_windows_that_were_finished_are_not_looked_at_again(place: Workplace) -> None:
    segments = Segments()
    segments.fails_at = 3
    place.engine.play = segments.play
    place.engine.context_tokens = 20_000
    task, _ = attempt(place, place.submit(long_asset(place), **SEGMENTS))
    assert (task.completed_at, task.strikes, len(segments.windows)) == (None, 1, 3)
    segments.fails_at = None
    hurry(place, task)
    ended, _ = attempt(place, task)
    assert (ended.status, ended.attempt) == ("ready", 2)
    assert len(set(segments.windows)) == len(segments.windows), "none was asked about twice"
    assert len(json.loads(ended.data or "")["goals"]) == len(segments.windows)
    assert place.queue.windows(task.id) == {}, "nothing is kept of a task that has ended"


def test_segments_that_do_not_fit_fail_the_task_with_a_sentence_and_no_result(place: Workplace) -> None:
    def play(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        times = [ask.start + 10 * n for n in range(600)]
        found = [{"start_time": t, "end_time": t + 10, "metadata": {}} for t in times]
        yield Text(json.dumps({"goals": found}))
        yield Finished()

    place.engine.play = play
    task, _ = attempt(place, place.submit(long_asset(place), max_tokens=2048, **SEGMENTS))
    assert (task.status, task.data, task.finish_reason, task.attempt) == ("failed", None, None, 1)
    assert task.error_message is not None
    assert task.error_message.startswith("analysis failed:")
    assert "max_tokens" in task.error_message


def test_a_canceled_attempt_hands_in_nothing(place: Workplace) -> None:
    cancel = Cancel()

    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text("Half")
        cancel.throw()
        yield Text(" and more")
        raise AssertionError("nobody asks any more")

    place.engine.play = play
    task, _ = attempt(place, place.submit(inline()), cancel)
    assert (task.status, task.completed_at, task.owner) == ("processing", None, "me")


def test_a_result_that_comes_too_late_is_dropped(place: Workplace) -> None:
    task = place.submit(inline())

    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        place.queue.release("me")
        (other,) = place.queue.claim("other", 1)
        assert place.queue.finish(other.claim, Outcome("id", "from the other", "stop", 1, 1))
        yield Text("from me")
        yield Finished()

    place.engine.play = play
    ended, _ = attempt(place, task)
    assert (ended.status, ended.data) == ("ready", "from the other")


def test_a_task_lost_before_it_began_is_left_alone(place: Workplace) -> None:
    task = claimed(place, place.submit(inline()))
    place.queue.release("me")
    execute(task, place.tools, place.queue, Cancel(), lambda *_: None)
    assert place.task(task.id).status == "pending"
    assert place.engine.asked == []


@pytest.mark.parametrize("error", [DatabaseUnavailable, StorageFull])
def test_a_result_is_handed_in_until_it_is_taken(
    place: Workplace, error: type[ApiError], monkeypatch: pytest.MonkeyPatch
) -> None:
    away, finish = iter([True, True, True, False]), place.queue.finish

    def failing_at_first(*given: Any) -> bool:
        if next(away):
            raise error
        return finish(*given)

    monkeypatch.setattr(place.queue, "finish", failing_at_first)
    task, _ = attempt(place, place.submit(inline()))
    assert (task.status, task.data, task.attempt) == ("ready", "One two three.", 1)


def test_a_result_that_cannot_be_handed_in_before_the_lease_passes_is_given_up(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = Cancel()

    def away(*_: object) -> bool:
        cancel.throw()
        raise DatabaseUnavailable

    monkeypatch.setattr(place.queue, "finish", away)
    task, _ = attempt(place, place.submit(inline()), cancel)
    assert task.completed_at is None


def test_a_disk_that_stays_full_is_a_failure_that_may_pass(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise StorageFull

    monkeypatch.setattr(place.queue, "finish", full)
    monkeypatch.setattr("kinoscribe.tasks.execute._FULL_PATIENCE", 0.0)
    task, _ = attempt(place, place.submit(inline()))
    assert (task.completed_at, task.strikes, task.error_code) == (None, 1, "storage_full")


def test_finished_windows_outlive_the_attempt_that_made_them(place: Workplace) -> None:
    task = claimed(place, place.submit(inline()))
    first = KeptWindows(place.queue, task.claim)
    assert first.get("0-10") is None
    first.put("0-10", "one")
    assert first.get("0-10") == "one"
    assert place.queue.again(task.claim, 0, strike=False)
    with pytest.raises(Canceled):
        first.put("10-20", "late")
    second = KeptWindows(place.queue, claimed(place, task).claim)
    assert (second.get("0-10"), second.get("10-20")) == ("one", None)


def test_a_window_that_cannot_be_kept_costs_nobody_the_answer(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptWindows(place.queue, claimed(place, place.submit(inline())).claim)

    def away(*_: object) -> bool:
        raise DatabaseUnavailable

    monkeypatch.setattr(place.queue, "keep_window", away)
    kept.put("0-10", "one")
    assert kept.get("0-10") is None
