"""Asks an engine for the segments of every window of a video, all definitions at once."""

import hashlib
import json
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from kinoscribe.analysis.budget import answer_room, longest_look, padded, share_out
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.ledger import How, Seen
from kinoscribe.analysis.merge import Part
from kinoscribe.analysis.pictures import images_for
from kinoscribe.analysis.said import in_full
from kinoscribe.analysis.scene import Scene, View
from kinoscribe.analysis.segment_text import Nonsense, Raw, read_cut, read_raw, read_segments
from kinoscribe.analysis.side_by_side import SideBySide, Streak
from kinoscribe.analysis.windows import Edges, Window, longest_window, union, windows
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import AnalysisFailed, ApiError, ContextTooLong, EngineFailed
from kinoscribe.contract.events import Event, Progress
from kinoscribe.contract.limits import context_window
from kinoscribe.engines.engine import Ask, SegmentWish
from kinoscribe.evidence.brief import DEFAULT_TOKENS
from kinoscribe.notes import Notes, within
from kinoscribe.tokens import count_tokens

# An engine that sees a picture a second is off by half of that, and a little for what it takes to notice.
_REACH = 0.75
# No token of the bundled tokenizer is longer on average; what runs on is not read to its end.
_CHARACTERS_A_TOKEN = 8
_TOO_LONG = "the answer is longer than max_tokens allows"
# An engine with a sight gets windows whose segments it can write down in one short answer.
_LONGEST_WINDOW = 600.0
_LEAST_HALVED = 40.0
_ANSWER = 8_192
# What a definition takes once more as the shape of the answer.
_SHAPE = 2
_PATIENCE = 3


@dataclass(slots=True)
class Found:
    """What the windows brought: parts by definition, and why something is missing of some of them.

    `reach` is how far off the times may be, in seconds.
    """

    parts: dict[str, list[Part]]
    missing: dict[str, str] = field(default_factory=dict)
    reach: float = 0.0
    windows: int = 0

    def miss(self, wishes: tuple[SegmentWish, ...], window: Window, reason: str) -> None:
        told = f"from {window.start:.1f} to {window.end:.1f} seconds {reason}"
        self.missing |= {wish.id: told for wish in wishes}


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of one window; `reason` says why something of it is missing."""

    window: Window
    wishes: tuple[SegmentWish, ...]
    raw: Raw
    exact: bool
    reason: str


@dataclass(slots=True)
class _Round:
    """The windows that are still to be asked about, and what came of the others."""

    waiting: deque[Window]
    streak: Streak
    told: list[_Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Looker:
    """`scene` is None for an engine that looks at no pictures of the video itself. `lenient`: parts are welcome."""

    job: Job
    notes: Notes
    wishes: tuple[SegmentWish, ...]
    moments: Edges
    lenient: bool
    scene: Scene | None = None

    def look(self) -> Generator[Event, None, Found]:
        """Asks about all windows, as many at once as the engine takes well, save those an earlier attempt finished.

        Raises `AnalysisFailed`, and what the engine raises.
        """
        ranges = union(r for wish in self.wishes for r in wish.ranges)
        if self.scene is not None and any(end - start > self._longest() for start, end in ranges):
            windowed = replace(self, scene=self.scene.for_windows())
            return (yield from windowed._look(ranges))
        return (yield from self._look(ranges))

    def _look(self, ranges: list[tuple[float, float]]) -> Generator[Event, None, Found]:
        round_ = _Round(deque(windows(ranges, self.moments, self._longest())), Streak(_PATIENCE))
        most = 1 if self.scene is None else self.scene.sight.at_once
        parts: list[_Part] = []
        try:
            with SideBySide(_asked_about, most, self.job.cancel) as work:
                while round_.waiting or work.running:
                    left = len(round_.waiting) + work.running
                    yield Progress("answer", len(round_.told) / (len(round_.told) + left))
                    self.job.cancel.check()
                    while round_.waiting and work.running < round_.streak.at_once(most):
                        parts.append(self._part(round_, work.cancel))
                        work.begin(parts[-1])
                    for part, outcome in work.ended():
                        self._take(part, outcome, round_, last=not round_.waiting and not work.running)
        finally:
            self.job.take_in([part.looker.job for part in parts])
        return self._found(round_)

    def _part(self, round_: "_Round", cancel: Cancel) -> "_Part":
        window = round_.waiting.popleft()
        scene = None if self.scene is None else self.scene.part(cancel)
        job = self.job.part(cancel) if scene is None else scene.job
        mine = tuple(w for w in (_inside(wish, window) for wish in self.wishes) if w.ranges)
        return _Part(window, mine, replace(self, job=job, scene=scene), round_.streak.begun)

    def _take(
        self, part: "_Part", outcome: Future[tuple[Raw, bool]], round_: "_Round", *, last: bool
    ) -> None:
        """Puts down what came of a window. Raises where the whole cannot do without it."""
        nothing_yet = last and not any(not one.reason or any(one.raw.values()) for one in round_.told)
        try:
            raw, exact = outcome.result()
            reason = ""
            round_.streak.went_well()
        except Nonsense as error:
            if halves := self._halves(part.window, error):
                round_.waiting.extendleft(reversed(halves))
                return
            if not self.lenient or (nothing_yet and not error.rest):
                raise _failure(str(error), part.window) from error
            raw, exact, reason = error.rest, False, str(error)
        except ContextTooLong:
            raise
        except ApiError as error:
            gone = round_.streak.failed(part.begun)
            if self.scene is None or not self.lenient or nothing_yet or gone:
                raise
            raw, exact, reason = {}, False, error.message.rstrip(".")
            self._see(part.window, "missing", reason=error.message)
        round_.told.append(_Told(part.window, part.wishes, raw, exact, reason))

    def _found(self, round_: "_Round") -> Found:
        """All of it in the order of time, whatever came first."""
        found = Found({wish.id: [] for wish in self.wishes}, windows=len(round_.told))
        for one in sorted(round_.told, key=lambda one: (one.window.start, one.window.end)):
            found.reach = found.reach if one.exact else _REACH
            if one.reason:
                found.miss(one.wishes, one.window, one.reason)
            for wish in one.wishes:
                segments = read_segments(one.raw.get(wish.id, []), wish, one.window.start, one.window.end)
                found.parts[wish.id].append(Part(one.window.start, one.window.end, segments))
        return found

    def _longest(self) -> float:
        scene, request = self.scene, self.job.request
        if scene is None:
            context = min(context_window(request.rules), self.job.engine.context_tokens)
            return longest_window(context, DEFAULT_TOKENS)
        budget = share_out(scene.spare, self._words(), self._answer(), _LONGEST_WINDOW)
        spoken = scene.evidence_a_second() if scene.sight.most <= 0 else 0.0
        return min(_LONGEST_WINDOW, longest_look(budget, scene.sight, self.job.looked.facts, spoken))

    def _halves(self, window: Window, error: Nonsense) -> tuple[Window, ...]:
        """Two windows in place of one whose segments were too many for an answer; none where that cannot help."""
        length = window.end - window.start
        if self.scene is None or str(error) != _TOO_LONG or length < _LEAST_HALVED:
            return ()
        middle = (window.start + window.end) / 2
        best = self.moments.best(middle - length / 4, middle + length / 4, middle)
        border = middle if best is None else best
        return (Window(window.start, border), Window(border, window.end))

    def ask_about(self, window: Window, wishes: tuple[SegmentWish, ...]) -> tuple[Raw, bool]:
        """The raw segments of a window, and whether their times are exact. Raises `Nonsense` after one repair round."""
        key = self._key(window)
        kept = self.job.kept.get(key)
        if kept is not None:
            body = json.loads(kept)
            self._see(window, "resumed")
            return body["segments"], body["exact"]
        ask, view = self._ask(window, wishes)
        try:
            raw, exact = self._asked(ask, view)
        except Nonsense as error:
            halved = bool(self._halves(window, error))
            self.job.ledger.unusable(_unusable(error), again=True)
            if halved:
                raise
            again = replace(ask, prompt=f"Your last answer cannot be used: {error}.")
            raw, exact = self._asked_again(again, view)
        self.job.kept.put(key, json.dumps({"exact": exact, "segments": raw}))
        self._see(window, "asked", self.job.ledger.shown)
        return raw, exact

    def _see(self, window: Window, how: How, pictures: int = 0, reason: str | None = None) -> None:
        self.job.ledger.windows.append(Seen(window.start, window.end, how, pictures, reason))

    def _key(self, window: Window) -> str:
        engine = self.job.engine
        by = f"{engine.name} {engine.version}"
        if self.scene is not None:
            by = hashlib.sha256(f"{by} {engine.model}".encode()).hexdigest()[:16]
        return f"{by} {window.start:.3f} {window.end:.3f}"

    def _ask(self, window: Window, wishes: tuple[SegmentWish, ...]) -> tuple[Ask, View]:
        request, scene = self.job.request, self.scene
        if scene is not None:
            budget = share_out(scene.spare, self._words(), self._answer(), window.end - window.start)
            view = scene.look_in_full(window.start, window.end, budget)
            most = answer_room(scene.spare, self._words(), view.tokens, request.max_tokens)
            more = {"segments": wishes, "max_tokens": most}
            return scene.ask("", view, window.start, window.end, **more), view
        ask = Ask(
            prompt="",
            facts=self.job.looked.facts,
            notes=within(self.notes, window.start, window.end),
            start=window.start,
            end=window.end,
            model_name=request.model_name,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            segments=wishes,
            images=images_for(self.job.engine, self.job.pictures),
        )
        return ask, View()

    def _words(self) -> int:
        return _SHAPE * self.job.words

    def _answer(self) -> int:
        return min(_ANSWER, self.job.request.max_tokens)

    def _asked_again(self, ask: Ask, view: View) -> tuple[Raw, bool]:
        try:
            return self._asked(ask, view)
        except Nonsense as error:
            self.job.ledger.unusable(_unusable(error), again=False)
            raise

    def _asked(self, ask: Ask, view: View) -> tuple[Raw, bool]:
        text, finished = in_full(self.job, ask, _CHARACTERS_A_TOKEN * context_window(self.job.request.rules))
        self.job.ledger.hear(finished.notes)
        asked = finished.input_tokens or 0
        if self.scene is not None:
            asked = finished.input_tokens or padded(self._words()) + view.tokens
            self.job.ledger.ask("windows", asked, finished.output_tokens or count_tokens(text))
        self.job.spent.input_tokens += asked
        if finished.reason == "length":
            raise Nonsense(_TOO_LONG, read_cut(text, ask.segments))
        return read_raw(text, ask.segments), finished.notes.get("times") == "exact"


@dataclass(frozen=True, slots=True)
class _Part:
    """A window that is asked about, with books of its own; `begun` as the `Streak` has it."""

    window: Window
    wishes: tuple[SegmentWish, ...]
    looker: Looker
    begun: int


def _asked_about(part: _Part) -> tuple[Raw, bool]:
    """Done beside other windows; what comes of it is kept as soon as it is there."""
    return part.looker.ask_about(part.window, part.wishes)


def _unusable(error: Nonsense) -> str:
    """What was wrong with an answer, as a receipt may say it: without its words and those of the question."""
    too_long = str(error) == _TOO_LONG
    return "answered at such length that it was cut off" if too_long else "answered with what are no segments"


def _inside(wish: SegmentWish, window: Window) -> SegmentWish:
    clipped = ((max(a, window.start), min(b, window.end)) for a, b in wish.ranges)
    return replace(wish, ranges=tuple((a, b) for a, b in clipped if a < b))


def _failure(reason: str, window: Window) -> AnalysisFailed | EngineFailed:
    if reason == _TOO_LONG:
        return AnalysisFailed(
            reason=f"{reason}. Raise max_tokens, or ask for fewer definitions or fields, or about a shorter window."
        )
    return EngineFailed(reason=f"from {window.start:.1f} to {window.end:.1f} seconds, asked twice, {reason}.")
