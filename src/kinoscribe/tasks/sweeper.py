"""Removes what has become too old, now and then, beside the tasks of a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from kinoscribe.contract.errors import ApiError

_EVERY = 3600.0

_log = structlog.get_logger(__name__)


class Sweeper:
    """Calls each of `sweeps` at the start and then every hour; each says how much it removed."""

    def __init__(self, *sweeps: Callable[[], int], every: float = _EVERY) -> None:
        self._sweeps = sweeps
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            for sweep in self._sweeps:
                try:
                    sweep()
                except ApiError as error:
                    _log.warning("not_swept", reason=error.message)
                except Exception:  # noqa: BLE001  the edge of this thread: the others are swept all the same
                    _log.exception("unexpected")
            if self._over.wait(self._every):
                return
