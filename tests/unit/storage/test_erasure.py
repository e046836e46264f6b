from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from tests.unit.storage.queues import ANSWER, Desk

from kinoscribe import ids
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.storage import erasure as erasure_module
from kinoscribe.storage.api_key_rows import ApiKeyRows
from kinoscribe.storage.erasure import Erasure
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.storage.rate_rows import RateRows, account_subject, key_subject
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.tables import indexes, tables, uploads
from kinoscribe.storage.webhook_rows import WebhookRows


class House:
    """Two accounts, of which one is to go."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.forgotten: list[str] = []
        desk.blobs.when_dropped = self.forgotten.append
        self.erasure = Erasure(desk.database, desk.blobs, desk.rows)
        self.keys = ApiKeyRows(desk.database, b"pepper")
        self.rates = RateRows(desk.database, [])
        self.receipts = ReceiptRows(desk.database)

    def fill(self, account: str) -> str:
        """Something of every kind; returns a key."""
        key, made = self.keys.create(account)
        for subject in (account_subject(account), key_subject(made.id)):
            self.rates.set(subject, [read_limit("analyze:rpm=60")])
        for number in range(3):
            self.asset(account, f"{account} {number}".encode())
        self.asset(account, b"of both")
        upload = self.asset(account, None)
        self.desk.blobs.parts.begin(upload[::-1], 4, 4)
        now = self.desk.clock()
        with self.desk.database.writing() as db:
            row = {"id": upload[::-1], "asset_id": upload, "account": account, "status": "active"}
            more = {"total_size": 4, "chunk_size": 4, "created_at": now, "updated_at": now, "expires_at": now}
            db.execute(insert(uploads).values(**row, **more))
            index = {"id": ids.new_object_id(), "account": account, "name": "i", "models": [], "addons": []}
            db.execute(insert(indexes).values(**index, created_at=now, updated_at=now))
        done = self.desk.submit_once(f"k {account}", account=account)
        assert done.task is not None
        for task in self.desk.queue.claim("w", 1):
            self.desk.queue.finish(task.claim, ANSWER)
        self.desk.submit(account, files=(("video", self.desk.stored(f"{account} sent".encode())),))
        self.desk.queue.claim("w", 1)
        self.desk.submit(account)
        WebhookRows(self.desk.database).add(account, "https://x.example/", ["analyze.task.ready"], most=9)
        self.receipts.keep(account, f"g {account}", {}, _hash(f"{account} asked about"))
        self.receipts.keep(account, f"h {account}", {}, _hash("both asked about"))
        return key

    def asset(self, account: str, data: bytes | None) -> str:
        stored = None if data is None else self.desk.stored(data)
        made = self.desk.assets.add(
            account, method="direct", filename=account, file_type="video/mp4", stored=stored
        )
        return made.id

    def rows_of(self, account: str) -> dict[str, int]:
        found = {}
        with self.desk.database.reading() as db:
            for table in tables.sorted_tables:
                if "account" in table.c:
                    query = select(table).where(table.c.account == account)
                    found[table.name] = len(db.execute(query).all())
        return {name: count for name, count in found.items() if count}


def _hash(text: str) -> str:
    return text.encode().hex().ljust(64, "0")[:64]


@pytest.fixture
def house(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(erasure_module, "_AT_ONCE", 2)
    desk = Desk(database_url, tmp_path)
    desk.database.migrate()
    yield House(desk)
    desk.close()


def test_nothing_is_left_of_an_account_and_all_of_the_others(house: House, tmp_path: Path) -> None:
    house.fill("gone")
    house.fill("stays")
    stays = house.rows_of("stays")
    assert house.rows_of("gone") == stays
    assert {"assets", "tasks", "webhooks", "receipts", "api_keys", "uploads", "indexes"} <= stays.keys()
    house.erasure.end("gone")
    counted = house.erasure.erase("gone")
    assert house.rows_of("gone") == {}
    assert house.rows_of("stays") == stays
    assert counted["assets"] == 5
    assert counted["rate_limits"] == 2
    left = {path.read_bytes() for path in (tmp_path / "media").rglob("*") if path.is_file()}
    assert left == {b"stays 0", b"stays 1", b"stays 2", b"of both", b"stays sent"}
    assert len(list((tmp_path / "parts").iterdir())) == 1
    assert house.erasure.erase("gone") == {}


def test_its_tasks_are_canceled_and_its_keys_end_first(house: House) -> None:
    key = house.fill("gone")
    (running,) = house.desk.queue.claim("w", 5)
    assert house.erasure.end("gone") == 2
    assert house.keys.account_of(key) is None
    assert house.desk.state(running.id).status == "canceled"
    assert not house.desk.queue.finish(running.claim, ANSWER)
    assert house.erasure.end("gone") == 0


def test_what_was_made_of_its_videos_is_forgotten_unless_others_have_them(house: House) -> None:
    house.fill("gone")
    house.fill("stays")
    house.erasure.end("gone")
    house.erasure.erase("gone")
    assert _hash("gone asked about") in house.forgotten
    assert _hash("both asked about") not in house.forgotten
    assert len(set(house.forgotten)) == 5


def test_evidence_that_others_have_not_seen_goes_and_what_they_have_seen_stays(house: House) -> None:
    meetings = MeetingRows(house.desk.database)
    house.asset("stays", b"of both")
    for data in (b"of both", b"seen by both", b"only sent"):
        meetings.meet("gone", f"key {data!r}", _hash(data.decode()), "m")
    meetings.meet("stays", "key", _hash("seen by both"), "m")
    meetings.ask("stays", "another key", _hash("of both"))
    house.erasure.end("gone")
    assert house.erasure.erase("gone")["meetings"] == 3
    assert sorted(house.forgotten) == sorted([_hash("of both"), _hash("only sent")])
    assert house.erasure.erase("gone") == {}


def test_an_account_of_which_nothing_is_kept_is_none(house: House) -> None:
    house.fill("stays")
    stays = house.rows_of("stays")
    assert house.erasure.end("nobody") == 0
    assert house.erasure.erase("nobody") == {}
    assert house.rows_of("stays") == stays


def test_an_erasure_that_was_broken_off_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.fill("gone")
    house.erasure.end("gone")
    emptied = house.erasure._empty

    def fails(name: str, account: str) -> int:
        if name == "assets":
            raise ConnectionError
        return emptied(name, account)

    monkeypatch.setattr(house.erasure, "_empty", fails)
    with pytest.raises(ConnectionError):
        house.erasure.erase("gone")
    monkeypatch.undo()
    house.erasure.erase("gone")
    assert house.rows_of("gone") == {}
    assert list(house.desk.blobs.kept()) == []
