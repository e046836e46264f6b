"""Turns the windows of a long video into an account of each, which outlives the question it was made for."""

import hashlib
import json
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import structlog

from kinoscribe.analysis import happenings
from kinoscribe.analysis.budget import share_out
from kinoscribe.analysis.happenings import Happening
from kinoscribe.analysis.ledger import How, Seen
from kinoscribe.analysis.scene import Scene
from kinoscribe.analysis.side_by_side import SideBySide, Streak
from kinoscribe.analysis.windows import Window
from kinoscribe.contract.errors import ApiError, ContextTooLong, EngineFailed
from kinoscribe.contract.events import Event, Progress
from kinoscribe.storage.cache_folder import CacheKey
from kinoscribe.tokens import count_tokens

KIND = "captions"
# The tokens an account of one window may have.
ANSWER = 1_200
# So many windows in a row that fail are no accident: the server is not there for us.
_PATIENCE = 3
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caption:
    """What happens in one window; `reason` says why nobody knows."""

    window: Window
    found: tuple[Happening, ...] = ()
    reason: str | None = None


def captions(
    scene: Scene, cuts: Sequence[Window], share: float = 1.0
) -> Generator[Event, None, tuple[Caption, ...]]:
    """The account of every window, as many at once as the engine takes well; progress goes up to `share`.

    A window that fails is tried once more at the end, alone, and is then left out. Raises the engine's error when it
    fails again and again, `ContextTooLong` at once, and `Canceled`.
    """
    made: dict[Window, Caption] = {}
    failed = yield from _round(scene, cuts, made, share, scene.sight.at_once)
    if failed:
        failed = yield from _round(scene, [window for window in cuts if window in failed], made, share, 1)
    lost: dict[Window, Caption] = {}
    for window, error in failed.items():
        if not made:
            raise error
        scene.job.ledger.windows.append(Seen(window.start, window.end, "missing", reason=error.message))
        lost[window] = Caption(window, reason=error.message)
    return tuple((made | lost)[window] for window in cuts)


def known(scene: Scene, cuts: Sequence[Window]) -> bool:
    """Whether every window has an account already."""
    return all(_body(scene, window) is not None for window in cuts)


@dataclass(frozen=True, slots=True)
class _Part:
    """A window that is being described; `begun` as the `Streak` has it."""

    window: Window
    scene: Scene
    begun: int


def _round(
    scene: Scene, cuts: Sequence[Window], made: dict[Window, Caption], share: float, most: int
) -> Generator[Event, None, dict[Window, ApiError]]:
    """Adds to `made` the windows that succeed, and returns what the others failed of."""
    failed: dict[Window, ApiError] = {}
    waiting, of_all = deque(cuts), len(cuts) + len(made)
    parts: list[_Part] = []
    streak = Streak(_PATIENCE)
    try:
        with SideBySide(_described, most, scene.job.cancel) as work:
            while waiting or work.running:
                yield Progress("answer", share * len(made) / of_all)
                scene.job.cancel.check()
                while waiting and work.running < streak.at_once(most):
                    window = waiting.popleft()
                    kept = _kept(scene, window)
                    if kept is None:
                        parts.append(_Part(window, scene.part(work.cancel), streak.begun))
                        work.begin(parts[-1])
                    else:
                        made[window] = kept
                for part, outcome in work.ended():
                    try:
                        made[part.window] = outcome.result()
                        streak.went_well()
                    except ContextTooLong:
                        raise
                    except ApiError as error:
                        _tell(scene, part.window, error)
                        failed[part.window] = _alone(error)
                        if error.passes and streak.failed(part.begun):
                            raise
    finally:
        scene.job.take_in([part.scene.job for part in parts])
    return failed


def _tell(scene: Scene, window: Window, error: ApiError) -> None:
    _log.warning(
        "window_failed",
        generation_id=scene.job.generation_id,
        start=window.start,
        reason=error.message,
    )


def _alone(error: ApiError) -> ApiError:
    """The error without where it came from: that would hold the pictures of its window."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _described(part: _Part) -> Caption:
    """The account of one window, made beside others. It is kept as soon as it is there."""
    return _caption(part.scene, part.window)


def _caption(scene: Scene, window: Window) -> Caption:
    job = scene.job
    prompt = happenings.describing(window.start, window.end)
    budget = share_out(scene.context, count_tokens(prompt), ANSWER, window.end - window.start)
    view = scene.look_in_full(window.start, window.end, budget)
    ask = scene.ask(
        prompt,
        view,
        window.start,
        window.end,
        temperature=0.0,
        max_tokens=max(1, budget.answer),
        json_schema=happenings.SCHEMA,
        images=(),
        stills=(),
    )
    text, asked = scene.helped("windows", ask, view)
    job.stopwatch.lap("windows")
    found = happenings.read_happenings(text, window.start, window.end)
    if not found:
        job.ledger.unusable("said nothing of a part of the video that can be read", again=False)
        raise EngineFailed(reason="it said nothing of a part of the video.")
    told = {"events": happenings.stored(found), "pictures": job.ledger.shown, "input_tokens": asked}
    body = json.dumps(told)
    job.kept.put(_name(scene, window), body)
    scene.tools.cache.put(KIND, _key(scene, window), body.encode())
    job.ledger.windows.append(Seen(window.start, window.end, "asked", job.ledger.shown))
    return Caption(window, found)


def _body(scene: Scene, window: Window) -> tuple[How, str] | None:
    """What an earlier attempt or an earlier question made of the window."""
    body = scene.job.kept.get(_name(scene, window))
    if body is not None:
        return "resumed", body
    data = scene.tools.cache.get(KIND, _key(scene, window))
    return None if data is None else ("cached", data.decode())


def _kept(scene: Scene, window: Window) -> Caption | None:
    known_body = _body(scene, window)
    if known_body is None:
        return None
    how, told = known_body[0], json.loads(known_body[1])
    if how == "resumed":  # by this very analysis, which has to pay for it
        scene.job.spent.input_tokens += told["input_tokens"]
    scene.job.ledger.windows.append(Seen(window.start, window.end, how, told["pictures"]))
    return Caption(window, happenings.restored(told["events"]))


def _name(scene: Scene, window: Window) -> str:
    engine = scene.job.engine
    by = hashlib.sha256(f"{engine.name} {engine.model} {engine.version}".encode()).hexdigest()[:16]
    return f"caption {happenings.VERSION} {by} {window.start:.3f} {window.end:.3f}"


def _key(scene: Scene, window: Window) -> CacheKey:
    return scene.key(happenings.VERSION, f"{window.start:.3f} {window.end:.3f}")
