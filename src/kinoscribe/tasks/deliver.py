"""Turns messages that are due into signed POSTs to their receivers, many at once but few to any one of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from kinoscribe import clock, ids
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.webhooks import SIGNATURE_HEADER, signature
from kinoscribe.sources.url_fetch import FetchFailed
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.delivery_rows import DeliveryRows, Held, Outcome, Waiting

PLACES = 64
PER_WEBHOOK = 2

_POLL = 1.0
_LONGEST_POLL = 15.0
_PERSIST = 10.0
_PATIENCE = 2.0

_log = structlog.get_logger(__name__)

Post = Callable[[str, bytes, Mapping[str, str], Cancel], int]


class Deliverer:
    """Sends messages until it is stopped. Several of them, in several processes, share the work.

    At most `places` attempts run at once: `PER_WEBHOOK` of them to one webhook, a quarter to one host and port, and
    half for one account, so that whoever answers slowly, or not at all, delays only himself.
    """

    def __init__(self, rows: DeliveryRows, post: Post, *, places: int = PLACES) -> None:
        """`post` sends bytes and headers to a URL within a bounded time and tells the status of the answer."""
        self._rows = rows
        self._post = post
        self._places = places
        self._owner = f"hooks-{ids.new_object_id()}"
        self._cancel = Cancel()
        self._bell = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Held, threading.Thread]] = {}
        self._loop = threading.Thread(target=self._run, daemon=True, name="deliver")

    def start(self) -> None:
        self._loop.start()

    def ring(self) -> None:
        """Says that there may be something to send: it need not wait for the next look."""
        self._bell.set()

    def stop(self) -> None:
        """Breaks attempts off and gives what is held to other senders. Takes two seconds or so at most."""
        self._cancel.throw()
        self._bell.set()
        until = clock.steady() + _PATIENCE
        with self._lock:
            threads = [thread for _, thread in self._running.values()]
        for thread in (self._loop, *threads):
            if thread.ident is not None:
                thread.join(max(0.0, until - clock.steady()))
        try:
            self._rows.release(self._owner)
        except ApiError as error:
            _log.warning("deliveries_not_released", reason=error.message)

    def _run(self) -> None:
        wait = _POLL
        while not self._cancel.thrown:
            try:
                self._round()
                wait = _POLL
            except Exception as error:  # noqa: BLE001  the edge: the database may be away for a while
                wait = min(2 * wait, _LONGEST_POLL)
                _log.warning("deliveries_not_read", reason=str(error), again_in=wait)
            self._bell.wait(wait)
            self._bell.clear()

    def _round(self) -> None:
        """Starts an attempt at all that is due and has a place."""
        chosen = self._choose()
        if chosen and not self._cancel.thrown:
            for held in self._rows.claim(self._owner, [waiting.id for waiting in chosen]):
                thread = threading.Thread(
                    target=self._attempt, args=(held,), daemon=True, name=f"deliver-{held.id}"
                )
                with self._lock:
                    thread.start()  # when the system has no room for it, it takes no place either
                    self._running[held.id] = (held, thread)

    def _choose(self) -> list[Waiting]:
        """Deliveries for all free places: what waits for a full webhook, receiver or account is passed over."""
        room = _Room(self._places)
        with self._lock:
            for held, _ in self._running.values():
                room.take(held)
        chosen: dict[str, Waiting] = {}
        while room.free:
            found = self._rows.due(self._places + len(chosen), without=room.full())
            before = len(chosen)
            for waiting in found:
                if waiting.id not in chosen and room.has_one_for(waiting):
                    chosen[waiting.id] = waiting
                    room.take(waiting)
            if len(chosen) == before:
                break
        return list(chosen.values())

    def _attempt(self, held: Held) -> None:
        try:
            outcome = self._send(held)
            _log.info("webhook_attempt", delivery=held.id, attempt=held.attempt, status=outcome.status,
                      error=outcome.error, receiver=held.receiver)  # fmt: skip
            self._settle(held, outcome)
        except Canceled:
            _log.info("webhook_attempt_broken_off", delivery=held.id, receiver=held.receiver)
        except Exception:  # noqa: BLE001  the edge of this thread: what is not kept is attempted again
            _log.exception("unexpected", delivery=held.id)
        finally:
            with self._lock:
                self._running.pop(held.id, None)
            self._bell.set()

    def _send(self, held: Held) -> Outcome:
        """One attempt, signed with its own time. Raises `Canceled`."""
        began, now = clock.steady(), int(clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(held.secret, now, held.payload),
        }
        status, error = None, None
        try:
            status = self._post(held.url, held.payload, headers, self._cancel)
            error = _complaint(status)
        except (FetchFailed, UrlRefused) as failure:
            error = str(failure)
        except Canceled:
            raise
        except Exception:  # noqa: BLE001  the edge: logged in full, told in general
            _log.exception("unexpected", delivery=held.id)
            error = "Something went wrong on this server."
        return Outcome(status, error, clock.steady() - began)

    def _settle(self, held: Held, outcome: Outcome) -> None:
        """Keeps the outcome; while the database is away, tries again. What cannot be kept is attempted again later."""
        until = clock.steady() + _PERSIST
        while True:
            try:
                if not self._rows.settle(held, outcome):
                    _log.info("webhook_outcome_dropped", delivery=held.id)
                return
            except ApiError as error:
                if clock.steady() >= until or self._cancel.wait(1.0):
                    _log.warning("webhook_outcome_lost", delivery=held.id, reason=error.message)
                    return


class _Room:
    """Counts the attempts that run, in all and by what they have in common."""

    def __init__(self, places: int) -> None:
        self.free = places
        self._most = {
            "webhook_id": PER_WEBHOOK,
            "receiver": max(1, places // 4),
            "account": max(1, places // 2),
        }
        self._taken: dict[str, Counter[str]] = {name: Counter() for name in self._most}

    def take(self, one: Waiting | Held) -> None:
        self.free -= 1
        for name, counts in self._taken.items():
            counts[getattr(one, name)] += 1

    def has_one_for(self, one: Waiting) -> bool:
        return self.free > 0 and all(
            counts[getattr(one, name)] < self._most[name] for name, counts in self._taken.items()
        )

    def full(self) -> dict[str, list[str]]:
        """Of which webhooks, receivers and accounts nothing more may be started, by the names of the columns."""
        return {
            name: [key for key, count in counts.items() if count >= self._most[name]]
            for name, counts in self._taken.items()
        }


def _complaint(status: int) -> str | None:
    """What is wrong with an answer of this status, in a sentence."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"It answered with the status {status}; redirects are not followed."
    return f"It answered with the status {status}; one from 200 to 299 is expected."
