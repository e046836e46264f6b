"""The scripted model server is itself what an OpenAI client expects, in every family's form."""

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import cv2
import httpx2
import numpy as np
import openai
import pytest
from tests.model_server.families import NAMES
from tests.model_server.script import Nature, Script
from tests.model_server.server import ModelServer

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "minimum": 3},
        "b": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["a", "b"],
}


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    with ModelServer(request.param) as started:
        yield started


@pytest.fixture
def one() -> Iterator[ModelServer]:
    with ModelServer("vllm") as started:
        yield started


def client(server: ModelServer) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=server.url,
        api_key="none",
        max_retries=0,
        timeout=20,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )


def picture(width: int = 56, height: int = 28, kind: str = ".jpg") -> str:
    ok, content = cv2.imencode(kind, np.zeros((height, width, 3), np.uint8))
    assert ok
    return f"data:image/{'jpeg' if kind == '.jpg' else 'png'};base64,{base64.b64encode(content.tobytes()).decode()}"


def asked(text: str, *pictures: str) -> Any:
    parts: list[dict[str, Any]] = []
    for number, url in enumerate(pictures):
        parts += [
            {"type": "text", "text": f"[{number}.0 s]"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    return [
        {"role": "system", "content": "See."},
        {"role": "user", "content": [*parts, {"type": "text", "text": text}]},
    ]


def streamed(server: ModelServer, text: str = "What?", **more: Any) -> tuple[str, str | None, Any]:
    """The text, the reason and the usage of a streamed answer."""
    with client(server) as talk:
        said, reason, usage = "", None, None
        for chunk in talk.chat.completions.create(
            model="scripted-vl",
            messages=asked(text, picture()),
            stream=True,
            stream_options={"include_usage": True},
            **more,
        ):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                reason = choice.finish_reason or reason
            usage = chunk.usage or usage
        return said, reason, usage


def test_a_stream_tells_text_reason_and_usage(server: ModelServer) -> None:
    server.on("What?", Script(text="Three little words.", between=0.001))
    said, reason, usage = streamed(server)
    assert (said, reason) == ("Three little words.", "stop")
    assert usage.completion_tokens == 3
    (seen,) = server.chats()
    assert usage.prompt_tokens == seen.prompt_tokens
    assert seen.status == 200
    assert not seen.left_early
    assert not server.problems()


def test_an_answer_in_one_piece_is_held_to_the_schema(server: ModelServer) -> None:
    with client(server) as talk:
        answer = talk.chat.completions.create(
            model="scripted-vl",
            messages=asked("Shape it."),
            response_format={"type": "json_schema", "json_schema": {"name": "shape", "schema": SCHEMA}},
        )
    assert json.loads(answer.choices[0].message.content or "") == {"a": 3, "b": []}


def test_the_tokens_of_pictures_count(one: ModelServer) -> None:
    streamed(one)
    with client(one) as talk:
        talk.chat.completions.create(
            model="scripted-vl",
            messages=asked("What?", picture(), picture(280, 280, ".png")),
        )
    first, second = one.chats()
    assert second.prompt_tokens - first.prompt_tokens == 100 + 2 + 2
    assert second.chat is not None
    assert [time for time, _ in second.chat.shown] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"messages": asked("x", "http://127.0.0.1/a.jpg")}, "inside the request"),
        ({"messages": asked("x", "data:image/jpeg;base64,AAAA")}, "no image/jpeg"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "image": "x"}]}]},
            "messages.0.content",
        ),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]},
            "instructions stand first",
        ),
        ({"guided_json": {}}, "guided_json"),
        ({"stream_options": {"include_usage": True}}, "only allowed with stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "name"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_and_told(
    one: ModelServer, change: dict[str, Any], problem: str
) -> None:
    body = {"model": "scripted-vl", "messages": asked("x")} | change
    answer = httpx2.post(f"{one.url}/chat/completions", json=body, trust_env=False)
    assert answer.status_code == 400
    assert any(problem in told for told in one.problems()), one.problems()


def test_fields_of_other_servers_are_refused_where_nobody_knows_them() -> None:
    body = {"model": "scripted-vl", "messages": asked("x"), "cache_salt": "s"}
    for family, status in (("generic", 400), ("vllm", 200), ("ollama", 200)):
        with ModelServer(family) as server:
            assert (
                httpx2.post(f"{server.url}/chat/completions", json=body, trust_env=False).status_code
                == status
            )


def test_each_family_says_in_its_own_words_that_the_context_is_too_small(server: ModelServer) -> None:
    server.nature.context = 50
    if server.family == "ollama":
        assert streamed(server, "word " * 400)[2].prompt_tokens == 50
        return
    with pytest.raises(openai.BadRequestError) as told:
        streamed(server, "word " * 400)
    assert "context" in str(told.value)


def test_a_blind_server_refuses_pictures(server: ModelServer) -> None:
    server.nature.sees = False
    with pytest.raises(openai.APIStatusError):
        streamed(server)


def test_an_overloaded_server_tells_when_to_come_back(one: ModelServer) -> None:
    one.on("What?", Script(status=429, retry_after="7"), Script(text="Now."))
    with pytest.raises(openai.RateLimitError) as told:
        streamed(one)
    assert told.value.response.headers["retry-after"] == "7"
    assert streamed(one)[0] == "Now."


def test_a_cut_stream_is_a_broken_connection(one: ModelServer) -> None:
    one.on("What?", Script(text="one two three four", cut=2))
    with pytest.raises(openai.APIConnectionError):
        streamed(one)


def test_a_client_that_leaves_is_noticed_at_once(one: ModelServer) -> None:
    one.on("What?", Script(text="one two", between=600))
    with (
        client(one) as talk,
        talk.chat.completions.create(
            model="scripted-vl",
            messages=asked("What?"),
            stream=True,
        ) as stream,
    ):
        assert any(chunk.choices[0].delta.content for chunk in stream)
    one.wait_for(lambda seen: seen[0].ended_at is not None)
    assert one.seen[0].left_early


def test_an_answer_is_cut_at_its_most_tokens_unless_it_is_endless(one: ModelServer) -> None:
    one.on("What?", Script(text="one two three four"))
    assert streamed(one, max_tokens=2)[:2] == ("one two", "length")
    one.on("What?", Script(text="on and on ", endless=True))
    with (
        client(one) as talk,
        talk.chat.completions.create(
            model="scripted-vl",
            messages=asked("What?"),
            stream=True,
            max_tokens=2,
        ) as stream,
    ):
        said = "".join(
            chunk.choices[0].delta.content or "" for chunk, _ in zip(stream, range(50), strict=False)
        )
    assert said.startswith("on and on on and on")


def test_thinking_comes_in_a_field_of_its_own(server: ModelServer) -> None:
    server.on("What?", Script(text="So.", thinking="Let me see."))
    assert streamed(server)[0] == "So."


def test_a_server_that_was_down_is_there_again_at_the_same_address(one: ModelServer) -> None:
    one.down()
    with pytest.raises(openai.APIConnectionError):
        streamed(one)
    one.up()
    assert streamed(one)[0] == "Nothing much."


def test_each_family_tells_its_models(server: ModelServer) -> None:
    server.nature = Nature(models=("a", "b"), context=4096)
    with client(server) as talk:
        found = list(talk.models.list())
    assert [one.id for one in found] == ["a", "b"]
    told = getattr(found[0], "max_model_len", None)
    assert told == (4096 if server.family in {"vllm", "sglang"} else None)


def test_it_runs_as_a_process_of_its_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_server.main", "--family", "sglang"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        print(json.dumps({"nature": {"context": 99}}), file=process.stdin, flush=True)
        assert process.stdout.readline() == "{}\n"
        found = httpx2.get(f"{url}/models", trust_env=False).json()
        assert found["data"][0]["max_model_len"] == 99
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_client_that_wants_no_further_answer_gets_the_end_of_the_connection(one: ModelServer) -> None:
    address = urlsplit(one.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = b""
        while part := connection.recv(65536):
            got += part
    assert got.startswith(b"HTTP/1.1 200 ")
