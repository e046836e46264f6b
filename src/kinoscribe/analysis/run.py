"""Turns a request into an answer: `prepare` does all that may refuse it, `events` says all that follows."""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace

from kinoscribe import clock, ids
from kinoscribe.analysis.answer import answer
from kinoscribe.analysis.job import Job, Spent
from kinoscribe.analysis.receipt import Looked, Stopwatch
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import ServiceUnavailable, TokenLimitExceeded
from kinoscribe.contract.events import Event, Started
from kinoscribe.contract.limits import context_window
from kinoscribe.contract.sources import Base64Source, VideoSource
from kinoscribe.contract.video import check_video, choose_window
from kinoscribe.sources.resolve import Source
from kinoscribe.tokens import count_tokens


def prepare(
    request: AnalyzeRequest, account: str, tools: Tools, cancel: Cancel, *, source: Source | None = None
) -> Job:
    """Does everything that can refuse the request. Nothing has been said yet.

    `source` takes the place of the request's own: a file that only the owner of this machine can name.
    Raises an `ApiError` of contract sections 2 to 4, or `Canceled`. The caller closes the job.
    """
    stopwatch = Stopwatch()
    source = source or request.video
    state = tools.engine.state()
    for reason in ([] if state.ready else [state.reason]) + tools.gatherer.missing():
        raise ServiceUnavailable(reason=reason)
    with ExitStack() as held:
        content = held.enter_context(tools.resolver.resolve(source, account, cancel))
        stopwatch.lap("fetch")
        facts = content.facts or tools.facts.of(content.path, content.sha256, cancel)
        stopwatch.lap("probe")
        shortest = tools.settings.shortest_seconds
        check_video(facts, request.model_name, shortest=shortest)
        window = choose_window(
            facts, request.start_time, request.end_time, request.model_name, shortest=shortest
        )
        needed = count_tokens(request.prompt_text)
        most = min(context_window(request.model_name), tools.engine.context_tokens)
        if needed >= most:
            raise TokenLimitExceeded
        looked = Looked(
            source=source.kind,
            content=content.sha256,
            bytes=content.bytes,
            facts=facts,
            start=window.start,
            end=window.end,
        )
        return Job(
            generation_id=ids.new_generation_id(),
            account=account,
            request=replace(request, video=_without_bytes(request.video)),
            content=content,
            looked=looked,
            spent=Spent(input_tokens=needed),
            cancel=cancel,
            held=held.pop_all(),
            stopwatch=stopwatch,
        )
    raise AssertionError("an ExitStack never swallows")


def _without_bytes(source: VideoSource) -> VideoSource:
    """A video that came inside the body lies on disk by now; its text need not stay in memory for the answer."""
    return Base64Source("") if isinstance(source, Base64Source) else source


def events(job: Job, tools: Tools) -> Generator[Event, None, None]:
    """Says the answer. May still fail by raising, but no longer refuses. Whoever starts it closes it."""
    created = clock.now()
    yield Started(job.generation_id)
    yield from answer(job, tools, created)
