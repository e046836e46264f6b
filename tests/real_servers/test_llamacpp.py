"""What only llama.cpp's server does: a short context, no eyes, answers that end with the context."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.real_servers import servers
from tests.real_servers.asking import answer, ask, config, engine, frames
from tests.real_servers.servers import RealServer

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ContextTooLong
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.openai.prober import Prober

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SHORT = 4_096


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A context of 4,096 tokens, as small machines have it."""
    with servers.llama(tmp_path_factory.mktemp("short") / "llama.log", context=SHORT) as started:
        yield started


def test_a_short_context_is_found_out(short: RealServer) -> None:
    with closing(Prober(config(short))) as prober:
        found = prober.look(Cancel())[1]
    assert found.context_tokens == SHORT


def test_what_is_too_much_is_told_in_numbers(short: RealServer) -> None:
    with closing(engine(short)) as asked, pytest.raises(ContextTooLong) as refused:
        answer(asked, ask(brief="word " * 2 * SHORT))
    assert refused.value.most == SHORT
    assert refused.value.prompt is not None
    assert refused.value.prompt > 2 * SHORT


def test_an_answer_that_runs_into_the_end_of_the_context_is_cut(short: RealServer) -> None:
    with closing(engine(short)) as asked:
        texts, end = answer(asked, ask(max_tokens=2 * SHORT))
    assert texts
    assert end.reason == "length"
    assert end.input_tokens is not None
    assert end.output_tokens is not None
    assert end.input_tokens + end.output_tokens <= SHORT + 1


def test_a_schema_beyond_its_grammars_is_given_up_for_that_question_alone(short: RealServer) -> None:
    """It repeats nothing more than 2,000 times."""
    long = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2_001}}, "required": ["a"]}
    with closing(engine(short)) as asked:
        _, given_up = answer(asked, ask(json_schema=long))
        _, held = answer(asked, ask(json_schema={"type": "object", "properties": {"a": {"const": "b"}}}))
    assert given_up.notes["request"] == "not held to the schema, which the server refuses"
    assert given_up.output_tokens is not None
    assert "request" not in held.notes
    assert held.output_tokens is not None


def test_a_server_without_eyes_is_found_out_and_gets_words_only(tmp_path: Path) -> None:
    with servers.llama(tmp_path / "llama.log", eyes=False) as blind:
        with closing(Prober(config(blind))) as prober:
            found = prober.look(Cancel())[1]
        assert found.sees is False
        with closing(engine(blind)) as knows, closing(OpenAIEngine(config(blind))) as knows_not:
            assert answer(knows, ask(frames=frames(2)))[0]
            texts, end = answer(knows_not, ask(frames=frames(2)))
        assert texts
        assert end.notes["pictures"] == "the server takes 0 of 2"
