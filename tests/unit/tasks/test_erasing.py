"""An account that was erased on one machine is erased on all: two data folders, one database, one secret."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kinoscribe import clock
from kinoscribe.storage.cache_folder import CacheFolder
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.erasure_rows import ErasureRows
from kinoscribe.tasks.erasing import SETTLED, Erasing

DAYS = 30.0


class Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Machine:
    """A data folder and what a worker on it does."""

    cache: CacheFolder
    erasing: Erasing
    name: str

    def keep(self, account: str, what: str = "what") -> None:
        self.cache.put("frames", self.cache.key(account, "", what), b"data")

    def has(self, account: str, what: str = "what") -> bool:
        return self.cache.get("frames", self.cache.key(account, "", what)) is not None


@dataclass
class Installation:
    rows: ErasureRows
    time: Clock
    here: Machine
    there: Machine

    def erase(self, account: str) -> None:
        """As the command does it, on one machine."""
        self.rows.leave(self.here.cache.salt(account))
        self.here.cache.clear(account=account)


@pytest.fixture
def installation(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    time = Clock()
    monkeypatch.setattr(clock, "now", time)

    def machine(name: str) -> Machine:
        folder = DataFolder(tmp_path / name)
        cache = CacheFolder(folder.path / "cache", 1 << 30, b"secret")
        return Machine(cache, Erasing(rows, cache, folder.name, cache_days=DAYS), folder.name)

    with closing(Database(database_url, now=time)) as database:
        rows = ErasureRows(database)
        yield Installation(rows, time, machine("here"), machine("there"))


def test_every_folder_has_a_name_that_stays(tmp_path: Path) -> None:
    one, other = DataFolder(tmp_path / "one"), DataFolder(tmp_path / "other")
    assert one.name == DataFolder(tmp_path / "one").name != other.name


def test_what_another_machine_keeps_of_an_erased_account_goes_and_nothing_else(
    installation: Installation,
) -> None:
    for machine in (installation.here, installation.there):
        machine.keep("one")
        machine.keep("two")
    installation.erase("one")
    assert installation.there.has("one")
    assert installation.there.erasing.carry_out() == 1
    assert installation.there.erasing.carry_out() == 0
    for machine in (installation.here, installation.there):
        assert not machine.has("one")
        assert machine.has("two")


def test_what_was_still_under_way_when_it_was_erased_goes_as_well(installation: Installation) -> None:
    installation.erase("one")
    installation.there.erasing.carry_out()
    installation.there.keep("one", "late")
    installation.time.pass_(60)
    assert installation.there.erasing.carry_out() == 1
    assert not installation.there.has("one", "late")


def test_an_account_of_the_same_name_that_comes_later_keeps_what_it_has(installation: Installation) -> None:
    installation.time.pass_(-SETTLED - 60)  # so that files written now are of later
    installation.erase("one")
    installation.time.pass_(SETTLED + 60)
    installation.there.keep("one", "new")
    assert installation.there.erasing.carry_out() == 0
    assert installation.there.has("one", "new")
    assert installation.rows.due(installation.there.name) == ()


def test_a_machine_that_was_away_does_it_when_it_comes_back(installation: Installation) -> None:
    installation.there.keep("one")
    installation.erase("one")
    installation.time.pass_(5 * SETTLED)
    installation.here.erasing.carry_out()
    assert len(installation.rows.due(installation.there.name)) == 1
    assert installation.there.erasing.carry_out() == 1
    assert installation.rows.due(installation.there.name) == ()


def test_word_of_it_goes_when_no_folder_can_have_anything_left(installation: Installation) -> None:
    installation.erase("one")
    installation.time.pass_(DAYS * 86_400 + SETTLED + 1)
    installation.here.erasing.carry_out()
    assert installation.rows.due("another") == ()
