"""One collection for all who ask; retries, files that vanish, full disks, and an end without leftovers."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from filelock import FileLock
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

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children
from kinoscribe.contract.errors import (
    ApiError,
    EngineFailed,
    ServerEnding,
    ServiceUnavailable,
    VideoFileBroken,
)
from kinoscribe.contract.events import Progress
from kinoscribe.evidence import keep
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.jobs import Interrupted
from kinoscribe.evidence.keep import NotesFolder
from kinoscribe.evidence.record import Collected, Piece, Stage, Unreadable, Wanted
from kinoscribe.notes import Notes


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., tuple[Gatherer, Pretended]]]:
    """Makes gatherers on one folder and closes them."""
    gatherers: list[Gatherer] = []

    def make(play: Play = at_once, **more: Any) -> tuple[Gatherer, Pretended]:
        children = Pretended(play)
        gatherer = Gatherer(tmp_path / "evidence", cast("Children", children), ("shots 1",), **more)
        gatherers.append(gatherer)
        return gatherer, children

    yield make
    for gatherer in gatherers:
        gatherer.close()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video"
    path.write_bytes(b"video")
    return path


class Asker(threading.Thread):
    """Asks in a thread of its own and keeps what came of it."""

    def __init__(self, gatherer: Gatherer, path: Path, content: str = CONTENT) -> None:
        super().__init__()
        self.cancel = Cancel()
        self.outcome: Notes | BaseException | None = None
        self._asking = gatherer.gather(path, content, FACTS, self.cancel)
        self.start()

    def run(self) -> None:
        try:
            self.outcome = finished(self._asking)[1]
        except (ApiError, Canceled) as error:
            self.outcome = error

    def result(self) -> Notes | BaseException | None:
        self.join(10)
        return self.outcome


def test_notes_are_collected_once_and_found_again_by_another_program(made: Any, video: Path) -> None:
    gatherer, children = made()
    told, found = finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert found == notes()
    assert Progress("look", 0.5) in told
    assert finished(gatherer.gather(video, CONTENT, FACTS, Cancel())) == ([], notes())
    again, others = made()
    assert finished(again.gather(video, CONTENT, FACTS, Cancel())) == ([], notes())
    assert len(children.asked) == 1
    assert others.asked == []


def test_two_who_ask_at_once_share_one_collection(made: Any, video: Path) -> None:
    gate = Gate()
    gatherer, children = made(gate)
    first, second = Asker(gatherer, video), Asker(gatherer, video)
    assert gate.reached.wait(5)
    gate.go.set()
    assert first.result() == second.result() == notes()
    assert len(children.asked) == 1


def test_who_leaves_does_not_stop_the_one_who_stays(made: Any, video: Path) -> None:
    gate = Gate()
    gatherer, children = made(gate)
    first, second = Asker(gatherer, video), Asker(gatherer, video)
    assert gate.reached.wait(5)
    first.cancel.throw()
    assert isinstance(first.result(), Canceled)
    gate.go.set()
    assert second.result() == notes()
    assert len(children.asked) == 1


def test_the_last_who_leaves_stops_the_work(made: Any, video: Path) -> None:
    gate = Gate()
    gatherer, children = made(gate)
    asker = Asker(gatherer, video)
    assert gate.reached.wait(5)
    asker.cancel.throw()
    assert isinstance(asker.result(), Canceled)
    assert until(lambda: children.running == 0)
    assert until(lambda: not [t for t in threading.enumerate() if t.name.startswith("evidence-ab")])


def test_a_file_that_goes_with_its_request_costs_the_other_one_nothing(
    made: Any, video: Path, tmp_path: Path
) -> None:
    """Two requests bring the same content in files of their own; the first leaves before it is read."""
    reached, gone = threading.Event(), threading.Event()

    def play(wanted: Wanted, _cancel: Cancel, number: int) -> Iterator[Piece]:
        if number == 1:
            reached.set()
            gone.wait(5)
        if Path(wanted.path).exists():
            yield Collected(notes())
        else:
            yield Unreadable("There is no such file.")

    own = tmp_path / "own"
    own.write_bytes(b"video")
    gatherer, children = made(play)
    first = Asker(gatherer, video)
    assert reached.wait(5)
    second = Asker(gatherer, own)
    assert until(lambda: next(iter(gatherer._jobs.values())).waiting == 2)
    first.cancel.throw()
    first.result()
    video.unlink()
    gone.set()
    assert second.result() == notes()
    assert [wanted.path for wanted in children.asked] == [str(video), str(own)]


def test_a_process_that_dies_once_is_tried_again(made: Any, video: Path) -> None:
    def play(wanted: Wanted, cancel: Cancel, number: int) -> Iterator[Piece]:
        if number == 1:
            yield Stage("look", 0.3)
            raise ChildDied("was ended by signal SIGKILL")
        yield from at_once(wanted, cancel, number)

    gatherer, children = made(play)
    assert finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))[1] == notes()
    assert len(children.asked) == 2


@pytest.mark.parametrize(
    "error",
    [
        ChildDied("was ended by signal SIGKILL"),
        ChildNotStarted("could not start: OSError: /secret/weights"),
        ChildFailed("KeyError", "/secret/weights"),
    ],
)
def test_what_fails_for_good_is_a_failure_without_our_insides(
    made: Any, video: Path, error: Exception
) -> None:
    def play(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        raise error
        yield

    gatherer, children = made(play)
    with pytest.raises(EngineFailed) as failure:
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert "secret" not in failure.value.message
    assert len(children.asked) <= 2
    assert gatherer._jobs == {}


def test_a_bug_reaches_whoever_waits_as_a_failure(made: Any, video: Path) -> None:
    def play(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        raise ZeroDivisionError
        yield

    gatherer, _ = made(play)
    with pytest.raises(ApiError) as failure:
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert failure.value.status == 500


def test_what_cannot_be_read_is_refused_and_a_silent_end_is_a_failure(made: Any, video: Path) -> None:
    unreadable, _ = made(lambda *_: iter([Unreadable("It is a poem.")]))
    with pytest.raises(VideoFileBroken, match="poem"):
        finished(unreadable.gather(video, CONTENT, FACTS, Cancel()))
    silent, children = made(lambda *_: iter([Stage("look", 0.5)]))
    with pytest.raises(EngineFailed):
        finished(silent.gather(video, CONTENT, FACTS, Cancel()))
    assert len(children.asked) == 2


def test_nothing_is_started_while_weights_are_missing(made: Any, video: Path) -> None:
    gatherer, children = made(missing=lambda: ["The weights a are missing."])
    with pytest.raises(ServiceUnavailable, match="weights a"):
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    gatherer.start(video, CONTENT, FACTS)
    time.sleep(0.2)
    assert children.asked == []


def test_notes_of_which_a_part_failed_are_used_for_a_while_but_not_kept(
    made: Any, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gatherer, children = made(lambda *_: iter([Collected(notes(state="failed"))]))
    for _ in range(2):
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert len(children.asked) == 1
    assert not list(video.parent.rglob("*.json"))
    again, others = made(lambda *_: iter([Collected(notes(state="failed"))]))
    finished(again.gather(video, CONTENT, FACTS, Cancel()))
    assert len(others.asked) == 1, "a new process tries again"
    monkeypatch.setattr("kinoscribe.evidence.shelf.clock.steady", lambda: time.monotonic() + 301)
    finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert len(children.asked) == 2


def test_a_full_disk_costs_the_keeping_and_not_the_answer(
    made: Any, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gatherer, children = made()

    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keep.tempfile, "mkstemp", full)
    monkeypatch.setattr(NotesFolder, "lock", full)
    assert finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))[1] == notes()
    assert finished(gatherer.gather(video, CONTENT, FACTS, Cancel())) == ([], notes())
    assert len(children.asked) == 1
    assert not [path for path in (video.parent / "evidence").rglob("*") if path.is_file()]


def test_no_lock_is_left_behind(made: Any, video: Path) -> None:
    gatherer, _ = made()
    finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert until(lambda: gatherer._threads == set())
    assert not list((video.parent / "evidence").rglob("*.lock"))


def test_what_another_program_collects_is_waited_for_and_can_be_left(
    made: Any, video: Path, tmp_path: Path
) -> None:
    gatherer, children = made()
    folder = NotesFolder(tmp_path / "evidence")
    with FileLock(folder.lock(KEY)):
        left = Asker(gatherer, video)
        left.cancel.throw()
        assert isinstance(left.result(), Canceled)
        stays = Asker(gatherer, video)
        time.sleep(0.3)
        folder.save(KEY, notes())
    assert stays.result() == notes()
    assert children.asked == []


def test_early_evidence_is_collected_one_by_one_and_nobody_who_asks_waits_for_its_turn(
    made: Any, video: Path
) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate(), "ef" * 32: Gate()}
    gatherer, children = made(
        lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number), most=2
    )
    for content in gates:
        gatherer.start(video, content, FACTS)
    assert gates[CONTENT].reached.wait(5)
    time.sleep(0.2)
    assert [wanted.content for wanted in children.asked] == [CONTENT]
    last = Asker(gatherer, video, "ef" * 32)
    assert gates["ef" * 32].reached.wait(5), "who asks is served at once"
    for gate in gates.values():
        gate.go.set()
    assert isinstance(last.result(), Notes)
    assert until(lambda: all(gatherer.kept(content) is not None for content in gates))
    assert len(children.asked) == 3


def test_early_evidence_goes_on_when_a_client_who_joined_it_leaves(made: Any, video: Path) -> None:
    gate = Gate()
    gatherer, _ = made(gate)
    gatherer.start(video, CONTENT, FACTS)
    assert gate.reached.wait(5)
    asker = Asker(gatherer, video)
    assert until(lambda: gatherer._jobs[KEY].waiting == 1)
    asker.cancel.throw()
    asker.result()
    time.sleep(0.2)  # long enough for a cancel to be noticed
    gate.go.set()
    assert until(lambda: gatherer.kept(CONTENT) is not None)


def test_early_evidence_makes_way_for_a_question_and_is_taken_up_again(made: Any, video: Path) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    gatherer, children = made(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    gatherer.start(video, CONTENT, FACTS)
    assert gates[CONTENT].reached.wait(5)
    asker = Asker(gatherer, video, OTHER)
    assert gates[OTHER].reached.wait(5), "a question does not wait for what nobody waits for"
    gates[OTHER].go.set()
    assert asker.result() == notes(OTHER)
    gates[CONTENT].go.set()
    assert until(lambda: gatherer.kept(CONTENT) is not None)
    assert [wanted.content for wanted in children.asked] == [CONTENT, OTHER, CONTENT]


def test_early_evidence_that_somebody_waits_for_makes_no_way(made: Any, video: Path) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    gatherer, children = made(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    gatherer.start(video, CONTENT, FACTS)
    assert gates[CONTENT].reached.wait(5)
    joined, asker = Asker(gatherer, video), Asker(gatherer, video, OTHER)
    assert not gates[OTHER].reached.wait(0.5)
    joined.cancel.throw()
    joined.result()
    assert gates[OTHER].reached.wait(5), "whom it kept waiting goes on when the other one has left"
    gates[OTHER].go.set()
    gates[CONTENT].go.set()
    assert asker.result() == notes(OTHER)
    assert until(lambda: gatherer.kept(CONTENT) is not None)
    assert len(children.asked) == 3


def test_one_who_does_not_wait_is_told_that_another_went_first(made: Any, video: Path) -> None:
    gates = {CONTENT: Gate(), OTHER: Gate()}
    gatherer, _ = made(lambda wanted, cancel, number: gates[wanted.content](wanted, cancel, number))
    told: list[object] = []

    def patient() -> None:
        try:
            told.append(finished(gatherer.gather(video, CONTENT, FACTS, Cancel(), waits=lambda: False))[1])
        except Interrupted as error:
            told.append(type(error))

    thread = threading.Thread(target=patient)
    thread.start()
    assert gates[CONTENT].reached.wait(5)
    asker = Asker(gatherer, video, OTHER)
    thread.join(5)
    assert told == [Interrupted]
    gates[OTHER].go.set()
    assert asker.result() == notes(OTHER)


def test_a_video_that_is_removed_while_it_is_looked_at_is_refused(made: Any, video: Path) -> None:
    def play(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        video.unlink()
        yield Unreadable("There is no such file.")

    gatherer, children = made(play)
    with pytest.raises(VideoFileBroken, match="removed"):
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert len(children.asked) == 1


def test_closing_ends_all_work_and_nothing_begins_afterwards(made: Any, video: Path) -> None:
    gate = Gate()
    gatherer, children = made(gate)
    for content in (OTHER, "ef" * 32):
        gatherer.start(video, content, FACTS)
    asker = Asker(gatherer, video)
    assert gate.reached.wait(5)
    began = time.monotonic()
    gatherer.close()
    assert time.monotonic() - began < 5
    assert children.closed
    assert isinstance(asker.result(), ServerEnding)
    with pytest.raises(ServerEnding):
        finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    gatherer.start(video, CONTENT, FACTS)
    assert children.running == 0
    assert not [t for t in threading.enumerate() if t.name.startswith("evidence-")]


def test_only_the_last_few_notes_stay_in_memory(made: Any, video: Path) -> None:
    gatherer, _ = made()
    for number in range(20):
        finished(gatherer.gather(video, f"{number:064x}", FACTS, Cancel()))
    assert len(gatherer._shelf._at_hand) <= 8
    assert gatherer._jobs == {}


def test_nobody_waits_for_a_thread_that_could_not_be_had(
    made: Any, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gatherer, _ = made()
    with monkeypatch.context() as patch:
        start = threading.Thread.start

        def short(thread: threading.Thread) -> None:
            if thread.name.startswith("evidence-"):
                raise RuntimeError("can't start new thread")
            start(thread)

        patch.setattr(threading.Thread, "start", short)
        with pytest.raises(RuntimeError):
            finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))
    assert Asker(gatherer, video).result() == notes()


def test_notes_that_another_process_has_forgotten_since_are_made_once_more(
    made: Callable[..., tuple[Gatherer, Pretended]], video: Path
) -> None:
    first, children = made()
    finished(first.gather(video, CONTENT, FACTS, Cancel()))
    other, _ = made()
    other.forget(CONTENT)
    assert other.kept(CONTENT) is None
    finished(first.gather(video, CONTENT, FACTS, Cancel()))
    assert first.kept_for_others(CONTENT)
    assert other.kept(CONTENT) is not None
    assert len(children.asked) == 2
