"""What `doctor` says of the database, of those who work on it and of what waits for them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.storage.queues import Desk

from kinoscribe.cli.machine import Finding
from kinoscribe.cli.queue_state import assets_held, database_and_queue
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import pepper_of
from kinoscribe.storage.asset_room import Held
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.process_rows import ProcessRows


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[ProcessRows]:
    with closing(open_database(None, DataFolder(tmp_path))) as database:
        yield ProcessRows(database, pepper_of(tmp_path))


def found(folder: Path, **settings: object) -> dict[str, Finding]:
    return {one.what: one for one in database_and_queue(Settings(data_dir=folder, **settings))}  # type: ignore[arg-type]


def test_nothing_is_made_where_there_is_nothing(tmp_path: Path) -> None:
    assert found(tmp_path / "data")["Database"].state == "ok"
    assert not (tmp_path / "data").exists()


def test_a_database_that_is_away_is_wrong(tmp_path: Path) -> None:
    address = "postgresql://someone:very-secret@127.0.0.1:1/name"
    (told,) = found(tmp_path, database_url=address).values()
    assert (told.state, "very-secret" in told.sentence) == ("wrong", False)
    assert "KINOSCRIBE_DATABASE_URL" in told.advice


def test_without_a_server_nothing_is_lacking(tmp_path: Path, rows: ProcessRows) -> None:
    assert {one.state for one in found(tmp_path).values()} == {"ok"}
    assert "No server" in found(tmp_path)["Processes"].sentence


def test_workers_and_their_places_are_counted(tmp_path: Path, rows: ProcessRows) -> None:
    rows.beat(rows.new_id(), "api", 8, ())
    assert found(tmp_path)["Processes"].state == "lacks"
    rows.beat(rows.new_id(), "worker", 4, ("No weights.",))
    assert found(tmp_path)["Processes"].advice == "No weights."
    rows.beat(rows.new_id(), "worker", 3, ())
    told = found(tmp_path)["Processes"]
    assert told.state == "ok"
    assert "1 api process, 2 workers with 7 places" in told.sentence


def test_the_queue_is_counted_and_a_full_one_is_wrong(tmp_path: Path, rows: ProcessRows) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'kinoscribe.db'}", tmp_path, told=False)
    with closing(desk.database), closing(desk.blobs):
        desk.submit()
        desk.submit()
        desk.claim()
    assert "1 task waits, 1 at work" in found(tmp_path)["Queue"].sentence
    assert found(tmp_path, queue_most=3)["Queue"].state == "ok"
    assert found(tmp_path, queue_most=2)["Queue"].state == "wrong"
    assert found(tmp_path)["Assets"].state == "ok"


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("held", "limits", "state", "words"),
    [
        ((), (None, None), "ok", "0 files of 0.0 GB, 0 accounts."),
        ((Held("a", 1, GB, 0),), (None, None), "ok", "1 file of 1.0 GB, 1 account."),
        ((Held("a", 3, GB, 2 * GB), Held("b", 1, GB, 0)), (9 * GB, 4 * GB), "ok", "4 files of 2.0 GB, 2 accounts; "),
        ((Held("a", 3, GB, 2 * GB), Held("b", 1, GB, 0)), (4 * GB, None), "slow", "uploads may bring 2.0 GB more."),
        ((Held("a", 1, GB, 0), Held("b", 1, 9, 0)), (None, GB), "slow", "2 files of 1.0 GB"),
    ],
)  # fmt: skip
def test_what_accounts_hold_is_told_and_a_limit_that_is_near(
    held: tuple[Held, ...], limits: tuple[int | None, int | None], state: str, words: str
) -> None:
    finding = assets_held(held, *limits)
    assert finding.state == state
    assert words in finding.sentence
    assert ("KINOSCRIBE_ASSET_BYTES" in finding.advice) == (state == "slow")
    if limits[1] == GB:
        assert "have: a (" in finding.advice
