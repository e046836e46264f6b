"""Statements that were compiled once say and bring what the same ones do through SQLAlchemy."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy import exc as sql_errors

from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import receipts, webhooks

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
INSERT = insert(webhooks).returning(*webhooks.c)
OF = select(webhooks.c.id, webhooks.c.events, webhooks.c.created_at).where(
    webhooks.c.account == bindparam("of")
)
RENAME = update(webhooks).where(webhooks.c.id == bindparam("named"))
FORGET = delete(webhooks).where(webhooks.c.account == bindparam("of")).returning(webhooks.c.id)


def row(**changed: Any) -> dict[str, Any]:
    named = {"id": "a", "account": "one", "url": "u", "events": ["x", 1, None], "secret": "s"}
    return {**named, "created_at": AT, **changed}


def test_a_row_comes_back_as_it_went_in(database: Database) -> None:
    given = row()
    with database.writing() as db:
        ((*brought,),), count = database.run(db, INSERT, given)
    assert dict(zip(webhooks.c.keys(), brought, strict=True)) == given
    assert count == 1
    with database.reading() as db:
        assert tuple(db.execute(select(webhooks)).one()) == tuple(brought)


def test_rows_are_what_sqlalchemy_brings(database: Database) -> None:
    with database.writing() as db:
        for number in range(3):
            db.execute(INSERT, row(id=str(number)))
    with database.reading() as db:
        through = [tuple(found) for found in db.execute(OF, {"of": "one"})]
        assert len(through) == 3
        for _ in range(2):
            assert database.run(db, OF, {"of": "one"})[0] == through
        assert database.run(db, OF, {"of": "nobody"})[0] == []


def test_without_a_transaction_it_is_the_same(database: Database) -> None:
    with database.writing() as db:
        database.run(db, INSERT, row())
    with database.asking() as db:
        assert database.run(db, OF, {"of": "one"})[0] == [("a", ["x", 1, None], AT)]


def test_changes_are_counted(database: Database) -> None:
    with database.writing() as db:
        database.run(db, INSERT, row())
        assert database.run(db, RENAME, {"named": "a", "url": "new"}) == ([], 1)
        assert database.run(db, RENAME, {"named": "nobody", "url": "new"}) == ([], 0)
        assert db.execute(select(webhooks.c.url)).scalar_one() == "new"
        assert database.run(db, FORGET, {"of": "one"}) == ([("a",)], 1)


def test_other_parameters_make_another_statement(database: Database) -> None:
    with database.writing() as db:
        database.run(db, INSERT, row())
        database.run(db, RENAME, {"named": "a", "url": "new"})
        database.run(db, RENAME, {"named": "a", "secret": "other", "events": []})
        found = db.execute(select(webhooks.c.url, webhooks.c.secret, webhooks.c.events)).one()
    assert tuple(found) == ("new", "other", [])


def test_the_clock_is_asked_each_time(sqlite_url: str) -> None:
    moments = iter([AT, AT.replace(year=2027)])
    database = Database(sqlite_url, now=lambda: next(moments))
    stamped = insert(receipts).values(created_at=database.now()).returning(receipts.c.created_at)
    try:
        with database.writing() as db:
            found = [
                database.run(db, stamped, {"generation_id": name, "account": "one", "body": {}})[0][0][0]
                for name in "ab"
            ]
    finally:
        database.close()
    assert found == [AT, AT.replace(year=2027)]


@pytest.mark.parametrize("told", ["\0", "a\0b\ud800c", "plain", "ähm \N{CLAPPER BOARD}", ""])
def test_text_is_kept_as_by_every_other_statement(database: Database, told: str) -> None:
    with database.writing() as db:
        database.run(db, INSERT, row(id="run", url=told))
        db.execute(INSERT, row(id="executed", url=told))
        kept = db.execute(select(webhooks.c.url)).scalars().all()
    assert kept[0] == kept[1]


def test_what_breaks_a_rule_is_the_error_of_sqlalchemy(database: Database) -> None:
    def twice() -> None:
        with database.writing() as db:
            database.run(db, INSERT, row())
            database.run(db, INSERT, row())

    with pytest.raises(sql_errors.IntegrityError):
        twice()
    with database.reading() as db:
        assert db.execute(select(func.count()).select_from(webhooks)).scalar_one() == 0


def test_a_connection_that_is_gone_is_told_and_replaced(postgresql_url: str) -> None:
    database = Database(postgresql_url)

    def cut() -> None:
        with database.writing() as db:
            backend = db.execute(text("select pg_backend_pid()")).scalar_one()
            with database.writing() as other:
                other.execute(text("select pg_terminate_backend(:pid)"), {"pid": backend})
            database.run(db, OF, {"of": "one"})

    try:
        with pytest.raises(DatabaseUnavailable):
            cut()
        with database.reading() as db:
            assert database.run(db, OF, {"of": "one"})[0] == []
    finally:
        database.close()


def test_a_missing_parameter_is_no_null(database: Database) -> None:
    with database.reading() as db, pytest.raises(KeyError):
        database.run(db, OF, {})
