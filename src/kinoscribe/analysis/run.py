"""Turns a request into an answer: `prepare` does all that may refuse it, `events` says all that follows."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from kinoscribe import clock, ids
from kinoscribe.analysis.admit import admit, named_source
from kinoscribe.analysis.answer import answer
from kinoscribe.analysis.asked_before import Say, once
from kinoscribe.analysis.job import Job, Kept, KeptHere, Spent
from kinoscribe.analysis.ledger import Ledger
from kinoscribe.analysis.pictures import read_pictures, reel_of
from kinoscribe.analysis.receipt import Looked, Stopwatch, receipt_body
from kinoscribe.analysis.segment import segment
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import ApiError, ServiceUnavailable, TokenLimitExceeded
from kinoscribe.contract.events import Ended, Event, Progress, Started, Usage
from kinoscribe.contract.limits import Mode, context_window
from kinoscribe.contract.sources import Base64Source, VideoSource
from kinoscribe.engines.engine import Engine, EngineState
from kinoscribe.evidence.brief import brief
from kinoscribe.evidence.picture_search import Sample, with_sightings
from kinoscribe.notes import Notes, within
from kinoscribe.sources.resolve import Source
from kinoscribe.tokens import count_tokens

_log = structlog.get_logger(__name__)

MODES: dict[str, Say] = {"general": answer, "time_based_metadata": segment}


def prepare(
    request: AnalyzeRequest,
    account: str,
    tools: Tools,
    cancel: Cancel,
    *,
    source: Source | None = None,
    mode: Mode = "sync",
    kept: Kept | None = None,
    files: Mapping[str, str] | None = None,
) -> Job:
    """Does everything that can refuse the request. Nothing has been said yet.

    `source` takes the place of the request's own: a file that no client can name. Only a synchronous request
    waits for an asset that is still processing. `kept` brings what an earlier attempt has finished, `files` the
    contents of the files that are kept with a task, by name.
    Raises an `ApiError` of contract sections 2 to 4, or `Canceled`. The caller closes the job.
    """
    stopwatch = Stopwatch()
    engine = tools.engines.of(request.model_name)
    state = engine.state()
    if not state.ready:
        raise _unready(state, request, account, engine, tools, stopwatch)
    for reason in tools.gatherer.missing():
        raise ServiceUnavailable(reason=reason)
    with ExitStack() as held:
        pictures = read_pictures(request, account, tools, engine, cancel, files or {})
        kind: str
        if request.images:
            kind, content = "image", held.enter_context(reel_of(pictures, tools))
        else:
            source = source or named_source(request)
            lent = tools.resolver.resolve(source, account, cancel, patient=mode == "sync")
            kind, content = source.kind, held.enter_context(lent)
        stopwatch.lap("fetch")
        facts = content.facts or tools.facts.of(content.path, content.sha256, cancel, account=account)
        stopwatch.lap("probe")
        admitted = admit(
            request, facts, kind, mode, 0.0 if request.images else tools.settings.shortest_seconds
        )
        needed = count_tokens(request.words)
        most = min(context_window(request.rules), engine.context_tokens)
        if needed >= most:
            raise TokenLimitExceeded
        looked = Looked(
            source=kind,
            content=content.sha256,
            bytes=content.bytes,
            facts=facts,
            start=admitted.window.start,
            end=admitted.window.end,
        )
        video = _without_bytes(request.video)
        return Job(
            generation_id=ids.new_generation_id(),
            account=account,
            request=replace(request, video=video, segmentation=admitted.segmentation),
            content=content,
            looked=looked,
            words=needed,
            spent=Spent(input_tokens=needed),
            cancel=cancel,
            held=held.pop_all(),
            engine=engine,
            stopwatch=stopwatch,
            kept=kept or KeptHere(),
            pictures=pictures,
        )
    raise AssertionError("an ExitStack never swallows")


def _unready(
    state: EngineState,
    request: AnalyzeRequest,
    account: str,
    engine: Engine,
    tools: Tools,
    stopwatch: Stopwatch,
) -> ServiceUnavailable:
    """The refusal where nobody can answer. Which servers were looked for in vain stands in a receipt."""
    error = ServiceUnavailable(reason=state.reason)
    if not state.missed:
        return error
    ledger, generation_id = Ledger(), ids.new_generation_id()
    for missed in state.missed:
        ledger.miss(missed)
    stopwatch.lap("fetch")
    body = receipt_body(
        generation_id=generation_id,
        created=clock.now(),
        model_name=request.model_name,
        engine=engine,
        looked=None,
        notes=None,
        evidence_kept=False,
        stopwatch=stopwatch,
        ledger=ledger,
        ended=Ended(generation_id, finish_reason=None, usage=Usage(0, 0), error=error),
    )
    if _kept(body, account, None, tools):
        error.receipt = generation_id
    return error


def _without_bytes(source: VideoSource | None) -> VideoSource | None:
    """A video that came inside the body lies on disk by now; its text need not stay in memory for the answer."""
    return Base64Source("") if isinstance(source, Base64Source) else source


def events(job: Job, tools: Tools) -> Generator[Event, None, None]:
    """Says the answer. May still fail by raising, but no longer refuses. Whoever starts it closes it.

    The receipt is kept before the last event goes out, and also when the answer fails.
    """
    created = clock.now()
    yield Started(job.generation_id)
    notes: Notes | None = None
    from_store = _asked_again(job, tools)
    try:
        whole, waited = yield from _gathered(job, tools)
        from_store = from_store and not waited
        job.stopwatch.lap("evidence")
        whole = yield from _with_pictures(job, whole, tools)
        notes = within(whole, job.looked.start, job.looked.end)
        if job.engine.sight is None:
            job.spent.input_tokens += count_tokens(brief(notes))
        yield Progress("answer", 0.0)
        ended = yield from once(job, notes, tools, MODES[job.request.analysis_mode])
        job.stopwatch.lap("answer")
    except ApiError as error:
        failed = Ended(
            generation_id=job.generation_id, finish_reason=None, usage=job.spent.usage(), error=error
        )
        if _keep_receipt(job, tools, created, notes, failed, from_store=from_store):
            error.receipt = job.generation_id
        raise
    yield Progress("answer", 1.0)
    _keep_receipt(job, tools, created, notes, ended, from_store=from_store)
    yield ended


def _gathered(job: Job, tools: Tools) -> Generator[Event, None, tuple[Notes, bool]]:
    """The evidence, and whether there was anything to wait for."""
    gathering = tools.gatherer.gather(
        job.content.path, job.looked.content, job.looked.facts, job.cancel, account=job.account
    )
    waited = False
    with closing(gathering):
        while True:
            try:
                progress = next(gathering)
            except StopIteration as end:
                notes: Notes = end.value
                return notes, waited
            waited = True
            yield progress


def _with_pictures(job: Job, notes: Notes, tools: Tools) -> Generator[Event, None, Notes]:
    """The notes with where the reference pictures are seen, for an engine that cannot look for them itself."""
    if not job.pictures or job.request.images or job.engine.sees_pictures:
        return notes
    samples = tuple(Sample(one.name, one.content, one.cutout) for one in job.pictures)
    found = yield from tools.search.find(
        job.content.path, job.looked.content, job.looked.facts, samples, job.cancel, account=job.account
    )
    job.stopwatch.lap("pictures")
    return with_sightings(notes, found)


def _asked_again(job: Job, tools: Tools) -> bool:
    """Whether the evidence is kept and this account had an answer of it: what others have asked is not told."""
    if tools.gatherer.kept(job.looked.content) is None:
        return False
    try:
        return tools.receipts.knows(job.account, job.looked.content)
    except ApiError:
        return False


def _keep_receipt(
    job: Job, tools: Tools, created: datetime, notes: Notes | None, ended: Ended, *, from_store: bool
) -> bool:
    body = receipt_body(
        generation_id=job.generation_id,
        created=created,
        model_name=job.request.model_name,
        engine=job.engine,
        looked=job.looked,
        notes=notes,
        evidence_kept=from_store,
        stopwatch=job.stopwatch,
        ledger=None if job.engine.sight is None else job.ledger,
        ended=ended,
    )
    return _kept(body, job.account, job.looked.content, tools)


def _kept(body: dict[str, Any], account: str, content: str | None, tools: Tools) -> bool:
    """Whether the receipt could be kept: an answer is not spoilt by one that could not."""
    generation_id = body["generation_id"]
    try:
        tools.receipts.keep(account, generation_id, body, content)
    except ApiError as error:
        _log.warning("receipt_not_kept", generation_id=generation_id, reason=error.message)
        return False
    return True
