"""Turns a window of a video into the pictures an engine is shown, made once for an account and then kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Frame, Sight
from kinoscribe.evidence.frame_plan import LONGEST_GAP, NO_BARS, FramePlan, plan_frames
from kinoscribe.evidence.frame_plan import VERSION as PLAN_VERSION
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.libraries import version
from kinoscribe.media.pieces import Bars, Still, Stills, StillsPlan
from kinoscribe.media.stills import VERSION
from kinoscribe.media.timeline import JUMPS
from kinoscribe.notes import Notes
from kinoscribe.storage.cache_folder import CacheFolder, CacheKey

KIND = "frames"

_POLL = 0.1
_AT_HAND = 64
"""Videos whose bars are remembered, for servers that keep nothing on disk."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Strip:
    """The pictures of one window in the order of time.

    `dropped` counts those left out because they showed what the one before did, `tokens` is what the rest takes of an
    engine's context.
    """

    frames: tuple[Frame, ...] = ()
    dropped: int = 0
    tokens: int = 0
    from_cache: bool = False


class Frames(Protocol):
    @property
    def sampling(self) -> str:
        """How instants are chosen and pictures made: another text where the same window gets other pictures."""
        ...

    def of(
        self,
        path: Path,
        content: str,
        facts: VideoFacts,
        notes: Notes,
        start: float,
        end: float,
        sight: Sight,
        budget_tokens: int,
        cancel: Cancel,
        *,
        account: str,
    ) -> Strip:
        """The pictures of the window from `start` to `end` (absolute seconds), whose `notes` are known.

        They take no more than `budget_tokens`, and the same input gives the same bytes. Raises `VideoFileBroken`,
        `ServiceUnavailable` or `Canceled`.
        """
        ...

    def close(self) -> None: ...


class _Kept(msgspec.Struct, frozen=True):
    stills: tuple[Still, ...]
    dropped: int


class FrameShelf:
    """Frames by what they show and how; safe to share between threads.

    What is kept is found by the same account only: how fast an answer comes tells nobody what others have uploaded.
    """

    def __init__(self, decoders: Decoders, cache: CacheFolder, *, most_a_second: float = 2.0) -> None:
        self._decoders = decoders
        self._cache = cache
        self._most_a_second = most_a_second
        self._lock = threading.Lock()
        self._making: dict[CacheKey, _Turn] = {}
        self._bars_at_hand: dict[CacheKey, Bars] = {}
        self._made_by = f"{VERSION} {version()}"

    @property
    def sampling(self) -> str:
        return f"{PLAN_VERSION} {self._made_by} {self._most_a_second:g}"

    def of(
        self,
        path: Path,
        content: str,
        facts: VideoFacts,
        notes: Notes,
        start: float,
        end: float,
        sight: Sight,
        budget_tokens: int,
        cancel: Cancel,
        *,
        account: str,
    ) -> Strip:
        if sight.most < 1 or budget_tokens < 1:
            return Strip()
        bars = self._bars(path, content, facts, cancel, account)
        plan = plan_frames(
            notes,
            facts,
            start,
            end,
            sight,
            budget_tokens,
            bars=bars,
            most_a_second=self._most_a_second,
        )
        if not plan.instants:
            return Strip()
        wanted = _wanted(plan, bars, facts, start, end, sight)
        key = self._cache.key(account, content, "stills", self._made_by, msgspec.json.encode(wanted).decode())
        kept, from_cache = self._kept(key), True
        if kept is None:
            with self._turn(key, cancel):
                kept = self._kept(key)
                if kept is None:
                    kept, from_cache = self._make(path, wanted, cancel), False
                    self._cache.put(KIND, key, msgspec.msgpack.encode(kept))
        return _strip(kept, sight, budget_tokens, from_cache=from_cache)

    def close(self) -> None:
        """Ends the processes that decode."""
        self._decoders.close()

    def _bars(self, path: Path, content: str, facts: VideoFacts, cancel: Cancel, account: str) -> Bars:
        """The black bars of the whole video, so that all windows are cut alike; looked for once."""
        key = self._cache.key(account, content, "bars", self._made_by)
        known = self._bars_at_hand.get(key)
        if known is not None:
            return known
        with self._turn(key, cancel):
            known = self._bars_at_hand.get(key) or self._kept_bars(key)
            if known is None:
                known = self._find_bars(path, facts, key, cancel)
            with self._lock:
                self._bars_at_hand[key] = known
                while len(self._bars_at_hand) > _AT_HAND:
                    del self._bars_at_hand[next(iter(self._bars_at_hand))]
            return known

    def _find_bars(self, path: Path, facts: VideoFacts, key: CacheKey, cancel: Cancel) -> Bars:
        """Where the file cannot be looked at so, no bars, until this process ends; its pictures will tell the rest."""
        try:
            found = self._decoders.bars(path, facts.start, facts.end, jumps=_jumps(facts), cancel=cancel)
        except VideoFileBroken as error:
            if not path.exists():
                raise
            _log.info("bars_unknown", reason=error.message)
            return NO_BARS
        self._cache.put(KIND, key, msgspec.msgpack.encode(found))
        return found

    def _kept_bars(self, key: CacheKey) -> Bars | None:
        body = self._cache.get(KIND, key)
        if body is None:
            return None
        try:
            return msgspec.msgpack.decode(body, type=Bars)
        except msgspec.MsgspecError as error:
            _log.warning("cached_bars_unreadable", reason=str(error))
            return None

    def _kept(self, key: CacheKey) -> _Kept | None:
        body = self._cache.get(KIND, key)
        if body is None:
            return None
        try:
            return msgspec.msgpack.decode(body, type=_Kept)
        except msgspec.MsgspecError as error:
            _log.warning("cached_frames_unreadable", reason=str(error))
            return None

    def _make(self, path: Path, wanted: StillsPlan, cancel: Cancel) -> _Kept:
        stills: list[Still] = []
        dropped = 0
        with closing(self._decoders.stills(path, wanted, cancel)) as pieces:
            for piece in pieces:
                match piece:
                    case Still():
                        stills.append(piece)
                    case Stills(dropped=dropped):
                        break
        return _Kept(tuple(stills), dropped)

    @contextmanager
    def _turn(self, key: CacheKey, cancel: Cancel) -> Iterator[None]:
        """Lets one thread at a time make what others of the same account would make as well."""
        with self._lock:
            turn = self._making.setdefault(key, _Turn())
            turn.wanted += 1
        try:
            while not turn.free.acquire(timeout=_POLL):
                cancel.check()
            try:
                cancel.check()
                yield
            finally:
                turn.free.release()
        finally:
            with self._lock:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._making[key]


class _Turn:
    def __init__(self) -> None:
        self.free = threading.Lock()
        self.wanted = 0


def _wanted(
    plan: FramePlan, bars: Bars, facts: VideoFacts, start: float, end: float, sight: Sight
) -> StillsPlan:
    return StillsPlan(
        instants=plan.instants,
        width=plan.width,
        height=plan.height,
        begins=facts.start,
        start=start,
        end=end,
        bars=bars,
        longest_gap=LONGEST_GAP,
        numbered=sight.numbered,
        jumps=_jumps(facts),
    )


def _jumps(facts: VideoFacts) -> bool:
    return JUMPS in facts.warnings


def _strip(kept: _Kept, sight: Sight, budget: int, *, from_cache: bool) -> Strip:
    """All pictures, or where odd shapes cost more than was planned, as many as the budget pays for."""
    frames = tuple(Frame(one.time, one.width, one.height, one.jpeg) for one in kept.stills)
    for number in range(len(frames), 0, -1):
        some = tuple(frames[place * len(frames) // number] for place in range(number))
        tokens = sum(max(1, sight.tokens(frame.width, frame.height)) for frame in some)
        if tokens <= budget:
            return Strip(some, kept.dropped, tokens, from_cache)
    return Strip((), kept.dropped, 0, from_cache)
