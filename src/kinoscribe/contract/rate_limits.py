"""Turns the names of rate limits into windows, and what was used of them into headers and refusals (contract 1.6).

An operator writes requests, minutes of video and thousands of tokens; here and in the database an amount is
requests, seconds of video and tokens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kinoscribe.contract.errors import TooManyRequests

Category = Literal["analyze", "upload"]
LimitName = Literal["rpm", "rpd", "dph", "dpd", "tpm", "tpd"]
Dimension = Literal["requests", "seconds", "tokens"]

CATEGORIES: tuple[Category, ...] = ("analyze", "upload")


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


def read_limit(text: str) -> RateLimit:
    """A limit such as `analyze:rpm=60`. Raises `ParameterInvalid` naming `rate_limits`."""
    raise NotImplementedError


def limit_text(limit: RateLimit) -> str:
    """The text `read_limit` reads."""
    raise NotImplementedError


def limit_headers(states: Iterable[LimitState]) -> dict[str, str]:
    """The headers of an answer; of two windows over the same dimension the one with less left is told."""
    raise NotImplementedError


def refusal(state: LimitState, now: datetime) -> TooManyRequests:
    """The answer to a request that this limit leaves no room for."""
    raise NotImplementedError
