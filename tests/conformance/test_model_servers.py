"""A served Kinoscribe answers through model servers: what it sends them, and what it makes of what they say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.beside import CLIP, KEY, QUESTION, SHAPE, Beside, beside, forgotten, new_asset
from tests.conformance.exact import Answer
from tests.conformance.exact_tasks import canceled
from tests.conformance.file_server import FileServer
from tests.conformance.wire import ended_task, make_task, new_key
from tests.model_server.chat import TextContent
from tests.model_server.sameness import shared
from tests.model_server.script import Nature, Script
from tests.model_server.seeing import Seer, right
from tests.model_server.server import ModelServer
from tests.model_server.told import told_parts

DEFINITION = {
    "id": "cards",
    "description": "A card with a number and a word",
    "fields": [{"name": "title", "type": "string", "description": "The text of the card"}],
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("beside")
    with ModelServer("vllm", Nature(key=KEY)) as server, beside(folder / "data", server) as found:
        yield found


@pytest.fixture
def one(kept: Beside) -> Iterator[Beside]:
    yield from forgotten(kept)


@pytest.fixture
def seer(one: Beside) -> Seer:
    """The model that truly looks, behind the shared pair."""
    found = Seer.of_coded(CLIP)
    one.server.otherwise = Script(text=found)
    return found


# What is sent.


def test_pictures_with_their_clocks_come_first_and_the_question_last(one: Beside, seer: Seer) -> None:
    one.stream(one.body())
    (seen,) = one.server.chats(QUESTION)
    assert seen.chat is not None
    system, user = seen.chat.body.messages
    assert (system.role, user.role) == ("system", "user")
    kinds = [part.type for part in user.parts]
    assert kinds[-1] == "text"
    assert user.parts[-1].text.startswith(QUESTION)  # type: ignore[union-attr]
    assert "image_url" in kinds
    assert QUESTION not in "".join(part.text for part in user.parts[:-1] if isinstance(part, TextContent))
    assert len(seen.chat.shown) == len(seen.chat.pictures) >= 10, "every picture stands behind its clock"
    gaps = [
        after - before for (before, _), (after, _) in zip(seen.chat.shown, seen.chat.shown[1:], strict=False)
    ]
    assert max(gaps) <= 10
    assert not seer.mistakes


def test_every_door_gives_what_the_model_has_seen(one: Beside, seer: Seer) -> None:
    truth = CLIP.truth.parts
    assert right(told_parts(one.stream(one.body()).text, truth), truth, 0.06) == 1
    whole = one.wire.post("analyze", json=one.body("And as one body?", stream=False))
    assert right(told_parts(Answer.model_validate_json(whole.content).data, truth), truth, 0.06) == 1
    ended = ended_task(one.wire, make_task(one.wire, one.body("And as a task?")))
    assert ended.result is not None, ended
    assert right(told_parts(ended.result.data, truth), truth, 0.06) == 1
    assert not seer.mistakes


def test_a_window_shows_pictures_of_the_window_only(one: Beside, seer: Seer) -> None:
    one.stream(one.body(start_time=6, end_time=14))
    (view,) = seer.views
    assert min(view.times) >= 6
    assert max(view.times) <= 14
    assert not seer.mistakes


def test_json_is_asked_for_by_its_schema(one: Beside, seer: Seer) -> None:
    shape = {"type": "json_schema", "json_schema": SHAPE}
    cards = json.loads(one.stream(one.body(response_format=shape)).text)["cards"]
    assert [(card["title"], card["start"], card["end"]) for card in cards] == [
        (part.title, part.start, part.end) for part in CLIP.truth.parts
    ]
    (seen,) = one.server.chats(QUESTION)
    assert seen.chat is not None
    assert seen.chat.body.response_format is not None
    assert seen.chat.body.response_format.type == "json_schema"


def test_segments_are_those_that_the_model_has_seen(one: Beside, seer: Seer) -> None:
    asked = one.body(
        analysis_mode="time_based_metadata",
        response_format={"type": "segment_definitions", "segment_definitions": [DEFINITION]},
    )
    del asked["prompt"]
    ended = ended_task(one.wire, make_task(one.wire, asked))
    assert ended.result is not None, ended
    found = json.loads(ended.result.data)["cards"]
    assert [(s["start_time"], s["end_time"], s["metadata"]["title"]) for s in found] == [
        (part.start, part.end, part.title) for part in CLIP.truth.parts
    ]
    assert not seer.mistakes


def test_a_second_question_begins_with_the_same_bytes(one: Beside) -> None:
    one.stream(one.body("What is to be seen at first?"))
    one.stream(one.body("Does anybody speak, and if so, of what?"))
    first, second = one.server.chats("What is to be seen at first?") + one.server.chats("Does anybody speak")
    assert shared(first, second) >= 0.98


def test_the_second_account_gets_other_salt_and_no_name(one: Beside) -> None:
    with one.served.client(new_key(one.served, "other-account")) as wire:
        path = one.served.data.parent / "data.mp4"
        other = Beside(one.served, one.server, wire, new_asset(wire, path))
        one.stream(one.body("Whose question is this?"))
        other.stream(other.body("Whose question is this?"))
    mine, theirs = one.server.chats("Whose question is this?")
    assert mine.chat is not None
    assert theirs.chat is not None
    assert mine.chat.body.cache_salt
    assert theirs.chat.body.cache_salt
    assert mine.chat.body.cache_salt != theirs.chat.body.cache_salt
    assert b"other-account" not in theirs.body


def test_no_url_of_a_client_reaches_the_model_server(
    one: Beside, files: FileServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with beside(
        tmp_path_factory.mktemp("urls") / "data", one.server, url_allow="127.0.0.1", url_ports=0
    ) as own:
        video = {"type": "url", "url": files.url("plain.mp4")}
        own.stream({**own.body("What of the one by URL?"), "video": video})
    (seen,) = one.server.chats("What of the one by URL?")
    assert b"http" not in seen.body.replace(b"https://json-schema.org", b"")
    assert files.url("") not in str(seen.request.headers)


def test_the_servers_key_is_sent_and_never_told(one: Beside) -> None:
    end = one.stream(one.body("Who may ask?"))
    assert one.server.chats("Who may ask?")[0].request.headers["authorization"] == f"Bearer {KEY}"
    told = json.dumps(one.receipt(end.start.metadata.generation_id)) + one.served.log.read_text(
        errors="replace"
    )
    assert KEY not in told
    one.server.nature.key = "another-key"
    end = one.stream(one.body("Who may ask now?"))
    assert end.end.error is not None
    assert KEY not in end.end.error.message + one.served.log.read_text(errors="replace")


# What ends.


def test_a_client_that_leaves_ends_the_work_at_the_server(one: Beside) -> None:
    one.server.on("Tell me a long story", Script(text="Once upon a time " * 50, between=5))
    with one.wire.stream(
        "POST", "analyze", json={**one.body("Tell me a long story"), "stream": True}
    ) as response:
        assert any("text_generation" in line for line in response.iter_lines())
    one.server.wait_for(lambda seen: any(s.left_early for s in seen))


def test_a_canceled_task_ends_the_work_at_the_server(one: Beside) -> None:
    one.server.on("Tell me a long tale", Script(text="Once upon a time " * 50, first=120))
    task_id = make_task(one.wire, one.body("Tell me a long tale"))
    one.server.wait_for(lambda seen: any(s.chat is not None and "long tale" in s.chat.text for s in seen))
    canceled(one.wire.post(f"analyze/tasks/{task_id}/cancel"))
    one.server.wait_for(lambda seen: any(s.left_early for s in seen))
    assert ended_task(one.wire, task_id).status == "canceled"


# Several servers.


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Beside, ModelServer]]:
    folder = tmp_path_factory.mktemp("pair")
    with (
        ModelServer("vllm") as first,
        ModelServer("vllm") as second,
        beside(folder / "data", first, second) as found,
    ):
        yield found, second


def _asked(server: ModelServer, words: str) -> int:
    return len(server.chats(words))


def test_questions_about_one_video_go_to_one_server(pair: tuple[Beside, ModelServer]) -> None:
    one, second = pair
    for number in range(4):
        one.stream(one.body(f"The same video, question {number}?"))
    assert sorted((_asked(one.server, "The same video"), _asked(second, "The same video"))) == [0, 4]


def test_another_server_answers_where_the_first_cannot(pair: tuple[Beside, ModelServer]) -> None:
    one, second = pair
    one.stream(one.body("Whose turn is it?"))
    mine, other = (one.server, second) if _asked(one.server, "Whose turn is it?") else (second, one.server)
    mine.on("A question that breaks", Script(text="Never said.", cut=0))
    end = one.stream(one.body("A question that breaks"))
    assert end.text == "Nothing much."
    assert _asked(other, "A question that breaks") == 1
    mine.down()
    try:
        assert one.stream(one.body("One of them is away")).text == "Nothing much."
    finally:
        mine.up()
    assert _asked(other, "One of them is away") == 1


# The families.


@pytest.mark.parametrize("family", ["sglang", "llamacpp", "ollama", "generic"])
def test_each_kind_of_server_gets_what_it_understands(tmp_path: Path, family: str) -> None:
    seer = Seer.of_coded(CLIP)
    truth = CLIP.truth.parts
    with (
        ModelServer(family, Nature(key=KEY, context=16_384)) as server,
        beside(tmp_path / "data", server) as own,
    ):
        server.otherwise = Script(text=seer)
        assert right(told_parts(own.stream(own.body()).text, truth), truth, 0.06) == 1
        shape = {"type": "json_schema", "json_schema": SHAPE}
        cards = json.loads(own.stream(own.body("As JSON?", response_format=shape)).text)["cards"]
        assert [card["title"] for card in cards] == [part.title for part in truth]
        assert server.problems() == []
    assert not seer.mistakes
