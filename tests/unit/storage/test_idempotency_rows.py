from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from tests.unit.storage.queues import Clock

from kinoscribe.contract.errors import IdempotencyKeyReused
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import IdempotencyRows, Once, Replay
from kinoscribe.storage.tables import idempotency_keys

DAY = 24 * 3600.0
ONCE: Once[str] = Once(
    "POST /assets", "a key !", "digest", 201, lambda made: {"made": made, "\0": ["ü", None]}
)
ANSWER = Replay(201, {"made": "this", "\0": ["ü", None]})


class Keys:
    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.database = Database(url, now=self.clock)
        self.rows = IdempotencyRows(self.database)

    def keep(self, once: Once[str] = ONCE, made: str = "this", account: str = "a") -> Replay:
        with self.database.writing() as db:
            return self.rows.keep(db, account, once, made)

    def count(self) -> int:
        with self.database.reading() as db:
            return len(db.execute(select(idempotency_keys.c.key)).all())


@pytest.fixture
def keys(database_url: str) -> Iterator[Keys]:
    keys = Keys(database_url)
    with closing(keys.database):
        yield keys


def test_an_answer_is_found_again_by_the_same_request_also_after_a_restart(
    keys: Keys, database_url: str
) -> None:
    assert keys.rows.find("a", ONCE) is None
    assert keys.keep() == ANSWER
    assert keys.rows.find("a", ONCE) == ANSWER
    with closing(Database(database_url, now=keys.clock)) as again:
        assert IdempotencyRows(again).find("a", ONCE) == ANSWER


def test_an_answer_belongs_to_its_account_its_route_and_its_key(keys: Keys) -> None:
    keys.keep()
    assert keys.rows.find("b", ONCE) is None
    assert keys.rows.find("a", replace(ONCE, route="POST /analyze/tasks")) is None
    assert keys.rows.find("a", replace(ONCE, key="A key !")) is None
    assert keys.keep(account="b", made="that") == Replay(201, {**ANSWER.body, "made": "that"})
    assert keys.rows.find("a", ONCE) == ANSWER


def test_the_same_key_for_another_body_is_refused(keys: Keys) -> None:
    keys.keep()
    with pytest.raises(IdempotencyKeyReused, match="a key !"):
        keys.rows.find("a", replace(ONCE, digest="of another body"))


def test_an_answer_is_given_for_a_day_and_its_key_is_free_afterwards(keys: Keys) -> None:
    keys.keep()
    keys.clock.now += timedelta(seconds=DAY - 1)
    assert keys.rows.find("a", ONCE) == ANSWER
    assert keys.rows.forget() == 0
    keys.clock.pass_by(1)
    other = replace(ONCE, digest="of another body")
    assert keys.rows.find("a", other) is None
    keys.keep(other, "new")
    assert keys.rows.find("a", other) == Replay(201, {**ANSWER.body, "made": "new"})
    assert keys.count() == 1


def test_what_is_too_old_to_be_given_again_is_forgotten(keys: Keys) -> None:
    keys.keep()
    keys.clock.pass_by(DAY)
    keys.keep(replace(ONCE, key="later"))
    assert keys.rows.forget() == 1
    assert keys.count() == 1


def test_of_two_transactions_that_keep_the_same_key_the_later_one_is_done_again(keys: Keys) -> None:
    """On SQLite the second waits before it begins and finds the answer; on PostgreSQL it finds it by this error."""
    kept, refused = Event(), []

    def second() -> None:
        try:
            with keys.database.writing() as db:
                if keys.rows.look(db, "a", ONCE) is None:
                    kept.set()
                    keys.rows.keep(db, "a", ONCE, "that")
        except IntegrityError as error:
            refused.append(error)

    thread = Thread(target=second)
    with keys.database.writing() as db:
        keys.rows.keep(db, "a", ONCE, "this")
        thread.start()
        assert kept.wait(0.1 if keys.database.is_sqlite else 20) != keys.database.is_sqlite
    thread.join()
    assert len(refused) == (not keys.database.is_sqlite)
    assert keys.rows.find("a", ONCE) == ANSWER
