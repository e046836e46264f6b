"""Webhooks of a served program: receivers that misbehave in every way, a worker that is killed, workers that share."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.served import PROGRAM, Served, serve
from tests.conformance.wire import base64_video, ended_task, make_task
from tests.unit.sources.hostile import Hostile, Talk, answer, hostile

ALLOW = {"url_allow": "127.0.0.1", "url_ports": 0, "webhook_seconds": 2, "webhook_waits": "0,1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("hooks") / "data", **ALLOW) as started:
        yield started


@pytest.fixture
def client(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


class Inbox:
    """A receiver that reads what it is sent and then does what it is told, or answers 200."""

    def __init__(self, then: Talk | None = None) -> None:
        self.then = then
        self.events: list[Any] = []

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        at = head.index(b"\r\n\r\n") + 4
        said = re.search(rb"content-length: (\d+)", head[:at].lower())
        assert said is not None
        while len(head) < at + int(said[1]):
            head += connection.recv(65536)
        self.events.append(json.loads(head[at:]))
        if self.then is None:
            connection.sendall(answer(b"ok"))
        else:
            self.then(connection, head)


def says(*pieces: bytes, pause: float = 0.0, for_ever: bytes = b"") -> Talk:
    def talk(connection: socket.socket, _head: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if not pieces and not for_ever:
            time.sleep(30)
        while for_ever:
            connection.sendall(for_ever)
            time.sleep(pause)

    return talk


BAD: dict[str, Talk] = {
    "hangs": says(),
    "drips a head": says(b"HTTP/1.1 200 OK\r\nX-Slow: ", for_ever=b"a", pause=0.05),
    "announces for ever": says(for_ever=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.01),
    "fails": says(answer(b"", status=b"500 Sorry")),
    "sends away to the inside": says(
        answer(b"", b"Location: http://169.254.169.254/latest/", status=b"307 Away")
    ),
    "speaks no http": says(b"220 mail ready\r\n"),
    "closes at once": says(b""),
    "has an endless head": says(b"HTTP/1.1 200 OK\r\n", for_ever=b"X: " + b"a" * 60_000 + b"\r\n"),
}
STRANGE_BUT_FINE: dict[str, Talk] = {
    "has an endless body": says(b"HTTP/1.1 200 OK\r\n\r\n", for_ever=bytes(65536)),
    "drips a body": says(b"HTTP/1.1 202 OK\r\n\r\n", for_ever=b"a", pause=0.05),
}


def add(client: httpx2.Client, url: str) -> str:
    response = client.post("webhooks", json={"url": url})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def at(receiver: Hostile, path: str = "/hook", scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{receiver.port}{path}"


def sent(client: httpx2.Client, webhook: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"webhooks/{webhook}/deliveries?page_limit=50").json()["data"]
    return found


def until(condition: Callable[[], object], seconds: float = 40.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


def ended(client: httpx2.Client, webhook: str) -> bool:
    return all("next_attempt_at" not in one for one in sent(client, webhook))


def test_receivers_that_misbehave_cost_their_own_attempts_and_nothing_else(client: httpx2.Client) -> None:
    inbox = Inbox()
    with ExitStack() as open_:
        bad = {name: add(client, at(open_.enter_context(hostile(Inbox(talk))))) for name, talk in BAD.items()}
        odd = {
            name: add(client, at(open_.enter_context(hostile(Inbox(talk)))))
            for name, talk in STRANGE_BUT_FINE.items()
        }
        no_tls = open_.enter_context(hostile(Inbox()))
        bad["has no TLS"] = add(client, at(no_tls, scheme="https"))
        good = add(client, at(open_.enter_context(hostile(inbox))))
        for webhook in (*bad.values(), *odd.values()):
            assert client.post(f"webhooks/{webhook}/test").status_code == 202
        for _ in range(5):
            client.post(f"webhooks/{good}/test")
        assert until(lambda: len(inbox.events) == 5)
        assert until(lambda: all(ended(client, webhook) for webhook in (*bad.values(), *odd.values(), good)))
    for name, webhook in bad.items():
        (delivery,) = sent(client, webhook)
        assert (delivery["delivered"], len(delivery["attempts"])) == (False, 2), name
        assert delivery["last_error"], name
        assert not re.search(
            r"127\.0|169\.254|Errno|Error\(|Traceback|site-packages", delivery["last_error"]
        ), name
        assert max(attempt["seconds"] for attempt in delivery["attempts"]) < 6, name
    for name, webhook in odd.items():
        (delivery,) = sent(client, webhook)
        assert (delivery["delivered"], len(delivery["attempts"])) == (True, 1), name
    assert len({event["id"] for event in inbox.events}) == 5
    assert all(delivery["delivered"] for delivery in sent(client, good))


def test_an_attempt_whose_worker_is_killed_is_made_again_under_the_same_id(
    served: Served, client: httpx2.Client
) -> None:
    inbox = Inbox(says())
    with hostile(inbox) as receiver:
        webhook = add(client, at(receiver))
        client.post(f"webhooks/{webhook}/test")
        assert until(lambda: len(inbox.events) == 1)
        inbox.then = None
        served.child("work").kill()
        assert until(lambda: sent(client, webhook)[0]["delivered"], 60)
    (delivery,) = sent(client, webhook)
    assert len(delivery["attempts"]) == 1, "an attempt that nobody reported counts for nothing"
    assert len(inbox.events) == 2
    assert len({event["id"] for event in inbox.events}) == 1


def test_deleting_a_task_or_removing_a_webhook_ends_the_repeats(client: httpx2.Client) -> None:
    body = {"model_name": "pegasus1.5", "video": base64_video(clip("silent.mp4")), "prompt": "What is it?"}
    inbox = Inbox(says(answer(b"", status=b"503 Later")))
    with hostile(inbox) as receiver:
        webhook = add(client, at(receiver))
        for end in ("analyze/tasks/{}", f"webhooks/{webhook}"):
            inbox.events.clear()
            task_id = make_task(client, body)
            assert ended_task(client, task_id).status == "ready"
            assert until(lambda: len(inbox.events) == 1)
            assert client.delete(end.format(task_id)).status_code == 204
            time.sleep(2.5)
            assert len(inbox.events) == 1
            assert inbox.events[0]["data"]["id"] == task_id


def test_two_workers_send_each_message_once(served: Served, client: httpx2.Client, tmp_path: Path) -> None:
    inbox = Inbox()
    with hostile(inbox) as receiver, (tmp_path / "log").open("wb") as log:
        webhook = add(client, at(receiver))
        command = [*PROGRAM, "work"]
        other = subprocess.Popen(command, env=served.environment, cwd=served.data, stdout=log, stderr=log)
        try:
            for _ in range(40):
                client.post(f"webhooks/{webhook}/test")
            assert until(lambda: len(inbox.events) == 40)
            time.sleep(1.0)
        finally:
            other.terminate()
            other.wait(30)
    assert len({event["id"] for event in inbox.events}) == len(inbox.events) == 40


def test_a_name_that_leads_inside_is_registered_and_never_reached(tmp_path: Path) -> None:
    inbox = Inbox()
    settings = {**ALLOW, "url_allow": None}
    with (
        hostile(inbox) as receiver,
        serve(tmp_path / "data", **settings) as strict,
        strict.client() as client,
    ):
        refused = client.post("webhooks", json={"url": at(receiver)})
        assert (refused.status_code, refused.json()["code"]) == (400, "parameter_invalid")
        webhook = add(client, f"http://localhost:{receiver.port}/hook")
        client.post(f"webhooks/{webhook}/test")
        assert until(lambda: ended(client, webhook) and sent(client, webhook))
        (delivery,) = sent(client, webhook)
    assert (delivery["delivered"], len(delivery["attempts"])) == (False, 2)
    assert "not public" in delivery["last_error"]
    assert inbox.events == []


def test_the_operator_tries_a_webhook_and_reads_its_log(served: Served, client: httpx2.Client) -> None:
    inbox = Inbox()
    with hostile(inbox) as receiver:
        webhook = add(client, at(receiver))
        served.command("webhooks", "test", webhook)
        assert until(lambda: len(inbox.events) == 1)
        assert inbox.events[0]["type"] == "webhook.test"
        (logged,) = json.loads(served.command("webhooks", "log", webhook, "--json"))
        assert logged["delivered"] is True
        assert logged["attempts"][0]["status"] == 200
