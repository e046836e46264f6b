"""Turns what is heard of one answer into pieces, once it is sure that they are pieces of an answer."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal

from kinoscribe.engines.engine import Finished, Piece, Text
from kinoscribe.engines.openai.exchange import ServerFailed
from kinoscribe.engines.openai.stream import Heard
from kinoscribe.engines.openai.thinking import Thoughts

# No token of a model's own tokenizer is longer on average.
_CHARACTERS_A_TOKEN = 64
# A model held to a grammar that lets white space through may write nothing else any more.
_MOST_SPACE = 4_000


class HeldBack(Exception):
    """The server's own rules keep the answer back."""


@dataclass(slots=True)
class Told:
    """What is known of an answer beside its text."""

    reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    characters: int = 0
    space: int = 0
    texts: list[str] = field(default_factory=list)


def pieces(
    heard: Generator[Heard, None, bool], *, whole: bool, thinks: bool, max_tokens: int
) -> Generator[Piece, None, None]:
    """Ends with `Finished`. With `whole` the text comes at once at the end, and nothing before.

    Raises `ServerFailed` for an answer that is cut off, or empty, and `HeldBack`.
    """
    told = Told()
    thoughts = Thoughts(inside=thinks)
    runaway = False
    marked = False
    try:
        while not runaway:
            try:
                one = next(heard)
            except StopIteration as end:
                marked = bool(end.value)
                break
            _note(told, one)
            text = thoughts.take(one.text) if one.text else ""
            if text:
                runaway = _counted(told, text, max_tokens)
                if whole:
                    told.texts.append(text)
                else:
                    yield Text(text)
    except ServerFailed:
        if told.reason is None:  # else the answer was there before the connection broke
            raise
    rest = thoughts.rest()
    if rest:
        told.characters += len(rest)
        if whole:
            told.texts.append(rest)
        else:
            yield Text(rest)
    reason = "length" if runaway else _ending(told, marked=marked)
    if whole or not told.characters:
        yield Text("".join(told.texts))
    yield Finished(
        reason=reason,
        input_tokens=told.input_tokens,
        output_tokens=_believed(told, max_tokens, thought=thoughts.dropped),
        notes={"thoughts": "dropped"} if thoughts.dropped else {},
    )


def _note(told: Told, one: Heard) -> None:
    told.reason = one.reason or told.reason
    told.input_tokens = one.input_tokens or told.input_tokens
    told.output_tokens = one.output_tokens or told.output_tokens


def _counted(told: Told, text: str, max_tokens: int) -> bool:
    """Whether the answer runs on without an end in sight."""
    told.characters += len(text)
    told.space = told.space + len(text) if text.isspace() else len(text) - len(text.rstrip())
    return told.space > _MOST_SPACE or told.characters > max_tokens * _CHARACTERS_A_TOKEN


def _ending(told: Told, *, marked: bool) -> Literal["stop", "length"]:
    match told.reason:
        case "length":
            return "length"
        case "content_filter":
            raise HeldBack
        case "abort" | "error" | "cancelled":
            raise ServerFailed("broke off in the middle of the answer")
        case None if not marked:
            raise ServerFailed("broke off in the middle of the answer")
    if not told.characters:
        raise ServerFailed("gave an empty answer")
    return "stop"


def _believed(told: Told, max_tokens: int, *, thought: bool) -> int | None:
    """The count of the answer's tokens, where it can be one: thoughts that were dropped are counted with it."""
    count = told.output_tokens
    if thought or count is None or not told.characters or count > max_tokens:
        return None
    return count
