"""Makes what a worker does: tasks, and beside them assets, evidence, webhooks and sweeps."""

from __future__ import annotations

from kinoscribe.analysis.tools import Tools
from kinoscribe.app.perceiving import away, queued_gatherer
from kinoscribe.evidence.ageing import Ageing
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.sources.intake import Intake, WhenReady
from kinoscribe.sources.thumbnail import Thumbnails
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.erasure_rows import ErasureRows
from kinoscribe.storage.evidence_rows import EvidenceRows
from kinoscribe.storage.process_rows import Kind
from kinoscribe.storage.task_queue import TaskQueue
from kinoscribe.tasks.asset_loop import AssetLoop
from kinoscribe.tasks.bells import SharedBell
from kinoscribe.tasks.deliver import Deliverer
from kinoscribe.tasks.erasing import EVERY, Erasing
from kinoscribe.tasks.evidence_loop import EvidenceLoop
from kinoscribe.tasks.presence import Presence
from kinoscribe.tasks.retention import Retention
from kinoscribe.tasks.sweeper import Sweeper
from kinoscribe.tasks.worker import Worker, new_owner

# A receiver of webhooks has nothing to say: what it answers is read no further than this.
_LONGEST_RECEIPT = 16_384


def presence(tools: Tools, kind: Kind, slots: int) -> Presence:
    """The row of this process, while its `with` block lasts. Raises `DatabaseUnusable` where machines may not share."""
    tools.processes.refuse_strangers()
    return Presence(tools.processes, kind, slots, lambda: lacking(tools))


def lacking(tools: Tools) -> list[str]:
    """What keeps this process from doing an analysis, in sentences."""
    state = tools.engines.state()
    return [*([] if state.ready else [state.reason]), *tools.gatherer.missing()]


def build_worker(tools: Tools) -> Worker:
    """What does the queued tasks, and beside them collects evidence, delivers webhooks and sweeps."""
    settings = tools.settings
    assert isinstance(tools.gatherer, Gatherer)
    queue = TaskQueue(
        tools.database,
        tools.blobs,
        lease=settings.lease_seconds,
        attempts=settings.task_attempts,
        announce=tools.deliveries.announce,
    )
    seconds = settings.webhook_seconds
    sender = UrlFetcher(
        make_gate(settings.url_allow, settings.url_ports),
        FetchLimits(_LONGEST_RECEIPT, seconds, connect=seconds, idle=seconds),
    )
    evidence = EvidenceLoop(
        EvidenceRows(tools.database, lease=settings.lease_seconds),
        tools.gatherer,
        tools.blobs,
        new_owner(),
        most=settings.evidence_processes,
        lease=settings.lease_seconds,
    )
    deliverer = Deliverer(tools.deliveries, sender.post)
    asked_for = queued_gatherer(settings, tools.folder, tools.database, tools.processes, tools.blobs)
    assets = AssetLoop(
        asset_queue(tools),
        intake_of(tools, asked_for.start),
        new_owner(),
        lease=settings.lease_seconds,
        attempts=settings.task_attempts,
        retry=settings.retry_seconds,
        when_decided=tools.wake.ring,
    )
    return Worker(
        tools,
        queue,
        SharedBell(tools.wake, [evidence.ring, deliverer.ring, assets.ring]),
        slots=settings.worker_slots,
        lease=settings.lease_seconds,
        drain=settings.drain_seconds,
        beside=(
            evidence,
            assets,
            deliverer,
            Sweeper(build_retention(tools).run),
            build_erasing(tools),
            _upload_sweeper(tools),
        ),
    )


def build_retention(tools: Tools) -> Retention:
    """What keeps all that is stored within its ages and quotas."""
    evidence = tools.folder.path / "evidence"
    return Retention(tools, Ageing(evidence, away(tools.settings), tools.meetings.forget))


def build_erasing(tools: Tools) -> Sweeper:
    """What removes from this machine what it keeps of accounts that were erased on another."""
    erasing = Erasing(
        ErasureRows(tools.database), tools.cache, tools.folder.name, cache_days=tools.settings.cache_days
    )
    return Sweeper(erasing.carry_out, every=EVERY)


def _upload_sweeper(tools: Tools) -> Sweeper:
    """Sessions end on time, and with them what they promised of the disk."""
    return Sweeper(tools.uploads.expire, every=min(60.0, tools.settings.upload_seconds / 2))


def asset_queue(tools: Tools) -> AssetQueue:
    settings = tools.settings
    return AssetQueue(
        tools.database, tools.assets, lease=settings.lease_seconds, attempts=settings.task_attempts
    )


def intake_of(tools: Tools, start: WhenReady) -> Intake:
    """What processes an asset; where the operator wants that, `start` then has its evidence collected."""
    early = tools.settings.evidence_on_upload and tools.settings.engine != "scripted"
    return Intake(
        tools.assets,
        tools.blobs,
        tools.fetcher,
        tools.decoders,
        assemble=tools.uploads.assembled,
        depict=Thumbnails(tools.decoders).of,
        when_ready=start if early else None,
    )
