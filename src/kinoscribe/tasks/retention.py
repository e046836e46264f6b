"""Keeps what is stored within the ages and quotas that the operator chose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import ApiError
from kinoscribe.evidence.ageing import Ageing
from kinoscribe.settings import Settings
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.retention import OldRows

_DAY = 86_400.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What went of one kind: how many, and their bytes where they are known. `error` says why it was not looked at."""

    kind: str
    count: int = 0
    bytes: int = 0
    error: str = ""


class Retention:
    """Everything that becomes too old or too much, in one place. May be called by several processes at once."""

    def __init__(self, tools: Tools, ageing: Ageing) -> None:
        self._tools = tools
        self._ageing = ageing
        self._rows = OldRows(tools.database, tools.blobs)
        self._contents = Contents(tools.database, tools.blobs)

    def sweep(self, *, dry: bool = False) -> tuple[Swept, ...]:
        """What went, or with `dry` would go. A kind that cannot be looked at now keeps no other from it."""
        return tuple(_told(kind, step) for kind, step in self._steps(self._tools.settings, dry))

    def run(self) -> int:
        """`sweep` as the worker does it, with a line in the log for every kind of which something went."""
        found = self.sweep()
        for swept in found:
            if swept.count:
                _log.info("swept", kind=swept.kind, count=swept.count)
        return sum(swept.count for swept in found)

    def _steps(self, settings: Settings, dry: bool) -> Iterator[tuple[str, Callable[[], tuple[int, int]]]]:
        rows, tools = self._rows, self._tools
        age, last = _seconds(settings.task_days), _seconds(settings.receipt_days)
        if age is not None:
            yield "tasks", lambda: (rows.tasks(age, dry=dry), 0)
            yield "tasks of indexes", lambda: (rows.index_tasks(age, dry=dry), 0)
        if (tasks_kept := settings.tasks_kept) is not None:
            yield (
                "tasks beyond the number kept",
                lambda: (rows.tasks_beyond(tasks_kept, within=age, dry=dry), 0),
            )
            yield (
                "tasks of indexes beyond the number kept",
                lambda: (rows.index_tasks_beyond(tasks_kept, within=age, dry=dry), 0),
            )
        if (oldest := _seconds(settings.asset_days)) is not None:
            yield "assets", lambda: (rows.assets(oldest, dry=dry), 0)
        if last is not None:
            yield "receipts", lambda: (rows.receipts(last, dry=dry), 0)
        if (receipts_kept := settings.receipts_kept) is not None:
            yield (
                "receipts beyond the number kept",
                lambda: (rows.receipts_beyond(receipts_kept, within=last, dry=dry), 0),
            )
        yield "media that nothing refers to", lambda: (rows.unused_contents(dry=dry), 0)
        unused = settings.evidence_days * _DAY
        yield "evidence", lambda: self._evidence(settings, dry)
        yield "unfinished evidence", lambda: (self._ageing.tidy(dry=dry), 0)
        yield "waits for evidence", lambda: (tools.meetings.sweep(unused, dry=dry), 0)
        yield "uploads that ended", lambda: (tools.uploads.rows.forget(dry=dry), 0)
        yield "uploads", lambda: (tools.uploads.expire(dry=dry) + tools.uploads.sweep(dry=dry), 0)
        yield (
            "room set aside by processes that died",
            lambda: (tools.assets.room.reservations.sweep(dry=dry), 0),
        )
        yield "answers kept for repeated requests", lambda: (tools.idempotency.forget(dry=dry), 0)
        yield "deliveries of webhooks", lambda: (tools.deliveries.forget(dry=dry), 0)
        yield "files left in the store", lambda: (tools.blobs.sweep(dry=dry), 0)
        yield "cached pictures and answers", lambda: self._cache(settings, dry)

    def _evidence(self, settings: Settings, dry: bool) -> tuple[int, int]:
        aged = self._ageing.sweep(
            self._contents.referred(),
            unused=settings.evidence_days * _DAY,
            most=settings.evidence_bytes,
            dry=dry,
        )
        return aged.videos, aged.bytes

    def _cache(self, settings: Settings, dry: bool) -> tuple[int, int]:
        went = self._tools.cache.sweep(settings.cache_days * _DAY, dry=dry)
        return went.entries, went.bytes


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * _DAY


def _told(kind: str, step: Callable[[], tuple[int, int]]) -> Swept:
    try:
        count, taken = step()
    except ApiError as error:
        _log.warning("not_swept", kind=kind, reason=error.message)
        return Swept(kind, error=error.message)
    except OSError as error:
        _log.warning("not_swept", kind=kind, reason=str(error))
        return Swept(kind, error=error.strerror or str(error))
    return Swept(kind, count, taken)
