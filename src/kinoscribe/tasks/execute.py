"""Turns one claim on a task into what came of it: a result, a failure, or another attempt later."""

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import ceil

import structlog

from kinoscribe import clock
from kinoscribe.analysis.expected import expected
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    AssetNotReady,
    DatabaseUnavailable,
    EngineFailed,
    ResourceNotExist,
    StorageFull,
)
from kinoscribe.contract.events import Ended, Progress, TextPart
from kinoscribe.contract.sources import Base64Source
from kinoscribe.contract.task_request import read_stored
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import KeptFile
from kinoscribe.storage.task_queue import Claim, Outcome, Task, TaskQueue
from kinoscribe.tasks.progress import Course
from kinoscribe.tasks.retry import wait_before, wait_for_asset

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
# A result that does not fit on the disk for so long is given up; its task is then tried again.
_FULL_PATIENCE = 60.0

_log = structlog.get_logger(__name__)

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Again:
    """Another attempt in `wait` seconds. A `strike` counts against the attempts that are made at most."""

    wait: float
    error: ApiError
    strike: bool


Verdict = Outcome | ApiError | Again


def execute(task: Task, tools: Tools, queue: TaskQueue, cancel: Cancel, tell: Tell) -> None:
    """Works on `task`, whose claim is the caller's, and hands in what came of it.

    `tell` gets the stage and the share of the whole that is done. Ends soon after `cancel` is thrown: nothing is
    handed in then, and whoever threw it knows what becomes of the task.
    """
    log = _log.bind(task=task.id, attempt=task.attempt)
    verdict = attempt(task, tools, queue, cancel, tell)
    if verdict is None:
        log.info("task_dropped")
        return
    if hand_in(verdict, task, tools.settings, queue, cancel):
        match verdict:
            case Outcome():
                log.info("task_ready", generation_id=verdict.generation_id)
                _charge(task, tools, tokens=(verdict.input_tokens or 0) + verdict.output_tokens)
            case Again(wait=wait, error=error):
                log.warning("task_again", seconds=round(wait, 1), reason=error.message)
            case ApiError():
                log.warning("task_failed", code=verdict.code, reason=verdict.message)
    else:
        log.warning("task_lost")


def attempt(task: Task, tools: Tools, queue: TaskQueue, cancel: Cancel, tell: Tell) -> Verdict | None:
    """What came of one attempt; None when nobody wants it any more."""
    try:
        return _outcome(task, tools, queue, cancel, tell)
    except Canceled:
        return None
    except ApiError as error:
        return after(error, task, tools.settings)
    except Exception:  # noqa: BLE001  the edge of this work: logged in full, told in general
        _log.exception("unexpected", task=task.id, attempt=task.attempt)
        return ApiError()


def after(error: ApiError, task: Task, settings: Settings) -> Verdict:
    """Whether a failure is final, or how long to wait."""
    if isinstance(error, AssetNotReady):
        began = task.started_at or task.created_at
        wait = wait_for_asset(task.attempt, (clock.now() - began).total_seconds())
        return error if wait is None else Again(wait, error, strike=False)
    wait = wait_before(
        task.strikes + 1,
        error,
        attempts=settings.task_attempts,
        first=settings.retry_seconds,
        chance=random.random(),  # noqa: S311  it only spreads retries
    )
    return error if wait is None else Again(wait, error, strike=True)


def hand_in(verdict: Verdict, task: Task, settings: Settings, queue: TaskQueue, cancel: Cancel) -> bool:
    """Keeps the verdict. False when the task belongs to somebody else by now.

    A database that is away, or a disk that is full, is waited for until the lease has passed: `cancel` says so.
    """
    full_until = clock.steady() + _FULL_PATIENCE

    def keep() -> bool:
        match verdict:
            case Outcome():
                try:
                    return queue.finish(task.claim, verdict)
                except StorageFull as error:
                    if clock.steady() < full_until:
                        raise
                    return _keep_failure(after(error, task, settings), task.claim, queue)
            case _:
                return _keep_failure(verdict, task.claim, queue)

    try:
        return _insist(keep, cancel)
    except Canceled:
        return False


def _keep_failure(verdict: Verdict, claim: Claim, queue: TaskQueue) -> bool:
    match verdict:
        case Again(wait=wait, error=error, strike=strike):
            return queue.again(claim, wait, error, strike=strike)
        case ApiError():
            return queue.fail(claim, verdict)
        case Outcome():
            raise AssertionError("an outcome is no failure")


def _insist(work: Callable[[], bool], cancel: Cancel) -> bool:
    """Does `work` again until the database takes it. Raises `Canceled`."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return work()
        except (DatabaseUnavailable, StorageFull):
            cancel.wait(pause)
            cancel.check()
            pause = min(2 * pause, _LONGEST_PAUSE)


def _outcome(task: Task, tools: Tools, queue: TaskQueue, cancel: Cancel, tell: Tell) -> Outcome:
    course = Course(_stages(tools.settings))
    tell(*course.see(Progress("fetch", 0.0)))
    with closing(_prepared(task, tools, queue, cancel)) as job:
        tell(*course.see(Progress("probe", 1.0)))
        if not _insist(lambda: queue.begin(task.claim, job.looked.facts.duration), cancel):
            raise Canceled
        if task.duration is None:  # else it was counted when the task was taken in
            _charge(task, tools, seconds=ceil(job.looked.end - job.looked.start))
        course.expect(expected(job))
        return _answer(job, tools, course, tell)


def _prepared(task: Task, tools: Tools, queue: TaskQueue, cancel: Cancel) -> Job:
    request = read_stored(task.request, tools.engines.names).request
    kept = KeptWindows(queue, task.claim)
    source = KeptFile(request.video.text) if isinstance(request.video, Base64Source) else None
    files = {file.name: file.content for file in queue.files(task.id)}
    try:
        return prepare(
            request, task.account, tools, cancel, source=source, mode="async", kept=kept, files=files
        )
    except ResourceNotExist:
        # An asset that was deleted since: its file is kept for the task.
        if source is not None or "video" not in files:
            raise
        file = KeptFile(files["video"], "asset_id")
        return prepare(
            request, task.account, tools, cancel, source=file, mode="async", kept=kept, files=files
        )


def _answer(job: Job, tools: Tools, course: Course, tell: Tell) -> Outcome:
    texts: list[str] = []
    with closing(events(job, tools)) as said:
        for event in said:
            match event:
                case Progress():
                    tell(*course.see(event))
                case TextPart(text=text):
                    texts.append(text)
                case Ended(finish_reason=reason, usage=usage, warning=warning) if reason is not None:
                    return Outcome(
                        generation_id=job.generation_id,
                        data=_storable("".join(texts)),
                        finish_reason=reason,
                        input_tokens=usage.input_tokens,
                        output_tokens=usage.output_tokens,
                        warning=warning,
                    )
                case _:
                    continue
    raise EngineFailed(reason="it stopped before the end of the answer.")


def _charge(task: Task, tools: Tools, *, seconds: int = 0, tokens: int = 0) -> None:
    """Counts what was used against the limits of the account and its key. Nobody waits for that."""
    try:
        counters = tools.rates.counters(task.account, task.key_id, "analyze")
        tools.rates.charge(counters, seconds=seconds, tokens=tokens)
    except ApiError as error:
        _log.warning("use_not_counted", task=task.id, reason=error.message)


def _storable(text: str) -> str:
    """Without what PostgreSQL keeps in no text: the character NUL and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _stages(settings: Settings) -> tuple[str, ...]:
    """The stages of the evidence that are told of: pictures are looked at once for both of their collectors."""
    looks = {"shots": "look", "looks": "look"}
    return tuple(dict.fromkeys(looks.get(name, name) for name in settings.active_collectors))


class KeptWindows:
    """The finished parts of a task, which outlive the attempt that made them."""

    def __init__(self, queue: TaskQueue, claim: Claim) -> None:
        self._queue = queue
        self._claim = claim
        self._bodies: dict[str, str] | None = None

    def get(self, key: str) -> str | None:
        if self._bodies is None:
            self._bodies = dict(self._queue.windows(self._claim.task_id))
        return self._bodies.get(key)

    def put(self, key: str, body: str) -> None:
        """A part that cannot be kept is made again by the next attempt. Raises `Canceled` when the task is lost."""
        try:
            held = self._queue.keep_window(self._claim, key, body)
        except (DatabaseUnavailable, StorageFull) as error:
            _log.warning("window_not_kept", task=self._claim.task_id, reason=error.message)
            return
        if not held:
            raise Canceled
        if self._bodies is not None:
            self._bodies[key] = body
