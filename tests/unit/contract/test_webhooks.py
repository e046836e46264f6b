import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.tasks import Status, TaskResult, TaskView
from kinoscribe.contract.webhooks import (
    EVENTS,
    WebhookForm,
    event_type,
    payload,
    read_webhook,
    signature,
    trial_payload,
)

ID = "0123456789abcdef01234567"
EVENT = "whe_0123456789abcdef0123456789abcdef"
AT = datetime(2024, 9, 26, 10, 29, 19, 968_000, UTC)
URL = "https://example.org/hook"


def view(status: Status, **more: Any) -> TaskView:
    params = {"analysis_mode": "general", "prompt": "secret"}
    return TaskView(task_id=ID, status=status, created_at=AT, params=params, completed_at=AT, **more)


def test_the_signature_is_that_of_the_documents() -> None:
    assert signature("secret", 1_659_342_128, b'{"name":"test"}') == (
        "t=1659342128,v1=04926d5c7200e01dbfb65ae2d9b7b272e84632fe2276694f2b2aeb4621bd194b"
    )


def test_another_time_or_byte_is_signed_anew() -> None:
    signed = {signature("secret", t, body) for t in (1, 2) for body in (b"a", b"b", "é".encode())}
    assert len(signed) == 6
    assert signature("secret", 1, b"a") != signature("other", 1, b"a")


def test_a_ready_task_is_told_without_its_result() -> None:
    ready = view(
        "ready",
        custom_id="c",
        source={"type": "url", "url": "https://example.org/é.mp4"},
        duration=30.1,
        result=TaskResult("g", "text", "stop", 1, 1),
    )
    body = payload(EVENT, AT, ready)
    assert body.isascii()
    assert json.loads(body) == {
        "id": EVENT,
        "created_at": "2024-09-26T10:29:19.968Z",
        "type": "analyze.task.ready",
        "data": {
            "id": ID,
            "custom_id": "c",
            "status": "ready",
            "created_at": "2024-09-26T10:29:19.968Z",
            "video_source": {
                "type": "url",
                "url": "https://example.org/é.mp4",
                "system_metadata": {"duration": 30.1},
            },
        },
    }


def data(ended: TaskView) -> dict[str, Any]:
    said = json.loads(payload(EVENT, AT, ended))
    assert said["type"] == event_type(ended) in EVENTS
    told = said["data"]
    assert isinstance(told, dict)
    return told


def test_an_error_is_told_by_its_message_unless_the_task_was_canceled() -> None:
    trouble = {"error_message": "why", "error_code": "code"}
    assert data(view("failed", **trouble))["error"] == {"message": "why"}
    assert data(view("ready", **trouble))["error"] == {"message": "why"}
    assert data(view("canceled", **trouble)) == {
        "id": ID,
        "custom_id": None,
        "status": "canceled",
        "created_at": "2024-09-26T10:29:19.968Z",
    }


def test_a_webhook_can_be_tried() -> None:
    assert json.loads(trial_payload(EVENT, AT, ID)) == {
        "id": EVENT,
        "created_at": "2024-09-26T10:29:19.968Z",
        "type": "webhook.test",
        "data": {"id": ID},
    }


def test_a_registration_is_for_all_events_unless_some_are_named() -> None:
    assert read_webhook({"url": URL, "events": None, "secret": None}) == WebhookForm(URL, EVENTS, None)
    some = ["analyze.task.failed", "analyze.task.ready", "analyze.task.failed"]
    assert read_webhook({"url": URL, "events": some, "secret": "s" * 16}) == WebhookForm(
        URL, ("analyze.task.ready", "analyze.task.failed"), "s" * 16
    )
    assert "ssss" not in repr(read_webhook({"url": URL, "secret": "s" * 200}))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "example.org"}, "url"),
        ({"url": "https://example.org/a b"}, "url"),
        ({"url": 5}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": "analyze.task.ready"}, "events"),
        ({"url": URL, "events": ["analyze.task.done"]}, "events"),
        ({"url": URL, "events": ["webhook.test"]}, "events"),
        ({"url": URL, "secret": "s" * 15}, "secret"),
        ({"url": URL, "secret": "s" * 201}, "secret"),
        ({"url": URL, "secret": "s" * 16 + "\n"}, "secret"),
        ({"url": URL, "secret": "s " * 16}, "secret"),
        ({"url": URL, "secret": "é" * 16}, "secret"),
        ({"url": URL, "secret": 5}, "secret"),
    ],
)
def test_a_wrong_registration_is_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterInvalid, match=f"The {named}") as refused:
        read_webhook(given)
    assert "ssss" not in refused.value.message


def test_a_registration_needs_a_url_and_knows_no_other_key() -> None:
    with pytest.raises(ParameterNotProvided, match="url"):
        read_webhook({})
    with pytest.raises(ParameterUnknown, match="color"):
        read_webhook({"url": URL, "color": "red"})


@given(st.text(), st.integers(0, 2**40), st.binary())
def test_anything_can_be_signed(secret: str, t: int, body: bytes) -> None:
    assert signature(secret, t, body).startswith(f"t={t},v1=")


VALUES = st.none() | st.text() | st.integers() | st.lists(st.text() | st.sampled_from(EVENTS) | st.none())


@given(st.dictionaries(st.sampled_from(["url", "events", "secret"]) | st.text(), VALUES | st.just(URL)))
def test_any_registration_is_read_or_refused(given: dict[str, Any]) -> None:
    try:
        form = read_webhook(given)
    except ApiError:
        return
    assert form.url.startswith(("http://", "https://"))
    assert form.events
