import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from kinoscribe.api.auth import Keys
from kinoscribe.contract.errors import ApiKeyInvalid
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows
from kinoscribe.storage.database import Database


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[ApiKeyRows]:
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}")
    database.migrate()
    yield ApiKeyRows(database, b"pepper")
    database.close()


def test_a_key_becomes_its_account(rows: ApiKeyRows) -> None:
    key, _ = rows.create("acme")
    assert anyio.run(Keys(rows).account_of, key) == Account("acme")


@pytest.mark.parametrize("key", [None, "", "ksk_wrong"])
def test_no_key_and_a_wrong_key_are_refused_alike(rows: ApiKeyRows, key: str | None) -> None:
    rows.create("acme")
    with pytest.raises(ApiKeyInvalid) as refused:
        anyio.run(Keys(rows).account_of, key)
    assert (refused.value.status, refused.value.code) == (401, "api_key_invalid")


def test_what_is_missing_is_a_key(rows: ApiKeyRows) -> None:
    keys = Keys(rows)
    assert "keys create" in keys.missing()[0]
    _, made = rows.create("acme")
    assert keys.missing() == []
    rows.revoke(made.id)
    assert len(keys.missing()) == 1


def test_many_look_ups_do_not_hold_up_the_loop(rows: ApiKeyRows) -> None:
    key, _ = rows.create("acme")
    keys = Keys(rows)

    async def at_once() -> float:
        longest = 0.0
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(keys.account_of, key)
            for _ in range(20):
                before = time.monotonic()
                await anyio.sleep(0.005)
                longest = max(longest, time.monotonic() - before)
        return longest

    assert anyio.run(at_once) < 0.5
