"""Measures what stands between a client and a model server: first token, tokens a second, CPU, second questions, repeated bytes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.bench.streams import Question, direct, hear, ours
from tests.conformance.served import Served, serve, weights_folder
from tests.model_server.coded import Coded
from tests.model_server.counting import prompt_tokens
from tests.model_server.sameness import shared
from tests.model_server.script import Script
from tests.model_server.server import ModelServer

MODEL = "scripted-vl"
READS = 10_000
"""Tokens of a prompt that the scripted server reads in a second: those of a large card."""
STREAMS = (1, 32, 200)
TOKENS = 250
BETWEEN = {1: 0.01, 32: 0.02, 200: 0.08}
"""Seconds between two tokens of one stream: a server with more streams is slower in each.

The scripted server, who asks it, and what stands between share the machine. With 200 streams they are 2,500 tokens a
second, which two cores can carry: of a server that says more, either side would measure the machine.
"""
MINUTE = Coded(60, card=7, fps=12, size=(1280, 720), tick=0.5)
SHORT = Coded(6, card=2, fps=5, size=(640, 360))
_ROUNDS = 7
_MIB = 1024 * 1024


@contextmanager
def beside(server_url: str, data: Path, **settings: Any) -> Iterator[Served]:
    """A Kinoscribe that answers through that model server; without weights it gathers less evidence."""
    chosen: dict[str, Any] = {
        "engine": "openai",
        "engine_url": server_url,
        "engine_model": MODEL,
        "engine_profile": "vllm",
        "log_level": "warning",
    }
    weights = weights_folder()
    chosen |= {"models_dir": weights} if weights.is_dir() else {"collectors": "shots,looks"}
    with serve(data, **(chosen | settings)) as served:
        yield served


def asset(served: Served, path: Path) -> str:
    """The id of a ready asset of that file."""
    with served.client() as wire, path.open("rb") as file:
        made = wire.post("assets", data={"method": "direct"}, files={"file": (path.name, file, "video/mp4")})
        assert made.status_code == 201, made.text
        until = time.monotonic() + 600
        while time.monotonic() < until:
            found = wire.get(f"assets/{made.json()['_id']}").json()
            if found["status"] == "ready":
                return str(found["_id"])
            assert found["status"] == "processing", found
            time.sleep(0.1)
    raise AssertionError("the asset is not ready")


def question(asset_id: str, prompt: str, **more: Any) -> dict[str, Any]:
    return {
        "model_name": "pegasus1.5",
        "video": {"type": "asset_id", "asset_id": asset_id},
        "prompt": prompt,
        "temperature": 0.2,
        **more,
    }


def first_token(folder: Path) -> dict[str, Any]:
    """Added time to the first token of a question about a minute of video, once evidence exists, over asking directly."""
    clip = MINUTE.make(folder / "minute.mp4")
    with ModelServer("vllm") as server, beside(server.url, folder / "data") as served:
        server.nature.context = 131_072
        server.otherwise = Script(text="It is a card. " * 10, first=lambda chat: prompt_tokens(chat) / READS)
        about = asset(served, clip)
        first = _answered(served, server, question(about, "What is shown in the first question?"))
        second = _answered(served, server, question(about, "What is shown in the next question?"))
        body = server.chats()[-1].body
        through, straight = [], []
        for number in range(_ROUNDS):
            asked = question(about, f"What is shown in question number {number}?")
            through += [hear([ours(served.url, served.key, asked)])[0].first]
            straight += [hear([direct(server.url, body)])[0].first]
        before, after = server.chats("What is shown in question number")[-2:]
        assert not server.problems(), server.problems()
        seen = server.chats()[-1]
        assert seen.chat is not None
        return {
            "pictures": len(seen.chat.pictures),
            "prompt_tokens": seen.prompt_tokens,
            "through_s": statistics.median(through),
            "direct_s": statistics.median(straight),
            "added": statistics.median(through) / statistics.median(straight) - 1,
            "first_own_s": first,
            "second_own_s": second,
            "second_to_first": second / first,
            "same_bytes": shared(before, after),
        }


def _answered(served: Served, server: ModelServer, body: dict[str, Any]) -> float:
    """Seconds that a question took, without those that the model server took."""
    known = len(server.chats())
    with served.client() as wire:
        began = time.perf_counter()
        answer = wire.post("analyze", json={**body, "stream": False}, timeout=600)
        took = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    server.wait_for(lambda seen: all(one.ended_at is not None for one in seen))
    asked = server.chats()[known:]
    assert asked
    return took - sum((seen.ended_at or 0.0) - seen.came_at for seen in asked)


def streams(folder: Path) -> dict[str, Any]:
    """Tokens a second through us over those of the server alone, and CPU for each token, at several numbers of streams."""
    clip = SHORT.make(folder / "short.mp4")
    body = _as_sent(clip, folder / "learning")
    found: dict[str, Any] = {}
    for many in STREAMS:
        with (
            _process(BETWEEN[many]) as url,
            beside(url, folder / f"data{many}", sync_slots=max(many, 8)) as served,
        ):
            about = asset(served, clip)
            hear([ours(served.url, served.key, question(about, "A question before the others?"))])
            straight = _rate([direct(url, body) for _ in range(many)])
            before, began = _cpu(served), time.perf_counter()
            asked = [question(about, f"What of number {n}?") for n in range(many)]
            through = _rate([ours(served.url, served.key, one) for one in asked])
            spent, took = _cpu(served) - before, time.perf_counter() - began
            again = _rate([direct(url, body) for _ in range(many)])
            alone = max(straight, again, key=lambda one: one["a_second"])
            found[str(many)] = {
                "through": through,
                "direct": alone,
                "ratio": through["a_second"] / alone["a_second"],
                "whole_ratio": alone["whole_s"] / through["whole_s"],
                "cpu_us_a_token": spent / (many * TOKENS) * 1e6,
                "cores": spent / took,
            }
    return found


def _as_sent(clip: Path, data: Path) -> bytes:
    """The body that Kinoscribe sends for such a question, learnt from a server that keeps what it is asked."""
    with ModelServer("vllm") as server, beside(server.url, data) as served:
        hear([ours(served.url, served.key, question(asset(served, clip), "What of number 0?"))])
        return server.chats("What of number 0?")[-1].body


def _rate(questions: list[Question]) -> dict[str, float]:
    """Tokens a second of all streams together, each over its own time from first to last token, and until all were whole."""
    heard = hear(questions)
    rates = [(TOKENS - 1) / (one.last - one.first) for one in heard]
    return {
        "a_second": sum(rates),
        "first_s": statistics.median(one.first for one in heard),
        "whole_s": max(one.whole for one in heard),
    }


def _cpu(served: Served) -> float:
    """Seconds of processor time that the process which takes the requests has used, with its children."""
    api = served.child("api")
    return sum(sum(one.cpu_times()[:2]) for one in (api, *api.children(recursive=True)))


@contextmanager
def _process(between: float) -> Iterator[str]:
    """The scripted server in a process of its own, so that it does not share a processor's lock with who asks."""
    text = " ".join(f"w{number % 100:02}" for number in range(TOKENS))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_server.main", "--family", "vllm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        told = {"nature": {"context": 131_072}, "otherwise": {"text": text, "first": 0.5, "between": between}}
        print(json.dumps(told), file=process.stdin, flush=True)
        assert process.stdout.readline() == "{}\n"
        assert httpx2.get(f"{url}/models", trust_env=False).status_code == 200
        try:
            yield url
        finally:
            process.stdin.close()
            process.wait(20)
