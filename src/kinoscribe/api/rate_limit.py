"""Turns the calls of an account into headers that tell what is left of its limits, or into a refusal (contract 1.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kinoscribe.contract.errors import TooManyRequests
from kinoscribe.contract.rate_limits import Category, LimitState, limit_headers
from kinoscribe.storage.api_key_rows import Account
from kinoscribe.storage.rate_rows import Counter, RateRows


@dataclass(slots=True)
class Spending:
    """What one call may still spend. Without limits it takes everything and tells nothing."""

    rates: RateRows | None = None
    counters: tuple[Counter, ...] = ()
    states: tuple[LimitState, ...] = ()
    refusal: TooManyRequests | None = None

    def headers(self) -> dict[str, str]:
        """For every answer to the call, also to one that is refused; as of now, so ask late."""
        return limit_headers(self.states)

    def check(self) -> None:
        """Raises `TooManyRequests` when the call came over a limit; it was not counted then."""
        if self.refusal is not None:
            raise self.refusal

    def reserve(self, seconds: float) -> None:
        """Counts the length of the window that is about to be analysed. Raises `TooManyRequests` if it does not fit.

        The call is then not counted at all. Uses the database: call it in a thread.
        """
        limited = any(one.limit.kind.dimension == "seconds" for one in self.counters)
        if self.rates is None or not limited:
            return
        try:
            self.rates.reserve(self.counters, math.ceil(seconds))
        finally:
            self.states = self.rates.states(self.counters)

    def charge(self, *, seconds: float = 0.0, tokens: int = 0) -> None:
        """Counts what was used, whether it fits or not. Uses the database: call it in a thread."""
        if self.rates is not None and self.counters:
            self.rates.charge(self.counters, seconds=math.ceil(seconds), tokens=tokens)


class RateLimits:
    """Counts calls; uses the database, so it wants a thread."""

    def __init__(self, rates: RateRows) -> None:
        self._rates = rates

    def enter(self, category: Category, account: Account) -> Spending:
        """Counts one call of the account. Where it comes over a limit, `check` of what is returned says so."""
        rates = self._rates
        counters = rates.counters(account.name, account.key_id, category)
        try:
            return Spending(rates, counters, rates.enter(counters))
        except TooManyRequests as refusal:
            return Spending(rates, counters, rates.states(counters), refusal)
