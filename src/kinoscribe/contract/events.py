"""Turns what is said about a video into the lines of a stream or into one JSON body (contract 4, 5)."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from kinoscribe.contract.errors import ApiError

HEARTBEAT = b"\n"

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Usage:
    output_tokens: int
    input_tokens: int


@dataclass(frozen=True, slots=True)
class Started:
    generation_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is, 0 to 1, or None where nobody can say. Not on the wire."""

    stage: str
    done: float | None = None


@dataclass(frozen=True, slots=True)
class TextPart:
    """The next part of the answer, whole characters only."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The end. `finish_reason` is None only with `error`: the answer broke off. `warning` goes with `length`."""

    generation_id: str
    finish_reason: FinishReason | None
    usage: Usage
    warning: str | None = None
    error: ApiError | None = None


Event = Started | Progress | TextPart | Ended

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def ndjson(event: Event) -> bytes | None:
    """The line of an event, ASCII only and ended by a line feed; None for what is not said on the wire."""
    said: dict[str, Any]
    match event:
        case Started(generation_id):
            said = {"event_type": "stream_start", "metadata": {"generation_id": generation_id}}
        case TextPart(text):
            said = {"event_type": "text_generation", "text": _whole(text)}
        case Ended():
            said = {
                "event_type": "stream_end",
                "finish_reason": event.finish_reason,
                "metadata": {"generation_id": event.generation_id, "usage": _usage(event.usage)},
                **_trouble(event),
            }
        case Progress():
            return None
    return _encode(said).encode("ascii") + b"\n"


def answer_body(generation_id: str, text: str, ended: Ended) -> dict[str, Any]:
    """The body of an answer that was not streamed."""
    return {
        "id": generation_id,
        "data": _whole(text),
        "finish_reason": ended.finish_reason,
        "usage": _usage(ended.usage),
        **_trouble(ended),
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {"output_tokens": usage.output_tokens, "input_tokens": usage.input_tokens}


def _trouble(ended: Ended) -> dict[str, Any]:
    if ended.error is not None:
        return {"error": {"message": ended.error.message, "code": ended.error.code}}
    if ended.warning is not None:
        return {"error": {"message": ended.warning}}
    return {}


def _whole(text: str) -> str:
    """Half a surrogate pair stands for no character, and no client could read it."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
