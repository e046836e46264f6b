"""Windows are described once for all questions; what fails is tried again and then left out."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended_sight import A_PICTURE, SIGHT, Cinema, events_of, sees

from kinoscribe.analysis.budget import padded
from kinoscribe.analysis.captions import Caption, captions, known
from kinoscribe.analysis.job import Job, KeptHere
from kinoscribe.analysis.scene import Scene, scene_of
from kinoscribe.analysis.windows import Window
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ContextTooLong, EngineFailed, VideoFileBroken
from kinoscribe.contract.events import Progress
from kinoscribe.engines.engine import Ask, Finished, Piece
from kinoscribe.tokens import count_tokens

CUTS = [Window(n * 100.0, (n + 1) * 100.0) for n in range(5)]


def place(play: Callable[[Ask], Any] = events_of) -> Cinema:
    return Cinema(sees(play), 500.0)


def scene(cinema: Cinema, job: Job | None = None) -> Scene:
    made = scene_of(job or cinema.job(), cinema.notes, cinema.tools)
    assert made is not None
    return made


def described(made: Scene, cuts: Sequence[Window] = CUTS) -> tuple[tuple[Caption, ...], list[float]]:
    """The accounts, and how far it was said to be on the way."""
    said, done = captions(made, cuts), []
    try:
        while True:
            event = next(said)
            assert isinstance(event, Progress)
            assert event.done is not None
            done.append(event.done)
    except StopIteration as stop:
        return stop.value, done


def fails(*starts: float, error: ApiError | None = None, times: int = 99) -> Callable[[Ask], Any]:
    left = dict.fromkeys(starts, times)

    def play(ask: Ask) -> Any:
        if left.get(ask.start, 0):
            left[ask.start] -= 1
            return error or EngineFailed(reason="no power.")
        return events_of(ask)

    return play


def test_every_window_is_described_with_its_own_pictures_and_words() -> None:
    cinema = place()
    made = scene(cinema)
    found, done = described(made)
    assert [one.window for one in found] == CUTS
    assert [one.found[0].what for one in found][:2] == ["Part from 0 to 100", "Part from 100 to 200"]
    assert done == sorted(done)
    for ask, window in zip(cinema.engine.asked, CUTS, strict=True):
        assert all(window.start <= frame.time <= window.end for frame in ask.frames)
        assert len(ask.frames) == 100
        assert f"number n{int(window.start // 20) + 1}." in ask.brief
        assert f"number n{int(window.end // 20) + 1}." not in ask.brief
        assert (ask.temperature, ask.start, ask.end) == (0.0, window.start, window.end)
        assert ask.json_schema is not None
        assert (ask.content, ask.salt) == (made.job.looked.content, cinema.cache.salt("one"))
    assert [seen.how for seen in made.job.ledger.windows] == ["asked"] * 5
    assert made.job.ledger.asks == {"windows": 5}


def test_never_are_the_pictures_of_two_windows_held() -> None:
    cinema = place()
    order = []

    def play(ask: Ask) -> Any:
        order.append((len(cinema.frames.asked), ask.start))
        return events_of(ask)

    cinema.engine.play = sees(play).play
    described(scene(cinema))
    assert order == [(n + 1, window.start) for n, window in enumerate(CUTS)]


def test_a_second_question_asks_nothing_again_and_another_account_does() -> None:
    cinema = place()
    described(scene(cinema))
    second = scene(cinema)
    assert known(second, CUTS)
    found, _ = described(second)
    assert found[0].found[0].what == "Part from 0 to 100"
    assert len(cinema.engine.asked) == 5
    assert [seen.how for seen in second.job.ledger.windows] == ["cached"] * 5
    assert second.job.spent.input_tokens < 10, "what others paid for is not paid for again"
    stranger = scene(cinema, replace(cinema.job(), account="two"))
    assert not known(stranger, CUTS)


@pytest.mark.parametrize("what", ["model", "version", "sampling", "context_tokens"])
def test_what_another_model_or_another_sampling_made_is_not_used(what: str) -> None:
    cinema = place()
    described(scene(cinema))
    owner: Any = cinema.frames if what == "sampling" else cinema.engine
    setattr(owner, what, 16_384 if what == "context_tokens" else "other")
    assert not known(scene(cinema), CUTS)


def test_another_attempt_goes_on_where_the_last_one_ended_and_pays_for_all() -> None:
    cinema, kept = place(fails(200.0, 300.0, 400.0)), KeptHere()
    with pytest.raises(EngineFailed):
        described(scene(cinema, cinema.job(kept=kept)))
    cinema.cache.bodies.clear()
    again = place()
    job = again.job(kept=kept)
    described(scene(again, job))
    assert [ask.start for ask in again.engine.asked] == [200.0, 300.0, 400.0]
    assert [seen.how for seen in job.ledger.windows] == ["resumed", "resumed", "asked", "asked", "asked"]
    whole = place()
    other = whole.job()
    described(scene(whole, other))
    assert job.spent.input_tokens == other.spent.input_tokens


def test_a_window_that_fails_once_is_asked_about_again() -> None:
    cinema = place(fails(200.0, times=1))
    made = scene(cinema)
    found, _ = described(made)
    assert all(one.found for one in found)
    assert [ask.start for ask in cinema.engine.asked] == [0.0, 100.0, 200.0, 300.0, 400.0, 200.0]
    assert made.job.ledger.missing() == ()


@pytest.mark.parametrize(
    "silent", [EngineFailed(reason="no power."), "", '{"events": []}', Finished("length")]
)
def test_a_window_that_always_fails_is_left_out_and_told_of(silent: Any) -> None:
    cinema = place(lambda ask: silent if ask.start == 200.0 else events_of(ask))
    made = scene(cinema)
    found, _ = described(made)
    assert [one.reason is None for one in found] == [True, True, False, True, True]
    assert made.job.ledger.missing() == ((200.0, 300.0),)


def test_pictures_that_cannot_be_decoded_cost_their_window_only() -> None:
    cinema = place()
    cinema.frames.broken = lambda start, _end: VideoFileBroken(reason="It is torn.") if start == 0.0 else None
    found, _ = described(scene(cinema))
    assert [one.reason is None for one in found] == [False, True, True, True, True]


def test_a_server_that_is_gone_is_not_asked_about_every_window() -> None:
    cinema = place(fails(*[window.start for window in CUTS]))
    with pytest.raises(EngineFailed, match="no power"):
        described(scene(cinema))
    assert len(cinema.engine.asked) == 3


def test_when_nothing_can_be_described_the_reason_is_raised() -> None:
    refuses = VideoFileBroken(reason="It is torn.")
    cinema = place(fails(*[window.start for window in CUTS], error=refuses))
    with pytest.raises(VideoFileBroken):
        described(scene(cinema))


def test_a_context_that_is_too_long_is_told_at_once() -> None:
    cinema = place(fails(100.0, error=ContextTooLong.told("too long")))
    with pytest.raises(ContextTooLong):
        described(scene(cinema))
    assert len(cinema.engine.asked) == 2


def test_between_and_inside_of_windows_anybody_may_lose_interest() -> None:
    cinema = place()
    job = cinema.job()
    said = captions(scene(cinema, job), CUTS)
    next(said)
    next(said)
    job.cancel.throw()
    with pytest.raises(Canceled):
        next(said)
    assert len(cinema.engine.asked) == 1
    assert cinema.engine.closed == 1


def test_what_is_kept_is_the_same_for_every_question() -> None:
    cinema = place()
    for more in ({"prompt": "Why?"}, {"prompt": "Who?", "max_tokens": 9_000, "temperature": 0.9}):
        described(scene(cinema, cinema.job(**more)))
    assert len(cinema.engine.asked) == 5
    assert all("Why" not in json.dumps(ask.prompt) for ask in cinema.engine.asked)


class Crowd:
    """Plays windows that are asked about together: each waits until so many are there, or those that are left."""

    def __init__(self, number: int, play: Callable[[Ask], Any] = events_of) -> None:
        self.play = play
        self.barrier = threading.Barrier(number)
        self.together = 0
        self.most = 0
        self.lock = threading.Lock()

    def __call__(self, ask: Ask) -> Any:
        with self.lock:
            self.together += 1
            self.most = max(self.most, self.together)
        try:
            self.barrier.wait(30.0)
            return self.play(ask)
        finally:
            with self.lock:
                self.together -= 1


def crowded(number: int, play: Callable[[Ask], Any] = events_of) -> tuple[Cinema, Crowd]:
    crowd = Crowd(number, play)
    return Cinema(sees(crowd, sight=replace(SIGHT, at_once=number)), 500.0), crowd


SIX = [Window(n * 80.0, (n + 1) * 80.0) for n in range(6)]


def test_as_many_windows_are_asked_about_at_once_as_the_engine_takes() -> None:
    cinema, crowd = crowded(3)
    job = cinema.job()
    found, done = described(scene(cinema, job), SIX)
    assert crowd.most == 3
    assert [one.window for one in found] == SIX
    assert [one.found[0].what for one in found][:2] == ["Part from 0 to 80", "Part from 80 to 160"]
    assert done == sorted(done)
    assert [window["start"] for window in job.ledger.body()["windows"]] == [one.start for one in SIX]


def test_side_by_side_the_same_is_asked_and_counted_as_one_after_the_other() -> None:
    alone, (beside, _) = Cinema(sees(events_of), 500.0), crowded(2)
    one, two = alone.job(), beside.job()
    described(scene(alone, one), SIX)
    described(scene(beside, two), SIX)
    assert sorted(beside.engine.asked, key=lambda ask: ask.start) == alone.engine.asked
    assert one.ledger.body() == two.ledger.body()
    assert one.spent == two.spent
    assert beside.cache.bodies == alone.cache.bodies
    assert {"frames", "windows"} == set(two.stopwatch.seconds)


def test_each_window_is_kept_as_soon_as_it_is_described() -> None:
    kept = KeptHere()
    gate = threading.Event()

    def play(ask: Ask) -> Any:
        if ask.start == 0.0:
            assert gate.wait(30.0)
        return events_of(ask)

    cinema = Cinema(sees(play, sight=replace(SIGHT, at_once=2)), 500.0)
    said = captions(scene(cinema, cinema.job(kept=kept)), SIX)
    for _ in range(4):
        next(said)
    assert len(cinema.cache.bodies) >= 3, "while the first one is not described yet"
    gate.set()
    list(said)


def test_who_loses_interest_ends_all_windows_that_are_asked_about() -> None:
    cancel_seen: list[float] = []
    begun = threading.Semaphore(0)

    def said(ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        begun.release()
        assert cancel.wait(30.0)
        cancel_seen.append(ask.start)
        cancel.check()
        yield Finished()

    cinema = place()
    cinema.engine.play = said
    cinema.engine.sight = replace(SIGHT, at_once=3)
    job = cinema.job()

    def lose_interest() -> None:
        for _ in range(3):
            assert begun.acquire(timeout=30.0)
        job.cancel.throw()

    thread = threading.Thread(target=lose_interest)
    thread.start()
    with pytest.raises(Canceled):
        described(scene(cinema, job), SIX)
    thread.join()
    assert sorted(cancel_seen) == [0.0, 80.0, 160.0]
    assert cinema.engine.closed == 3


def test_an_error_that_ends_all_ends_the_windows_beside_it_and_adds_up_their_books() -> None:
    ended: list[float] = []

    def said(ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        if ask.start == 80.0:
            raise ContextTooLong
        assert cancel.wait(30.0)
        ended.append(ask.start)
        cancel.check()
        yield Finished()

    cinema = place()
    cinema.engine.play = said
    cinema.engine.sight = replace(SIGHT, at_once=3)
    job = cinema.job()
    with pytest.raises(ContextTooLong):
        described(scene(cinema, job), SIX)
    assert set(ended) <= {0.0, 160.0}
    assert not job.cancel.thrown
    assert job.ledger.dropped >= 2, "so many windows had had their pictures chosen"
    assert job.ledger.pictures == [], "nobody answered, so nobody has looked at them"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("window")]


def test_a_server_that_restarts_fails_all_that_is_under_way_and_costs_nothing_else() -> None:
    down = {0.0, 80.0, 160.0, 240.0}

    def play(ask: Ask) -> Any:
        if ask.start in down:
            down.discard(ask.start)
            return EngineFailed(reason="it restarts.")
        return events_of(ask)

    cinema = Cinema(sees(play, sight=replace(SIGHT, at_once=4)), 500.0)
    found, _ = described(scene(cinema), SIX)
    assert all(one.found for one in found)


def test_a_server_that_is_gone_is_left_alone_soon_however_many_are_asked_at_once() -> None:
    def play(_ask: Ask) -> Any:
        return EngineFailed(reason="no power.")

    cinema = Cinema(sees(play, sight=replace(SIGHT, at_once=4)), 2_000.0)
    with pytest.raises(EngineFailed, match="no power"):
        described(scene(cinema), [Window(n * 80.0, (n + 1) * 80.0) for n in range(25)])
    assert len(cinema.engine.asked) <= 6


def test_an_error_that_is_kept_for_the_end_holds_no_pictures() -> None:
    errors: list[ApiError] = []

    def play(ask: Ask) -> Any:
        if ask.start != 200.0:
            return events_of(ask)
        errors.append(EngineFailed(reason="no power."))
        return errors[-1]

    described(scene(place(play)))
    assert len(errors) == 2
    assert all(error.__traceback__ is None for error in errors)


def test_in_a_small_context_pictures_get_what_the_words_leave() -> None:
    talks = Cinema(sees(events_of, context=4_096), 500.0)
    silent = Cinema(sees(events_of, context=4_096), 500.0)
    made = scene(silent)
    described(replace(made, notes=replace(made.notes, speech=())))
    described(scene(talks))
    assert len(silent.engine.asked[0].frames) > len(talks.engine.asked[0].frames)
    for ask in (*silent.engine.asked, *talks.engine.asked):
        used = padded(count_tokens(ask.prompt)) + padded(count_tokens(ask.brief)) + ask.max_tokens
        assert used + A_PICTURE * len(ask.frames) <= 4_096
