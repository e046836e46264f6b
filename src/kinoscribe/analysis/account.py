"""Joins the accounts of the windows of a long video into one that fits the context of one ask."""

import hashlib
import json
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import structlog

from kinoscribe.analysis import happenings
from kinoscribe.analysis.budget import fitting, padded, room
from kinoscribe.analysis.captions import KIND, Caption
from kinoscribe.analysis.happenings import Happening
from kinoscribe.analysis.scene import Scene, View
from kinoscribe.analysis.side_by_side import SideBySide
from kinoscribe.contract.errors import ApiError, ContextTooLong
from kinoscribe.contract.events import Event, Progress
from kinoscribe.tokens import count_tokens

_RECORD_SHARE = 4
_LONGEST_RECORD = 16_384
_ANSWER_SHARE = 3
# What an event takes when it is written down at some length.
_EVENT_TOKENS = 60
_LEAST_EVENTS = 2
_ROUNDS = 4
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    start: float
    end: float
    found: tuple[Happening, ...]


def account(
    scene: Scene, made: Sequence[Caption], begin: float, end: float
) -> Generator[Event, None, tuple[Happening, ...]]:
    """The events of the whole, in a share of the context that leaves room to look; progress goes from `begin` to `end`.

    Windows are joined in batches that fit an ask, until all of them together are short enough. What the engine does
    not manage to shorten is thinned out evenly. Raises `ContextTooLong` and `Canceled`.
    """
    most = record_tokens(scene.context)
    found = [_Batch(one.window.start, one.window.end, one.found) for one in made if one.found]
    for number in range(_ROUNDS):
        if _tokens(found) <= most:
            break
        batches = _batches(found, _batch_tokens(scene.context))
        share = most * _ANSWER_SHARE // 4 // len(batches)
        step = (end - begin) / _ROUNDS
        wanted = max(share, _LEAST_EVENTS * _EVENT_TOKENS)
        joined = yield from _round(scene, batches, wanted, begin + number * step, step)
        if _tokens(joined) >= _tokens(found):
            break
        found = joined
    return thinned(tuple(event for batch in found for event in batch.found), most)


def record_tokens(context: int) -> int:
    """The tokens (counted here) that the account of the whole may have in the last ask."""
    return fitting(min(room(context, 0) // _RECORD_SHARE, _LONGEST_RECORD))


def thinned(found: tuple[Happening, ...], most: int) -> tuple[Happening, ...]:
    """The events in at most so many tokens: without their details first, then fewer of them, evenly chosen."""
    if count_tokens(happenings.lines(found)) <= most:
        return found
    bare = tuple(Happening(one.start, one.end, one.what or one.shown or one.said) for one in found)
    kept = bare
    low, high = 0, len(bare)
    while low < high:
        number = (low + high + 1) // 2
        tried = _every(bare, number)
        if count_tokens(happenings.lines(tried)) <= most:
            low, kept = number, tried
        else:
            high = number - 1
    return kept if low else ()


def _every(found: tuple[Happening, ...], number: int) -> tuple[Happening, ...]:
    return tuple(found[place * len(found) // number] for place in range(number))


def _tokens(found: Sequence[_Batch]) -> int:
    return sum(count_tokens(happenings.lines(one.found)) + 1 for one in found)


def _batch_tokens(context: int) -> int:
    """The tokens (counted here) of a batch: with it, the words that ask, and the answer, an ask is full."""
    words = count_tokens(happenings.joining(0.0, 0.0, happenings.MOST_EVENTS))
    free = room(context, words)
    return max(1, fitting(free - free // _ANSWER_SHARE))


def _batches(found: Sequence[_Batch], most: int) -> list[_Batch]:
    """Neighbours together, as many as fit; one that is too long for itself is thinned out."""
    batches: list[_Batch] = []
    tokens = 0
    for one in found:
        short = thinned(one.found, most)
        size = count_tokens(happenings.lines(short)) + 1
        if batches and tokens + size <= most:
            last = batches[-1]
            batches[-1] = _Batch(last.start, one.end, (*last.found, *short))
            tokens += size
        else:
            batches.append(_Batch(one.start, one.end, short))
            tokens = size
    return batches


@dataclass(frozen=True, slots=True)
class _Part:
    """A batch that is being joined."""

    place: int
    batch: _Batch
    share: int
    scene: Scene


def _part_joined(part: _Part) -> _Batch:
    return _joined(part.scene, part.batch, part.share)


def _round(
    scene: Scene, batches: Sequence[_Batch], share: int, begin: float, step: float
) -> Generator[Event, None, list[_Batch]]:
    """Every batch in about `share` tokens, as many at once as the engine takes well."""
    joined: dict[int, _Batch] = {}
    waiting = deque(enumerate(batches))
    parts: list[_Part] = []
    try:
        with SideBySide(_part_joined, scene.sight.at_once, scene.job.cancel) as work:
            while waiting or work.running:
                yield Progress("answer", begin + step * len(joined) / len(batches))
                scene.job.cancel.check()
                while waiting and work.running < scene.sight.at_once:
                    parts.append(_Part(*waiting.popleft(), share, scene.part(work.cancel)))
                    work.begin(parts[-1])
                for part, outcome in work.ended():
                    joined[part.place] = outcome.result()
    finally:
        scene.job.take_in([part.scene.job for part in parts])
    return [joined[place] for place in range(len(batches))]


def _joined(scene: Scene, batch: _Batch, share: int) -> _Batch:
    """The batch in about `share` tokens. One that the engine cannot join is thinned out."""
    text = happenings.lines(batch.found)
    if count_tokens(text) <= share:
        return batch
    most = max(_LEAST_EVENTS, share // _EVENT_TOKENS)
    prompt = happenings.joining(batch.start, batch.end, most)
    name = "account " + hashlib.sha256(f"{prompt} {text}".encode()).hexdigest()
    kept = scene.job.kept.get(name)
    if kept is None:
        data = scene.tools.cache.get(KIND, scene.key(happenings.VERSION, name))
        kept = None if data is None else data.decode()
    if kept is not None:
        return _Batch(batch.start, batch.end, happenings.restored(json.loads(kept)))
    view = View((), text, padded(count_tokens(text)))
    answer = min(2 * padded(share), room(scene.context, count_tokens(prompt)) - view.tokens)
    own = {"temperature": 0.0, "max_tokens": max(1, answer), "json_schema": happenings.SCHEMA}
    ask = scene.ask(prompt, view, batch.start, batch.end, images=(), stills=(), **own)
    try:
        said, _ = scene.helped("joining", ask, view)
    except ContextTooLong:
        raise
    except ApiError as error:
        _log.warning("account_not_joined", generation_id=scene.job.generation_id, reason=error.message)
        said = ""
    found = happenings.read_happenings(said, batch.start, batch.end)
    if not found:
        return _Batch(batch.start, batch.end, thinned(batch.found, share))
    body = json.dumps(happenings.stored(found))
    scene.job.kept.put(name, body)
    scene.tools.cache.put(KIND, scene.key(happenings.VERSION, name), body.encode())
    return _Batch(batch.start, batch.end, found)
