"""What many threads write at once is written in few transactions, and none hears of another's mistake."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.database import Database
from kinoscribe.storage.group_commit import GroupCommit

WAIT = 20.0


class Book:
    """A table of numbers, and a first writer who holds its transaction until `go`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.began, self.go = threading.Event(), threading.Event()
        self.wrong: type[Exception] | None = None
        self.group = GroupCommit(database, self.write)
        with database.writing() as db:
            db.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))

    def write(self, db: Connection, number: int) -> None:
        if number == 0:
            self.began.set()
            assert self.go.wait(WAIT)
        if self.wrong is not None and number:
            raise self.wrong
        db.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})

    def numbers(self) -> list[int]:
        with self.database.reading() as db:
            return [row[0] for row in db.execute(text("SELECT n FROM numbers ORDER BY n"))]

    def put_behind(self, *numbers: int) -> list[BaseException | None]:
        """What becomes of those that come while the first is being written."""
        with ThreadPoolExecutor(len(numbers) + 1) as threads:
            first = threads.submit(self.group.put, 0)
            assert self.began.wait(WAIT)
            others = [threads.submit(self.group.put, number) for number in numbers]
            until = time.monotonic() + WAIT
            while len(self.group._waiting) < len(numbers):
                assert time.monotonic() < until
                time.sleep(0.005)
            self.go.set()
            first.result(WAIT)
            return [other.exception(WAIT) for other in others]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    database = Database(f"sqlite:///{tmp_path / 'book.db'}")
    yield Book(database)
    database.close()


def test_what_comes_during_a_transaction_is_written_in_the_next_one_for_all(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    writing = book.database.writing

    def counted() -> object:
        nonlocal opened
        opened += 1
        return writing()

    monkeypatch.setattr(book.database, "writing", counted)
    assert book.put_behind(*range(1, 21)) == [None] * 20
    assert book.numbers() == list(range(21))
    assert opened == 2


def test_more_than_one_group_may_wait(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinoscribe.storage.group_commit._MOST", 4)
    assert book.put_behind(*range(1, 11)) == [None] * 10
    assert book.numbers() == list(range(11))


def test_what_one_does_wrong_only_this_one_hears_of(book: Book) -> None:
    found = book.put_behind(1, 2, 0, 3)
    assert [type(one) for one in found] == [type(None), type(None), IntegrityError, type(None)]
    assert book.numbers() == [0, 1, 2, 3]


def test_that_nothing_fits_any_more_all_hear(book: Book) -> None:
    book.wrong = StorageFull
    found = book.put_behind(1, 2, 3)
    assert [type(one) for one in found] == [StorageFull] * 3
    assert book.numbers() == [0]
    book.wrong = None
    book.group.put(4)
    assert book.numbers() == [0, 4]


def test_one_alone_meets_its_own_mistake_and_the_next_is_written(book: Book) -> None:
    book.group.put(1)
    with pytest.raises(IntegrityError):
        book.group.put(1)
    book.group.put(2)
    assert book.numbers() == [1, 2]
