"""Stand-ins for what an analysis works with: an engine that plays pieces, evidence at hand, receipts in memory."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kinoscribe.analysis.job import Job, Spent
from kinoscribe.analysis.receipt import Looked
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.events import Progress
from kinoscribe.contract.sources import UrlSource
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.chosen import Chosen, Engines
from kinoscribe.engines.engine import Ask, EngineState, Finished, Piece, Text
from kinoscribe.notes import CollectorReport, Notes, Sentence, Shot
from kinoscribe.sources.resolve import Content
from kinoscribe.storage.task_rows import Backlog

FACTS = VideoFacts(0.0, 20.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
CONTENT = Content(Path("video"), "ab" * 32, 1234, None, False)
NOTES = Notes(
    CONTENT.sha256,
    0.0,
    20.0,
    shots=(Shot(0.0, 10.0, "start"), Shot(10.0, 20.0)),
    speech=(Sentence(2.0, 3.0, "Early words."), Sentence(15.0, 16.0, "Late words.")),
    reports=(CollectorReport("shots", "1", "done", 0.5, 2),),
)

Play = Callable[[Ask, Cancel], Iterator[Piece]]


def says(*texts: str, finished: Finished | None = None) -> Play:
    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        for text in texts:
            yield Text(text)
        yield finished or Finished()

    return play


@dataclass
class Engine:
    play: Play = field(default_factory=lambda: says("One two three."))
    name: str = "pretended"
    model: str = "none"
    version: str = "1"
    context_tokens: int = 1_000_000
    sees_pictures: bool = True
    sight: Any = None
    ready: EngineState = field(default_factory=lambda: EngineState(True))
    asked: list[Ask] = field(default_factory=list)
    closed: int = 0

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        self.asked.append(ask)
        try:
            yield from self.play(ask, cancel)
        finally:
            self.closed += 1

    def state(self) -> EngineState:
        return self.ready

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Gatherer:
    notes: Notes = NOTES
    error: ApiError | None = None
    at_hand: bool = False
    lacks: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        return self.lacks

    def kept(self, _content: str) -> Notes | None:
        return self.notes if self.at_hand else None

    def gather(
        self, _path: Path, _content: str, _facts: VideoFacts, cancel: Cancel, *, account: str
    ) -> Generator[Progress, None, Notes]:
        assert account == "one"
        if not self.at_hand:
            yield Progress("look", 0.5)
        cancel.check()
        if self.error is not None:
            raise self.error
        return self.notes


@dataclass
class Receipts:
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: ApiError | None = None

    known: bool = True

    def keep(self, account: str, generation_id: str, body: dict[str, Any], content: str | None) -> None:
        if self.error is not None:
            raise self.error
        assert account == "one"
        assert content == (None if body["video"] is None else body["video"]["sha256"])
        self.bodies[generation_id] = body

    def knows(self, account: str, content: str) -> bool:
        if self.error is not None:
            raise self.error
        return self.known and (account, content) == ("one", CONTENT.sha256)


@dataclass
class Resolver:
    content: Content = CONTENT
    error: ApiError | None = None
    lent: int = 0
    patient: bool | None = None

    @contextmanager
    def resolve(
        self, _source: object, account: str, _cancel: Cancel, *, patient: bool = True
    ) -> Iterator[Content]:
        assert account == "one"
        self.patient = patient
        if self.error is not None:
            raise self.error
        self.lent += 1
        try:
            yield self.content
        finally:
            self.lent -= 1


@dataclass
class Parts:
    """The stand-ins by name, and the `Tools` that they make."""

    engine: Engine = field(default_factory=Engine)
    gatherer: Gatherer = field(default_factory=Gatherer)
    receipts: Receipts = field(default_factory=Receipts)
    resolver: Resolver = field(default_factory=Resolver)
    facts: VideoFacts = FACTS
    workers: list[Any] = field(default_factory=lambda: [SimpleNamespace(missing=())])
    models: dict[str, Chosen] = field(default_factory=dict)
    backlog: Backlog = field(default_factory=lambda: Backlog(0, 0, None))

    @property
    def tools(self) -> Tools:
        return cast(
            "Tools",
            SimpleNamespace(
                settings=SimpleNamespace(shortest_seconds=None, heartbeat_seconds=15.0),
                engine=self.engine,
                engines=Engines(self.engine, self.models),
                gatherer=self.gatherer,
                receipts=self.receipts,
                resolver=self.resolver,
                facts=SimpleNamespace(of=lambda *_, account: self.facts),
                processes=SimpleNamespace(live=lambda _kind: self.workers),
                tasks=SimpleNamespace(backlog=lambda: self.backlog),
            ),
        )


def request(prompt: str = "What is said?", **more: Any) -> AnalyzeRequest:
    chosen: dict[str, Any] = {
        "model_name": "pegasus1.5",
        "video": UrlSource("https://a.example/v.mp4"),
        "prompt": prompt,
        "temperature": 0.2,
        "stream": True,
        "max_tokens": 4096,
    }
    return AnalyzeRequest(**{**chosen, **more})


def job(
    start: float = 0.0, end: float = 20.0, *, spent: int = 5, engine: Engine | None = None, **more: Any
) -> Job:
    looked = Looked("url", CONTENT.sha256, CONTENT.bytes, FACTS, start, end)
    return Job(
        "an-id",
        "one",
        request(**more),
        CONTENT,
        looked,
        spent,
        Spent(spent),
        Cancel(),
        ExitStack(),
        engine or Engine(),
    )
