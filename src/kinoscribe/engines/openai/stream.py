"""Turns the bytes of a model server's answer into what they tell: text, an end, token counts."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

_LONGEST_EVENT = 8 * 1024 * 1024
_LONGEST_WORDS = 2_000
_MOST_TOKENS = 100_000_000
_DONE = b"[DONE]"


class Unreadable(Exception):
    """What came is no answer of a chat; the message is a part of a sentence about the server."""


class ToldError(Exception):
    """The server told of an error where an answer was to come. `words` are the server's own: for logs only."""

    def __init__(self, error: Any) -> None:
        code = error.get("code") if isinstance(error, dict) else None
        self.status = code if isinstance(code, int) and 400 <= code < 600 else 500
        self.words = str(error)[:_LONGEST_WORDS]
        super().__init__(self.words)


class _Said(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: Any = None
    index: Any = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class Heard(msgspec.Struct, frozen=True):
    """What one event tells. `thought`: the model thinks. `reason` is why the answer ended, once it has.

    `miscounted`: counts of tokens came that cannot be any.
    """

    text: str = ""
    thought: bool = False
    reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    miscounted: bool = False


_read = msgspec.json.Decoder(_Chunk).decode


def events(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The data of every event of an event stream, `[DONE]` included. Raises `Unreadable`.

    Lines end with CR LF, LF or CR, as the standard has it.
    """
    rest = b""
    returned = False
    data: list[bytes] = []
    size = 0
    for part in parts:
        new = part
        if part and returned:
            new = part.removeprefix(b"\n")  # the other half of an end that was taken for a whole one
            returned = False
        if b"\r" in part:
            returned = part.endswith(b"\r")
            new = new.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = (rest + new).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_EVENT:
            raise Unreadable("sent an event without an end")
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].strip())
                size += len(line)
                if size > _LONGEST_EVENT:
                    raise Unreadable("sent an event without an end")
            elif not line.strip() and data:
                yield b"\n".join(data)
                data, size = [], 0
    if rest.startswith(b"data:"):
        data.append(rest[5:].strip())
    if data:
        yield b"\n".join(data)


def is_done(event: bytes) -> bool:
    return event.startswith(_DONE)


def hear(event: bytes) -> Heard:
    """What an event tells. Raises `Unreadable` and `ToldError`."""
    try:
        chunk = _read(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("sent what is no part of an answer") from error
    if chunk.error:
        raise ToldError(chunk.error)
    if chunk.choices is None and chunk.usage is None:
        return Heard()
    text, reason, thought = "", None, False
    for choice in chunk.choices or ():
        if choice.index != 0:
            continue
        said = choice.delta or choice.message
        if said is not None:
            text += _text(said.content)
            thought = thought or bool(said.reasoning_content or said.reasoning)
        if isinstance(choice.finish_reason, str):
            reason = choice.finish_reason
    if chunk.usage is None:
        return Heard(text, thought, reason)
    usage = chunk.usage if isinstance(chunk.usage, dict) else {}
    read, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
    known = _count(read), _count(said)
    odd = (read is not None and known[0] is None) or (said not in (None, 0) and known[1] is None)
    return Heard(text, thought, reason, *known, odd or usage is not chunk.usage)


def _text(content: Any) -> str:
    """Content is a text; some servers send a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _count(value: Any) -> int | None:
    """A count of tokens that can be one: there is no request and no answer without any."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_TOKENS:
        return value
    return None
