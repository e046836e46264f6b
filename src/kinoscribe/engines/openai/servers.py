"""Says in which order the model servers of an engine are asked, and how long to wait between two rounds of them."""

import hashlib
import math
from collections.abc import Callable, Container
from dataclasses import dataclass

from kinoscribe import clock

_AWAY_SECONDS, _LONGEST_AWAY = 10.0, 320.0
_LEARNT_SECONDS = 600.0
_MOST_LEARNT = 1_000
_ROUNDS = 3
_FIRST_WAIT = 0.5
_WELL = (0.0, 0.0)


class Servers:
    """One video's questions go to one server, as long as it is well; one that failed comes last for a while.

    The while is longer each time that it fails again and never answers: each question that it keeps waiting is slow.
    `told` is called whenever one fails.
    """

    def __init__(self, urls: tuple[str, ...], told: Callable[[], None] = lambda: None) -> None:
        self._urls = urls
        self._told = told
        self._away: dict[str, tuple[float, float]] = {}
        self._learnt: dict[tuple[str, str], float] = {}
        self._extras: dict[str, tuple[bool, float]] = {}

    def order(self, content: str, unwell: Container[str] = (), worse: Container[str] = ()) -> tuple[str, ...]:
        """All servers; `unwell` are those of which is known that they cannot answer, however they did before.

        Of those that are well, the `worse` ones come last.
        """
        now = clock.steady()
        ranked = sorted(self._urls, key=lambda url: _rank(content, url), reverse=True)
        return tuple(
            sorted(
                ranked,
                key=lambda url: (url in unwell or self._away.get(url, _WELL)[0] > now, url in worse),
            )
        )

    def number(self, url: str) -> int:
        """The place of a server in the operator's list, from 1: what may be told of it."""
        return self._urls.index(url) + 1

    def failed(self, url: str) -> None:
        now = clock.steady()
        until, seconds = self._away.get(url, _WELL)
        if now >= until:  # else it is the failure of a question that went out at the same time
            longer = min(2 * seconds, _LONGEST_AWAY) or _AWAY_SECONDS
            self._away[url] = (now + longer, longer)
        self._told()

    def answered(self, url: str) -> None:
        self._away.pop(url, None)

    def refuses(self, url: str, what: str) -> bool:
        """Whether a server is known, for a while, not to take something."""
        return self._learnt.get((url, what), 0.0) > clock.steady()

    def learn(self, url: str, what: str) -> None:
        """A server was well only without something."""
        if len(self._learnt) >= _MOST_LEARNT:
            self._learnt.clear()
        self._learnt[url, what] = clock.steady() + _LEARNT_SECONDS

    def takes_extras(self, url: str) -> bool | None:
        """Whether a server was well with the extras of its profile, or without them only; None where not known."""
        taken, until = self._extras.get(url, (None, 0.0))
        return taken if until > clock.steady() else None

    def learn_extras(self, url: str, *, taken: bool) -> None:
        self._extras[url] = (taken, clock.steady() + _LEARNT_SECONDS)


def _rank(content: str, url: str) -> bytes:
    """Rendezvous hashing: a server that comes or goes moves no other server's videos."""
    return hashlib.sha256(f"{content}\n{url}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Miss:
    """A server that did not answer. `again`: it may, if asked once more in `wait` seconds or in a moment."""

    url: str
    again: bool
    wait: float | None = None


class Course:
    """The way through the servers for one request. `url` is who is asked now."""

    def __init__(self, order: tuple[str, ...], patience: float) -> None:
        self._left = list(order)
        self._patience = patience
        self._round = 1
        self._misses: list[Miss] = []
        self.url = self._left.pop(0)

    def after(self, miss: Miss) -> float | None:
        """Seconds to wait before `url`, the next one, is asked; None when nobody is left to ask."""
        self._misses.append(miss)
        wait = 0.0
        if not self._left:
            again = [one for one in self._misses if one.again]
            if not again or self._round == _ROUNDS:
                return None
            wait = max(min(one.wait or 0.0 for one in again), _FIRST_WAIT * 2.0 ** (self._round - 1))
            if wait > self._patience:
                return None
            self._patience -= wait
            self._round += 1
            self._left = [one.url for one in sorted(again, key=lambda one: one.wait or 0.0)]
            self._misses = []
        self.url = self._left.pop(0)
        return wait

    @property
    def come_back(self) -> int | None:
        """Whole seconds after which some server wants to be asked again, when any said so."""
        waits = [one.wait for one in self._misses if one.wait is not None]
        return max(1, math.ceil(min(*waits, 3600.0))) if waits else None
