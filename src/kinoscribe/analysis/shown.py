"""Turns a question about a video of any length into the one ask that is answered, with all it needs to know.

A stretch that fits is looked at in one go. A longer one is known from the account of its windows and from a few
pictures of the whole; the windows that matter for the question are looked at closely.
"""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from kinoscribe.analysis import happenings
from kinoscribe.analysis.account import account, record_tokens, thinned
from kinoscribe.analysis.budget import (
    Budget,
    answer_room,
    fitting,
    longest_look,
    padded,
    picture_tokens,
    share_out,
)
from kinoscribe.analysis.captions import ANSWER, Caption, captions, known
from kinoscribe.analysis.closeup import pointed_at, told_of, worth_a_look
from kinoscribe.analysis.scene import Scene, View, joined
from kinoscribe.analysis.windows import Window, edges, windows
from kinoscribe.contract.events import Event
from kinoscribe.engines.engine import Ask
from kinoscribe.tokens import count_tokens

# Windows that are described are no longer: two thousand tokens of evidence then leave out next to nothing.
_LONGEST_WINDOW = 300.0
_MAP_SHARE, _JOIN_SHARE = 0.7, 0.8
# Of the pictures of the last ask, one in four is of the whole when there is something to look at closely.
_COARSE = 4
# Windows are looked at closely as long as each gets a picture in so many seconds.
_CLOSE_SECONDS = 4.0
_MOST_CLOSELY = 6
_WHOLE = "What happens in the whole of it, seen part by part:"
_CLOSE = "Of the parts that the question is about, in full:"
_UNSEEN = "(nobody could look at this part)"


@dataclass(frozen=True, slots=True)
class Shown:
    """The ask, and the tokens the model has to read for it."""

    ask: Ask
    tokens: int


def shown(scene: Scene) -> Generator[Event, None, Shown]:
    """Yields progress. Raises what the engine and the decoding raise, `ContextTooLong` among it."""
    start, end = scene.job.looked.start, scene.job.looked.end
    request = scene.job.request
    words = _words(scene)
    budget = share_out(scene.spare, words, request.max_tokens, end - start)
    if end - start <= _longest(scene, budget):
        view = scene.look(start, end, budget)
    else:
        view = yield from _long(scene, budget)
    most = answer_room(scene.spare, words, view.tokens, request.max_tokens)
    ask = scene.ask(request.prompt_text, view, start, end, json_schema=request.json_schema, max_tokens=most)
    return Shown(ask, padded(words) + view.tokens + scene.context - scene.spare)


def _words(scene: Scene) -> int:
    """The tokens of the question, with the shape that its answer is to have."""
    request = scene.job.request
    shape = "" if request.json_schema is None else json.dumps(request.json_schema, ensure_ascii=False)
    return scene.job.words + count_tokens(shape)


def _longest(scene: Scene, budget: Budget) -> float:
    spoken = 0.0 if scene.sight.most > 0 else scene.evidence_a_second()
    return longest_look(budget, scene.sight, scene.job.looked.facts, spoken)


def cut(scene: Scene) -> tuple[Window, ...]:
    """The windows of a stretch that is too long for one look. They do not depend on the question."""
    prompt = count_tokens(happenings.describing(0.0, 0.0))
    budget = share_out(scene.context, prompt, ANSWER, _LONGEST_WINDOW)
    longest = min(_LONGEST_WINDOW, _longest(scene, budget))
    whole = (scene.job.looked.start, scene.job.looked.end)
    return windows([whole], edges(scene.notes), longest)


def _long(scene: Scene, budget: Budget) -> Generator[Event, None, View]:
    question = scene.job.request.prompt_text
    windowed = scene.for_windows()
    cuts = cut(windowed)
    texts = [told_of(scene.notes, window) for window in cuts]
    most = _most_closely(scene, budget, cuts)
    close = [] if scene.job.request.json_schema is not None else pointed_at(question, cuts, texts, most)
    if close and not known(windowed, cuts):
        start, end = scene.job.looked.start, scene.job.looked.end
        words = scene.words(start, end, budget.evidence)
    else:
        made = yield from captions(windowed, cuts, _MAP_SHARE)
        found = yield from account(scene, made, _MAP_SHARE, _JOIN_SHARE)
        scene.job.stopwatch.lap("joining")
        longest = min(record_tokens(scene.context), fitting((budget.frames + budget.evidence) // 2))
        words = _record(made, happenings.lines(thinned(found, longest)))
        texts = [told_of(scene.notes, one.window, one.found) for one in made]
        close = worth_a_look(question, cuts, texts, most)
    scene.job.ledger.close += [(window.start, window.end) for window in close]
    left = max(0, budget.frames + budget.evidence - words.tokens)
    if not close:
        start, end = scene.job.looked.start, scene.job.looked.end
        return joined(words, scene.frames(start, end, min(left, budget.frames)))
    return _composed(scene, words, close, Budget(min(left * 3 // 4, budget.frames), left // 4, 0))


def _most_closely(scene: Scene, budget: Budget, cuts: Sequence[Window]) -> int:
    """How many windows the pictures of one ask are enough for."""
    if scene.sight.most <= 0:
        return _MOST_CLOSELY
    affordable = budget.frames // picture_tokens(scene.sight, scene.job.looked.facts)
    pictures = min(scene.sight.most, affordable) * (_COARSE - 1) / _COARSE
    longest = max(window.end - window.start for window in cuts)
    return max(1, min(_MOST_CLOSELY, int(pictures * _CLOSE_SECONDS / longest)))


def _record(made: Sequence[Caption], text: str) -> View:
    unseen = [
        f"[{c.window.start:.1f} s - {c.window.end:.1f} s] {_UNSEEN}" for c in made if c.reason is not None
    ]
    body = "\n".join([_WHOLE, text, *unseen])
    return View((), body, padded(count_tokens(body)))


def _composed(scene: Scene, words: View, close: Sequence[Window], budget: Budget) -> View:
    """Words about the whole and pictures of it, and of every window that matters its evidence and its pictures."""
    start, end = scene.job.looked.start, scene.job.looked.end
    coarse = scene.frames(start, end, budget.frames // _COARSE, max(1, scene.sight.most // _COARSE))
    view = joined(words, _outside(coarse, close))
    view = joined(view, View((), _CLOSE, padded(count_tokens(_CLOSE))))
    each = Budget((budget.frames - coarse.tokens) // len(close), budget.evidence // len(close), 0)
    most = (scene.sight.most - len(coarse.frames)) // len(close)
    for window in close:
        view = joined(view, scene.look(window.start, window.end, each, most))
    return view


def _outside(view: View, close: Sequence[Window]) -> View:
    """The pictures that show what will not be looked at closely; what they cost stays counted."""
    frames = tuple(f for f in view.frames if not any(w.start <= f.time <= w.end for w in close))
    return replace(view, frames=frames)
