"""The wire stays what it is, whatever the model server behind it does."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conformance.beside import KEY, SHAPE, Beside, beside, forgotten
from tests.conformance.exact import refusal
from tests.conformance.test_pictures import source, with_pictures
from tests.conformance.wire import ended_task, make_task
from tests.model_server.script import Nature, Script
from tests.model_server.server import ModelServer


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("beside")
    with ModelServer("vllm", Nature(key=KEY)) as server, beside(folder / "data", server) as found:
        yield found


@pytest.fixture
def one(kept: Beside) -> Iterator[Beside]:
    yield from forgotten(kept)


# What goes wrong, and what becomes of it.

PASSING = {
    "an error": Script(status=500),
    "too many requests": Script(status=429, retry_after="1"),
    "an overload": Script(status=503, retry_after="1"),
    "a bad gateway": Script(status=502, body=b"<html>Bad gateway</html>"),
    "a cut before the first word": Script(text="Never said.", cut=0),
    "an error told before the first word": Script(text="Never said.", fail=0),
    "a stream that is none": Script(text="Never said.", broken=("json", 0)),
    "a page instead of a stream": Script(text="Never said.", broken=("html", 0)),
    "an end before the first word": Script(text="Never said.", unfinished=0),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_before_the_first_word_is_tried_again(one: Beside, name: str) -> None:
    prompt = f"What comes after {name}?"
    one.server.on(prompt, PASSING[name], Script(text="Sunshine."))
    end = one.stream(one.body(prompt))
    assert end.text == "Sunshine."
    assert end.end.finish_reason == "stop"
    assert len(one.server.chats(prompt)) == 2
    assert one.receipt(end.start.metadata.generation_id)["looked_at"]["tried_again"] == 1


BREAKING = {
    "a cut": Script(text="Some words and then no more of them.", cut=4),
    "an error": Script(text="Some words and then no more of them.", fail=4),
    "no end": Script(text="Some words and then no more of them.", unfinished=4),
    "half a JSON": Script(text="Some words and then no more of them.", broken=("json", 4)),
    "half a line": Script(text="Some words and then no more of them.", broken=("half_line", 4)),
    "wild bytes": Script(text="Some words and then no more of them.", broken=("bytes", 4)),
    "another shape": Script(text="Some words and then no more of them.", broken=("wrong_shape", 4)),
}


@pytest.mark.parametrize("name", BREAKING)
def test_an_answer_that_breaks_off_ends_in_an_error_and_the_words_before_it_stay(
    one: Beside, name: str
) -> None:
    prompt = f"What breaks off with {name}?"
    one.server.on(prompt, BREAKING[name])
    end = one.stream(one.body(prompt))
    assert end.end.error is not None
    assert end.end.finish_reason is None
    assert "no more of them" not in end.text
    assert "127.0.0.1" not in end.end.error.message
    receipt = one.receipt(end.start.metadata.generation_id)
    assert receipt["error"]["message"] == end.end.error.message


@pytest.mark.parametrize("name", BREAKING)
def test_json_that_breaks_off_is_asked_for_again(one: Beside, name: str) -> None:
    prompt = f"What JSON breaks off with {name}?"
    script = BREAKING[name]
    good = '{"cards": [{"title": "One of many", "start": 0, "end": 5}]}'
    broken = Script(
        good, cut=script.cut, fail=script.fail, unfinished=script.unfinished, broken=script.broken
    )
    one.server.on(prompt, broken, Script(text=good))
    end = one.stream(one.body(prompt, response_format={"type": "json_schema", "json_schema": SHAPE}))
    assert json.loads(end.text) == json.loads(good)
    assert end.end.error is None


LASTING = {
    "an error": (Script(status=500), 500),
    "too much to do": (Script(status=429, retry_after="600"), 503),
    "nothing to say": (Script(text=""), 500),
    "no such thing": (Script(status=400, message="I do not like this request."), 500),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_does_not_pass_ends_in_a_defined_error(one: Beside, name: str) -> None:
    script, status = LASTING[name]
    prompt = f"What to do about {name}?"
    one.server.on(prompt, script)
    answer = one.wire.post("analyze", json=one.body(prompt, stream=False))
    assert answer.status_code == status, answer.text
    code = "internal_server_error" if status == 500 else "service_unavailable"
    assert answer.json()["code"] == code
    assert "I do not like" not in answer.text
    if status == 503:
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert len(one.server.chats(prompt)) <= 4, "a server in trouble is not stormed"


def test_an_endless_answer_is_cut_and_says_so(one: Beside) -> None:
    one.server.on("Go on and on", Script(text="and on ", endless=True))
    end = one.stream(one.body("Go on and on", max_tokens=600))
    assert end.end.finish_reason == "length"
    assert end.end.error is not None
    assert end.end.metadata.usage.output_tokens <= 600
    one.server.wait_for(lambda seen: all(s.ended_at is not None for s in seen))


def test_an_answer_cut_at_its_most_tokens_says_so(one: Beside) -> None:
    one.server.on("Tell much", Script(text="word " * 2000))
    end = one.stream(one.body("Tell much", max_tokens=512))
    assert end.end.finish_reason == "length"


def test_thinking_is_not_part_of_the_answer(one: Beside) -> None:
    for number, aloud in enumerate((False, True)):
        prompt = f"Think about it, way {number}"
        one.server.on(prompt, Script(text="Four.", thinking="Two and two.", thinks_aloud=aloud))
        assert one.stream(one.body(prompt)).text.strip() == "Four."


CHATTY = {
    "fences": '```json\n{"cards": []}\n```',
    "words around it": 'Gladly! Here it is:\n{"cards": []}\nAnything else?',
}


@pytest.mark.parametrize("name", CHATTY)
def test_a_server_that_ignores_the_schema_still_gives_json(one: Beside, name: str) -> None:
    one.server.nature.constrains = False
    prompt = f"Which cards in {name}?"
    one.server.on(prompt, Script(text=CHATTY[name]))
    end = one.stream(one.body(prompt, response_format={"type": "json_schema", "json_schema": SHAPE}))
    assert json.loads(end.text) == {"cards": []}


def test_nonsense_instead_of_json_is_asked_for_once_more_and_then_an_error(one: Beside) -> None:
    one.server.nature.constrains = False
    one.server.on("Which cards, in nonsense?", Script(text="I would rather not."))
    shape = {"type": "json_schema", "json_schema": SHAPE}
    answer = one.wire.post(
        "analyze", json=one.body("Which cards, in nonsense?", stream=False, response_format=shape)
    )
    assert answer.status_code == 500, answer.text
    assert 1 <= len(one.server.chats("Which cards, in nonsense?")) <= 3
    assert "rather not" not in answer.text


@pytest.mark.parametrize("usage", ["missing", "tenfold", "zero", "negative", "words"])
def test_wrong_counts_of_tokens_are_not_passed_on(one: Beside, usage: Any) -> None:
    one.server.nature.usage = usage
    said = "It rains and rains and rains and rains all day."
    one.server.on("How many tokens", Script(text=said))
    end = one.stream(one.body(f"How many tokens if {usage}?"))
    assert end.text == said
    assert 1 <= end.end.metadata.usage.output_tokens <= len(said) + 8, "no token is less than a letter"
    assert 0 <= end.end.metadata.usage.input_tokens < 50_000


def test_a_slow_server_is_waited_for_with_heartbeats(one: Beside) -> None:
    one.server.on("Take your time", Script(text="Slow and sure.", first=2, between=0.5))
    end = one.stream(one.body("Take your time"))
    assert end.text == "Slow and sure."
    assert end.empty_lines >= 2


def test_a_context_that_is_smaller_than_told_gets_less_to_read(one: Beside) -> None:
    one.stream(one.body("What is the context?"))
    known = one.server.chats("What is the context?")[0].prompt_tokens
    one.server.nature.context = known // 2
    end = one.stream(one.body("What fits the context?"))
    assert end.text == "Nothing much."
    refused, *_, taken = one.server.chats("What fits the context?")
    assert (refused.status, taken.status) == (400, 200)
    assert taken.prompt_tokens < known // 2
    assert one.receipt(end.start.metadata.generation_id)["looked_at"]["contexts_too_long"]


def test_a_server_that_takes_few_pictures_gets_few(one: Beside) -> None:
    one.server.nature.most_pictures = 3
    assert one.stream(one.body("What of three pictures?")).text == "Nothing much."
    taken = one.server.chats("What of three pictures?")[-1]
    assert taken.chat is not None
    assert 1 <= len(taken.chat.pictures) <= 3


def test_a_server_that_refuses_pictures_answers_by_the_evidence(one: Beside) -> None:
    one.server.nature.sees = False
    told = one.stream(one.body("What without eyes?"))
    assert told.end.finish_reason == "stop"
    answered = one.server.chats("What without eyes?")[-1]
    assert answered.chat is not None
    assert not answered.chat.pictures
    assert one.receipt(told.start.metadata.generation_id)["looked_at"]["notes"]


def test_a_question_with_a_picture_of_its_own_is_a_defined_error_where_the_server_refuses_pictures(
    one: Beside,
) -> None:
    one.server.nature.sees = False
    asked = with_pictures(one.body(stream=False), source("logo"), text="Where is <@logo> without eyes?")
    error = refusal(one.wire.post("analyze", json=asked), 500, "internal_server_error", "picture")
    assert "127.0.0.1" not in error.message


def test_a_server_that_is_away_is_a_503_until_it_is_back(one: Beside) -> None:
    one.stream(one.body("Are you there?"))
    one.server.down()
    try:
        refusal(one.wire.post("analyze", json=one.body("And now?", stream=False)), 503, "service_unavailable")
    finally:
        one.server.up()
    until = threading.Event()
    for _ in range(200):
        answer = one.wire.post("analyze", json=one.body("And again?", stream=False))
        if answer.status_code == 200:
            return
        assert answer.status_code == 503, answer.text
        until.wait(0.1)
    raise AssertionError(answer.text)


def test_a_task_waits_for_a_server_that_is_away(one: Beside) -> None:
    one.server.on("A question for later", Script(status=503, retry_after="1"), Script(text="Later."))
    ended = ended_task(one.wire, make_task(one.wire, one.body("A question for later")))
    assert ended.result is not None, ended
    assert ended.result.data == "Later."
