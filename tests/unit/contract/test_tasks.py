from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ParameterInvalid, ResourceNotExist
from kinoscribe.contract.tasks import (
    FINAL,
    STATUSES,
    DeliveryView,
    Status,
    TaskQuery,
    TaskResult,
    TaskView,
    check_task_id,
    check_task_id_to_cancel,
    read_task_query,
    task_object,
)

ID = "0123456789abcdef01234567"
PARAMS = {"analysis_mode": "general", "prompt": "x" * 31, "temperature": 0.2, "max_tokens": 4096}
RESULT = TaskResult("g", "text", "stop", 5, 7)

QUEUED = TaskView(
    task_id=ID,
    status="queued",
    created_at=datetime(2024, 9, 26, 10, 29, 19, 968_000, UTC),
    params=PARAMS,
    source={"type": "url", "url": "https://example.org/a.mp4"},
)
SHOWN = {
    "task_id": ID,
    "custom_id": None,
    "status": "queued",
    "created_at": "2024-09-26T10:29:19.968Z",
    "video_source": {"type": "url", "url": "https://example.org/a.mp4"},
    "request_params": PARAMS,
}


def ended(status: Status, **more: Any) -> TaskView:
    return replace(QUEUED, status=status, completed_at=datetime(2024, 9, 26, 10, 30, 0, 0, UTC), **more)


def test_a_waiting_task_shows_what_it_was_asked() -> None:
    assert task_object(QUEUED) == SHOWN


def test_a_task_at_work_tells_how_far_it_is() -> None:
    at_work = replace(QUEUED, status="processing", stage="speech", done=0.25, attempt=1)
    assert task_object(at_work)["progress"] == {"stage": "speech", "fraction": 0.25, "attempt": 1}
    assert task_object(replace(at_work, stage=None, done=None))["progress"] == {
        "stage": "waiting",
        "fraction": 0.0,
        "attempt": 1,
    }
    assert task_object(replace(at_work, done=1.5))["progress"]["fraction"] == 1.0


def test_a_ready_task_has_its_result() -> None:
    shown = task_object(ended("ready", result=RESULT, duration=30.1004, attempt=1, stage="answer", done=1.0))
    assert shown == {
        **SHOWN,
        "status": "ready",
        "completed_at": "2024-09-26T10:30:00.000Z",
        "video_source": {**SHOWN["video_source"], "system_metadata": {"duration": 30.1}},
        "result": {
            "generation_id": "g",
            "data": "text",
            "finish_reason": "stop",
            "usage": {"output_tokens": 5, "input_tokens": 7},
        },
    }


def test_errors_are_shown_with_their_code_when_there_is_one() -> None:
    assert task_object(ended("ready", result=RESULT, error_message="cut"))["error"] == {"message": "cut"}
    failed = ended("failed", error_message="why", error_code="video_file_broken")
    assert task_object(failed)["error"] == {"message": "why", "code": "video_file_broken"}
    assert "error" not in task_object(ended("canceled"))


@given(
    st.builds(
        TaskView,
        task_id=st.just(ID),
        status=st.sampled_from(STATUSES),
        created_at=st.just(QUEUED.created_at),
        params=st.just(PARAMS),
        custom_id=st.none() | st.just("c"),
        batch_id=st.none() | st.just(ID),
        source=st.none() | st.just({"type": "base64_string"}),
        duration=st.none() | st.floats(0, 100),
        completed_at=st.none() | st.just(QUEUED.created_at),
        result=st.none() | st.just(RESULT),
        error_code=st.none() | st.just("code"),
        error_message=st.none() | st.just("message"),
        stage=st.none() | st.just("speech"),
        done=st.none() | st.floats(0, 1),
        attempt=st.integers(0, 3),
        deliveries=st.lists(
            st.builds(
                DeliveryView, st.just("u"), st.booleans(), st.integers(0, 2), st.none() | st.just("down")
            )
        ).map(tuple),
    )
)
def test_each_key_is_there_in_its_states_only(view: TaskView) -> None:
    shown = task_object(view)
    final = view.status in FINAL
    assert "custom_id" in shown
    assert ("batch_id" in shown) == (view.batch_id is not None)
    assert "completed_at" not in shown or final
    assert "result" not in shown or view.status == "ready"
    assert "error" not in shown or final
    assert "progress" not in shown or not final
    assert ("video_source" in shown) == (view.source is not None)
    told = [delivery for delivery in view.deliveries if delivery.attempts]
    assert ("webhooks" in shown) == bool(told)
    for delivery, before in zip(shown.get("webhooks", []), told, strict=True):
        assert ("last_error" in delivery) == (before.last_error is not None and not before.delivered)
    assert [name for name, value in shown.items() if value is None] == (
        [] if view.custom_id else ["custom_id"]
    )


def test_a_list_shows_the_beginning_of_each_task() -> None:
    assert task_object(QUEUED, preview=True)["request_params"] == {**PARAMS, "prompt": "x" * 30}


def test_filters_of_a_list() -> None:
    assert read_task_query([]) == TaskQuery()
    assert read_task_query([("status", ""), ("page", "2"), ("other", "x")][1:]) == TaskQuery()
    url = "https://example.org/a b.mp4?x=1"
    pairs = [
        ("status", "ready"),
        ("video_url", url),
        ("asset_id", ID),
        ("video_id", "v"),
        ("analysis_mode", "general"),
    ]
    assert read_task_query(pairs) == TaskQuery("ready", url, ID, "v", "general")
    assert read_task_query([(name, "") for name in ("video_url", "asset_id", "video_id")]) == TaskQuery()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("status", "done"),
        ("status", ""),
        ("status", "READY"),
        ("analysis_mode", "x"),
        ("asset_id", "x"),
        ("video_url", "a\x00"),
        ("video_id", "a\n"),
        ("video_url", "a" * 8193),
    ],
)
def test_what_is_no_filter_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ParameterInvalid, match=f"The {name} parameter"):
        read_task_query([(name, text)])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["status", "video_url", "asset_id", "video_id", "analysis_mode"]), st.text()
        )
    )
)
def test_any_query_is_filters_or_is_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        query = read_task_query(pairs)
    except ParameterInvalid:
        return
    assert query.status is None or query.status in STATUSES


@pytest.mark.parametrize("text", ["", "x", ID[:-1], ID.upper(), ID + "\n", "é" * 24])
def test_a_malformed_id_is_no_task_and_cannot_be_canceled(text: str) -> None:
    with pytest.raises(ResourceNotExist, match="does not exist in tasks"):
        check_task_id(text)
    with pytest.raises(ParameterInvalid, match="The task_id parameter"):
        check_task_id_to_cancel(text)
    assert check_task_id(ID) == check_task_id_to_cancel(ID) == ID
