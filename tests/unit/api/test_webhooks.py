"""Webhooks over the wire: added, listed, tried and removed by the account they belong to, and seen by nobody else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import ASGIApp
from tests.unit.analysis.pretended import Parts
from tests.unit.api.asgi import Answer, ask, make_app, make_house
from tests.unit.storage.ended import Ended, put

from kinoscribe.contract.webhooks import EVENTS
from kinoscribe.settings import Settings
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows, Outcome
from kinoscribe.storage.webhook_rows import WebhookRows

URL = "https://example.com/hook"


class Case:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.deliveries = DeliveryRows(database, waits=(0, 10), lease=30)
        house = make_house(Parts())
        tools = cast("SimpleNamespace", house.tools)
        tools.settings = Settings(data_dir="unused", url_allow="192.168.7.0/24")  # type: ignore[arg-type]
        tools.webhooks = WebhookRows(database)
        tools.deliveries = self.deliveries
        tools.delivery_log = DeliveryLog(database)
        self.app: ASGIApp = make_app(house)

    def ask(self, method: str, path: str, body: Any = b"", key: str | None = "one") -> Answer:
        return ask(self.app, method, f"/v1.3/webhooks{path}", body, key=key)

    def add(self, key: str = "one", **more: Any) -> dict[str, Any]:
        answer = self.ask("POST", "", {"url": URL, **more}, key=key)
        assert answer.status == 201, answer.body
        return cast("dict[str, Any]", answer.json())


@pytest.fixture
def case(database: Database) -> Case:
    return Case(database)


def test_a_webhook_is_added_and_its_secret_is_told_once(case: Case) -> None:
    made = case.add()
    assert set(made) == {"id", "url", "events", "created_at", "secret"}
    assert made["events"] == list(EVENTS)
    assert made["secret"].startswith("whsec_")
    kept = {name: value for name, value in made.items() if name != "secret"}
    assert case.ask("GET", "").json() == {"data": [kept]}
    assert case.ask("GET", f"/{made['id']}").json() == kept


def test_events_and_secret_may_be_chosen(case: Case) -> None:
    made = case.add(events=["analyze.task.failed"], secret="s" * 16)
    assert (made["events"], made["secret"]) == (["analyze.task.failed"], "s" * 16)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x", "http://[::1]/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://2130706433/",
        "http://[::ffff:192.168.1.1]/", "ftp://example.com/", "file:///etc/passwd", "https://u:p@example.com/", "hook",
        "https://example.com:22/", "https:///x", "", "http://0x7f.1/", "https://example.com/\u0000", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_a_url_that_nothing_would_be_sent_to_is_refused(case: Case, url: str) -> None:
    answer = case.ask("POST", "", {"url": url})
    assert answer.status == 400
    assert "url" in answer.json()["message"]
    assert case.ask("GET", "").json() == {"data": []}


def test_an_address_that_the_operator_allows_is_taken(case: Case) -> None:
    case.add(url="http://192.168.7.9/hook")
    assert case.ask("POST", "", {"url": "http://192.168.8.9/hook"}).status == 400


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({}, "parameter_not_provided", "url"),
        ({"url": 5}, "parameter_invalid", "url"),
        ({"url": URL, "events": []}, "parameter_invalid", "events"),
        ({"url": URL, "events": ["analyze.task.lost"]}, "parameter_invalid", "events"),
        ({"url": URL, "events": "analyze.task.ready"}, "parameter_invalid", "events"),
        ({"url": URL, "secret": "short"}, "parameter_invalid", "secret"),
        ({"url": URL, "secret": 5}, "parameter_invalid", "secret"),
        ({"url": URL, "more": 1}, "parameter_unknown", "more"),
        (b"[]", "parameter_invalid", "body"),
        (b"{", "parameter_invalid", "body"),
        (b"\xff", "parameter_invalid", "body"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_by_its_name(
    case: Case, body: Any, code: str, named: str
) -> None:
    answer = case.ask("POST", "", body)
    assert (answer.status, answer.json()["code"]) == (400, code)
    assert named in answer.json()["message"]
    assert set(answer.json()) == {"code", "message"}, "flat"


def test_a_body_that_is_too_large_is_refused(case: Case) -> None:
    assert case.ask("POST", "", {"url": URL, "events": ["x" * 100_000]}).status == 413


def test_an_account_has_fifty_at_most(case: Case) -> None:
    for _ in range(50):
        case.add()
    answer = case.ask("POST", "", {"url": URL})
    assert answer.status == 400
    assert "50" in answer.json()["message"]
    case.add(key="two")


def test_what_belongs_to_another_account_does_not_exist(case: Case) -> None:
    theirs = case.add(key="two")["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        answer = case.ask(method, f"/{theirs}{path}")
        assert (answer.status, answer.json()["code"]) == (404, "resource_not_exist")
        assert theirs in answer.json()["message"]
    assert case.ask("GET", "").json() == {"data": []}
    assert case.ask("GET", f"/{theirs}", key="two").status == 200


@pytest.mark.parametrize("name", ["0" * 24, "x", "%00", "0" * 9000, "..", "ffffffffffffffffffffffff%27"])
def test_an_id_that_is_none_does_not_exist(case: Case, name: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        answer = case.ask(method, f"/{name}{path}")
        assert (answer.status, answer.json()["code"]) == (404, "resource_not_exist")


def test_a_stranger_learns_nothing(case: Case) -> None:
    made = case.add()["id"]
    for method, path in (
        ("POST", ""),
        ("GET", ""),
        ("GET", f"/{made}"),
        ("DELETE", f"/{made}"),
        ("POST", f"/{made}/test"),
    ):
        assert case.ask(method, path, key=None).status == 401


def test_a_removed_webhook_is_gone(case: Case) -> None:
    made = case.add()["id"]
    gone = case.ask("DELETE", f"/{made}")
    assert (gone.status, gone.body) == (204, b"")
    assert case.ask("DELETE", f"/{made}").status == 404
    assert case.ask("GET", f"/{made}").status == 404


def test_a_test_is_queued_and_shown_with_its_attempts(case: Case) -> None:
    made = case.add(events=["analyze.task.ready"])["id"]
    answer = case.ask("POST", f"/{made}/test")
    assert answer.status == 202
    queued = answer.json()
    assert (queued["type"], queued["webhook_id"], queued["delivered"], queued["attempts"]) == (
        "webhook.test",
        made,
        False,
        [],
    )
    assert "task_id" not in queued
    assert "last_error" not in queued
    (held,) = case.deliveries.claim("w", [one.id for one in case.deliveries.due(5)])
    case.deliveries.settle(held, Outcome(500, "It answered with the status 500.", 0.25))
    (shown,) = case.ask("GET", f"/{made}/deliveries").json()["data"]
    assert shown["id"] == queued["id"]
    assert shown["last_error"] == "It answered with the status 500."
    assert shown["next_attempt_at"] > shown["created_at"]
    (attempt,) = shown["attempts"]
    assert set(attempt) == {"attempt", "at", "seconds", "status", "error"}
    assert (attempt["attempt"], attempt["seconds"], attempt["status"]) == (1, 0.25, 500)


def test_deliveries_come_page_by_page_newest_first(case: Case) -> None:
    made = case.add()["id"]
    ended = [put(case.database, case.deliveries, Ended(account="one")).id for _ in range(3)]
    put(case.database, case.deliveries, Ended(account="two"))
    first = case.ask("GET", f"/{made}/deliveries?page_limit=2").json()
    assert first["page_info"] == {"limit_per_page": 2, "page": 1, "total_page": 2, "total_results": 3}
    second = case.ask("GET", f"/{made}/deliveries?page_limit=2&page=2").json()
    assert {one["task_id"] for one in first["data"] + second["data"]} == set(ended)
    assert case.ask("GET", f"/{made}/deliveries?page_limit=51").status == 400
    assert case.ask("GET", f"/{made}/deliveries?page=0").status == 400
