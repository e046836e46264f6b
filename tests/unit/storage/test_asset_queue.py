"""Assets to process: claimed once, leased, given back, begun with again and given up, on both databases."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.asset_rows import Asset, AssetRows, Examined, Hold
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database

LEASE = 30.0
IMAGE = Examined("image", "image/png")


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Line:
    """A queue of assets and the clock it goes by."""

    def __init__(self, database: Database, blobs: Blobs, time: Clock) -> None:
        self.database = database
        self.blobs = blobs
        self.time = time
        self.decided: list[Asset] = []
        self.rows = AssetRows(database, blobs, decided=lambda _db, asset: self.decided.append(asset))
        self.queue = AssetQueue(database, self.rows, lease=LEASE, attempts=2)

    def upload(self, data: bytes = b"data", **more: Any) -> str:
        with self.blobs.begin() as incoming:
            incoming.write(data)
            stored = incoming.finish()
            said = {"method": "direct", "filename": "v", "file_type": "video/mp4", **more}
            return self.rows.add("a", stored=stored, **said).id

    def by_url(self) -> str:
        url = "https://x.example/v.mp4"
        return self.rows.add("a", method="url", filename="v", file_type="video/mp4", url=url).id

    def claimed(self, owner: str = "w", arrivals: int = 9, looks: int = 9) -> list[str]:
        return [job.id for job in self.queue.claim(owner, arrivals=arrivals, looks=looks)]

    def status(self, asset_id: str) -> str:
        found = self.rows.get("a", asset_id)
        assert found is not None
        return found.status


@pytest.fixture
def line(database_url: str, tmp_path: Path) -> Iterator[Line]:
    time, blobs = Clock(), Blobs(tmp_path)
    with closing(Database(database_url, now=time)) as database, closing(blobs):
        yield Line(database, blobs, time)


def test_an_asset_is_claimed_once_and_the_oldest_first(line: Line) -> None:
    first, second = line.upload(b"1"), line.upload(b"2")
    assert line.claimed("w", looks=1) == [first]
    assert line.claimed("v") == [second]
    assert line.claimed("u") == []
    assert line.queue.held("w") == {first}


def test_files_to_fetch_and_files_to_look_into_have_places_of_their_own(line: Line) -> None:
    far, here = line.by_url(), line.upload()
    assert line.claimed(arrivals=0, looks=0) == []
    assert line.claimed(arrivals=0) == [here]
    assert line.claimed(looks=0) == [far]


def test_an_upload_whose_chunks_are_still_coming_is_nobodys_work(line: Line) -> None:
    asset = line.rows.add("a", method="multipart", filename="v", file_type="video/mp4")
    assert line.claimed() == []
    with line.database.writing() as db:
        line.rows.hand_over(db, asset.id, "5" * 24)
    (job,) = line.queue.claim("w", arrivals=1, looks=0)
    assert (job.id, job.upload_id, job.content, job.attempt) == (asset.id, "5" * 24, None, 1)


def test_a_lease_is_kept_by_beats_and_lost_without(line: Line) -> None:
    asset = line.upload()
    line.claimed("w")
    for _ in range(3):
        line.time.pass_(LEASE - 1)
        assert line.queue.beat("w", [asset]) == {asset}
        assert line.claimed("v") == []
    line.time.pass_(LEASE + 1)
    assert line.claimed("v") == [asset]
    assert line.queue.beat("w", [asset]) == frozenset()


def test_an_asset_whose_processes_die_each_time_fails_with_a_sentence(line: Line) -> None:
    asset = line.upload()
    for owner in ("w", "v"):
        assert line.claimed(owner) == [asset]
        line.time.pass_(LEASE + 1)
    assert line.claimed("u") == []
    found = line.rows.get("a", asset)
    assert found is not None
    assert found.status == "failed"
    assert "ended before it was done" in str(found.error)
    assert list(line.blobs.kept()) == []
    assert [one.id for one in line.decided] == [asset]


def test_what_is_put_back_loses_no_attempt_and_what_is_begun_again_waits(line: Line) -> None:
    asset = line.upload()
    for _ in range(5):
        (job,) = line.queue.claim("w", arrivals=0, looks=1)
        assert job.attempt == 1
        line.queue.put_back(job)
    (job,) = line.queue.claim("w", arrivals=0, looks=1)
    line.queue.again(job, 60)
    assert line.claimed() == []
    line.time.pass_(61)
    (job,) = line.queue.claim("w", arrivals=0, looks=1)
    assert (job.id, job.attempt) == (asset, 2)


def test_a_clock_that_is_set_back_strands_nothing(line: Line) -> None:
    held, waiting = line.upload(b"1"), line.upload(b"2")
    line.time.pass_(30 * 86_400)
    for job in line.queue.claim("w", arrivals=0, looks=2):
        if job.id == waiting:
            line.queue.again(job, 60)
    line.time.pass_(-29 * 86_400)
    assert sorted(line.claimed("v")) == sorted([held, waiting])


def test_a_hold_keeps_a_new_asset_from_others_until_it_is_over(line: Line) -> None:
    asset = line.upload(hold=Hold("api", 20))
    assert line.claimed() == []
    line.time.pass_(21)
    assert line.claimed() == [asset]
    assert line.rows.ready(asset, IMAGE, owner="api") is None
    assert line.rows.ready(asset, IMAGE, owner="w") is not None
    assert line.claimed() == []


def test_who_ends_gives_all_its_assets_back_at_once(line: Line) -> None:
    mine = [line.upload(b"1"), line.by_url()]
    assert sorted(line.claimed("w")) == sorted(mine)
    assert line.queue.release("w") == 2
    assert line.queue.release("w") == 0
    assert sorted(line.claimed("v")) == sorted(mine)


def test_only_its_holder_gives_an_asset_back_or_its_file(line: Line) -> None:
    line.by_url()
    (job,) = line.queue.claim("w", arrivals=1, looks=0)
    line.time.pass_(LEASE + 1)
    (other,) = line.queue.claim("v", arrivals=1, looks=0)
    line.queue.put_back(job)
    line.queue.again(job, 0)
    assert line.queue.held("v") == {other.id}
    with line.blobs.begin() as incoming:
        assert not line.rows.arrived(job.id, incoming.finish(), owner="w")
    with line.blobs.begin() as incoming:
        assert line.rows.arrived(job.id, incoming.finish(), owner="v")


def test_a_deleted_asset_is_held_by_nobody(line: Line) -> None:
    asset = line.upload()
    line.claimed("w")
    line.rows.remove("a", asset)
    assert line.queue.held("w") == frozenset()
    assert line.queue.beat("w", [asset]) == frozenset()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["claim", "back", "again", "ready", "time"]), st.sampled_from("wv")),
    max_size=25,
)


@given(actions=ACTIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_an_asset_is_held_by_one_and_decided_once(line: Line, actions: list[Any]) -> None:
    line.decided.clear()
    asset = line.upload()
    holders: dict[str, Any] = {}
    for action, owner in actions:
        job = holders.get(owner)
        if action == "claim":
            for taken in line.queue.claim(owner, arrivals=1, looks=1):
                holders[owner] = taken
        elif action == "time":
            line.time.pass_(LEASE + 1)
        elif job is not None and action == "back":
            line.queue.put_back(job)
        elif job is not None and action == "again":
            line.queue.again(job, 5)
        elif job is not None:
            line.rows.ready(job.id, IMAGE, owner=owner)
        held = [name for name in "wv" if asset in line.queue.held(name)]
        assert len(held) <= 1
        assert len(line.decided) == (line.status(asset) != "processing")
    line.rows.remove("a", asset)
