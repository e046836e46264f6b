"""Waiters in one process, a worker in another: one collection for all, and nothing lost or stuck when either goes."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.evidence.played import (
    CONTENT,
    FACTS,
    KEY,
    OTHER,
    Gate,
    Play,
    Pretended,
    at_once,
    finished,
    notes,
    until,
)

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import ChildDied, Children
from kinoscribe.contract.errors import (
    ApiError,
    DatabaseUnavailable,
    EngineFailed,
    ServerEnding,
    ServiceUnavailable,
    StorageFull,
    VideoFileBroken,
)
from kinoscribe.contract.events import Progress
from kinoscribe.evidence import keep
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.pace import Pace
from kinoscribe.evidence.queued import TELL_EVERY, QueuedGatherer
from kinoscribe.evidence.record import Collected, Piece, Stage, Unreadable, Wanted
from kinoscribe.notes import Notes
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.evidence_rows import EvidenceJob, EvidenceRows
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.tasks import evidence_loop
from kinoscribe.tasks.evidence_loop import EvidenceLoop

VERSIONS = ("shots 1",)
LEASE = 2.0


@dataclass
class Worker:
    """A worker process as far as evidence goes: a gatherer that plays, and the loop."""

    gatherer: Gatherer
    children: Pretended
    loop: EvidenceLoop


@dataclass
class Place:
    """One data folder and one database, and all who work on them."""

    folder: Path
    rows: EvidenceRows
    ending: ExitStack = field(default_factory=ExitStack)

    def worker(self, play: Play = at_once, *, name: str = "w", start: bool = True, **more: Any) -> Worker:
        children = Pretended(play)
        gatherer = Gatherer(self.folder, cast("Children", children), VERSIONS, **more)
        loop = EvidenceLoop(self.rows, gatherer, self.blobs(), name, most=more.get("most", 1), lease=LEASE)
        self.ending.callback(gatherer.close)
        self.ending.callback(loop.stop)
        if start:
            loop.start()
        return Worker(gatherer, children, loop)

    def blobs(self) -> Blobs:
        self.folder.mkdir(exist_ok=True)
        blobs = Blobs(self.folder)
        self.ending.callback(blobs.close)
        return blobs

    def server(self, **more: Any) -> QueuedGatherer:
        return QueuedGatherer(self.folder, self.rows, VERSIONS, **more)


@pytest.fixture
def place(tmp_path: Path, database: Database) -> Iterator[Place]:
    made = Place(tmp_path / "evidence", EvidenceRows(database, lease=LEASE))
    with made.ending:
        yield made


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video"
    path.write_bytes(b"video")
    return path


class Asker(threading.Thread):
    """Asks a server in a thread of its own and keeps what came of it."""

    def __init__(self, server: QueuedGatherer, path: Path, content: str = CONTENT) -> None:
        super().__init__(daemon=True)
        self.cancel = Cancel()
        self.told: list[Progress] = []
        self.outcome: Notes | BaseException | None = None
        self._asking = server.gather(path, content, FACTS, self.cancel)
        self.start()

    def run(self) -> None:
        try:
            with closing(self._asking) as asking:
                while True:
                    try:
                        self.told.append(next(asking))
                    except StopIteration as end:
                        self.outcome = end.value
                        return
        except (ApiError, Canceled) as error:
            self.outcome = error

    def result(self) -> Notes | BaseException | None:
        self.join(60)
        return self.outcome


def test_a_worker_collects_what_a_server_asks_for_and_the_server_finds_it_again(
    place: Place, video: Path
) -> None:
    gate = Gate()
    worker = place.worker(gate)
    server = place.server()
    asker = Asker(server, video)
    assert gate.reached.wait(30)
    assert until(lambda: asker.told == [Progress("look", 0.1)])
    gate.go.set()
    assert asker.result() == notes()
    assert finished(server.gather(video, CONTENT, FACTS, Cancel())) == ([], notes())
    assert finished(place.server().gather(video, CONTENT, FACTS, Cancel())) == ([], notes())
    assert len(worker.children.asked) == 1
    assert until(lambda: place.rows.look(KEY) is None)


def test_all_who_ask_share_one_collection_and_who_leaves_stops_nobody(place: Place, video: Path) -> None:
    gate = Gate()
    worker = place.worker(gate)
    askers = [Asker(server, video) for server in (place.server(), place.server()) for _ in range(2)]
    assert gate.reached.wait(30)
    for asker in askers[:2]:
        asker.cancel.throw()
        assert isinstance(asker.result(), Canceled)
    time.sleep(3.0)  # longer than those who stay have to say so
    gate.go.set()
    assert [asker.result() for asker in askers[2:]] == [notes()] * 2
    assert len(worker.children.asked) == 1


def test_the_last_who_leaves_stops_the_work(place: Place, video: Path) -> None:
    gate = Gate()
    worker = place.worker(gate)
    asker = Asker(place.server(), video)
    assert gate.reached.wait(30)
    asker.cancel.throw()
    assert isinstance(asker.result(), Canceled)
    assert until(lambda: worker.children.running == 0)
    assert until(lambda: place.rows.look(KEY) is None)


def test_the_wait_goes_on_while_no_worker_is_there(place: Place, video: Path) -> None:
    asker = Asker(place.server(), video)
    time.sleep(0.5)
    assert asker.is_alive()
    place.worker()
    assert asker.result() == notes()


def test_a_question_goes_before_what_was_uploaded_and_that_is_taken_up_again(
    place: Place, video: Path
) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    worker = place.worker(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    server = place.server()
    server.start(video, CONTENT, FACTS)
    assert gates[CONTENT].reached.wait(30)
    asker = Asker(server, video, OTHER)
    assert gates[OTHER].reached.wait(30)
    gates[OTHER].go.set()
    assert asker.result() == notes(OTHER)
    gates[CONTENT].go.set()
    assert until(lambda: server.kept(CONTENT) is not None)
    assert [wanted.content for wanted in worker.children.asked] == [CONTENT, OTHER, CONTENT]
    assert until(lambda: place.rows.look(KEY) is None)


def test_a_question_about_what_is_being_collected_makes_it_stay(place: Place, video: Path) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    worker = place.worker(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    server = place.server()
    server.start(video, CONTENT, FACTS)
    assert gates[CONTENT].reached.wait(30)
    first = Asker(server, video)
    time.sleep(1.0)
    second = Asker(server, video, OTHER)
    assert not gates[OTHER].reached.wait(1.0)
    for gate in gates.values():
        gate.go.set()
    assert first.result() == notes()
    assert second.result() == notes(OTHER)
    assert len(worker.children.asked) == 2


def test_a_task_of_the_same_worker_goes_before_what_was_uploaded(place: Place, video: Path) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    worker = place.worker(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    server = place.server()
    server.start(video, CONTENT, FACTS)
    assert gates[CONTENT].reached.wait(30)
    gates[OTHER].go.set()
    assert finished(worker.gatherer.gather(video, OTHER, FACTS, Cancel()))[1] == notes(OTHER)
    gates[CONTENT].go.set()
    assert until(lambda: server.kept(CONTENT) is not None)


def test_what_was_uploaded_is_collected_after_a_restart_of_the_server(place: Place, video: Path) -> None:
    server = place.server()
    server.start(video, CONTENT, FACTS)
    server.close()
    server.start(video, OTHER, FACTS)
    worker = place.worker()
    assert until(lambda: place.server().kept(CONTENT) is not None)
    time.sleep(0.5)
    assert len(worker.children.asked) == 1, "a closed server asks for nothing"


def test_a_worker_told_to_end_gives_its_work_to_the_next_at_once(place: Place, video: Path) -> None:
    gate, second = Gate(), Gate()
    first = place.worker(gate, name="first")
    asker = Asker(place.server(), video)
    assert gate.reached.wait(30)
    began = time.monotonic()
    first.loop.stop()
    place.worker(second, name="second")
    assert second.reached.wait(30)
    assert time.monotonic() - began < 5
    second.go.set()
    assert asker.result() == notes()


def claim_and_die(place: Place, name: str) -> None:
    got: list[object] = []
    assert until(lambda: got or got.extend(place.rows.claim(name, 1, early=False)))


def test_a_worker_that_vanishes_is_replaced_when_its_lease_ends(place: Place, video: Path) -> None:
    asker = Asker(place.server(), video)
    claim_and_die(place, "dead")
    place.worker(name="second")
    assert asker.result() == notes()


def test_a_video_that_ends_two_workers_is_a_failure(place: Place, video: Path) -> None:
    asker = Asker(place.server(), video)
    claim_and_die(place, "dead")
    claim_and_die(place, "also dead")
    worker = place.worker(name="third")
    assert isinstance(asker.result(), EngineFailed)
    assert worker.children.asked == []


def broken(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
    yield Unreadable("It is a poem.")


def dying(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
    yield Stage("look", 0.5)
    raise ChildDied("was ended by signal SIGKILL")


def bug(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
    raise ZeroDivisionError
    yield


@pytest.mark.parametrize(
    ("play", "error", "says"),
    [
        (broken, VideoFileBroken, "It is a poem."),
        (dying, EngineFailed, "ended by signal SIGKILL"),
        (bug, EngineFailed, "Something went wrong"),
    ],
)
def test_failures_reach_all_who_wait_with_the_sentence_they_had(
    place: Place, video: Path, play: Play, error: type[ApiError], says: str
) -> None:
    server = place.server()
    askers = [Asker(server, video) for _ in range(3)]
    place.worker(play)
    for asker in askers:
        found = asker.result()
        assert isinstance(found, error)
        assert says in found.message
        assert found.status == error.status


def test_a_failure_is_no_verdict_for_ever(place: Place, video: Path) -> None:
    plays: list[Play] = [broken, at_once]

    def play(wanted: Wanted, cancel: Cancel, number: int) -> Iterator[Piece]:
        yield from plays[number - 1](wanted, cancel, number)

    place.worker(play)
    server = place.server()
    assert isinstance(Asker(server, video).result(), VideoFileBroken)
    assert Asker(server, video).result() == notes()


def test_missing_weights_are_told_as_such(place: Place, video: Path) -> None:
    place.worker(missing=lambda: ["The weights a are missing."])
    found = Asker(place.server(), video).result()
    assert isinstance(found, ServiceUnavailable)
    assert found.message == "The weights a are missing."


def test_a_server_that_lacks_weights_asks_for_nothing_early(place: Place, video: Path) -> None:
    server = place.server(missing=lambda: ["The weights a are missing."])
    assert server.missing() == ["The weights a are missing."]
    server.start(video, CONTENT, FACTS)
    assert place.rows.look(KEY) is None


def test_a_worker_of_other_versions_says_so(place: Place, video: Path) -> None:
    place.worker()
    server = QueuedGatherer(place.folder, place.rows, ("shots 2",))
    found = Asker(server, video).result()
    assert isinstance(found, ServiceUnavailable)
    assert "versions" in found.message


def test_a_file_that_goes_with_its_request_costs_the_other_one_nothing(
    place: Place, video: Path, tmp_path: Path
) -> None:
    reached, gone = threading.Event(), threading.Event()

    def play(wanted: Wanted, _cancel: Cancel, number: int) -> Iterator[Piece]:
        if number == 1:
            reached.set()
            gone.wait(30)
        if Path(wanted.path).exists():
            yield Collected(notes())
        else:
            yield Unreadable("There is no such file.")

    own = tmp_path / "own"
    own.write_bytes(b"video")
    worker = place.worker(play)
    first = Asker(place.server(), video)
    assert reached.wait(30)
    second = Asker(place.server(), own)
    time.sleep(0.3)
    first.cancel.throw()
    first.result()
    video.unlink()
    gone.set()
    assert second.result() == notes()
    assert [wanted.path for wanted in worker.children.asked] == [str(video), str(own)]


def test_a_file_that_is_not_there_any_more_is_refused(place: Place, video: Path) -> None:
    asker = Asker(place.server(), video)
    time.sleep(0.3)
    video.unlink()
    place.worker(broken)
    found = asker.result()
    assert isinstance(found, VideoFileBroken)
    assert "removed" in found.message


def test_notes_of_which_a_part_failed_are_an_answer(place: Place, video: Path) -> None:
    worker = place.worker(lambda *_: iter([Collected(notes(state="failed"))]))
    server = place.server()
    assert Asker(server, video).result() == notes(state="failed")
    assert Asker(server, video).result() == notes(state="failed")
    assert len(worker.children.asked) == 1


def test_a_full_disk_is_told_to_those_who_cannot_be_given_the_notes(
    place: Place, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keep.tempfile, "mkstemp", full)
    place.worker()
    assert isinstance(Asker(place.server(), video).result(), StorageFull)


def test_a_server_that_is_closed_ends_all_waiting(place: Place, video: Path) -> None:
    server = place.server()
    asker = Asker(server, video)
    time.sleep(0.2)
    server.close()
    assert isinstance(asker.result(), ServerEnding)


def test_a_database_that_is_away_for_a_while_costs_neither_the_wait_nor_the_work(
    place: Place, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    worker = place.worker(gate)
    asker = Asker(place.server(), video)
    assert gate.reached.wait(30)
    away = threading.Event()
    away.set()

    def unless_away(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if away.is_set():
                raise DatabaseUnavailable
            return method(*given, **named)

        return call

    for name in ("reading", "writing"):
        monkeypatch.setattr(Database, name, unless_away(getattr(Database, name)))
    time.sleep(1.0)
    assert asker.is_alive()
    away.clear()
    time.sleep(0.5)
    gate.go.set()
    assert asker.result() == notes()
    assert len(worker.children.asked) == 1


def test_progress_never_goes_back(place: Place, video: Path) -> None:
    def play(_wanted: Wanted, _cancel: Cancel, number: int) -> Iterator[Piece]:
        for done in (0.3, 0.6) if number == 1 else (0.1, 0.9):
            yield Stage("look", done)
            time.sleep(1.3)
        if number == 1:
            raise ChildDied("was ended by signal SIGKILL")
        yield Collected(notes())

    place.worker(play)
    asker = Asker(place.server(), video)
    assert asker.result() == notes()
    assert [progress.done for progress in asker.told] == sorted({p.done or 0 for p in asker.told})
    assert len(asker.told) >= 2


def test_a_bell_wakes_an_idle_worker(place: Place, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_loop, "_REST", 600.0)
    worker = place.worker()
    asker = Asker(place.server(), video)

    def rung() -> bool:
        worker.loop.ring()
        return asker.outcome is not None

    assert until(rung)
    assert asker.result() == notes()


def test_a_job_for_which_no_thread_can_be_had_goes_back_and_is_taken_again(
    place: Place, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = threading.Thread.start, []

    def short(thread: threading.Thread) -> None:
        if thread.name.startswith("evidence-job-") and len(refused) < 3:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short)
    place.worker()
    assert Asker(place.server(), video).result() == notes()
    assert len(refused) == 3


def test_workers_that_do_not_see_the_file_are_not_waited_for_for_ever(
    place: Place, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = place.rows.claim

    def elsewhere(*asked: Any, **more: Any) -> tuple[EvidenceJob, ...]:
        return tuple(replace(job, path=f"/mounted{job.path}") for job in claim(*asked, **more))

    gone = place.rows.gone
    monkeypatch.setattr(place.rows, "claim", elsewhere)
    monkeypatch.setattr(
        place.rows, "gone", lambda key, owner, path: gone(key, owner, path.removeprefix("/mounted"))
    )
    monkeypatch.setattr("kinoscribe.evidence.queued._MOST_ASKED", 3)
    place.worker(broken)
    outcome = Asker(place.server(), video).result()
    assert isinstance(outcome, ServiceUnavailable)
    assert "the same path" in outcome.message


def test_a_second_account_waits_for_what_a_worker_made_for_the_first(
    place: Place, video: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time passes where the worker works and where the second waits, and nowhere else."""
    at = [0.0]
    monkeypatch.setattr(clock, "steady", lambda: at[0])

    class Hand(Cancel):
        def wait(self, seconds: float) -> bool:
            at[0] += seconds
            return False

    def play(wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        at[0] += 12.5
        yield Stage("look", 0.5)
        at[0] += 17.5
        yield Collected(notes(wanted.content))

    worker = place.worker(play)
    pace = Pace(MeetingRows(database), grain=TELL_EVERY)
    server = place.server(pace=pace)
    assert finished(server.gather(video, CONTENT, FACTS, Cancel(), account="one"))[1] == notes()
    again = place.server(pace=pace)
    began = at[0]
    heard: list[tuple[Progress, float]] = []

    def hears(asking: Generator[Progress, None, Notes]) -> Generator[Progress, None, Notes]:
        while True:
            try:
                progress = next(asking)
            except StopIteration as end:
                return cast("Notes", end.value)
            heard.append((progress, at[0] - began))
            yield progress

    assert finished(hears(again.gather(video, CONTENT, FACTS, Hand(), account="two")))[1] == notes()
    assert at[0] - began == pytest.approx(30.0, abs=0.02)
    ((progress, moment),) = heard
    assert progress == Progress("look", 0.5)
    assert 13.0 <= moment < 13.5, "it is heard of at whole seconds, as it is from a worker"
    assert finished(again.gather(video, CONTENT, FACTS, Cancel(), account="two")) == ([], notes())
    assert again.kept_for("one", CONTENT) == notes()
    assert again.kept_for("three", CONTENT) is None
    assert len(worker.children.asked) == 1


def test_how_a_making_goes_is_told_to_servers_while_it_goes(
    place: Place, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_loop, "TELL_EVERY", 0.0)
    gate = Gate()
    place.worker(gate)
    asker = Asker(place.server(), video)
    assert gate.reached.wait(20)

    def steps() -> list[tuple[str, float]]:
        view = place.rows.look(KEY)
        return [] if view is None else [(stage, done) for _, stage, done in view.steps]

    assert until(lambda: steps() == [("look", 0.1)])
    gate.go.set()
    assert asker.result() == notes()
