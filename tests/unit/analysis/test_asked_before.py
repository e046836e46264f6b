"""The same question at temperature 0 is answered from what was said before, to the same account only."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended import Engine, Parts, job, says
from tests.unit.analysis.pretended_sight import Cinema, events_of, sees

from kinoscribe.analysis import run
from kinoscribe.analysis.job import Job
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Ended, TextPart
from kinoscribe.engines.engine import Ask, Finished


def place(said: Any = "The answer.") -> Cinema:
    cinema = Cinema(sees(lambda _ask: said), 60.0)
    cinema.parts.gatherer.notes = cinema.notes
    return cinema


def ask(cinema: Cinema, asked: Job | None = None) -> tuple[str, Ended]:
    said = list(run.events(asked or cinema.job(temperature=0.0), cinema.tools))
    assert isinstance(said[-1], Ended)
    return "".join(one.text for one in said if isinstance(one, TextPart)), said[-1]


def test_the_second_time_nobody_is_asked_and_the_receipt_says_so() -> None:
    cinema = place()
    first = ask(cinema)
    assert cinema.parts.receipts.bodies["an-id"]["looked_at"]["cache"]["answer"] is False
    assert ask(cinema) == first
    assert len(cinema.engine.asked) == 1
    assert len(cinema.frames.asked) == 1
    assert cinema.parts.receipts.bodies["an-id"]["looked_at"]["cache"]["answer"] is True


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "What else?"},
        {"max_tokens": 9_000},
        {"json_schema": {"type": "object", "properties": {}, "required": []}},
        {"model_name": "pegasus1.2"},
        {"temperature": 0.1},
        {"end": 50.0},
    ],
)
def test_another_question_is_another_answer(other: dict[str, Any]) -> None:
    cinema = place("{}")
    ask(cinema)
    ask(cinema, cinema.job(**{"temperature": 0.0, **other}))
    assert len(cinema.engine.asked) == 2


@pytest.mark.parametrize("what", ["model", "version", "name", "context_tokens", "sampling"])
def test_another_model_gives_another_answer(what: str) -> None:
    cinema = place()
    ask(cinema)
    setattr(
        cinema.frames if what == "sampling" else cinema.engine, what, 16_384 if what[0] == "c" else "other"
    )
    ask(cinema)
    assert len(cinema.engine.asked) == 2


def test_accounts_never_meet() -> None:
    cinema = place()
    ask(cinema)
    (key,) = cinema.cache.bodies
    stranger = replace(cinema.job(temperature=0.0), account="two")
    assert cinema.cache.salt("two") != cinema.cache.salt("one")
    with pytest.raises(AssertionError):  # the pretended receipts and frames know one account only
        ask(cinema, stranger)
    assert list(cinema.cache.bodies) == [key]


def test_chance_is_asked_every_time() -> None:
    cinema = place()
    for _ in range(2):
        ask(cinema, cinema.job(temperature=0.2))
    assert len(cinema.engine.asked) == 2
    assert cinema.cache.bodies == {}


@pytest.mark.parametrize("said", [Finished("length"), EngineFailed(reason="no power.")])
def test_what_was_cut_or_failed_is_not_kept(said: Any) -> None:
    cinema = place(said)
    for _ in range(2):
        try:
            ask(cinema)
        except EngineFailed:
            continue
    assert len(cinema.engine.asked) == 2
    assert cinema.cache.bodies == {}


def test_an_answer_that_lacks_a_window_is_not_kept() -> None:
    def mostly(asked: Ask) -> Any:
        helps = asked.prompt.startswith("Describe")
        return EngineFailed(reason="no.") if helps and asked.start == 300.0 else events_of(asked)

    cinema = Cinema(sees(mostly), 3_600.0)
    cinema.parts.gatherer.notes = cinema.notes
    _, ended = ask(cinema, cinema.job("Summarise it.", temperature=0.0))
    assert ended.warning is not None
    assert {kind for kind, _ in cinema.cache.bodies} == {"captions"}


def test_for_an_engine_without_a_sight_nothing_is_kept() -> None:
    parts = Parts(Engine(says("One.")))
    for _ in range(2):
        list(run.events(job(engine=parts.engine, temperature=0.0), parts.tools))
    assert len(parts.engine.asked) == 2
    assert "looked_at" not in parts.receipts.bodies["an-id"]
