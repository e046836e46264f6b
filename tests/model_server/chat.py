"""Reads the body of a chat completion strictly, as the OpenAI schema has it, into the words and pictures asked with."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

_DATA_URL = re.compile(r"data:(image/(?:jpeg|png|webp|gif));base64,([A-Za-z0-9+/]+={0,2})")
_CLOCK = re.compile(r"\[(\d+(?:\.\d+)?) ?s\]")
_MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


class Malformed(Exception):
    """Why the request is none that the OpenAI schema allows."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextContent(_Strict):
    type: Literal["text"]
    text: str


class _ImageUrl(_Strict):
    url: str
    detail: Literal["auto", "low", "high"] | None = None
    content_hash: str | None = None  # SGLang

    @field_validator("url")
    @classmethod
    def _inside(cls, url: str) -> str:
        _picture(url)
        return url


class ImageContent(_Strict):
    type: Literal["image_url"]
    image_url: _ImageUrl
    uuid: str | None = None  # vLLM

    @cached_property
    def picture(self) -> bytes:
        return _picture(self.image_url.url)


class _VideoUrl(_Strict):
    url: str


class VideoContent(_Strict):
    type: Literal["video_url"]
    video_url: _VideoUrl
    uuid: str | None = None


Part = Annotated[TextContent | ImageContent | VideoContent, Field(discriminator="type")]


class Message(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: str | None = None

    @property
    def parts(self) -> list[TextContent | ImageContent | VideoContent]:
        if isinstance(self.content, str):
            return [TextContent(type="text", text=self.content)]
        return list(self.content)


class _JsonSchema(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class _ResponseFormat(_Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _StreamOptions(_Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    continuous_usage_stats: bool | None = None  # vLLM


class Body(_Strict):
    """A chat completion as OpenAI has it, with what vLLM, SGLang, llama.cpp and Ollama add and we may send."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float | int, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float | int, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    response_format: _ResponseFormat | None = None
    user: str | None = None
    frequency_penalty: float | int | None = None
    presence_penalty: float | int | None = None
    reasoning_effort: str | None = None
    # what the families add
    cache_salt: Annotated[str, Field(min_length=1)] | None = None
    priority: int | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    mm_processor_kwargs: dict[str, Any] | None = None
    media_io_kwargs: dict[str, Any] | None = None
    repetition_penalty: float | int | None = None
    cache_prompt: bool | None = None
    id_slot: int | None = None
    timings_per_token: bool | None = None
    reasoning_format: str | None = None
    separate_reasoning: bool | None = None
    keep_alive: str | int | None = None


@dataclass(frozen=True)
class Chat:
    """One request: its parts in order, what it wants back, and the body they were read from."""

    body: Body
    raw: dict[str, Any]

    @cached_property
    def parts(self) -> tuple[TextContent | ImageContent | VideoContent, ...]:
        return tuple(part for message in self.body.messages for part in message.parts)

    @cached_property
    def text(self) -> str:
        """All words, pictures left out."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextContent))

    @cached_property
    def question(self) -> str:
        """The last words of all."""
        return next((p.text for p in reversed(self.parts) if isinstance(p, TextContent)), "")

    @cached_property
    def pictures(self) -> tuple[bytes, ...]:
        return tuple(part.picture for part in self.parts if isinstance(part, ImageContent))

    @cached_property
    def shown(self) -> tuple[tuple[float, bytes], ...]:
        """The pictures that stand right behind a clock such as `[12.0 s]`, with its seconds."""
        found, clock = [], None
        for part in self.parts:
            if isinstance(part, ImageContent):
                if clock is not None:
                    found.append((clock, part.picture))
                clock = None
            elif isinstance(part, TextContent):
                clock = _clock_at_end(part.text)
        return tuple(found)

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer is to have, `{}` where any JSON object will do."""
        wanted = self.body.response_format
        if wanted is None or wanted.type == "text":
            return None
        return (wanted.json_schema.schema_ or {}) if wanted.json_schema else {}

    @property
    def most_tokens(self) -> int | None:
        return self.body.max_completion_tokens or self.body.max_tokens

    @property
    def wants_usage(self) -> bool:
        return bool(self.body.stream_options and self.body.stream_options.include_usage)


def read_chat(content: bytes) -> Chat:
    """Raises `Malformed` with the reasons why this is no chat completion."""
    try:
        raw = json.loads(content)
        body = Body.model_validate_json(content)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise Malformed("; ".join(told)) from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from error
    if body.stream_options is not None and not body.stream:
        raise Malformed("stream_options: only allowed with stream")
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise Malformed("max_tokens: not beside max_completion_tokens")
    for place, message in enumerate(body.messages):
        if message.role in {"system", "developer"} and place > 0:
            raise Malformed(f"messages.{place}: instructions stand first")
        if message.role != "user" and not all(isinstance(part, TextContent) for part in message.parts):
            raise Malformed(f"messages.{place}: pictures belong to the user's message")
    wanted = body.response_format
    if wanted is not None and (wanted.type == "json_schema") != (wanted.json_schema is not None):
        raise Malformed("response_format: json_schema goes with its type")
    return Chat(body, raw)


def _picture(url: str) -> bytes:
    matched = _DATA_URL.fullmatch(url)
    if matched is None:
        raise ValueError(f"a picture must be inside the request as base64, not {url[:60]!r}")
    try:
        content = base64.b64decode(matched[2], validate=True)
    except binascii.Error as error:
        raise ValueError("the picture's base64 cannot be read") from error
    magic = _MAGIC.get(matched[1])
    if magic is not None and not content.startswith(magic):
        raise ValueError(f"the picture is no {matched[1]}")
    return content


def _clock_at_end(text: str) -> float | None:
    clocks = list(_CLOCK.finditer(text))
    return float(clocks[-1][1]) if clocks and not text[clocks[-1].end() :].strip() else None
