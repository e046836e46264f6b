"""Turns a stretch of the video into what an engine with a sight gets of it: pictures and evidence within a budget."""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeVar

import structlog

from kinoscribe.analysis.budget import Budget, fitting, padded, window_side
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.pictures import images_for, stills_of
from kinoscribe.analysis.said import in_full
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ContextTooLong
from kinoscribe.contract.events import Event
from kinoscribe.contract.limits import context_window
from kinoscribe.engines.engine import Ask, Frame, Sight
from kinoscribe.evidence.brief import brief, seconds_clock
from kinoscribe.notes import Notes, within
from kinoscribe.storage.cache_folder import CacheKey
from kinoscribe.tokens import count_again, count_tokens

_CHARACTERS_A_TOKEN = 64
_HALVINGS = 4
_LEAST_CONTEXT = 512
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What a model gets of a stretch: pictures in the order of time, words, and the tokens that both cost it."""

    frames: tuple[Frame, ...] = ()
    brief: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """What all asks of one analysis share: the evidence of the asked time, and how much one ask may hold, in tokens."""

    job: Job
    tools: Tools
    notes: Notes
    sight: Sight
    context: int

    def for_windows(self) -> Self:
        """The same for the windows of a video that is too long for one look: their pictures suit the context."""
        return replace(self, sight=replace(self.sight, max_side=window_side(self.context, self.sight)))

    def part(self, cancel: Cancel) -> Self:
        """The same for what is looked at beside other parts; its job has books of its own."""
        return replace(self, job=self.job.part(cancel))

    @property
    def spare(self) -> int:
        """The tokens of the context that the reference pictures of the request leave."""
        if not self.job.engine.sees_pictures:
            return self.context
        sizes = [(one.cutout.width, one.cutout.height) for one in self.job.pictures]
        return max(0, self.context - sum(self.sight.tokens(*size) for size in sizes))

    def frames(self, start: float, end: float, tokens: int, most: int | None = None) -> View:
        """Pictures from `start` to `end` for so many tokens, `most` at most. Raises what decoding them raises."""
        sight = self.sight if most is None else replace(self.sight, most=min(most, self.sight.most))
        job = self.job
        if sight.most <= 0 or tokens <= 0 or (job.request.images and job.engine.sees_pictures):
            return View()
        strip = self.tools.frames.of(
            job.content.path,
            job.looked.content,
            job.looked.facts,
            self.notes,
            start,
            end,
            sight,
            tokens,
            job.cancel,
            account=job.account,
        )
        job.stopwatch.lap("frames")
        job.ledger.dropped += strip.dropped
        job.ledger.strips_kept += strip.from_cache
        job.ledger.picture_tokens += strip.tokens
        return View(strip.frames, "", strip.tokens)

    def words(self, start: float, end: float, tokens: int) -> View:
        """The evidence from `start` to `end` as text of so many tokens at most, as the model counts them."""
        count = partial(count_again, whose=self._salt)
        text = brief(self._part(start, end), fitting(tokens), clock=seconds_clock, count=count)
        return View((), text, padded(count(text)))

    def _part(self, start: float, end: float) -> Notes:
        looked = self.job.looked
        if (start, end) == (looked.start, looked.end):
            return self.notes
        return within(self.notes, start, end)

    @property
    def _salt(self) -> str:
        return self.tools.cache.salt(self.job.account)

    def evidence_a_second(self) -> float:
        """The tokens (counted here) that all evidence takes for a second."""
        return count_tokens(brief(self.notes, 1_000_000)) / max(1.0, self.notes.end - self.notes.start)

    def look(self, start: float, end: float, budget: Budget, most: int | None = None) -> View:
        """Pictures and evidence of the same stretch. Where there are no pictures, the words get their share too."""
        if self.sight.most <= 0:
            return self.words(start, end, budget.frames + budget.evidence)
        return joined(self.frames(start, end, budget.frames, most), self.words(start, end, budget.evidence))

    def look_in_full(self, start: float, end: float, budget: Budget) -> View:
        """The same, and what the words leave of their share is for pictures."""
        if self.sight.most <= 0:
            return self.look(start, end, budget)
        words = self.words(start, end, budget.evidence)
        left = max(0, budget.evidence - words.tokens)
        return joined(self.frames(start, end, budget.frames + left), words)

    def ask(self, prompt: str, view: View, start: float, end: float, **more: Any) -> Ask:
        """The question as it goes to the engine. `more` takes the place of what the request says."""
        request = self.job.request
        self.job.ledger.show(view.frames)
        given: dict[str, Any] = {
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "images": images_for(self.job.engine, self.job.pictures),
            "stills": stills_of(request.images),
        }
        return Ask(
            prompt=prompt,
            facts=self.job.looked.facts,
            notes=self._part(start, end),
            start=start,
            end=end,
            model_name=request.model_name,
            frames=view.frames,
            brief=view.brief,
            content=self.job.looked.content,
            salt=self._salt,
            missed=self.job.ledger.miss,
            begun=self.job.ledger.begin,
            **(given | more),
        )

    def helped(self, stage: str, ask: Ask, view: View) -> tuple[str, int]:
        """What the engine says to a question of our own, and the tokens it was asked with; counted to `stage`."""
        text, finished = in_full(self.job, ask, ask.max_tokens * _CHARACTERS_A_TOKEN)
        self.job.ledger.hear(finished.notes)
        asked = finished.input_tokens
        if asked is None:
            asked = padded(count_tokens(ask.prompt)) + view.tokens
        told = count_tokens(text) if finished.output_tokens is None else finished.output_tokens
        self.job.ledger.ask(stage, asked, told)
        self.job.spent.input_tokens += asked
        return text, asked

    def key(self, *parts: str) -> CacheKey:
        """The key of something kept that the engine made of this video for this account."""
        return self.tools.cache.key(self.job.account, self.job.looked.content, *self._marks(), *parts)

    def _marks(self) -> tuple[str, ...]:
        """All that an answer depends on beside the question."""
        engine, sight = self.job.engine, self.sight
        return (
            engine.name,
            engine.model,
            engine.version,
            f"{sight.most} {sight.max_side} {sight.numbered} {sight.tokens(448, 252)} {self.context}",
            self.tools.frames.sampling,
            json.dumps([(one.name, one.version, one.state) for one in self.notes.reports]),
        )


def scene_of(job: Job, notes: Notes, tools: Tools) -> Scene | None:
    """None for an engine that looks at no pictures of the video itself."""
    sight = job.engine.sight
    if sight is None:
        return None
    return Scene(job, tools, notes, sight, min(context_window(job.request.rules), job.engine.context_tokens))


def shrinking(
    scene: Scene, work: Callable[[Scene], Generator[Event, None, _T]]
) -> Generator[Event, None, _T]:
    """What `work` returns. A server whose context is shorter than was believed gets as much as it says, else half.

    That is done a few times.

    Raises what the work raises; `ContextTooLong` once a part of the answer was said, or nothing helped.
    """
    while True:
        try:
            return (yield from work(scene))
        except ContextTooLong as error:
            job = scene.job
            job.ledger.contexts.append(scene.context)
            if job.spent.output_tokens or len(job.ledger.contexts) > _HALVINGS:
                raise
            _log.warning("context_too_long", generation_id=job.generation_id, reason=error.message)
            job.ledger.look_anew()
            scene = replace(scene, context=_shorter(scene.context, error.most))


def _shorter(context: int, most: int | None) -> int:
    """The context to try next; one that a server told counts where it can be one, and was not tried."""
    return most if most is not None and _LEAST_CONTEXT <= most < context else context // 2


def joined(first: View, second: View) -> View:
    """Both at once: pictures in the order of time and none twice, words one after the other."""
    frames = {frame.time: frame for frame in (*first.frames, *second.frames)}
    text = "\n\n".join(part for part in (first.brief, second.brief) if part)
    return View(tuple(frames[time] for time in sorted(frames)), text, first.tokens + second.tokens)
