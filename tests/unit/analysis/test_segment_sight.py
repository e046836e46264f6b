"""An engine with a sight gets pictures and evidence for every window it is to segment."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended_sight import A_PICTURE, SIGHT, Cinema, sees

from kinoscribe.analysis.budget import padded
from kinoscribe.analysis.job import Job, KeptHere
from kinoscribe.analysis.segment import segment
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import AnalysisFailed, ContextTooLong, EngineFailed
from kinoscribe.contract.events import Ended, TextPart
from kinoscribe.contract.segments import Definition, DefinitionField, Segmentation
from kinoscribe.engines.engine import Ask, Finished, Piece, Sight, Text
from kinoscribe.tokens import count_tokens

PART = Definition("part", "a part of it", (DefinitionField("title", "string", "a title"),))


def half_minutes(ask: Ask) -> str:
    """A segment from every cut to the next, as one that reads the clocks would say."""
    times = [float(n) for n in range(0, 7_200, 30) if ask.start < n + 30 and n < ask.end]
    found = [
        {
            "start_time": max(ask.start, time),
            "end_time": min(time + 30.0, ask.end),
            "metadata": {"title": f"Part {time:.0f}"},
        }
        for time in times
    ]
    return json.dumps({"part": found})


def say(cinema: Cinema, *, max_tokens: int | None = 32_768, **more: Any) -> tuple[list[Any], Ended, Job]:
    asked = Segmentation((PART,), max_tokens=max_tokens)
    job = cinema.job("", segmentation=asked, analysis_mode="time_based_metadata", max_tokens=32_768, **more)
    said, texts = segment(job, cinema.notes, cinema.tools), []
    try:
        while True:
            event = next(said)
            if isinstance(event, TextPart):
                texts.append(event.text)
    except StopIteration as stop:
        return json.loads("".join(texts))["part"], stop.value, job


@pytest.mark.parametrize("context", [8_192, 32_768, 131_072])
def test_every_window_comes_with_its_pictures_and_its_evidence(context: int) -> None:
    cinema = Cinema(sees(half_minutes, context=context), 3_600.0)
    found, ended, job = say(cinema)
    assert [(one["start_time"], one["end_time"]) for one in found] == [
        (n, n + 30) for n in range(0, 3_600, 30)
    ]
    assert [one["metadata"]["title"] for one in found] == [f"Part {n}" for n in range(0, 3_600, 30)]
    assert (ended.finish_reason, ended.warning) == ("stop", None)
    for ask in cinema.engine.asked:
        assert ask.frames
        assert all(ask.start <= frame.time <= ask.end for frame in ask.frames)
        assert f"number n{int(ask.start // 20) + 1}." in ask.brief
        assert padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames) + ask.max_tokens < context
        assert (ask.content, ask.salt) == (job.looked.content, cinema.cache.salt("one"))
    assert [seen.how for seen in job.ledger.windows] == ["asked"] * len(cinema.engine.asked)
    assert sum(seen.pictures for seen in job.ledger.windows) == len(job.ledger.pictures)


PATCHES = Sight(1_000, 768, lambda width, height: -(-width // 28) * -(-height // 28) + 12)


@pytest.mark.parametrize(("context", "side", "longest"), [(4_096, 256, 45.0), (8_192, 320, 89.0)])
def test_windows_of_a_small_context_show_as_small_pictures_as_those_of_a_question(
    context: int, side: int, longest: float
) -> None:
    cinema = Cinema(sees(half_minutes, context=context, sight=PATCHES), 1_200.0)
    found, ended, _ = say(cinema)
    assert len(found) == 40
    assert ended.warning is None
    assert cinema.frames.sides == {side}
    assert all(ask.frames for ask in cinema.engine.asked)
    assert max(ask.end - ask.start for ask in cinema.engine.asked) > longest


def test_what_fits_in_one_window_shows_pictures_as_large_as_they_come() -> None:
    cinema = Cinema(sees(half_minutes, context=8_192, sight=PATCHES), 60.0)
    say(cinema)
    assert cinema.frames.sides == {768}


def test_windows_say_how_many_pictures_of_them_the_server_took() -> None:
    def few(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text(half_minutes(ask))
        yield Finished(notes={"shown": " ".join(f"{frame.time:.3f}" for frame in ask.frames[:4])})

    cinema = Cinema(sees(half_minutes), 1_200.0)
    cinema.engine.play = few
    _, _, job = say(cinema)
    assert {seen.pictures for seen in job.ledger.windows} == {4}


def test_what_the_words_of_a_window_leave_is_for_pictures() -> None:
    cinema = Cinema(sees(half_minutes, context=4_096), 20.0)
    say(cinema)
    (ask,) = cinema.engine.asked
    ((_, _, frames),) = cinema.frames.asked
    free = 4_096 - padded(count_tokens(ask.brief)) - frames
    assert free < 1_700, "there is a sentence or none in it, and the rest is for the answer and the words"


def test_a_window_with_too_many_segments_for_an_answer_is_asked_about_in_halves() -> None:
    def wordy(ask: Ask) -> Any:
        return Finished("length") if ask.end - ask.start > 100.0 else half_minutes(ask)

    cinema = Cinema(sees(wordy), 1_200.0)
    found, ended, _ = say(cinema)
    assert [(one["start_time"], one["end_time"]) for one in found] == [
        (n, n + 30) for n in range(0, 1_200, 30)
    ]
    assert ended.warning is None


def test_halves_do_not_get_smaller_for_ever() -> None:
    cinema = Cinema(sees(lambda _ask: Finished("length")), 600.0)
    with pytest.raises(AnalysisFailed, match="max_tokens"):
        say(cinema)
    assert len(cinema.engine.asked) < 20


def test_a_context_smaller_than_believed_makes_shorter_windows() -> None:
    def small(ask: Ask) -> Any:
        used = padded(count_tokens(ask.brief)) + A_PICTURE * len(ask.frames) + ask.max_tokens
        return ContextTooLong() if used > 7_500 else half_minutes(ask)

    cinema = Cinema(sees(small), 1_200.0)
    found, _, job = say(cinema)
    assert len(found) == 40
    assert job.ledger.contexts == [32_768, 16_384, 8_192][: len(job.ledger.contexts)]
    assert job.ledger.contexts


def test_one_window_that_fails_costs_a_warning_where_parts_are_welcome() -> None:
    def mostly(ask: Ask) -> Any:
        return EngineFailed(reason="no power.") if ask.start <= 300.0 < ask.end else half_minutes(ask)

    cinema = Cinema(sees(mostly), 3_600.0)
    found, ended, job = say(cinema, max_tokens=None)
    assert ended.warning is not None
    assert ended.warning.startswith("partial result:")
    ((start, end),) = job.ledger.missing()
    assert f"from {start:.1f} to {end:.1f} seconds" in ended.warning
    assert "no power" in ended.warning
    assert 100 < len(found) < 120


def test_where_they_are_not_the_next_attempt_begins_with_what_was_found() -> None:
    def dies(ask: Ask) -> Any:
        return EngineFailed(reason="it was killed.") if ask.end > 1_800.0 else half_minutes(ask)

    kept = KeptHere()
    with pytest.raises(EngineFailed):
        say(Cinema(sees(dies), 3_600.0), kept=kept)
    again = Cinema(sees(half_minutes), 3_600.0)
    found, _, job = say(again, kept=kept)
    assert len(found) == 120
    assert min(ask.end for ask in again.engine.asked) > 1_800.0
    assert "resumed" in {seen.how for seen in job.ledger.windows}


def test_a_server_that_is_gone_fails_even_where_parts_are_welcome() -> None:
    cinema = Cinema(sees(lambda _ask: EngineFailed(reason="no power.")), 3_600.0)
    with pytest.raises(EngineFailed, match="no power"):
        say(cinema, max_tokens=None)
    assert len(cinema.engine.asked) <= 3


def crowd(play: Callable[[Ask], Any], seconds: float, at_once: int) -> Cinema:
    return Cinema(sees(play, sight=replace(SIGHT, at_once=at_once)), seconds)


def test_windows_are_segmented_side_by_side_with_the_same_result() -> None:
    together, first = threading.Barrier(3), threading.Semaphore(3)

    def waits(ask: Ask) -> Any:
        if first.acquire(blocking=False):
            together.wait(30.0)
        return half_minutes(ask)

    beside, alone = crowd(waits, 3_600.0, 3), crowd(half_minutes, 3_600.0, 1)
    found, ended, job = say(beside)
    wanted, _, other = say(alone)
    assert found == wanted
    assert (ended.finish_reason, ended.warning) == ("stop", None)
    assert sorted(beside.engine.asked, key=lambda ask: ask.start) == alone.engine.asked
    assert job.ledger.body() == other.ledger.body()
    assert job.spent == other.spent


def test_side_by_side_halves_and_missing_windows_come_out_in_the_order_of_time() -> None:
    def play(ask: Ask) -> Any:
        if ask.start <= 300.0 < ask.end or ask.start <= 3_000.0 < ask.end:
            return EngineFailed(reason="no power.")
        return (
            Finished("length") if ask.end - ask.start > 150.0 and ask.start < 1_500.0 else half_minutes(ask)
        )

    beside, alone = crowd(play, 3_600.0, 4), crowd(play, 3_600.0, 1)
    found, ended, job = say(beside, max_tokens=None)
    wanted, told, other = say(alone, max_tokens=None)
    assert found == wanted
    assert ended.warning == told.warning
    assert job.ledger.body()["windows"] == other.ledger.body()["windows"]
    assert len(other.ledger.missing()) == 2


def test_an_error_ends_the_windows_beside_it() -> None:
    ended: list[float] = []

    def said(ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        if ask.start > 0.0:
            raise EngineFailed(reason="no power.")
        assert cancel.wait(30.0)
        ended.append(ask.start)
        cancel.check()
        yield Finished()

    cinema = crowd(half_minutes, 3_600.0, 2)
    cinema.engine.play = said
    with pytest.raises(EngineFailed, match="no power"):
        say(cinema)
    assert ended == [0.0]
