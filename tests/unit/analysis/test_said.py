"""What an engine says is passed on piece by piece or collected, and the engine is always let go."""

import itertools
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.analysis.pretended import Engine, job, says

from kinoscribe.analysis.said import in_full, parts, pieces
from kinoscribe.analysis.scene import scene_of
from kinoscribe.cancel import Canceled
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.engines.engine import Ask, Finished, Text
from kinoscribe.notes import Notes


def ask() -> Ask:
    asked = job()
    looked = asked.looked
    return Ask("Why?", looked.facts, Notes("ab", 0, 1), 0, 1, "pegasus1.5", 0.0, 100)


def test_all_that_is_said_is_one_text() -> None:
    engine = Engine(says("One ", "two.", finished=Finished("stop", 7, 2)))
    assert in_full(job(engine=engine), ask(), 100) == ("One two.", Finished("stop", 7, 2))
    assert engine.closed == 1


def test_what_does_not_end_is_cut_off_and_the_engine_let_go() -> None:
    engine = Engine(lambda *_: (Text("word ") for _ in itertools.count()))
    text, finished = in_full(job(engine=engine), ask(), 50)
    assert 50 < len(text) <= 55
    assert finished.reason == "length"
    assert engine.closed == 1


def test_an_engine_that_just_stops_has_failed() -> None:
    with pytest.raises(EngineFailed, match="before the end"):
        in_full(job(engine=Engine(lambda *_: iter([Text("Half")]))), ask(), 100)


def test_between_two_pieces_anybody_may_lose_interest() -> None:
    engine = Engine(says("One ", "two."))
    asked = job(engine=engine)
    with closing(pieces(asked, ask())) as said:
        assert next(said) == Text("One ")
        asked.cancel.throw()
        with pytest.raises(Canceled):
            next(said)
    assert engine.closed == 1


@given(st.text(max_size=2000))
def test_the_parts_of_a_text_are_the_text(text: str) -> None:
    assert "".join(part.text for part in parts(text)) == text


def test_an_engine_without_a_sight_has_no_scene() -> None:
    from tests.unit.analysis.pretended import NOTES, Parts

    made = Parts()
    assert scene_of(job(engine=made.engine), NOTES, made.tools) is None
