"""Rules C185 to C193: what a receiver of webhooks is sent, when, and what the task tells about it."""

import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conformance.exact_tasks import canceled, task
from tests.conformance.receiver import Received, Receiver, start_receiver
from tests.conformance.scripted import prompt
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, ended_task, make_task, new_key, task_in

WAITS = "0,0.4,0.4"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = start_receiver()
    yield started
    started.close()


@pytest.fixture
def hooked(served: Served, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """A client of an account of its own, so that no other test's tasks are told to its receivers."""
    with served.client(new_key(served, f"hooked-{zlib.crc32(request.node.name.encode())}")) as client:
        yield client


def add(client: httpx2.Client, url: str, *events: str) -> str:
    """Adds a webhook and gives its secret."""
    response = client.post("webhooks", json={"url": url, **({"events": list(events)} if events else {})})
    assert response.status_code == 201, response.text
    secret: str = response.json()["secret"]
    return secret


def told(client: httpx2.Client, task_id: str, *, attempts: int, delivered: bool) -> Any:
    """What the task shows of its only webhook, once that is settled."""
    until = time.monotonic() + 20
    while True:
        shown = task(client.get(f"analyze/tasks/{task_id}")).webhooks
        if shown and (shown[0].attempts, shown[0].delivered) == (attempts, delivered):
            (only,) = shown
            return only
        assert time.monotonic() < until, shown
        time.sleep(0.05)


@pytest.mark.rule("C185", "C186", "C192", "C096", "C114")
def test_a_ready_task_is_told_in_the_documented_form(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    secret = add(hooked, receiver.url("ok/ready"))
    task_id = make_task(hooked, task_body)
    (received,) = receiver.wait("ok/ready", 1)
    event = received.event(secret)
    ended = ended_task(hooked, task_id)
    assert event.type == "analyze.task.ready"
    assert event.data.id == task_id
    assert event.data.custom_id is None
    assert b'"custom_id":null' in received.body.replace(b" ", b"")
    assert event.data.created_at == ended.created_at
    assert event.data.video_source == ended.video_source
    assert event.data.error is None
    shown = told(hooked, task_id, attempts=1, delivered=True)
    assert (shown.url, shown.last_error) == (receiver.url("ok/ready"), None)
    listed = hooked.get("analyze/tasks").json()["data"][0]
    assert listed["webhooks"] == [{"url": shown.url, "delivered": True, "attempts": 1}]


@pytest.mark.rule("C185", "C096")
def test_a_failed_task_and_a_cut_one_are_told_with_their_message(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    secret = add(hooked, receiver.url("ok/failed"))
    failing = make_task(hooked, {**task_body, "prompt": prompt("a death at once"), "custom_id": "mine"})
    (received,) = receiver.wait("ok/failed", 1)
    event = received.event(secret)
    ended = ended_task(hooked, failing)
    assert (event.type, event.data.custom_id, event.data.id) == ("analyze.task.failed", "mine", failing)
    assert event.data.error is not None
    assert ended.error is not None
    assert event.data.error.message == ended.error.message
    cut = {**task_body, "model_name": "pegasus1.2", "max_tokens": 5, "prompt": prompt("long text")}
    make_task(hooked, cut)
    warned = receiver.wait("ok/failed", 2)[-1].event(secret)
    assert (warned.type, warned.data.error is not None) == ("analyze.task.ready", True)


@pytest.mark.rule("C193", "C107")
def test_a_canceled_task_is_told_without_an_error(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    secret = add(hooked, receiver.url("ok/canceled"))
    task_id = make_task(hooked, {**task_body, "prompt": prompt("long work")})
    task_in(hooked, task_id, "processing")
    canceled(hooked.post(f"analyze/tasks/{task_id}/cancel"))
    event = receiver.wait("ok/canceled", 1)[0].event(secret)
    assert (event.type, event.data.id, event.data.error) == ("analyze.task.canceled", task_id, None)
    canceled(hooked.post(f"analyze/tasks/{task_id}/cancel"))
    time.sleep(0.5)
    assert len(receiver.at("ok/canceled")) == 1, "one event for one final state"


@pytest.mark.rule("C185")
def test_a_webhook_gets_the_events_it_asked_for(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    add(hooked, receiver.url("ok/failures-only"), "analyze.task.failed")
    secret = add(hooked, receiver.url("ok/everything"))
    ready = make_task(hooked, task_body)
    (received,) = receiver.wait("ok/everything", 1)
    assert received.event(secret).data.id == ready
    make_task(hooked, {**task_body, "prompt": prompt("a death at once")})
    assert len(receiver.wait("ok/failures-only", 1)) == 1
    assert b"analyze.task.failed" in receiver.at("ok/failures-only")[0].body


@pytest.mark.rule("C187", "C186")
def test_a_failed_delivery_is_repeated_under_the_same_id(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    secret = add(hooked, receiver.url("second/time"))
    task_id = make_task(hooked, task_body)
    first, second = receiver.wait("second/time", 2)
    assert first.event(secret).id == second.event(secret).id
    assert first.body == second.body
    assert (first.answered, second.answered) == (500, 204)
    assert abs(second.at - second.signed_at(secret)) < 2, "each attempt is signed with its own time"
    assert second.at - first.at > 0.3
    shown = told(hooked, task_id, attempts=2, delivered=True)
    assert shown.last_error is None
    time.sleep(0.7)
    assert len(receiver.at("second/time")) == 2


@pytest.mark.rule("C188")
def test_attempts_end_and_the_task_shows_why(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    add(hooked, receiver.url("never/ok"))
    task_id = make_task(hooked, task_body)
    receiver.wait("never/ok", 3)
    shown = told(hooked, task_id, attempts=3, delivered=False)
    assert "500" in shown.last_error
    time.sleep(0.8)
    assert len(receiver.at("never/ok")) == 3


@pytest.mark.rule("C188")
def test_a_receiver_that_is_not_there_is_named(hooked: httpx2.Client, task_body: Json) -> None:
    add(hooked, "http://127.0.0.1:9/nobody")
    shown = told(hooked, make_task(hooked, task_body), attempts=3, delivered=False)
    assert shown.last_error


@pytest.mark.rule("C189")
def test_repeats_go_on_after_a_restart(tmp_path: Path, receiver: Receiver, whole_body: Json) -> None:
    settings = {"url_allow": "127.0.0.1", "url_ports": 0, "api_key": "of-both", "webhook_waits": "0,3,3"}
    asked = {name: value for name, value in whole_body.items() if name != "stream"}
    with serve(tmp_path / "data", **settings) as first, first.client() as client:
        secret = add(client, receiver.url("second/restart"))
        task_id = make_task(client, asked)
        receiver.wait("second/restart", 1)
        first.kill()
    assert len(receiver.at("second/restart")) == 1
    with serve(tmp_path / "data", **settings) as second, second.client() as client:
        before, after = receiver.wait("second/restart", 2, seconds=40)
        assert before.event(secret).id == after.event(secret).id
        assert told(client, task_id, attempts=2, delivered=True).last_error is None


@pytest.mark.rule("C190")
def test_a_slow_receiver_delays_nobody_else(
    hooked: httpx2.Client, receiver: Receiver, task_body: Json
) -> None:
    for number in range(6):
        add(hooked, receiver.url(f"slow/{number}"))
    secret = add(hooked, receiver.url("ok/quick"))
    made = [make_task(hooked, task_body) for _ in range(6)]
    for task_id in made:
        assert ended_task(hooked, task_id).status == "ready"
    quick = receiver.wait("ok/quick", 6)
    assert {received.event(secret).data.id for received in quick} == set(made)


@pytest.mark.rule("C191")
def test_a_redirect_is_not_followed(hooked: httpx2.Client, receiver: Receiver, task_body: Json) -> None:
    add(hooked, receiver.url("away/there"))
    shown = told(hooked, make_task(hooked, task_body), attempts=3, delivered=False)
    assert "302" in shown.last_error
    assert receiver.at("ok/away") == []
    assert [received for received in receiver.got if received.path.startswith("GET")] == []


@pytest.mark.rule("C191")
@pytest.mark.parametrize("url", ["ftp://a.example/x", "file:///etc/passwd", "a.example", "", "http://"])
def test_what_is_no_http_url_is_refused(hooked: httpx2.Client, url: str) -> None:
    response = hooked.post("webhooks", json={"url": url})
    assert (response.status_code, response.json()["code"]) == (400, "parameter_invalid")
    assert "url" in response.json()["message"]


@pytest.mark.rule("C185", "C186")
def test_the_operators_command_adds_one_too(served: Served, receiver: Receiver, task_body: Json) -> None:
    key = new_key(served, "by-command")
    said = served.command("webhooks", "add", receiver.url("ok/command"), "--account", "by-command")
    with served.client(key) as client:
        task_id = make_task(client, task_body)
        received: Received = receiver.wait("ok/command", 1)[0]
        secret = next(word for word in said.split() if _verifies(received, word))
        assert received.event(secret).data.id == task_id
        assert secret not in client.get("webhooks").text, "a secret is shown once"


def _verifies(received: Received, secret: str) -> bool:
    try:
        received.signed_at(secret)
    except AssertionError:
        return False
    return True


@pytest.mark.sdk
@pytest.mark.rule("C185", "C187", "C199")
def test_a_program_reads_the_deliveries_of_its_task(
    served: Served, receiver: Receiver, task_body: Json, sdk: Sdk
) -> None:
    key = new_key(served, f"sdk-hooks-{sdk}".replace(".", "-"))
    with served.client(key) as client:
        add(client, receiver.url(f"ok/{sdk}"))
        task_id = make_task(client, task_body)
        receiver.wait(f"ok/{sdk}", 1)
        told(client, task_id, attempts=1, delivered=True)
    (got,) = sdk.values(served.url, key, {"do": "retrieve_task", "task_id": task_id})
    (shown,) = got["webhooks"]
    assert (shown["url"], shown["delivered"], shown["attempts"]) == (receiver.url(f"ok/{sdk}"), True, 1)
