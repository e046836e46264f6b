"""A receipt is found by the account that asked, and by nobody else."""

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp
from tests.unit.analysis.pretended import Parts
from tests.unit.api.asgi import ask, make_app, make_house

from kinoscribe.storage.database import Database
from kinoscribe.storage.receipt_rows import ReceiptRows


@pytest.fixture
def app(tmp_path: Path) -> Any:
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}")
    database.migrate()
    rows = ReceiptRows(database)
    rows.keep("one", "an-id", {"generation_id": "an-id"})
    yield make_app(make_house(Parts(receipts=cast("Any", rows))))
    database.close()


def test_a_receipt_is_found_by_its_account(app: ASGIApp) -> None:
    answer = ask(app, "GET", "/v1.3/receipts/an-id")
    assert (answer.status, answer.json()) == (200, {"generation_id": "an-id"})


@pytest.mark.parametrize(
    ("key", "name"), [("two", "an-id"), ("one", "other"), ("one", "%00"), ("one", "x" * 9000)]
)
def test_anything_else_does_not_exist(app: ASGIApp, key: str, name: str) -> None:
    answer = ask(app, "GET", f"/v1.3/receipts/{name}", key=key)
    assert (answer.status, answer.json()["code"]) == (404, "resource_not_exist")
    assert "receipts" in answer.json()["message"]


def test_a_stranger_learns_nothing(app: ASGIApp) -> None:
    assert ask(app, "GET", "/v1.3/receipts/an-id", key=None).status == 401
