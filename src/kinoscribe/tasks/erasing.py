"""Carries out the erasure of accounts on this machine: removes what its data folder keeps of them in files."""

from __future__ import annotations

import structlog

from kinoscribe.storage.cache_folder import CacheFolder
from kinoscribe.storage.erasure_rows import ErasureRows

EVERY = 60.0
"""Seconds from one look to the next."""
SETTLED = 3600.0
"""Whatever was under way for an account when it was erased has ended after so many seconds, on every machine."""
_DAY = 86_400.0

_log = structlog.get_logger(__name__)


class Erasing:
    """Several processes of one folder may do so at once: what one has removed, the others do not find."""

    def __init__(self, rows: ErasureRows, cache: CacheFolder, folder: str, *, cache_days: float) -> None:
        """`folder` names the data folder among all; in `cache_days` it loses by itself what nobody uses."""
        self._rows = rows
        self._cache = cache
        self._folder = folder
        self._kept = cache_days * _DAY + SETTLED

    def carry_out(self) -> int:
        """Removes what erased accounts have here; says how many entries that were.

        What an analysis that had begun before still wrote goes the next time; what is written once that must have
        ended belongs to another account of the same name, and stays. Raises `DatabaseUnavailable`.
        """
        gone = 0
        for erased in self._rows.due(self._folder):
            last = erased.erased_at.timestamp() + SETTLED
            cleared = self._cache.clear_salt(erased.salt, before=last).entries
            if erased.seconds >= SETTLED:
                self._rows.done(erased.id, self._folder)
            if cleared:
                _log.info("account_erased_here", entries=cleared)
            gone += cleared
        self._rows.forget(self._kept)
        return gone
