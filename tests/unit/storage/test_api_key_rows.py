import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from kinoscribe import clock
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows, is_account, pepper_of
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import api_keys

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def rows(database: Database) -> ApiKeyRows:
    return ApiKeyRows(database, b"pepper")


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_a_key_speaks_for_its_account(rows: ApiKeyRows) -> None:
    first, _ = rows.create("acme")
    second, _ = rows.create("other")
    assert first.startswith("ksk_")
    assert rows.account_of(first) == Account("acme")
    assert rows.account_of(second) == Account("other")


@pytest.mark.parametrize("key", ["", "ksk_", "ksk_wrong", "x" * 100_000, "\0", "é", "\ud800"])
def test_a_key_that_was_never_made_speaks_for_nobody(rows: ApiKeyRows, key: str) -> None:
    rows.create("acme")
    assert rows.account_of(key) is None


def test_a_key_must_be_given_whole_and_in_its_own_letters(rows: ApiKeyRows) -> None:
    key, _ = rows.create("acme")
    for other in (key[:-1], key + "a", key.swapcase(), f" {key}"):
        assert rows.account_of(other) is None


def test_neither_key_nor_secret_lies_in_the_database(database: Database, tmp_path: Path) -> None:
    key, kept = ApiKeyRows(database, b"pepper").create("acme")
    database.close()
    bytes_on_disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert kept.ending == key[-4:]
    assert kept.id.encode() in bytes_on_disk
    assert key.encode() not in bytes_on_disk
    assert key[4:20].encode() not in bytes_on_disk


def test_a_database_without_its_pepper_lets_nobody_in(database: Database) -> None:
    key, _ = ApiKeyRows(database, b"pepper").create("acme")
    assert ApiKeyRows(database, b"another").account_of(key) is None


def test_a_revoked_key_is_out_at_once_and_for_good(rows: ApiKeyRows) -> None:
    key, kept = rows.create("acme")
    assert rows.account_of(key) == Account("acme")
    assert rows.revoke(kept.id)
    assert rows.account_of(key) is None
    assert not rows.revoke(kept.id)
    assert not rows.revoke("0" * 24)
    assert rows.list()[0].revoked_at is not None


def test_a_key_ends_when_its_days_are_over(rows: ApiKeyRows, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)
    key, _ = rows.create("acme", days=1)
    at(monkeypatch, NOON + timedelta(days=1, microseconds=-1))
    assert rows.account_of(key) == Account("acme")
    assert rows.any_valid()
    at(monkeypatch, NOON + timedelta(days=1))
    assert rows.account_of(key) is None
    assert not rows.any_valid()


def test_the_last_use_is_written_at_most_every_ten_minutes(
    rows: ApiKeyRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    key, _ = rows.create("acme")
    assert rows.list()[0].last_used_at is None
    for minutes, expected in ((0, 0), (9, 0), (10, 10), (11, 10)):
        at(monkeypatch, NOON + timedelta(minutes=minutes))
        rows.account_of(key)
        assert rows.list()[0].last_used_at == NOON + timedelta(minutes=expected)


def test_a_full_disk_keeps_nobody_out(rows: ApiKeyRows, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = rows.create("acme")

    @contextmanager
    def full(_database: Database) -> Iterator[Connection]:
        raise StorageFull
        yield

    monkeypatch.setattr(Database, "writing", full)
    assert rows.account_of(key) == Account("acme")


def test_a_preset_key_is_valid_while_the_settings_name_it(database: Database) -> None:
    preset = ApiKeyRows(database, b"pepper", preset="my-own-key")
    assert preset.account_of("my-own-key") == Account("default")
    assert preset.account_of("my-own-kez") is None
    assert preset.any_valid()
    assert ApiKeyRows(database, b"pepper").account_of("my-own-key") is None
    assert not ApiKeyRows(database, b"pepper", preset="").any_valid()


def test_keys_are_listed_by_account_oldest_first(rows: ApiKeyRows) -> None:
    made = [rows.create(name)[1] for name in ("a", "b", "a")]
    assert rows.list() == tuple(made)
    assert rows.list("a") == (made[0], made[2])
    assert rows.list("c") == ()


@pytest.mark.parametrize("name", ["", "a b", "../x", "ä", "-x", "x" * 65, "a\n"])
def test_a_name_that_could_confuse_is_no_account(rows: ApiKeyRows, name: str) -> None:
    assert not is_account(name)
    with pytest.raises(ValueError, match="account"):
        rows.create(name)


def test_the_pepper_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = pepper_of(tmp_path)
    assert len(first) == 32
    assert pepper_of(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600


@pytest.fixture(scope="module")
def one_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiKeyRows]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('one') / 'rows.db'}")
    database.migrate()
    rows = ApiKeyRows(database, b"pepper", preset="p" * 41)
    rows.create("acme")
    yield rows
    database.close()


@given(text=st.text(max_size=40))
def test_no_text_is_taken_for_a_key(one_key: ApiKeyRows, text: str) -> None:
    assert one_key.account_of(text) is None


def test_digests_are_unlike_for_every_key(database: Database, rows: ApiKeyRows) -> None:
    for _ in range(5):
        rows.create("acme")
    with database.reading() as db:
        assert len(set(db.execute(select(api_keys.c.digest)).scalars())) == 5
