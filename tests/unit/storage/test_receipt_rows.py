from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

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


def test_it_is_known_what_an_account_has_asked_about(rows: ReceiptRows) -> None:
    rows.keep("a", "g1", {}, "c" * 64)
    assert rows.knows("a", "c" * 64)
    assert not rows.knows("b", "c" * 64)
    assert not rows.knows("a", "d" * 64)
