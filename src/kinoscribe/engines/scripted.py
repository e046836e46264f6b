"""Turns an Ask into prepared pieces, or into a plain account of the request and the evidence, without any model.

For people who test their own client code. The file is TOML:

    [[answer]]
    when = "regular expression, searched in the prompt, or in lines `id: description` of segment definitions"
    finish = "stop"
    pieces = [ {text = "Hello"}, {wait = 2.0}, {fail = "reason"}, {die = true} ]

The first entry whose `when` is found plays; an entry without `when` fits every prompt. Without a file, or when
nothing fits, the answer is made from what was asked and what was perceived, the same for the same request.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.json_ends import name_of
from kinoscribe.contract.times import clock_time, seconds_number
from kinoscribe.engines.engine import (
    Ask,
    EngineState,
    Finished,
    Piece,
    SegmentField,
    SegmentWish,
    Sight,
    Text,
)
from kinoscribe.engines.fitted import fitted


class ScriptInvalid(Exception):
    """The file of prepared answers cannot be read; the message says where and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Step(_Strict):
    text: str | None = None
    wait: float | None = Field(None, ge=0, le=3600)
    fail: str | None = None
    die: bool = False


class _Answer(_Strict):
    when: str = ""
    finish: Literal["stop", "length"] = "stop"
    pieces: list[_Step] = Field(min_length=1)


class _Script(_Strict):
    answer: list[_Answer] = Field(min_length=1)


class ScriptedEngine:
    """Plays a script. Raises `ScriptInvalid` when the file is wrong."""

    name = "scripted"
    model = "scripted"
    version = "1"
    context_tokens = 1_000_000
    sees_pictures = True
    sight: Sight | None = None

    def __init__(self, file: Path | None = None) -> None:
        self._answers = [] if file is None else _read(file)

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        for pattern, answer in self._answers:
            if pattern.search(_words(ask)):
                yield from _play(answer, cancel)
                return
        yield from _account(ask, cancel)

    def state(self) -> EngineState:
        return EngineState(ready=True)

    def close(self) -> None:
        """Nothing is held."""


def _read(file: Path) -> list[tuple[re.Pattern[str], _Answer]]:
    try:
        script = _Script.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        return [(re.compile(answer.when), answer) for answer in script.answer]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError, re.error) as error:
        raise ScriptInvalid(f"The file of prepared answers {file} cannot be used: {error}") from error


def _play(answer: _Answer, cancel: Cancel) -> Iterator[Piece]:
    for step in answer.pieces:
        if step.wait is not None and cancel.wait(step.wait):
            raise Canceled
        cancel.check()
        if step.text is not None:
            yield Text(step.text)
        if step.die:
            raise EngineFailed(reason="its process ended in the middle of the answer.")
        if step.fail is not None:
            raise EngineFailed(reason=step.fail)
    yield Finished(answer.finish)


def _words(ask: Ask) -> str:
    """What `when` is searched in: the prompt, or the segments that are wanted, one a line."""
    return ask.prompt or "\n".join(f"{wish.id}: {wish.description}" for wish in ask.segments)


def _account(ask: Ask, cancel: Cancel) -> Iterator[Piece]:
    if ask.segments:
        found = {wish.id: _segments(wish, ask) for wish in ask.segments}
        yield Text(json.dumps(found, ensure_ascii=False))
        yield Finished(notes={"times": "exact"})
        return
    if ask.json_schema is not None:
        example = _Example(ask).value(ask.json_schema, "answer")
        yield Text(json.dumps(fitted(example, ask.json_schema), ensure_ascii=False))
        yield Finished()
        return
    for sentence in _sentences(ask):
        cancel.check()
        yield Text(sentence)
    yield Finished()


def _segments(wish: SegmentWish, ask: Ask) -> list[dict[str, object]]:
    """A segment for every shot, or one where no shots are known, in each range that is wanted."""
    found: list[dict[str, object]] = []
    for low, high in wish.ranges or ((ask.start, ask.end),):
        shots = [(s.start, s.end) for s in ask.notes.shots if s.start < high and s.end > low] or [(low, high)]
        for first, last in shots:
            start, end = max(first, low), min(last, high)
            values = {field.name: _value(field, start, end) for field in wish.fields}
            found.append({"start_time": start, "end_time": end, "metadata": values})
    return found


def _value(field: SegmentField, start: float, end: float) -> object:
    """A value of the type a field has."""
    match field.type:
        case "array":
            return [_value(replace(field, type=field.items or "string"), start, end)]
        case "time_array":
            inner = {one.name: _value(one, start, end) for one in field.fields}
            return [{"start_time": start, "end_time": end, **inner}]
        case "boolean":
            return True
        case "integer":
            return 1
        case "number" | "timestamp":
            return seconds_number(start)
    return field.enum[0] if field.enum else f"scripted {field.name}"


def _sentences(ask: Ask) -> Iterator[str]:
    notes, facts = ask.notes, ask.facts
    yield f"Scripted answer to “{ask.prompt[:200]}”. "
    yield f"The window runs from {clock_time(ask.start)} to {clock_time(ask.end)}. "
    for name, image in ask.images:
        digest = hashlib.sha256(image).hexdigest()
        yield f"The image {name} has {len(image)} bytes, SHA-256 {digest[:16]}. "
    sound = "with sound" if facts.has_audio else "without sound"
    yield f"The picture is {facts.width}x{facts.height}, {facts.video_codec}, {sound}. "
    shots = ", ".join(f"{clock_time(s.start)}-{clock_time(s.end)}" for s in notes.shots[:50])
    yield f"Shots: {len(notes.shots)}{': ' + shots if shots else ''}. "
    for sentence in notes.speech[:50]:
        yield f"Said at {clock_time(sentence.start)}: {sentence.text} "
    for line in notes.screen_text[:50]:
        yield f"Shown at {clock_time(line.start)}: {line.text} "
    for tag in notes.tags[:50]:
        yield f"Seen at {clock_time(tag.start)}: {tag.label}. "
    yield "End of the scripted answer."


class _Example:
    """Makes a value of the shape that a schema asks for; the caller fits it to bounds, patterns and the like."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._defined: dict[str, dict[str, Any]] = (ask.json_schema or {}).get("$defs", {})

    def value(self, schema: dict[str, Any], name: str, inside: tuple[str, ...] = ()) -> object:
        """What leads back to itself is given once; `inside` names the definitions on the way here."""
        if "enum" in schema:
            return schema["enum"][0]
        if "$ref" in schema:
            target = name_of(schema["$ref"])
            if target in inside:
                return None
            return self.value(self._defined[target], name, (*inside, target))
        if "anyOf" in schema:
            branches = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
            return self.value(branches[0], name, inside) if branches else None
        match schema["type"]:
            case "object":
                return {key: self.value(part, key, inside) for key, part in schema["properties"].items()}
            case "array":
                return [self.value(schema["items"], name, inside)]
            case "integer":
                return 1
            case "number":
                return seconds_number(self._ask.start)
            case "boolean":
                return True
            case "timestamp" if schema["format"] == "seconds":
                return seconds_number(self._ask.start)
            case "timestamp":
                return clock_time(self._ask.start, schema["format"])
            case "string":
                return f"scripted {name}"
        return None
