"""The accounts of many windows become one that is short enough, with its times kept."""

import itertools
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.analysis.pretended_sight import Cinema, sees

from kinoscribe.analysis.account import account, record_tokens, thinned
from kinoscribe.analysis.captions import Caption
from kinoscribe.analysis.happenings import Happening, lines
from kinoscribe.analysis.scene import Scene, scene_of
from kinoscribe.analysis.windows import Window
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Event
from kinoscribe.engines.engine import Ask
from kinoscribe.tokens import count_tokens

LONG = "The two of them walk along the river and speak about the weather of the last year"


def made(windows: int, events: int = 4) -> list[Caption]:
    return [
        Caption(
            Window(n * 60.0, (n + 1) * 60.0),
            tuple(
                Happening(n * 60.0 + 10 * e, n * 60.0 + 10 * e + 9, f"{LONG} {n} {e}", said=LONG)
                for e in range(events)
            ),
        )
        for n in range(windows)
    ]


def shorter(ask: Ask) -> str:
    """Half as many events as there are lines, with their times."""
    kept = ask.brief.splitlines()[::8]
    events = []
    for line in kept:
        first, last = line[1 : line.index("]")].removesuffix(" s").split(" s - ")
        events.append({"start_time": float(first), "end_time": float(last), "what": line[-30:]})
    return json.dumps({"events": events})


def joined(scene: Scene, captions: list[Caption]) -> tuple[tuple[Happening, ...], list[Event]]:
    said, seen = account(scene, captions, 0.7, 0.8), []
    try:
        while True:
            seen.append(next(said))
    except StopIteration as stop:
        return stop.value, seen


def scene(play: Any = shorter, context: int = 8_192) -> tuple[Scene, Cinema]:
    cinema = Cinema(sees(play, context=context), 7_200.0)
    found = scene_of(cinema.job(), cinema.notes, cinema.tools)
    assert found is not None
    return found, cinema


def test_what_is_short_enough_stays_as_it_is() -> None:
    it, cinema = scene()
    found, _ = joined(it, made(3))
    assert found == tuple(event for one in made(3) for event in one.found)
    assert cinema.engine.asked == []


def test_a_long_account_is_joined_in_batches_that_fit() -> None:
    it, cinema = scene()
    found, seen = joined(it, made(120))
    assert len(cinema.engine.asked) > 1
    assert count_tokens(lines(found)) <= record_tokens(8_192)
    assert list(found) == sorted(found, key=lambda one: one.start)
    assert found[-1].start > 6_000.0, "the end of the video is told of too"
    assert seen
    for ask in cinema.engine.asked:
        assert ask.frames == ()
        assert 1.25 * count_tokens(ask.brief) + ask.max_tokens < 8_192
        assert ask.temperature == 0.0


def test_joined_accounts_are_kept_for_the_next_question() -> None:
    it, cinema = scene()
    first, _ = joined(it, made(120))
    asked = len(cinema.engine.asked)
    other = scene_of(cinema.job("Another?"), cinema.notes, cinema.tools)
    assert other is not None
    assert joined(other, made(120))[0] == first
    assert len(cinema.engine.asked) == asked


@pytest.mark.parametrize("answer", [EngineFailed(reason="no power."), "", '{"events": []}'])
def test_what_cannot_be_joined_is_thinned_out(answer: Any) -> None:
    it, _ = scene(lambda _ask: answer)
    found, _ = joined(it, made(120))
    assert 0 < count_tokens(lines(found)) <= record_tokens(8_192)
    assert found[-1].start > 6_000.0


def test_an_engine_that_makes_it_longer_does_not_go_on_for_ever() -> None:
    def longer(ask: Ask) -> str:
        events = [{"start_time": ask.start, "end_time": ask.end, "what": LONG * 3} for _ in range(300)]
        return json.dumps({"events": events})

    it, cinema = scene(longer)
    found, _ = joined(it, made(120))
    assert count_tokens(lines(found)) <= record_tokens(8_192)
    assert len(cinema.engine.asked) < 100


@given(st.integers(0, 60), st.integers(0, 3_000))
def test_a_thinned_account_is_short_enough_and_spread_evenly(number: int, most: int) -> None:
    whole = tuple(Happening(n, n + 1.0, f"{LONG} {n}", said="yes") for n in range(number))
    found = thinned(whole, most)
    assert count_tokens(lines(found)) <= most
    assert {one.start for one in found} <= {one.start for one in whole}
    starts = [one.start for one in found]
    assert starts == sorted(set(starts))
    if count_tokens(lines(whole)) <= most:
        assert found == whole
    elif len(found) > 1:
        gaps = [b - a for a, b in itertools.pairwise(starts)]
        assert max(gaps) - min(gaps) <= 1.0


def test_batches_are_joined_side_by_side_into_the_same() -> None:
    together, first = threading.Barrier(2), threading.Semaphore(2)

    def waits(ask: Ask) -> str:
        if first.acquire(blocking=False):
            together.wait(30.0)
        return shorter(ask)

    alone, quiet = scene()
    beside, busy = scene(waits)
    beside = replace(beside, sight=replace(beside.sight, at_once=2))
    assert joined(beside, made(60))[0] == joined(alone, made(60))[0]
    assert len(busy.engine.asked) == len(quiet.engine.asked) >= 2
