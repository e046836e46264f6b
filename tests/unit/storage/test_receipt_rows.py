from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from kinoscribe import clock
from kinoscribe.storage.database import Database
from kinoscribe.storage.receipt_rows import ReceiptRows


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[ReceiptRows]:
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}")
    database.migrate()
    yield ReceiptRows(database)
    database.close()


def test_a_receipt_is_for_the_account_that_asked(rows: ReceiptRows) -> None:
    body = {"seconds": {"fetch": 0.5}, "warnings": ["ü"], "window": None}
    rows.keep("a", "g1", body)
    assert rows.find("a", "g1") == body
    assert rows.find("b", "g1") is None
    assert rows.find("a", "g2") is None


def test_an_answer_has_one_receipt(rows: ReceiptRows) -> None:
    rows.keep("a", "g1", {"n": 1})
    with pytest.raises(IntegrityError):
        rows.keep("b", "g1", {"n": 2})
    assert rows.find("a", "g1") == {"n": 1}


def test_old_receipts_can_be_forgotten(rows: ReceiptRows) -> None:
    rows.keep("a", "g1", {})
    assert rows.forget_before(clock.now() - timedelta(days=1)) == 0
    assert rows.forget_before(clock.now() + timedelta(days=1)) == 1
    assert rows.find("a", "g1") is None
