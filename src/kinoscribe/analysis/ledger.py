"""Keeps account of what an analysis looked at and asked, for its receipt."""

from dataclasses import dataclass, field
from typing import Any, Literal

from kinoscribe.engines.engine import Frame, Missed

# So many reasons are told apart; a long video may have a window for each.
_MOST_REASONS = 40
_TOLD = ("request", "input", "output", "counts", "thoughts", "temperature", "pictures")
How = Literal["asked", "resumed", "cached", "missing"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One window: how what is in it became known, by how many pictures, and why it did not."""

    start: float
    end: float
    how: How
    pictures: int = 0
    reason: str | None = None


@dataclass(slots=True)
class Misses:
    """How often a server was asked in vain for one reason, and how often somebody was asked again, after how long."""

    count: int = 0
    again: int = 0
    waited: float = 0.0

    def add(self, other: "Misses") -> None:
        self.count += other.count
        self.again += other.again
        self.waited += other.waited


@dataclass(slots=True)
class Ledger:
    """Counts while an analysis runs. `pictures` are the time, width and height of each picture that was shown.

    `asks` count what was asked of the engine, by stage; `contexts` are those that proved too long for the server.
    `notes` are what the engine says of its server: what that refused, miscounted or left out. `servers` are those that
    answered, `missed` those that were asked in vain, each with why.
    """

    pictures: list[tuple[float, int, int]] = field(default_factory=list)
    dropped: int = 0
    picture_tokens: int = 0
    strips_kept: int = 0
    windows: list[Seen] = field(default_factory=list)
    close: list[tuple[float, float]] = field(default_factory=list)
    asks: dict[str, int] = field(default_factory=dict)
    input_tokens: dict[str, int] = field(default_factory=dict)
    output_tokens: dict[str, int] = field(default_factory=dict)
    contexts: list[int] = field(default_factory=list)
    answer_kept: bool = False
    servers: set[str] = field(default_factory=set)
    missed: dict[tuple[str, str], Misses] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    _latest: int = 0
    _unanswered: bool = False
    _heard: str = ""
    _last: Misses | None = None

    def show(self, frames: tuple[Frame, ...]) -> None:
        """Counts pictures that go out with an ask. Where nobody answers it, they were not looked at."""
        self._settle()
        self.pictures += [(frame.time, frame.width, frame.height) for frame in frames]
        self._latest = len(frames)
        self._unanswered = True
        self._heard = ""

    def begin(self, server: str) -> None:
        """The first words of the latest ask's answer have come, from this server."""
        self._heard = server
        self.answered()

    def answered(self) -> None:
        """The latest ask was answered, at least in part."""
        self._unanswered = False

    @property
    def shown(self) -> int:
        """How many pictures of the latest ask were looked at."""
        return 0 if self._unanswered else self._latest

    def look_anew(self) -> None:
        """Forgets what was looked at: all of it was too much for the server, and is looked at again."""
        if self._last is not None:
            self._last.again += 1
        self.windows.clear()
        self.close.clear()
        self.pictures.clear()
        self.dropped = self.picture_tokens = self.strips_kept = self._latest = 0
        self._unanswered = False

    def ask(self, stage: str, input_tokens: int, output_tokens: int) -> None:
        """Counts one ask and its tokens."""
        self.asks[stage] = self.asks.get(stage, 0) + 1
        self.input_tokens[stage] = self.input_tokens.get(stage, 0) + input_tokens
        self.output_tokens[stage] = self.output_tokens.get(stage, 0) + output_tokens

    def hear(self, notes: dict[str, str]) -> None:
        """Takes down what an engine says of how it came to an answer."""
        self.answered()
        self._heard = notes.get("server", self._heard)
        if self._heard:
            self.servers.add(self._heard)
        self.notes |= {word: told for word, told in notes.items() if word in _TOLD}
        if "shown" in notes:
            self._show_only(frozenset(notes["shown"].split()))

    def miss(self, missed: Missed) -> None:
        """Takes down that a server was asked in vain."""
        self._last = self._misses((missed.server, missed.reason))
        self._last.add(Misses(1, int(missed.again), missed.wait))

    def unusable(self, reason: str, *, again: bool) -> None:
        """Takes down that nobody can use the answer that was heard last; whether it is asked for once more."""
        self.miss(Missed(self._heard, reason, again))

    def _misses(self, known: tuple[str, str]) -> Misses:
        if known not in self.missed and len(self.missed) >= _MOST_REASONS:
            known = known[0], "failed in yet another way"
        return self.missed.setdefault(known, Misses())

    def _settle(self) -> None:
        if self._unanswered:
            self._show_only(frozenset())
            self._unanswered = False

    def _show_only(self, times: frozenset[str]) -> None:
        """Of the latest pictures no others went out."""
        before = len(self.pictures)
        first = before - self._latest
        self.pictures[first:] = [one for one in self.pictures[first:] if f"{one[0]:.3f}" in times]
        self._latest = len(self.pictures) - first
        self.picture_tokens = round(self.picture_tokens * len(self.pictures) / max(1, before))

    def add(self, other: "Ledger") -> None:
        """Adds what another one holds: that of a part of the same analysis, which has ended."""
        other._settle()
        self.pictures += other.pictures
        self.dropped += other.dropped
        self.picture_tokens += other.picture_tokens
        self.strips_kept += other.strips_kept
        self.windows += other.windows
        self.close += other.close
        for stage, count in other.asks.items():
            self.asks[stage] = self.asks.get(stage, 0) + count
            self.input_tokens[stage] = self.input_tokens.get(stage, 0) + other.input_tokens[stage]
            self.output_tokens[stage] = self.output_tokens.get(stage, 0) + other.output_tokens[stage]
        self.contexts += other.contexts
        self.answer_kept = self.answer_kept or other.answer_kept
        self.servers |= other.servers
        for known, misses in other.missed.items():
            self._misses(known).add(misses)
            if misses is other._last:
                self._last = self._misses(known)
        self.notes |= other.notes

    def missing(self) -> tuple[tuple[float, float], ...]:
        """The stretches that nobody could look at."""
        return tuple((seen.start, seen.end) for seen in self.windows if seen.how == "missing")

    def reason(self) -> str:
        """Why the first of them could not be looked at."""
        return next((seen.reason for seen in self.windows if seen.how == "missing" and seen.reason), "")

    def body(self) -> dict[str, Any]:
        """The part of a receipt that says all this, once the analysis has ended."""
        self._settle()
        times = [round(time, 3) for time, _, _ in self.pictures]
        windows = sorted(self.windows, key=lambda seen: (seen.start, seen.end))
        return {
            "frames": {
                "used": len(times),
                "times": times,
                "sizes": sorted({f"{width}x{height}" for _, width, height in self.pictures}),
                "dropped": self.dropped,
                "tokens": self.picture_tokens,
                "from_cache": self.strips_kept,
            },
            "windows": [
                {
                    "start": round(seen.start, 3),
                    "end": round(seen.end, 3),
                    "how": seen.how,
                    "frames": seen.pictures,
                    "reason": seen.reason,
                }
                for seen in windows
            ],
            "looked_at_closely": [[round(start, 3), round(end, 3)] for start, end in self.close],
            "asks": {
                stage: {
                    "count": count,
                    "input_tokens": self.input_tokens[stage],
                    "output_tokens": self.output_tokens[stage],
                }
                for stage, count in self.asks.items()
            },
            "cache": {
                "answer": self.answer_kept,
                "windows": sum(seen.how == "cached" for seen in self.windows),
                "resumed": sum(seen.how == "resumed" for seen in self.windows),
            },
            "contexts_too_long": list(self.contexts),
            "servers": sorted(self.servers),
            "asked_in_vain": [
                {
                    "server": server or None,
                    "reason": reason,
                    "count": misses.count,
                    "asked_again": misses.again,
                    "waited_seconds": round(misses.waited, 3),
                }
                for (server, reason), misses in sorted(self.missed.items())
            ],
            "tried_again": sum(misses.again for misses in self.missed.values()),
            "notes": dict(sorted(self.notes.items())),
        }
