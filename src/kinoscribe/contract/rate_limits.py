"""Turns the names of rate limits into windows, and what was used of them into headers and refusals (contract 1.6).

An operator writes requests, minutes of video and thousands of tokens; here and in the database an amount is
requests, seconds of video and tokens.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kinoscribe.contract.errors import ParameterInvalid, TooManyRequests
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import rfc3339

Category = Literal["analyze", "upload", "index"]
LimitName = Literal["rpm", "rpd", "dph", "dpd", "tpm", "tpd"]
Dimension = Literal["requests", "seconds", "tokens"]

CATEGORIES: tuple[Category, ...] = ("analyze", "upload", "index")
NAMES: dict[Category, tuple[LimitName, ...]] = {
    "analyze": ("rpm", "rpd", "dph", "dpd", "tpm", "tpd"),
    "upload": ("rpm", "rpd"),
    "index": ("rpm", "rpd", "dph", "dpd"),
}

_WRITTEN = re.compile(r"([a-z]+):([a-z]+)=0*([1-9][0-9]{0,11})")
_IN_HEADERS: dict[Dimension, str] = {"requests": "Request", "seconds": "Duration", "tokens": "Token"}
_WINDOWS = {60: "minute", 3_600: "hour", 86_400: "day"}


@dataclass(frozen=True, slots=True)
class LimitKind:
    """A window of `window` seconds in which something is counted; `unit` of it are one of the operator's."""

    dimension: Dimension
    window: int
    unit: int


KINDS: dict[LimitName, LimitKind] = {
    "rpm": LimitKind("requests", 60, 1),
    "rpd": LimitKind("requests", 86_400, 1),
    "dph": LimitKind("seconds", 3_600, 60),
    "dpd": LimitKind("seconds", 86_400, 60),
    "tpm": LimitKind("tokens", 60, 1_000),
    "tpd": LimitKind("tokens", 86_400, 1_000),
}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`amount` in requests, seconds of video or tokens, whichever `name` counts."""

    category: Category
    name: LimitName
    amount: int

    @property
    def kind(self) -> LimitKind:
        return KINDS[self.name]


@dataclass(frozen=True, slots=True)
class LimitState:
    """What was used of a limit in the window that ends at `resets_at`, this request included."""

    limit: RateLimit
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.limit.amount - self.used)


def read_limit(text: str) -> RateLimit:
    """A limit such as `analyze:rpm=60`. Raises `ParameterInvalid` naming `rate_limits`."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise _wrong(text, "Write a category, a name and a number of at least 1, such as analyze:rpm=60.")
    category = next((known for known in CATEGORIES if known == written[1]), None)
    if category is None:
        raise _wrong(text, f"The categories are {', '.join(CATEGORIES)}.")
    name = next((known for known in NAMES[category] if known == written[2]), None)
    if name is None:
        raise _wrong(text, f"The names of {category} are {', '.join(NAMES[category])}.")
    return RateLimit(category, name, int(written[3]) * KINDS[name].unit)


def limit_text(limit: RateLimit) -> str:
    """The text `read_limit` reads; an amount between two of the operator's units is rounded down."""
    return f"{limit.category}:{limit.name}={limit.amount // limit.kind.unit}"


def limit_headers(states: Iterable[LimitState]) -> dict[str, str]:
    """The headers of an answer; of two windows over the same dimension the one with less left is told.

    Durations are told in minutes, rounded down; tokens one by one.
    """
    tightest: dict[Dimension, LimitState] = {}
    for state in states:
        known = tightest.setdefault(state.limit.kind.dimension, state)
        if (state.left, known.resets_at) < (known.left, state.resets_at):
            tightest[state.limit.kind.dimension] = state
    headers: dict[str, str] = {}
    for dimension, state in tightest.items():
        per = 60 if dimension == "seconds" else 1
        told = {"Limit": state.limit.amount // per, "Remaining": state.left // per, "Reset": _epoch(state)}
        headers |= {
            f"X-RateLimit-{_IN_HEADERS[dimension]}-{part}": str(value) for part, value in told.items()
        }
        if dimension == "requests":
            told["Used"] = state.limit.amount - state.left
            headers |= {f"X-Ratelimit-{part}": str(value) for part, value in told.items()}
    return headers


def refusal(state: LimitState, now: datetime) -> TooManyRequests:
    """The answer to a request that this limit leaves no room for."""
    kind = state.limit.kind
    amount, what = state.limit.amount, str(kind.dimension)
    if kind.dimension == "seconds":
        amount, what = amount // 60, "minutes of video"
    wait = math.ceil((state.resets_at - now).total_seconds())
    return TooManyRequests(
        rate_limit=f"{amount} {what} per {_WINDOWS[kind.window]}",
        retry_after=rfc3339(state.resets_at),
        seconds=min(max(1, wait), kind.window),
    )


def _wrong(text: str, reason: str) -> ParameterInvalid:
    return ParameterInvalid(p="rate_limits", reason=f"{show(text)} was given. {reason}")


def _epoch(state: LimitState) -> int:
    """Rounded up: at the second that is told the window is over."""
    return math.ceil(state.resets_at.timestamp())
