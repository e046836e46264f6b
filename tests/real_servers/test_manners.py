"""The scripted server, which all other tests ask, says what the real ones say: addresses, answers, streams and refusals."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.model_server.script import Nature
from tests.model_server.server import ModelServer
from tests.real_servers.servers import CONTEXT, MODEL, RealServer

from kinoscribe.engines.openai.refusals import read_refusal
from kinoscribe.engines.openai.stream import hear, is_done

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

ADDRESSES = {"vllm": ("/v1/models", "/version"), "llamacpp": ("/v1/models", "/props", "/health")}


@pytest.fixture
def played(server: RealServer) -> Iterator[ModelServer]:
    with ModelServer(server.kind, Nature(context=CONTEXT, models=(MODEL,))) as started:
        yield started


def get(url: str, path: str) -> Any:
    told = httpx2.get(url.removesuffix("/v1") + path, trust_env=False, timeout=20)
    assert told.status_code == 200
    return told.json()


def chat(url: str, words: str = "What happens?", **more: Any) -> httpx2.Response:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": words}],
        "max_tokens": 8,
        "temperature": 0,
    }
    return httpx2.post(f"{url}/chat/completions", json=body | more, trust_env=False, timeout=60)


def events(answer: httpx2.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]


def holds(real: Any, played: Any, where: str = "") -> None:
    """All that the scripted one says, the real one says too, in the same kind of value; nothing may stand for nothing."""
    match played:
        case None:
            return
        case dict():
            assert isinstance(real, dict), where
            for name, value in played.items():
                if value is not None:
                    assert name in real, f"{where}.{name}"
                    holds(real[name], value, f"{where}.{name}")
        case list():
            assert isinstance(real, list), where
            assert len(real) >= min(1, len(played)), where
            for one, other in zip(real[:1], played[:1], strict=False):
                holds(one, other, f"{where}[]")
        case _:
            assert type(real) is type(played), f"{where}: {real!r} is not like {played!r}"


def test_the_addresses_tell_the_same(server: RealServer, played: ModelServer) -> None:
    for path in ADDRESSES[server.kind]:
        holds(get(server.url, path), get(played.url, path), path)


def test_a_whole_answer_has_the_same_shape(server: RealServer, played: ModelServer) -> None:
    real, scripted = chat(server.url), chat(played.url)
    assert real.status_code == scripted.status_code == 200
    holds(real.json(), scripted.json())


def test_a_stream_has_the_same_events_in_the_same_order(server: RealServer, played: ModelServer) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}}
    real, scripted = chat(server.url, **more), chat(played.url, **more)
    for answer in (real, scripted):
        assert answer.headers["content-type"].startswith("text/event-stream")
        *said, usage, done = events(answer)
        assert is_done(done.encode())
        heard = [hear(event.encode()) for event in said]
        assert any(one.text for one in heard)
        assert json.loads(said[-1])["choices"][0]["finish_reason"] in ("stop", "length")
        assert json.loads(usage)["choices"] == []
    for place in (0, 1, -3, -2):  # the role, a piece of text, the reason, the counts
        holds(json.loads(events(real)[place]), json.loads(events(scripted)[place]), f"event {place}")


def test_too_long_a_question_is_refused_in_the_same_words(server: RealServer, played: ModelServer) -> None:
    long = "word " * 3 * CONTEXT
    real, scripted = chat(server.url, long), chat(played.url, long)
    assert real.status_code == scripted.status_code
    holds(real.json(), scripted.json())
    read = [read_refusal(one.status_code, one.content, None) for one in (real, scripted)]
    assert [one.kind for one in read] == ["context", "context"]
    assert [one.most for one in read] == [CONTEXT, CONTEXT]
    assert all(one.prompt is not None and one.prompt >= CONTEXT for one in read)
