"""Turns a checked request into a task that waits in the queue, or refuses what can be seen to fail already."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Timer

from kinoscribe.analysis.admit import admit, named_source
from kinoscribe.analysis.pictures import Wanted, named_assets, wanted_pictures
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import (
    ParameterInvalid,
    ServiceUnavailable,
    SourceUnreachable,
)
from kinoscribe.contract.sources import (
    AssetSource,
    Base64Source,
    UrlSource,
    VideoIdSource,
    VideoSource,
    decode_base64,
)
from kinoscribe.contract.task_params import request_params, video_source
from kinoscribe.contract.task_request import TaskRequest, inline_files, stored_request
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.decoders import PictureRefused
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.idempotency_rows import Once
from kinoscribe.storage.task_rows import NewTask, QueueLimits, Submitted, Task
from kinoscribe.storage.video_rows import Video


def nothing_reserved(_seconds: float) -> None:
    """Lets every length pass."""


def submit(
    task: TaskRequest,
    account: str,
    tools: Tools,
    cancel: Cancel,
    *,
    key_id: str | None = None,
    once: Once[Task] | None = None,
    reserve: Callable[[float], None] = nothing_reserved,
) -> Submitted:
    """Keeps the task with the files that came inside it, all or nothing.

    `key_id` is the API key it came with. `reserve` gets the seconds of video that are asked about, where they are
    known, and may raise.
    Raises what sections 3 and 6 of the contract say of a source that can never be analysed, as far as it is known
    by now; `QueueFull`, `StorageFull`, `IdempotencyKeyReused`, or `Canceled`.
    """
    request = task.request
    source = None if request.images else named_source(request)
    with ExitStack() as held:
        files = _decoded(task, tools.blobs, held)
        _check_pictures(request, dict(files), account, tools, cancel)
        facts = None if source is None else _facts(source, dict(files), account, tools, cancel)
        if source is not None and facts is not None:
            shortest = tools.settings.shortest_seconds
            reserve(admit(request, facts, source.kind, "async", shortest).window.length)
        contents = {name: stored.sha256 for name, stored in files}
        indexed = _indexed(source, account, tools)
        new = NewTask(
            account=account,
            key_id=key_id,
            custom_id=task.custom_id,
            analysis_mode=request.analysis_mode,
            model_name=request.model_name,
            request=stored_request(task, contents),
            params=request_params(task),
            source=None if source is None else video_source(source, indexed.index_id if indexed else None),
            video_url=source.url if isinstance(source, UrlSource) else None,
            asset_id=source.asset_id if isinstance(source, AssetSource) else None,
            video_id=source.video_id if isinstance(source, VideoIdSource) else None,
            files=tuple(files),
            assets=((("video", source.asset_id),) if isinstance(source, AssetSource) else ())
            + ((("video", indexed.asset_id),) if indexed else ())
            + named_assets(request),
            duration=None if facts is None else facts.duration,
        )
        cancel.check()
        limits = QueueLimits(tools.settings.queue_most, tools.settings.queue_most_account)
        submitted = tools.tasks.submit(new, limits=limits, once=once)
    if submitted.task is not None:
        tools.wake.ring()
    return submitted


def _check_pictures(
    request: AnalyzeRequest, files: dict[str, Stored], account: str, tools: Tools, cancel: Cancel
) -> None:
    """Raises for a picture that can never be used."""
    distant = []
    for wanted in wanted_pictures(request):
        if wanted.file in files:
            try:
                tools.decoders.picture_facts(files[wanted.file].path, cancel)
            except PictureRefused as error:
                raise ParameterInvalid(p=wanted.at, reason=error.reason) from error
        elif isinstance(wanted.source, AssetSource):
            tools.pictures.check_asset(wanted.source.asset_id, wanted.at, account)
        elif isinstance(wanted.source, UrlSource):
            distant.append(wanted)
    if distant and tools.settings.glance_seconds > 0:
        _glance_at(distant, account, tools)


def _glance_at(distant: list[Wanted], account: str, tools: Tools) -> None:
    """Raises for a picture that its URL will never bring; those whose hosts are away or slow are left to the worker.

    All together have the time of one glance.
    """
    with _patience(tools.settings.glance_seconds) as late:
        for wanted in distant:
            if late.thrown:
                return
            with suppress(Canceled, SourceUnreachable, ServiceUnavailable):
                tools.pictures.read(wanted.source, wanted.at, wanted.most, 64, account, late)


@contextmanager
def _patience(seconds: float) -> Iterator[Cancel]:
    """A switch that is thrown when the time is over."""
    late = Cancel()
    timer = Timer(seconds, late.throw)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _decoded(task: TaskRequest, blobs: Blobs, held: ExitStack) -> list[tuple[str, Stored]]:
    """The files that came inside the body. They are gone when `held` is closed, unless the task keeps them."""
    files: list[tuple[str, Stored]] = []
    for file in inline_files(task):
        incoming = held.enter_context(blobs.begin())
        incoming.write(decode_base64(file.text, file.path, file.most))
        files.append((file.name, incoming.finish()))
    return files


def _facts(
    source: VideoSource, files: dict[str, Stored], account: str, tools: Tools, cancel: Cancel
) -> VideoFacts | None:
    """What is known of the video by now; None when only the worker will see it."""
    match source:
        case AssetSource(asset_id=asset_id):
            return tools.resolver.known_video(account, asset_id).facts
        case VideoIdSource(video_id=video_id):
            return tools.resolver.indexed_video(account, video_id)[1].facts
        case Base64Source():
            video = files["video"]
            return _probed(video.path, video.sha256, account, tools, cancel)
        case UrlSource():
            return _glance(source, account, tools, tools.settings.glance_seconds)


def _indexed(source: VideoSource | None, account: str, tools: Tools) -> Video | None:
    """The video of an index that the source names, if it names one."""
    return (
        tools.resolver.indexed_video(account, source.video_id)[0]
        if isinstance(source, VideoIdSource)
        else None
    )


def _glance(source: UrlSource, account: str, tools: Tools, seconds: float) -> VideoFacts | None:
    if seconds == 0:
        return None
    try:
        with _patience(seconds) as late, tools.resolver.glance(source, late) as content:
            return None if content is None else _probed(content.path, content.sha256, account, tools, late)
    except Canceled:
        return None


def _probed(path: Path, content: str, account: str, tools: Tools, cancel: Cancel) -> VideoFacts | None:
    try:
        return tools.facts.of(path, content, cancel, account=account)
    except ServiceUnavailable:
        return None  # no decoder can be started now: the worker will look
