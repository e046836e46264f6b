"""What the engine says to real servers, and what real servers make of it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from math import ceil

import jsonschema_rs
import pytest
from tests.real_servers.asking import answer, ask, config, engine, frames
from tests.real_servers.servers import CONTEXT, LONG_ANSWER, PICTURES, RealServer

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ContextTooLong, EngineFailed, EngineRefused
from kinoscribe.engines.engine import Frame, SegmentField, SegmentWish, Text
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.openai.prober import Prober
from kinoscribe.output.json_text import find_json

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

PATIENCE = 60.0
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 12},
        "kind": {"type": "string", "enum": ["film", "lesson"]},
        "score": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["title", "kind", "score"],
}


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return met


@pytest.fixture
def asked(server: RealServer) -> Iterator[OpenAIEngine]:
    with closing(engine(server)) as made:
        yield made


def test_a_look_finds_the_truth(server: RealServer) -> None:
    with closing(Prober(config(server, model=""))) as prober:
        found = prober.look(Cancel())[1]
    assert (found.profile, found.context_tokens, found.sees) == (server.kind, CONTEXT, True)
    assert (found.constrained, found.usage_streamed, found.remarks) == (True, True, ())
    for cost in found.pictures[1:]:  # a token for every square of 28 pixels, and two marks around the picture
        squares = (cost.width / 28) * (cost.height / 28)
        assert squares * 0.95 <= cost.tokens <= squares * 1.1 + 4


def test_an_answer_comes_in_pieces_and_is_counted(asked: OpenAIEngine) -> None:
    texts, end = answer(asked, ask(max_tokens=60))
    assert len(texts) > 1
    assert end.input_tokens is not None
    assert end.output_tokens is not None
    assert 4 * 80 < end.input_tokens < 4 * 120 + 1_000  # four pictures, and words of about a token a letter
    assert 0 < end.output_tokens <= 60


def test_pictures_cost_what_the_look_said(asked: OpenAIEngine) -> None:
    _, bare = answer(asked, ask(frames=()))
    shown = frames(8)
    _, full = answer(asked, ask(frames=shown))
    assert bare.input_tokens is not None
    assert full.input_tokens is not None
    planned = sum(asked.sight.tokens(frame.width, frame.height) for frame in shown)
    assert full.input_tokens - bare.input_tokens <= planned
    assert full.input_tokens - bare.input_tokens >= 8 * ceil(336 / 28) * (196 // 28)


def test_the_same_question_gets_the_same_answer_at_temperature_zero(asked: OpenAIEngine) -> None:
    assert answer(asked, ask())[0] == answer(asked, ask())[0]


def test_json_keeps_to_the_schema(asked: OpenAIEngine) -> None:
    texts, _ = answer(asked, ask(json_schema=SCHEMA, max_tokens=400))
    jsonschema_rs.validate(SCHEMA, find_json("".join(texts)))


def test_segments_have_the_shape_that_was_asked_for(asked: OpenAIEngine) -> None:
    mood = SegmentField("mood", "string", "the mood", enum=("calm", "tense"))
    wish = SegmentWish("scene", "every scene", (mood,), ranges=((0.0, 60.0),))
    texts, end = answer(asked, ask("", segments=(wish,), max_tokens=200))
    said = "".join(texts)
    assert "".join(said.split()).startswith('{"scene":[')
    if end.reason == "stop":  # random weights may go on with digits until the answer is cut
        found = find_json(said)
        assert all(set(one) == {"start_time", "end_time", "metadata"} for one in found["scene"])


def test_too_long_a_question_is_refused_as_such(asked: OpenAIEngine) -> None:
    with pytest.raises(ContextTooLong):
        answer(asked, ask("word " * 3 * CONTEXT))


def test_a_picture_that_is_none_is_refused_as_such(asked: OpenAIEngine) -> None:
    broken = Frame(0.0, 336, 196, b"\xff\xd8\xff\xe0" + bytes(400))
    with pytest.raises(ApiError) as refused:
        answer(asked, ask(frames=(broken,)))
    assert isinstance(refused.value, EngineRefused | EngineFailed)


def test_a_cancelled_answer_ends_at_the_server_too(asked: OpenAIEngine, server: RealServer) -> None:
    cancel, before = Cancel(), server.spoken()
    said = asked.generate(ask("Tell everything.", max_tokens=LONG_ANSWER), cancel)
    assert isinstance(next(said), Text)
    cancel.throw()
    with pytest.raises(Canceled):
        list(said)
    assert until(lambda: server.answering() == 0)
    assert server.spoken() - before < LONG_ANSWER * 0.8
    assert answer(asked, ask())[0]


def test_many_ask_at_once(asked: OpenAIEngine) -> None:
    texts: list[str] = []

    def one(number: int) -> None:
        texts.append("".join(answer(asked, ask(f"Question {number}?"))[0]))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(texts) == 8
    assert all(texts)


def test_more_pictures_than_a_server_takes_are_thinned_out(asked: OpenAIEngine) -> None:
    texts, end = answer(asked, ask(frames=frames(PICTURES + 6)))
    assert texts
    assert end.input_tokens is not None
    assert end.input_tokens < (PICTURES + 1) * 110 + 600


@pytest.mark.parametrize("server", ["vllm"], indirect=True)
def test_pictures_in_one_sequence_cost_fewer_tokens(asked: OpenAIEngine, server: RealServer) -> None:
    _, apart = answer(asked, ask(frames=frames(8)))
    with closing(engine(server, sequence=True)) as joined:
        texts, together = answer(joined, ask(frames=frames(8)))
    assert texts
    assert apart.input_tokens is not None
    assert together.input_tokens is not None
    pictures = 8 * (336 // 28) * (196 // 28)  # two of them are put into one
    assert apart.input_tokens - together.input_tokens > 0.4 * pictures


def test_a_server_that_dies_in_the_middle_of_an_answer_is_told_and_the_other_one_takes_over(
    server: RealServer, another: Callable[[], AbstractContextManager[RealServer]]
) -> None:
    with another() as mortal, closing(engine(mortal)) as lone, closing(engine(mortal, server)) as both:
        said = lone.generate(ask("Tell everything.", max_tokens=LONG_ANSWER), Cancel())
        assert isinstance(next(said), Text)
        mortal.kill()
        with pytest.raises(EngineFailed):
            list(said)
        assert until(lambda: not lone.state().ready)
        for content in "abcdefgh":  # whichever server each of these videos would have gone to
            assert answer(both, ask(content=content * 64))[0]
