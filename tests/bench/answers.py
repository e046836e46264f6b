"""Measures the shapes of answers: conforming JSON beside making it, and three definitions of segments beside one."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.conformance.served import weights_folder

from kinoscribe.analysis import answer
from kinoscribe.analysis.run import events, prepare
from kinoscribe.analysis.tools import Tools
from kinoscribe.app import build_tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.events import Ended, Progress
from kinoscribe.contract.task_request import read_task
from kinoscribe.output.conform import conform
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import LocalFile
from kinoscribe.tokens import count_tokens

PROPERTIES = (10, 100, 1000)
_TYPES: tuple[dict[str, Any], ...] = (
    {"type": "string", "description": "What is said"},
    {"type": "integer", "description": "How many people are seen"},
    {"type": "boolean", "description": "Whether somebody speaks"},
    {"type": "string", "enum": ["news", "sports", "advertisement", "lecture"], "description": "The genre"},
    {"type": "array", "items": {"type": "string"}, "description": "Keywords"},
)
_DEFINITIONS: tuple[dict[str, Any], ...] = (
    {
        "id": "topics",
        "description": "A part of the video with one topic",
        "fields": [
            {"name": "title", "type": "string", "description": "A short title of the topic"},
            {"name": "summary", "type": "string", "description": "What is said about it"},
        ],
    },
    {
        "id": "texts",
        "description": "Text is shown on the screen",
        "fields": [{"name": "text", "type": "string", "description": "The text on the screen"}],
    },
    {
        "id": "talk",
        "description": "Somebody speaks",
        "fields": [{"name": "words", "type": "string", "description": "What is said"}],
    },
)


@contextmanager
def embedded(data: Path) -> Iterator[Tools]:
    """The parts of a server with the embedded engine, without a server."""
    with closing(
        build_tools(Settings(data_dir=data, engine="embedded", models_dir=weights_folder()))
    ) as tools:
        yield tools


def conforming(video: Path, tools: Tools) -> dict[str, dict[str, float]]:
    """For schemas of so many properties: seconds to make the JSON, and to conform it the first time and again."""
    _seconds(video, tools, {"prompt": "What is it?"})  # evidence is kept and the engine is up
    return {str(number): _conforming(video, tools, number) for number in PROPERTIES}


def _conforming(video: Path, tools: Tools, number: int) -> dict[str, float]:
    properties = {f"field_{n}": _TYPES[n % len(_TYPES)] for n in range(number)}
    schema = {"type": "object", "properties": properties, "required": list(properties)[: number // 2]}
    taken: list[float] = []

    def timed(text: str, schema: dict[str, Any]) -> str:
        began = time.perf_counter()
        try:
            return conform(text, schema)
        finally:
            taken.append(time.perf_counter() - began)

    body = {
        "prompt": "Describe the video.",
        "max_tokens": 98_304,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    with mock.patch.object(answer, "conform", timed):
        wholes = [_seconds(video, tools, body) for _ in range(3)]
    made = min(whole - each for whole, each in zip(wholes, taken, strict=True))
    first, again = taken[0], min(taken[1:])
    return {"made_s": made, "first_s": first, "again_s": again, "ratio": first / made}


def definitions(video: Path, tools: Tools, rounds: int = 3) -> dict[str, float]:
    """Seconds of the answer with one definition of segments and with three; the evidence is kept before."""
    bodies = [_segmentation(1), _segmentation(3)]
    _seconds(video, tools, bodies[0])
    one, three = (min(_seconds(video, tools, body) for _ in range(rounds)) for body in bodies)
    return {"one_s": one, "three_s": three, "ratio": three / one}


def _segmentation(number: int) -> dict[str, Any]:
    return {
        "analysis_mode": "time_based_metadata",
        "response_format": {
            "type": "segment_definitions",
            "segment_definitions": list(_DEFINITIONS[:number]),
        },
    }


def _seconds(video: Path, tools: Tools, body: dict[str, Any]) -> float:
    """Seconds from the first word to the engine to the end of the answer."""
    whole = {"model_name": "pegasus1.5", "video": {"type": "url", "url": "https://a.example/v.mp4"}, **body}
    asked = read_task(json.dumps(whole).encode(), default_model="pegasus1.5", count_tokens=count_tokens)
    began = 0.0
    with (
        closing(prepare(asked.request, "one", tools, Cancel(), source=LocalFile(video), mode="async")) as job,
        closing(events(job, tools)) as said,
    ):
        for event in said:
            match event:
                case Progress(stage="answer", done=0.0) if not began:
                    began = time.perf_counter()
                case Ended(finish_reason=reason):
                    assert reason == "stop", event
    return time.perf_counter() - began
