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
# A count that differs from ours by more is no count of what was sent; an answer may have some marks of its end.
_FACTOR = 6
_ENDS = 8
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
    bytes: int = 0
    space: int = 0
    thought: bool = False
    miscounted: bool = False
    blank: bool = True
    texts: list[str] = field(default_factory=list)


def pieces(
    heard: Generator[Heard, None, bool], *, whole: bool, thinks: bool, sent: int, max_tokens: int
) -> Generator[Piece, None, None]:
    """Ends with `Finished`. With `whole` the text comes at once at the end, and nothing before.

    Without it white space at the begin is held back: an answer of nothing else is an empty one.
    `sent` is about how many tokens were sent, `max_tokens` how many were allowed.

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
                if whole or told.blank:
                    told.texts.append(text)
                else:
                    yield Text(_all_of(told, text))
    except ServerFailed:
        if told.reason is None:  # else the answer was there before the connection broke
            raise
    rest = thoughts.rest()
    if rest:
        _counted(told, rest, max_tokens)
        if whole or told.blank:
            told.texts.append(rest)
        else:
            yield Text(_all_of(told, rest))
    reason = "length" if runaway else _ending(told, marked=marked)
    if whole or told.blank:
        yield Text("".join(told.texts))
    told.thought = told.thought or thoughts.dropped
    yield Finished(
        reason=reason,
        input_tokens=_believed_input(told, sent),
        output_tokens=_believed_output(told, max_tokens),
        notes=_notes(told, sent, max_tokens),
    )


def _note(told: Told, one: Heard) -> None:
    told.reason = one.reason or told.reason
    told.input_tokens = one.input_tokens or told.input_tokens
    told.output_tokens = one.output_tokens or told.output_tokens
    told.thought = told.thought or one.thought
    told.miscounted = told.miscounted or one.miscounted


def _all_of(told: Told, text: str) -> str:
    """The text with the white space that was held back before it."""
    if not told.texts:
        return text
    held = "".join(told.texts)
    told.texts.clear()
    return held + text


def _counted(told: Told, text: str, max_tokens: int) -> bool:
    """Whether the answer runs on without an end in sight."""
    told.blank = told.blank and text.isspace()
    told.characters += len(text)
    told.bytes += len(text.encode("utf-8", "replace"))
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
    if told.blank:
        raise ServerFailed("gave an empty answer")
    return "stop"


def _believed_input(told: Told, sent: int) -> int | None:
    """The count of what was sent, where it can be one; nobody knows exactly what pictures take."""
    count = told.input_tokens
    return count if count is not None and sent / _FACTOR <= count <= sent * _FACTOR else None


def _believed_output(told: Told, max_tokens: int) -> int | None:
    """The count of the answer's tokens, where it can be one: thoughts are counted with it."""
    count = told.output_tokens
    if told.thought or count is None or count > max_tokens or count > told.bytes + _ENDS:
        return None
    return count if count * _CHARACTERS_A_TOKEN >= told.characters else None


def _notes(told: Told, sent: int, max_tokens: int) -> dict[str, str]:
    notes = {"thoughts": "dropped"} if told.thought else {}
    if told.miscounted and (told.input_tokens is None or told.output_tokens is None):
        notes["counts"] = "the server's are none, so that tokens were counted here"
    if told.output_tokens is not None and not told.thought and _believed_output(told, max_tokens) is None:
        notes["output"] = f"the server counts {told.output_tokens} tokens of the answer, which cannot be"
    if told.input_tokens is not None and _believed_input(told, sent) is None:
        notes["input"] = f"the server counts {told.input_tokens} tokens, about {sent} were sent"
    elif told.input_tokens is not None and told.input_tokens * 2 < sent:
        notes["input"] = f"the server has read {told.input_tokens} tokens, about {sent} were sent"
    return notes
