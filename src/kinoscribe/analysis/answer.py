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
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Ended, Event, TextPart
from kinoscribe.contract.limits import context_window
from kinoscribe.contract.warnings import truncated
from kinoscribe.engines.engine import Ask, Finished
from kinoscribe.notes import Notes
from kinoscribe.output.conform import DoesNotFit, conform, repair_prompt
from kinoscribe.tokens import count_tokens, cut_to_tokens

# More than any text has: beyond it an answer could not be sent in full anyway.
_CHARACTERS_A_TOKEN = 64
_log = structlog.get_logger(__name__)


def answer(job: Job, notes: Notes, _tools: Tools) -> Generator[Event, None, Ended]:
    """Yields TextPart events and returns the end. Raises what the engine raises.

    What was spent so far is in `job.spent` at every moment.
    """
    cut = yield from _say(job, notes)
    usage = job.spent.usage()
    return Ended(
        generation_id=job.generation_id,
        finish_reason="length" if cut else "stop",
        usage=usage,
        warning=truncated(usage.output_tokens, job.request.max_tokens) if cut else None,
    )


def _meter(job: Job) -> Meter:
    room = min(context_window(job.request.rules), job.engine.context_tokens) - job.spent.input_tokens
    return Meter(max(0, min(job.request.max_tokens, room)), count_tokens, cut_to_tokens)


def _say(job: Job, notes: Notes) -> Generator[Event, None, bool]:
    """Says the answer, keeps the count of its tokens, and returns whether something of it was cut off."""
    request = job.request
    meter = _meter(job)
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
        stills=stills_of(job.request.images),
    )
    said = _say_text if request.json_schema is None else _say_json
    finished = yield from said(job, ask, meter)
    if finished.output_tokens is not None:
        job.spent.output_tokens = finished.output_tokens
    if finished.input_tokens is not None:
        job.spent.input_tokens = finished.input_tokens
    return meter.full or finished.reason == "length"


def _say_text(job: Job, ask: Ask, meter: Meter) -> Generator[Event, None, Finished]:
    with closing(pieces(job, ask)) as said:
        for piece in said:
            if isinstance(piece, Finished):
                return piece
            part = meter.take(piece.text)
            job.spent.output_tokens = meter.tokens
            if part:
                yield TextPart(part)
            if meter.full:
                return Finished("length")
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
            again = replace(ask, prompt=repair_prompt(ask.prompt, text, str(fault)))
            text, finished = in_full(job, again, most)
            if finished.reason == "stop":
                text = _fitting(text, ask.json_schema)
    part = meter.take(text)
    job.spent.output_tokens = meter.tokens
    yield from parts(part)
    return finished


def _fitting(text: str, schema: dict[str, Any]) -> str:
    try:
        return conform(text, schema)
    except DoesNotFit as fault:
        raise EngineFailed(reason=f"its answer was no JSON of the wanted shape, twice: {fault}.") from fault
