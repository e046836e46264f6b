"""Turns an Ask into the bytes and the headers of one chat request."""

import hashlib
import json
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import msgspec

from kinoscribe.engines.engine import Ask, Frame
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.dress import Dress
from kinoscribe.engines.openai.messages import is_sequence, messages, shown_frames
from kinoscribe.engines.openai.schema import response_format, wanted_schema
from kinoscribe.tokens import count_again, count_tokens

_LEAST_ANSWER = 256
_MARGIN = 128
# Pictures of a sequence are counted on a grid of so many a second, on which their times are told.
_GRID = 10
# What models that think before they answer want in place of the older name.
_RENAMED = {"max_tokens": "max_completion_tokens"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is sent. `schema` names the shape that is wanted, empty for free text. `sequence`: frames go as one.

    `head` are the bytes up to the end of the messages: they come first, so that all before the question is the same
    from one question to the next. `tokens` is about what they take of the context.
    """

    head: bytes
    tail: dict[str, Any]
    headers: dict[str, str]
    tokens: int
    max_tokens: int
    schema: str
    sequence: bool

    def body(self, max_tokens: int, unwanted: Container[str] = ()) -> tuple[bytes, bytes]:
        """The bytes, in two parts. `unwanted` are fields that the server does not take."""
        tail = wanted({"max_tokens": max_tokens, **self.tail}, unwanted)
        return self.head, b"," + msgspec.json.encode(tail)[1:]


def wanted(fields: dict[str, Any], unwanted: Container[str]) -> dict[str, Any]:
    """The fields of a request without those that a server does not take, or under the name that it has for them."""
    names = {name: _RENAMED.get(name, "") if name in unwanted else name for name in fields}
    return {names[name]: value for name, value in fields.items() if names[name]}


def chat_request(ask: Ask, config: OpenAIConfig, dress: Dress = Dress.FULL) -> ChatRequest:
    profile = config.row
    schema = wanted_schema(ask)
    said = messages(ask, config, schema, named=dress.extras)
    extras: dict[str, Any] = {}
    if schema is not None and dress.shape:
        loose = dress.shape == "object"
        extras["response_format"] = {"type": "json_object"} if loose else response_format(schema)
    if dress.extras:
        if profile.usage:
            extras["stream_options"] = {"include_usage": True}
        if profile.cache_salt and ask.salt:
            extras["cache_salt"] = ask.salt
    sequence = is_sequence(ask, config)
    if sequence:
        extras["media_io_kwargs"] = {"video": _sequence(shown_frames(ask, config))}
    tokens = _tokens(ask, config, said)
    headers = {}
    if profile.session and ask.content:
        headers["x-session-id"] = _digest(ask.content)
    return ChatRequest(
        head=msgspec.json.encode({"model": config.model, "messages": said})[:-1],
        tail={"temperature": ask.temperature, "stream": True, **extras, **config.extra},
        headers=headers,
        tokens=tokens,
        max_tokens=max(1, min(ask.max_tokens, max(config.context - tokens - _MARGIN, _LEAST_ANSWER))),
        schema="" if schema is None else _digest(json.dumps(schema)),
        sequence=sequence,
    )


def _sequence(frames: tuple[Frame, ...]) -> dict[str, Any]:
    """What a server must know of a sequence: that all of it is wanted, and when its pictures were."""
    places = [round(frame.time * _GRID) for frame in frames]
    return {
        "num_frames": -1,
        "fps": _GRID,
        "frames_indices": places,
        "total_num_frames": places[-1] + 1,
        "duration": (places[-1] + 1) / _GRID,
        "do_sample_frames": False,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _tokens(ask: Ask, config: OpenAIConfig, said: list[dict[str, Any]]) -> int:
    """As far as that can be told before: the server has the last word."""
    *shown, asked = (part["text"] for part in said[1]["content"] if part["type"] == "text")
    words = count_again("\n".join([said[0]["content"], *shown]), ask.salt) + count_tokens(asked)
    return words + sum(
        config.picture_tokens(frame.width, frame.height) for frame in shown_frames(ask, config)
    )
