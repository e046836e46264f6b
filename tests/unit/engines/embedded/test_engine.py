"""The engine with its process: whole answers, a killed process, closing and canceling."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from tests.unit.engines.embedded.videos import LECTURE, make_ask, notes, say

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.engines.embedded.engine import EmbeddedEngine
from kinoscribe.engines.engine import Finished, Text

PROMPT = "Describe this video in full detail."


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    embedded = EmbeddedEngine()
    embedded.warm()
    yield embedded
    embedded.close()


def test_the_pieces_are_the_answer_and_the_last_is_finished(engine: EmbeddedEngine) -> None:
    *texts, last = engine.generate(make_ask(LECTURE, PROMPT), Cancel())
    assert "".join(t.text for t in texts if isinstance(t, Text)) == say(LECTURE, PROMPT)
    assert isinstance(last, Finished)
    assert last.reason == "stop"


def test_the_same_question_gets_the_same_answer(engine: EmbeddedEngine) -> None:
    first = list(engine.generate(make_ask(LECTURE, "Keywords?"), Cancel()))
    assert list(engine.generate(make_ask(LECTURE, "Keywords?"), Cancel())) == first


def test_a_process_killed_in_the_middle_fails_the_answer_and_the_next_one_works(
    engine: EmbeddedEngine,
) -> None:
    many = notes(900.0, speech=[(i * 3.0, f"Sentence {i} speaks of thing{i} at length.") for i in range(290)])
    list(engine.generate(make_ask(many, "Title?"), Cancel()))
    (pid,) = engine.pids
    pieces = engine.generate(make_ask(many, PROMPT, max_tokens=60_000), Cancel())
    next(pieces)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineFailed, match="SIGKILL"):
        list(pieces)
    assert isinstance(list(engine.generate(make_ask(LECTURE, "Title?"), Cancel()))[-1], Finished)


def test_a_closed_answer_leaves_a_process_that_works(engine: EmbeddedEngine) -> None:
    pieces = engine.generate(make_ask(LECTURE, PROMPT), Cancel())
    next(pieces)
    before = time.monotonic()
    pieces.close()  # type: ignore[attr-defined]
    assert time.monotonic() - before < 2
    assert engine.pids


def test_a_thrown_switch_ends_the_answer(engine: EmbeddedEngine) -> None:
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled):
        list(engine.generate(make_ask(LECTURE, PROMPT), cancel))


def test_it_is_ready_without_weights_and_says_so(engine: EmbeddedEngine) -> None:
    state = engine.state()
    assert state.ready
    assert "without" in state.reason
