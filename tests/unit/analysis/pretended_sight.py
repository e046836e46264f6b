"""Stand-ins for what an analysis by an engine with a sight works with: frames, a cache, and a long video."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from tests.unit.analysis.pretended import CONTENT, FACTS, Engine, Parts, request

from kinoscribe.analysis.job import Job, Spent
from kinoscribe.analysis.receipt import Looked
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Ask, Finished, Frame, Piece, Sight, Text
from kinoscribe.evidence.frame_shelf import Strip
from kinoscribe.notes import CollectorReport, Notes, Sentence, Shot
from kinoscribe.storage.cache_folder import CacheKey
from kinoscribe.tokens import count_tokens

A_PICTURE = 100
SIGHT = Sight(most=10_000, max_side=448, tokens=lambda width, height: A_PICTURE)


@dataclass
class Cache:
    """Entries in memory, with the keys of the real one."""

    bodies: dict[tuple[str, CacheKey], bytes] = field(default_factory=dict)

    def salt(self, account: str) -> str:
        return hashlib.sha256(account.encode()).hexdigest()[:24]

    def key(self, account: str, content: str, *parts: str) -> CacheKey:
        name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return CacheKey(self.salt(account), hashlib.sha256(content.encode()).hexdigest()[:24], name)

    def get(self, kind: str, key: CacheKey) -> bytes | None:
        return self.bodies.get((kind, key))

    def put(self, kind: str, key: CacheKey, data: bytes) -> None:
        self.bodies[kind, key] = data


@dataclass
class Frames:
    """A picture a second, fewer when the budget or the engine wants fewer."""

    sampling: str = "1 a second"
    asked: list[tuple[float, float, int]] = field(default_factory=list)
    sides: set[int] = field(default_factory=set)
    broken: Callable[[float, float], ApiError | None] = lambda _start, _end: None

    def of(
        self,
        _path: Path,
        _content: str,
        _facts: VideoFacts,
        notes: Notes,
        start: float,
        end: float,
        sight: Sight,
        budget_tokens: int,
        _cancel: Cancel,
        *,
        account: str,
    ) -> Strip:
        assert account == "one"
        assert notes.start <= start < end <= notes.end
        self.asked.append((start, end, budget_tokens))
        self.sides.add(sight.max_side)
        error = self.broken(start, end)
        if error is not None:
            raise error
        most = min(sight.most, budget_tokens // A_PICTURE, max(1, int(end - start)))
        step = (end - start) / max(1, most)
        frames = tuple(Frame(round(start + (n + 0.5) * step, 3), 448, 252, b"jpeg") for n in range(most))
        return Strip(frames, dropped=1, tokens=A_PICTURE * len(frames))


def sees(
    play: Callable[[Ask], str | Finished | ApiError], *, context: int = 32_768, sight: Sight = SIGHT
) -> Engine:
    """An engine with a sight that says what `play` makes of an ask."""

    def said(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        told = play(ask)
        if isinstance(told, ApiError):
            raise told
        if isinstance(told, str):
            yield Text(told)
        yield told if isinstance(told, Finished) else Finished()

    return Engine(said, sight=sight, context_tokens=context)


def film(seconds: float, *, speech: float = 20.0, shot: float = 30.0) -> Notes:
    """Evidence of a long video: a cut every `shot` seconds, a sentence every `speech` seconds that names its time."""
    return Notes(
        CONTENT.sha256,
        0.0,
        seconds,
        shots=tuple(Shot(n * shot, min(seconds, (n + 1) * shot)) for n in range(int(seconds / shot))),
        speech=tuple(
            Sentence(n * speech + 1, n * speech + 5, f"This is sentence number n{n}.")
            for n in range(int(seconds / speech))
        ),
        reports=(CollectorReport("shots", "1", "done", 0.5, 2),),
    )


@dataclass
class Cinema:
    """All of it for one video of a length."""

    engine: Engine
    seconds: float
    frames: Frames = field(default_factory=Frames)
    cache: Cache = field(default_factory=Cache)
    partial: bool = False

    def __post_init__(self) -> None:
        self.parts = Parts(self.engine)

    @property
    def notes(self) -> Notes:
        return film(self.seconds)

    @property
    def tools(self) -> Tools:
        parts: Any = self.parts.tools
        parts.frames, parts.cache = self.frames, self.cache
        parts.settings.partial_segments = self.partial
        return cast("Tools", parts)

    def job(
        self, prompt: str = "What happens?", *, start: float = 0.0, end: float | None = None, **more: Any
    ) -> Job:
        """A question about the video, or a part of it."""
        end = self.seconds if end is None else end
        facts = replace(FACTS, end=self.seconds)
        looked = Looked("url", CONTENT.sha256, CONTENT.bytes, facts, start, end)
        kept = more.pop("kept", None)
        asked = request(prompt, **more)
        words = count_tokens(asked.words)
        spent = Spent(words)
        made = Job("an-id", "one", asked, CONTENT, looked, words, spent, Cancel(), _no_files(), self.engine)
        return made if kept is None else replace(made, kept=kept)


def _no_files() -> Any:
    return ExitStack()


def events_of(ask: Ask) -> str:
    """What a model that sees says of a part: one event, named by its own times."""
    event = {
        "start_time": ask.start,
        "end_time": ask.end,
        "what": f"Part from {ask.start:.0f} to {ask.end:.0f}",
        "who": "",
        "said": "",
        "shown": "",
    }
    return json.dumps({"events": [event]})
