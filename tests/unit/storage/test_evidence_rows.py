"""Jobs of evidence: joined, leased, lost, forgotten and failed, on both databases, by a clock that is moved by hand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kinoscribe.contract.errors import ApiError, ServiceUnavailable, StorageFull, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.storage.database import Database
from kinoscribe.storage.evidence_rows import FAILURE_KEPT, EvidenceRows

FACTS = VideoFacts(
    0.0, 8.0, 640, 360, None, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4, ("Odd.",)
)
LEASE = 30.0


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Clock:
    return Clock()


@pytest.fixture
def rows(database_url: str, time: Clock) -> Iterator[EvidenceRows]:
    with closing(Database(database_url, now=time)) as database:
        yield EvidenceRows(database, lease=LEASE)


def want(rows: EvidenceRows, key: str = "k", **more: Any) -> None:
    rows.want(key, **{"content": "c" * 64, "path": "/a", "facts": FACTS, "seconds": 10.0, **more})


def keys(rows: EvidenceRows, owner: str = "w", free: int = 10, *, early: bool = True) -> list[str]:
    return [job.key for job in rows.claim(owner, free, early=early)]


def test_a_job_is_claimed_once_with_all_that_its_worker_needs(rows: EvidenceRows) -> None:
    want(rows)
    (job,) = rows.claim("w", 5, early=False)
    assert (job.key, job.content, job.path, job.facts, job.waited) == ("k", "c" * 64, "/a", FACTS, True)
    assert keys(rows, "v") == []
    assert rows.held("w") == {"k": True}
    assert rows.held("v") == {}


def test_two_who_want_the_same_share_one_job(rows: EvidenceRows, time: Clock) -> None:
    want(rows)
    time.pass_(6)
    want(rows, path="/b", seconds=5.0)
    (job,) = rows.claim("w", 5, early=True)
    assert job.path == "/a"
    view = rows.look("k")
    assert view is not None
    assert view.wanted == pytest.approx(5.0)
    want(rows, seconds=1.0)
    view = rows.look("k")
    assert view is not None
    assert view.wanted == pytest.approx(5.0), "the one who wants it longer counts"


def test_a_job_done_is_gone_and_only_its_owner_can_end_it(rows: EvidenceRows) -> None:
    want(rows)
    keys(rows)
    rows.done("k", "v")
    assert rows.look("k") is not None
    rows.done("k", "w")
    assert rows.look("k") is None


def test_what_nobody_wants_any_more_is_said_to_its_worker_and_then_forgotten(
    rows: EvidenceRows, time: Clock
) -> None:
    want(rows)
    keys(rows)
    time.pass_(9)
    assert rows.held("w") == {"k": True}
    rows.renew("k", 10.0)
    time.pass_(9)
    assert rows.held("w") == {"k": True}
    time.pass_(2)
    assert rows.held("w") == {}
    assert rows.beat("w", {"k": {"look": 0.5}}) == {}
    rows.put_back("k", "w")
    assert keys(rows) == []
    assert rows.look("k") is None


def test_who_leaves_shortens_the_wait_and_who_stays_renews_it(rows: EvidenceRows, time: Clock) -> None:
    want(rows)
    rows.leave("k", 2.0)
    view = rows.look("k")
    assert view is not None
    assert view.wanted == pytest.approx(2.0)
    rows.renew("k", 10.0)
    time.pass_(3)
    assert keys(rows) == ["k"]
    rows.leave("k", 30.0)
    view = rows.look("k")
    assert view is not None
    assert view.wanted == pytest.approx(7.0), "leaving never makes it longer"


def test_what_is_pinned_waits_for_its_turn_without_anybody(rows: EvidenceRows, time: Clock) -> None:
    want(rows, pinned=True, seconds=0.0)
    assert keys(rows, early=False) == []
    time.pass_(1000)
    (job,) = rows.claim("w", 1, early=True)
    assert not job.waited
    assert rows.held("w") == {"k": False}
    want(rows)
    assert rows.held("w") == {"k": True}
    time.pass_(20)
    assert rows.held("w") == {"k": False}


def test_what_somebody_waits_for_is_claimed_first_and_the_oldest_of_it(
    rows: EvidenceRows, time: Clock
) -> None:
    for key, pinned in (("early", True), ("first", False), ("second", False)):
        want(rows, key, pinned=pinned, seconds=0.0 if pinned else 60.0)
        time.pass_(1)
    assert keys(rows, free=0) == []
    assert keys(rows, free=1) == ["first"]
    assert keys(rows, free=5) == ["second", "early"]


def test_a_lost_lease_goes_to_another_and_the_second_death_is_a_failure(
    rows: EvidenceRows, time: Clock
) -> None:
    want(rows, seconds=1000.0)
    assert keys(rows, "w") == ["k"]
    time.pass_(LEASE - 1)
    assert rows.beat("w", {"k": {"look": 0.25}}) == {"k": True}
    time.pass_(LEASE - 1)
    assert keys(rows, "v") == []
    time.pass_(2)
    assert keys(rows, "v") == ["k"]
    assert rows.held("w") == {}
    rows.beat("w", {"k": {"look": 0.9}})
    view = rows.look("k")
    assert view is not None
    assert view.stages == {"look": 0.25}, "who lost the lease has nothing to say"
    time.pass_(LEASE + 1)
    assert keys(rows, "u") == []
    view = rows.look("k")
    assert view is not None
    assert view.error is not None
    assert view.error[0] == "internal_server_error"
    assert keys(rows, "u") == []


def test_a_job_given_back_counts_no_attempt(rows: EvidenceRows, time: Clock) -> None:
    want(rows, seconds=1000.0)
    for _ in range(5):
        assert keys(rows) == ["k"]
        rows.put_back("k", "w")
    want(rows, "l", seconds=1000.0)
    assert sorted(keys(rows)) == ["k", "l"]
    assert rows.release("w") == 2
    assert sorted(keys(rows, "v")) == ["k", "l"]
    assert rows.release("w") == 0
    time.pass_(LEASE + 1)
    assert sorted(keys(rows, "u")) == ["k", "l"], "its worker vanished for the first time"


def test_a_clock_set_back_stalls_nothing(rows: EvidenceRows, time: Clock) -> None:
    want(rows, seconds=10.0, pinned=True)
    keys(rows)
    time.pass_(-3600)
    assert keys(rows, "v") == ["k"]
    assert rows.held("v") == {"k": True}


def test_a_failure_is_told_until_nobody_waits_and_asking_again_begins_anew(
    rows: EvidenceRows, time: Clock
) -> None:
    want(rows, pinned=True)
    keys(rows)
    error = VideoFileBroken(reason="It is a poem.")
    rows.failed("k", "v", StorageFull())
    rows.failed("k", "w", error)
    view = rows.look("k")
    assert view is not None
    assert view.error == ("video_file_broken", error.message)
    assert keys(rows) == []
    want(rows, path="/b")
    view = rows.look("k")
    assert view is not None
    assert view.error is None
    (job,) = rows.claim("w", 1, early=False)
    assert job.path == "/b"
    rows.failed("k", "w", error)
    rows.leave("k", 2)
    time.pass_(FAILURE_KEPT - 1)
    keys(rows)
    view = rows.look("k")
    assert view is not None
    assert (view.error, view.wanted) == (("video_file_broken", error.message), 1)
    time.pass_(1)
    keys(rows)
    assert rows.look("k") is None


@pytest.mark.parametrize("error", [StorageFull(), ServiceUnavailable(reason="Not now.")])
def test_a_failure_that_may_be_over_soon_is_forgotten_soon(
    rows: EvidenceRows, time: Clock, error: ApiError
) -> None:
    want(rows, pinned=True)
    keys(rows)
    rows.failed("k", "w", error)
    assert rows.look("k") is not None
    time.pass_(11)
    keys(rows)
    assert rows.look("k") is None


def test_who_asks_anew_after_a_failure_is_waited_for_no_longer_than_it_said(
    rows: EvidenceRows, time: Clock
) -> None:
    want(rows)
    keys(rows)
    rows.failed("k", "w", VideoFileBroken(reason="It is a poem."))
    want(rows)
    time.pass_(11)
    assert keys(rows) == []
    assert rows.look("k") is None


def test_a_file_that_went_ends_the_job_unless_it_was_given_another(rows: EvidenceRows) -> None:
    want(rows)
    keys(rows)
    rows.gone("k", "w", "/a")
    assert rows.look("k") is None
    want(rows)
    keys(rows)
    want(rows, path="/asset", pinned=True, seconds=0.0)
    rows.gone("k", "w", "/a")
    (job,) = rows.claim("w", 1, early=True)
    assert job.path == "/asset"


def test_stages_are_kept_from_one_worker_to_the_next(rows: EvidenceRows) -> None:
    want(rows)
    keys(rows)
    rows.beat("w", {"k": {"look": 0.5, "speech": 0.25}, "unknown": {"look": 1.0}})
    rows.release("w")
    keys(rows, "v")
    view = rows.look("k")
    assert view is not None
    assert view.stages == {"look": 0.5, "speech": 0.25}


def test_how_a_job_came_where_it_is_is_kept_beside_how_far_it_is(rows: EvidenceRows) -> None:
    want(rows)
    keys(rows)
    seen = rows.look("k")
    assert seen is not None
    assert seen.steps == ()
    steps = ((0.5, "look", 0.1), (7.25, "look", 0.5))
    rows.beat("w", {"k": {"look": 0.5}}, {"k": steps})
    rows.beat("w", {"k": {"look": 0.6}})
    seen = rows.look("k")
    assert seen is not None
    assert (seen.stages, seen.steps) == ({"look": 0.6}, steps)


def test_facts_of_every_kind_come_back(rows: EvidenceRows) -> None:
    facts = replace(
        FACTS, fps=29.97, audio_codec=None, audio_sample_rate=None, audio_channels=None, warnings=()
    )
    want(rows, facts=facts)
    assert rows.claim("w", 1, early=False)[0].facts == facts


def test_eight_workers_claim_each_job_once(rows: EvidenceRows) -> None:
    for number in range(40):
        want(rows, f"k{number:02}", seconds=100.0)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda w: keys(rows, f"w{w}", 10), range(8)))
    everything = [key for part in claimed for key in part]
    assert len(everything) == len(set(everything))
    everything += keys(rows, "last", 100)
    assert sorted(everything) == [f"k{number:02}" for number in range(40)]
