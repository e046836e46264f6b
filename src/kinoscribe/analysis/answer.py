"""Turns evidence and the client's words into the text of an answer and its end."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

import structlog

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.meter import Meter
from kinoscribe.analysis.pictures import images_for, stills_of
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Ended, Event, TextPart
from kinoscribe.contract.limits import context_window
from kinoscribe.contract.warnings import truncated
from kinoscribe.engines.engine import Ask, Finished, Text
from kinoscribe.notes import Notes
from kinoscribe.output.conform import DoesNotFit, conform, repair_prompt
from kinoscribe.tokens import count_tokens, cut_to_tokens

_PART = 400
# More than any text has: beyond it an answer could not be sent in full anyway.
_CHARACTERS_A_TOKEN = 64
_log = structlog.get_logger(__name__)


def answer(job: Job, notes: Notes, tools: Tools) -> Generator[Event, None, Ended]:
    """Yields TextPart events and returns the end. Raises what the engine raises.

    What was spent so far is in `job.spent` at every moment.
    """
    cut = yield from _say(job, tools, notes)
    usage = job.spent.usage()
    return Ended(
        generation_id=job.generation_id,
        finish_reason="length" if cut else "stop",
        usage=usage,
        warning=truncated(usage.output_tokens, job.request.max_tokens) if cut else None,
    )


def _meter(job: Job, tools: Tools) -> Meter:
    room = min(context_window(job.request.model_name), tools.engine.context_tokens) - job.spent.input_tokens
    return Meter(max(0, min(job.request.max_tokens, room)), count_tokens, cut_to_tokens)


def _say(job: Job, tools: Tools, notes: Notes) -> Generator[Event, None, bool]:
    """Says the answer, keeps the count of its tokens, and returns whether something of it was cut off."""
    request = job.request
    meter = _meter(job, tools)
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
        images=images_for(tools.engine, job.pictures),
        stills=stills_of(job.request.images),
    )
    said = _say_text if request.json_schema is None else _say_json
    finished = yield from said(job, tools, ask, meter)
    if finished.output_tokens is not None:
        job.spent.output_tokens = finished.output_tokens
    if finished.input_tokens is not None:
        job.spent.input_tokens = finished.input_tokens
    return meter.full or finished.reason == "length"


def _say_text(job: Job, tools: Tools, ask: Ask, meter: Meter) -> Generator[Event, None, Finished]:
    with closing(_pieces(job, tools, ask)) as pieces:
        for piece in pieces:
            if isinstance(piece, Finished):
                return piece
            part = meter.take(piece.text)
            job.spent.output_tokens = meter.tokens
            if part:
                yield TextPart(part)
            if meter.full:
                return Finished("length")
    raise EngineFailed(reason="it stopped before the end of the answer.")


def _say_json(job: Job, tools: Tools, ask: Ask, meter: Meter) -> Generator[Event, None, Finished]:
    """JSON is checked as a whole before its first character is sent; the engine may answer once more."""
    assert ask.json_schema is not None
    text, finished = _whole(job, tools, ask)
    if finished.reason == "stop":
        try:
            text = conform(text, ask.json_schema)
        except DoesNotFit as fault:
            _log.info("answer_did_not_fit", generation_id=job.generation_id, reason=str(fault))
            again = replace(ask, prompt=repair_prompt(ask.prompt, text, str(fault)))
            text, finished = _whole(job, tools, again)
            if finished.reason == "stop":
                text = _fitting(text, ask.json_schema)
    part = meter.take(text)
    job.spent.output_tokens = meter.tokens
    for first in range(0, len(part), _PART):
        yield TextPart(part[first : first + _PART])
    return finished


def _fitting(text: str, schema: dict[str, Any]) -> str:
    try:
        return conform(text, schema)
    except DoesNotFit as fault:
        raise EngineFailed(reason=f"its answer was no JSON of the wanted shape, twice: {fault}.") from fault


def _whole(job: Job, tools: Tools, ask: Ask) -> tuple[str, Finished]:
    """All that the engine says; one that does not come to an end is cut off well beyond what may be sent."""
    texts: list[str] = []
    length = 0
    with closing(_pieces(job, tools, ask)) as pieces:
        for piece in pieces:
            if isinstance(piece, Finished):
                return "".join(texts), piece
            texts.append(piece.text)
            length += len(piece.text)
            if length > ask.max_tokens * _CHARACTERS_A_TOKEN:
                return "".join(texts), Finished("length")
    raise EngineFailed(reason="it stopped before the end of the answer.")


def _pieces(job: Job, tools: Tools, ask: Ask) -> Generator[Text | Finished, None, None]:
    pieces = tools.engine.generate(ask, job.cancel)
    try:
        for piece in pieces:
            job.cancel.check()
            yield Text(_characters(piece.text)) if isinstance(piece, Text) else piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _characters(text: str) -> str:
    """Text in which half a surrogate pair, which stands for no character, is marked as what cannot be read."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
