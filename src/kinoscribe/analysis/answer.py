"""Turns evidence and the client's words into the text of an answer and its end."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

import structlog

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.meter import Meter
from kinoscribe.analysis.pictures import images_for, stills_of
from kinoscribe.analysis.said import broke_off, in_full, parts, pieces
from kinoscribe.analysis.scene import Scene, scene_of, shrinking
from kinoscribe.analysis.shown import shown
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import ContextTooLong, EngineFailed
from kinoscribe.contract.events import Ended, Event, TextPart
from kinoscribe.contract.limits import context_window
from kinoscribe.contract.warnings import truncated, unseen
from kinoscribe.engines.engine import Ask, Finished
from kinoscribe.notes import Notes
from kinoscribe.output.conform import DoesNotFit, conform, repair_prompt
from kinoscribe.tokens import count_tokens, cut_to_tokens

# More than any text has: beyond it an answer could not be sent in full anyway.
_CHARACTERS_A_TOKEN = 64
_log = structlog.get_logger(__name__)


def answer(job: Job, notes: Notes, tools: Tools) -> Generator[Event, None, Ended]:
    """Yields TextPart and Progress events and returns the end. Raises what the engine raises.

    What was spent so far is in `job.spent` at every moment.
    """
    scene = scene_of(job, notes, tools)
    cut = yield from (_told(job, notes) if scene is None else shrinking(scene, _looked))
    usage = job.spent.usage()
    warnings = [truncated(usage.output_tokens, job.request.max_tokens)] if cut else []
    if missing := job.ledger.missing():
        warnings.append(unseen(missing, job.ledger.reason()))
    return Ended(
        generation_id=job.generation_id,
        finish_reason="length" if warnings else "stop",
        usage=usage,
        warning=" ".join(warnings) or None,
    )


def _told(job: Job, notes: Notes) -> Generator[Event, None, bool]:
    """The answer of an engine that reads the evidence itself; whether something of it was cut off."""
    request = job.request
    room = min(context_window(request.rules), job.engine.context_tokens) - job.spent.input_tokens
    ask = Ask(
        prompt=request.prompt_text,
        facts=job.looked.facts,
        notes=notes,
        start=job.looked.start,
        end=job.looked.end,
        model_name=request.model_name,
        temperature=request.temperature,
        max_tokens=request.max_tokens,
        json_schema=request.json_schema,
        images=images_for(job.engine, job.pictures),
        stills=stills_of(request.images),
    )
    return (yield from _say(job, ask, max(0, min(request.max_tokens, room)), before=0))


def _looked(scene: Scene) -> Generator[Event, None, bool]:
    """The answer of an engine with a sight; whether something of it was cut off."""
    job = scene.job
    asked = yield from shown(scene)
    before = job.spent.input_tokens - job.words
    job.spent.input_tokens = before + asked.tokens
    try:
        return (yield from _say(job, asked.ask, asked.ask.max_tokens, before=before))
    except ContextTooLong:
        job.spent.input_tokens = before + job.words
        raise
    finally:
        job.ledger.ask("answer", job.spent.input_tokens - before, job.spent.output_tokens)


def _say(job: Job, ask: Ask, most: int, *, before: int) -> Generator[Event, None, bool]:
    """Says at most so many tokens of the answer and counts all; whether something was cut off.

    `before` are the tokens other asks took for it.
    """
    meter = Meter(most, count_tokens, cut_to_tokens)
    said = _say_text if ask.json_schema is None else _say_json
    finished = yield from said(job, ask, meter)
    job.ledger.hear(finished.notes)
    if finished.output_tokens is not None:
        job.spent.output_tokens = finished.output_tokens
    if finished.input_tokens is not None:
        job.spent.input_tokens = before + finished.input_tokens
    return meter.full or finished.reason == "length"


def _say_text(job: Job, ask: Ask, meter: Meter) -> Generator[Event, None, Finished]:
    job.spent.counting = lambda: meter.tokens
    try:
        with closing(pieces(job, ask)) as said:
            for piece in said:
                if isinstance(piece, Finished):
                    return piece
                part = meter.take(piece.text)
                if part:
                    yield TextPart(part)
                if meter.full:
                    return Finished("length")
    finally:
        job.spent.output_tokens = meter.tokens
        job.spent.counting = None
    raise broke_off()


def _say_json(job: Job, ask: Ask, meter: Meter) -> Generator[Event, None, Finished]:
    """JSON is checked as a whole before its first character is sent; the engine may answer once more."""
    assert ask.json_schema is not None
    most = ask.max_tokens * _CHARACTERS_A_TOKEN
    text, finished = in_full(job, ask, most)
    if finished.reason == "stop":
        try:
            text = conform(text, ask.json_schema)
        except DoesNotFit as fault:
            _log.info("answer_did_not_fit", generation_id=job.generation_id, reason=str(fault))
            _unusable(job, text, finished, again=True)
            again = replace(ask, prompt=repair_prompt(ask.prompt, text, str(fault)))
            text, finished = in_full(job, again, most)
            if finished.reason == "stop":
                text = _fitting(job, text, finished, ask.json_schema)
    part = meter.take(text)
    job.spent.output_tokens = meter.tokens
    if job.engine.sight is not None and (meter.full or finished.reason == "length"):
        part = _closed(part, ask.json_schema)
    yield from parts(part)
    return finished


def _closed(text: str, schema: dict[str, Any]) -> str:
    """A text that was cut, closed after its last complete element; as it is where that fits the schema no more."""
    try:
        return conform(text, schema)
    except DoesNotFit:
        return text


def _unusable(job: Job, text: str, finished: Finished, *, again: bool) -> None:
    """Puts an answer that is of no use into the books: it has cost tokens all the same."""
    job.ledger.hear(finished.notes)
    job.ledger.unusable("answered with what is no JSON of the wanted shape", again=again)
    if again:
        told = count_tokens(text) if finished.output_tokens is None else finished.output_tokens
        job.ledger.ask("repair", finished.input_tokens or 0, told)


def _fitting(job: Job, text: str, finished: Finished, schema: dict[str, Any]) -> str:
    try:
        return conform(text, schema)
    except DoesNotFit as fault:
        _unusable(job, text, finished, again=False)
        raise EngineFailed(reason=f"its answer was no JSON of the wanted shape, twice: {fault}.") from fault
