"""Turns what happened during an analysis into its receipt: what was looked at, by what, how long, at what cost."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from kinoscribe import __version__, clock
from kinoscribe.analysis.ledger import Ledger
from kinoscribe.contract.events import Ended
from kinoscribe.contract.times import rfc3339
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Engine
from kinoscribe.notes import Notes


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in each stage, in the order the stages began."""

    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=clock.steady)

    def lap(self, stage: str) -> None:
        """Counts the time since the last lap to `stage`."""
        now = clock.steady()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._began, 4)
        self._began = now

    def share(self, parts: Iterable["Stopwatch"]) -> None:
        """Counts the time since the last lap to the stages of work done side by side, by what each of them took."""
        took: dict[str, float] = {}
        for part in parts:
            for stage, seconds in part.seconds.items():
                took[stage] = took.get(stage, 0.0) + seconds
        now, whole = clock.steady(), sum(took.values())
        for stage, seconds in took.items():
            gone = (now - self._began) * (seconds / whole if whole else 0.0)
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + gone, 4)
        if took:
            self._began = now


@dataclass(frozen=True, slots=True)
class Looked:
    """The video and the window an answer speaks of."""

    source: str
    content: str
    bytes: int
    facts: VideoFacts
    start: float
    end: float


def receipt_body(
    *,
    generation_id: str,
    created: datetime,
    model_name: str,
    engine: Engine,
    looked: Looked | None,
    notes: Notes | None,
    evidence_kept: bool,
    stopwatch: Stopwatch,
    ended: Ended,
    ledger: Ledger | None = None,
) -> dict[str, Any]:
    """The JSON body of `GET /receipts/{generation_id}`. It holds neither the prompt nor the answer.

    `looked` is None where nobody could answer, so that the video was not even fetched.
    """
    return {
        "generation_id": generation_id,
        "created_at": rfc3339(created),
        "kinoscribe": __version__,
        "model_name": model_name,
        "engine": _engine(engine),
        "video": None if looked is None else _video(looked),
        "window": None if looked is None else {"start": looked.start, "end": looked.end},
        "evidence": None if notes is None else _evidence(notes, kept=evidence_kept),
        **({} if ledger is None else {"looked_at": ledger.body()}),
        "tokens": asdict(ended.usage),
        "finish_reason": ended.finish_reason,
        "warning": ended.warning,
        "error": None if ended.error is None else {"code": ended.error.code, "message": ended.error.message},
        "seconds": dict(stopwatch.seconds),
    }


def _video(looked: Looked) -> dict[str, Any]:
    facts = looked.facts
    return {
        "source": looked.source,
        "sha256": looked.content,
        "bytes": looked.bytes,
        "container": facts.container,
        "video_codec": facts.video_codec,
        "audio_codec": facts.audio_codec,
        "width": facts.width,
        "height": facts.height,
        "start": facts.start,
        "end": facts.end,
        "warnings": list(facts.warnings),
    }


def _engine(engine: Engine) -> dict[str, Any]:
    """Who answered, and what its server was found to be, where there is one."""
    about = engine.state().about
    told: dict[str, Any] = {"name": engine.name, "model": engine.model, "version": engine.version}
    return {**told, "server": dict(about)} if about else told


def _evidence(notes: Notes, *, kept: bool) -> dict[str, Any]:
    return {
        "from_store": kept,
        "collectors": [asdict(report) for report in notes.reports],
        "language": notes.language,
        "pictures": {"read": len(notes.pictures_read), "times": [round(t, 3) for t in notes.pictures_read]},
        "in_window": {
            "shots": len(notes.shots),
            "sentences": len(notes.speech),
            "screen_texts": len(notes.screen_text),
            "tags": len(notes.tags),
        },
        "warnings": list(notes.warnings),
    }
