"""Keeps the row of this process alive for as long as it works, so that others see it and what it lacks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

import structlog

from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.process_rows import BEAT_SECONDS, Kind, ProcessRows

_log = structlog.get_logger(__name__)


class Presence:
    """A row while its `with` block lasts. `missing` is asked at every beat: what was lacking may have come."""

    def __init__(
        self,
        rows: ProcessRows,
        kind: Kind,
        slots: int,
        missing: Callable[[], list[str]],
        *,
        every: float = BEAT_SECONDS,
    ) -> None:
        self._rows = rows
        self._kind: Kind = kind
        self._slots = slots
        self._missing = missing
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="presence", daemon=True)
        self.id = rows.new_id()

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        try:
            self._rows.leave(self.id)
        except ApiError as error:
            _log.warning("presence_not_removed", reason=error.message)

    def _live(self) -> None:
        while not self._over.wait(self._every):
            self._beat()

    def _beat(self) -> None:
        """A database that is away for a while is no reason to end: the next beat says the same."""
        try:
            self._rows.beat(self.id, self._kind, self._slots, tuple(self._missing()))
        except ApiError as error:
            _log.warning("presence_not_noted", reason=error.message)
        except Exception:  # noqa: BLE001  the edge of this thread: who is silent for a minute is taken for dead
            _log.exception("unexpected")
