"""Turns an Ask into the bytes and the headers of one chat request."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from kinoscribe.engines.engine import Ask
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.messages import messages, shown_frames
from kinoscribe.engines.openai.schema import response_format, wanted_schema
from kinoscribe.tokens import count_tokens

_LEAST_ANSWER = 256
_MARGIN = 128


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is sent. `plain` leaves out whatever a strict server might not know."""

    shown: dict[str, Any]
    settled: dict[str, Any]
    extras: dict[str, Any]
    headers: dict[str, str]
    max_tokens: int
    wants_json: bool

    def body(self, max_tokens: int, *, plain: bool = False) -> bytes:
        """The messages come first, so that all before the question is the same from one question to the next."""
        extras = {} if plain else self.extras
        whole = {**self.shown, **self.settled, "max_tokens": max_tokens, "stream": True, **extras}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def chat_request(ask: Ask, config: OpenAIConfig) -> ChatRequest:
    profile = config.row
    schema = wanted_schema(ask)
    extras: dict[str, Any] = {}
    if schema is not None:
        extras["response_format"] = response_format(schema, profile)
    if profile.usage:
        extras["stream_options"] = {"include_usage": True}
    if profile.cache_salt and ask.salt:
        extras["cache_salt"] = ask.salt
    if config.sequence and profile.sequence:
        # Of a sequence the server would else read 32 pictures, whatever its length.
        extras["media_io_kwargs"] = {"video": {"num_frames": -1}}
    headers = {}
    if profile.session and ask.content:
        headers["x-session-id"] = hashlib.sha256(ask.content.encode("utf-8")).hexdigest()[:32]
    said = messages(ask, config, schema)
    return ChatRequest(
        shown={"model": config.model, "messages": said},
        settled={"temperature": ask.temperature},
        extras={**extras, **config.extra},
        headers=headers,
        max_tokens=_room(ask, config, said),
        wants_json=schema is not None,
    )


def _room(ask: Ask, config: OpenAIConfig, said: list[dict[str, Any]]) -> int:
    """The tokens the answer may have, as far as that can be told before: the server has the last word."""
    words = [said[0]["content"], *(part["text"] for part in said[1]["content"] if part["type"] == "text")]
    pictures = sum(config.picture_tokens(frame.width, frame.height) for frame in shown_frames(ask, config))
    left = config.context - pictures - sum(count_tokens(text) for text in words) - _MARGIN
    return max(1, min(ask.max_tokens, max(left, _LEAST_ANSWER)))
