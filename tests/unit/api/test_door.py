"""Whatever goes wrong behind the door, an answer in the error form comes out, and nothing of our insides."""

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from tests.unit.analysis.pretended import Parts
from tests.unit.api.asgi import Answer, ask, call, make_app, make_house

from kinoscribe.api import health
from kinoscribe.api.door import Door, bare_path
from kinoscribe.contract.errors import StorageFull


def broken_app(error: BaseException, *, begun: bool = False) -> Door:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise error

    return Door(app)


@pytest.mark.parametrize(("path", "nested"), [("/v1.3/assets", False), ("/analyze/tasks/1", True)])
def test_a_bug_is_a_500_that_tells_nothing_and_a_log_that_tells_all(path: str, nested: bool) -> None:
    with capture_logs() as logs:
        answer = ask(broken_app(KeyError("/secret/path")), "GET", path)
    assert answer.status == 500
    assert answer.json()["code"] == "internal_server_error"
    assert ("error" in answer.json()) is nested
    assert b"secret" not in answer.body
    assert [(log["event"], log["path"]) for log in logs] == [("unexpected", path)]


def test_a_bug_in_a_handler_is_a_500_in_the_error_form(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_house: object) -> list[str]:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(health, "_missing", bug)
    with capture_logs() as logs:
        answer = ask(make_app(make_house(Parts())), "GET", "/v1.3/readyz")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-api-version"] == "v1.3"
    assert answer.json()["code"] == "internal_server_error"
    assert b"secret" not in answer.body
    assert answer.starts == 1
    assert len(logs) == 1


def test_an_error_of_ours_is_said_and_not_logged() -> None:
    with capture_logs() as logs:
        answer = ask(broken_app(StorageFull()), "GET", "/v1.3/assets")
    assert (answer.status, answer.json()["code"]) == (507, "storage_full")
    assert logs == []


def test_after_the_first_byte_a_failure_only_cuts_the_body() -> None:
    answer = ask(broken_app(KeyError("x"), begun=True), "GET", "/v1.3/assets")
    assert (answer.starts, answer.body, answer.whole) == (1, b"half", False)


def test_nothing_is_said_to_a_client_that_has_left() -> None:
    assert ask(broken_app(ClientDisconnect()), "POST", "/v1.3/assets").starts == 0


def test_a_call_given_up_at_the_end_of_the_server_is_a_503() -> None:
    answer = ask(broken_app(asyncio.CancelledError()), "POST", "/v1.3/analyze")
    assert (answer.status, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert ask(broken_app(asyncio.CancelledError(), begun=True), "POST", "/v1.3/analyze").whole is False


def test_every_answer_has_the_version_and_an_id_of_its_own() -> None:
    app = make_app(make_house(Parts()))

    async def calls() -> list[Answer]:
        paths = ("/healthz", "/v1.3/models", "/nowhere", "/v1.3/analyze/batches")
        return [await call(app, "GET", path) for path in paths]

    answers = asyncio.run(calls())
    assert [answer.status for answer in answers] == [200, 200, 404, 404]
    assert {answer.headers["x-api-version"] for answer in answers} == {"v1.3"}
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4


@pytest.mark.parametrize(
    ("path", "bare"),
    [("/v1.3/assets", "/assets"), ("/assets", "/assets"), ("/v1.3", "/"), ("/v1.30/assets", "/v1.30/assets")],
)
def test_the_version_in_front_of_a_path_makes_no_difference(path: str, bare: str) -> None:
    assert bare_path(path) == bare


def test_what_is_no_http_passes_by() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    asyncio.run(Door(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
