"""Makes what collects the evidence of a video, here or by leaving it to the workers."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from kinoscribe import clock
from kinoscribe.child import Children, ChildSpec
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.pace import Pace
from kinoscribe.evidence.queued import TELL_EVERY, QueuedGatherer, as_it_is
from kinoscribe.evidence.record import ENVIRONMENT, perception_config
from kinoscribe.evidence.versions import versions
from kinoscribe.settings import Settings
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.evidence_rows import EvidenceRows
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.storage.process_rows import ProcessRows
from kinoscribe.storage.store import is_shared, open_objects
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import needed

if TYPE_CHECKING:
    from kinoscribe.storage.objects import Objects


_STILL_THERE = 5.0


def away(settings: Settings) -> Objects | None:
    """Where machines that do not share a folder find each other's notes."""
    return open_objects(settings) if is_shared(settings) else None


def pace(settings: Settings, database: Database, *, grain: float = 0.0) -> Pace:
    """What keeps accounts from learning of each other by how soon evidence is there."""
    return Pace(MeetingRows(database) if settings.accounts == "apart" else None, grain=grain)


def gatherer_here(settings: Settings, folder: DataFolder, database: Database) -> Gatherer:
    config = perception_config(
        collectors=settings.active_collectors,
        weights=settings.weights_dir,
        speech_model=settings.speech_model,
        decode_memory=settings.decode_memory_bytes,
        decode_seconds=settings.decode_seconds,
        max_pixels=settings.max_pixels,
        threads=max(1, (os.cpu_count() or 1) // settings.evidence_processes),
    )
    spec = ChildSpec(
        target="kinoscribe.evidence.worker:serve",
        config=config,
        silence=settings.decode_seconds,
        environment=ENVIRONMENT,
    )
    return Gatherer(
        folder.path / "evidence",
        Children(spec, most=settings.evidence_processes),
        versions(settings.active_collectors, settings.speech_model),
        lambda: _missing_weights(settings),
        most=settings.evidence_processes,
        away=away(settings),
        pace=pace(settings, database),
    )


def queued_gatherer(
    settings: Settings, folder: DataFolder, database: Database, processes: ProcessRows, blobs: Blobs
) -> QueuedGatherer:
    def lend(path: Path, content: str) -> AbstractContextManager[str]:
        """A file that workers elsewhere do not see is brought to the store for as long as it is wanted."""
        if is_shared(settings) and not processes.all_see_our_files("worker"):
            return blobs.lending(path, content)
        return as_it_is(path, content)

    found_at: float | None = None

    def missing() -> list[str]:
        """Weights that are not here are no lack where a worker has them. Those seen a moment ago are still there."""
        nonlocal found_at
        if found_at is not None and clock.steady() - found_at < _STILL_THERE:
            return []
        found = _missing_weights(settings)
        found_at = None if found else clock.steady()
        if found and any(not worker.missing for worker in processes.live("worker")):
            return []
        return found

    return QueuedGatherer(
        folder.path / "evidence",
        EvidenceRows(database, lease=settings.lease_seconds),
        versions(settings.active_collectors, settings.speech_model),
        missing,
        away=away(settings),
        lend=lend,
        pace=pace(settings, database, grain=TELL_EVERY),
    )


def _missing_weights(settings: Settings) -> list[str]:
    needs = needed(settings.active_collectors, speech_model=settings.speech_model)
    missing = Weights(settings.weights_dir).missing(needs)
    return [f"The weights {name} are missing: run `kinoscribe models get`." for name in missing]
