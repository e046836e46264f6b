"""Places are filled, freed at once when their work is given up, and never more work leaves than there are places."""

import threading
from dataclasses import fields, replace

import pytest

from kinoscribe.storage.task_record import Task
from kinoscribe.tasks.slots import Running, Slots

TASK = Task(**{**dict.fromkeys(field.name for field in fields(Task)), "id": "a" * 24})  # type: ignore[arg-type]


class Work:
    """Attempts that last until `over` is set, whether they are told to stop or not."""

    def __init__(self, most: int) -> None:
        self.over = threading.Event()
        self.freed = 0
        self.slots = Slots(most, self._freed)

    def _freed(self) -> None:
        self.freed += 1

    def begin(self, name: str) -> Running:
        running = Running(replace(TASK, id=name), 0.0, self._run)
        self.slots.enter(running)
        return running

    def _run(self, running: Running) -> None:
        self.over.wait(10)
        self.slots.leave(running)


def test_a_place_is_free_as_soon_as_its_work_is_given_up() -> None:
    work = Work(2)
    first, second = work.begin("a"), work.begin("b")
    assert (work.slots.free(), work.slots.ids()) == (0, {"a", "b"})
    work.slots.give_up(first)
    assert first.cancel.thrown
    assert not second.cancel.thrown
    assert (work.slots.free(), work.freed) == (1, 1)
    assert work.slots.running() == (second,)
    assert work.slots.ids() == {"a", "b"}, "it has not stopped yet"
    work.over.set()
    for running in (first, second):
        running.join(10)
    assert (work.slots.free(), work.slots.ids(), work.slots.leaving()) == (2, frozenset(), ())


def test_no_more_work_is_leaving_than_there_are_places() -> None:
    work = Work(2)
    for name in "ab":
        work.slots.give_up(work.begin(name))
    assert work.slots.free() == 2
    work.slots.give_up(work.begin("c"))
    assert work.slots.free() == 1
    work.slots.give_up(work.begin("d"))
    assert work.slots.free() == 0
    work.over.set()


def test_what_has_ended_cannot_be_given_up() -> None:
    work = Work(1)
    running = work.begin("a")
    work.over.set()
    running.join(10)
    freed = work.freed
    work.slots.give_up(running)
    assert not running.cancel.thrown
    assert work.freed == freed


def test_a_thread_that_cannot_be_had_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_running: Running) -> None:
        raise RuntimeError("can't start new thread")

    work = Work(1)
    monkeypatch.setattr(Running, "start", refuse)
    with pytest.raises(RuntimeError):
        work.begin("a")
    assert (work.slots.free(), work.slots.running()) == (1, ())


def test_news_are_changes_once_a_second_at_most() -> None:
    running = Running(TASK, 0.0, lambda _: None)
    now = running._told_at + 1.0
    assert running.news(now) is None
    running.tell("fetch", 0.0)
    assert running.news(now) == ("fetch", 0.0)
    running.tell("answer", 0.801)
    assert running.news(now + 0.5) is None
    assert running.news(now + 1.0) == ("answer", 0.8)
    running.tell("answer", 0.803)
    assert running.news(now + 9.0) is None, "nobody sees the difference"


def test_whoever_waits_for_work_is_woken_by_it_or_by_the_end() -> None:
    work = Work(1)
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(work.slots.wait_until_busy()))
    thread.start()
    work.slots.wake_keeper()
    thread.join(10)
    assert seen == [False]
    thread = threading.Thread(target=lambda: seen.append(work.slots.wait_until_busy()))
    thread.start()
    work.begin("a")
    thread.join(10)
    assert seen == [False, True]
    work.over.set()
