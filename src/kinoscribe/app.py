"""Puts the parts together; the only place that picks concrete classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from kinoscribe.analysis.tools import Tools
from kinoscribe.child import Children, ChildSpec
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.limits import BASE64_IMAGE_BYTES
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.engines.chosen import Engines
from kinoscribe.engines.engine import Engine
from kinoscribe.engines.making import make_engines
from kinoscribe.evidence.ageing import Ageing
from kinoscribe.evidence.facts import KnownFacts
from kinoscribe.evidence.frame_shelf import FrameShelf
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.gathering import Gathers
from kinoscribe.evidence.picture_record import SearchConfig, encode
from kinoscribe.evidence.picture_search import PictureSearch
from kinoscribe.evidence.queued import QueuedGatherer, as_it_is
from kinoscribe.evidence.record import ENVIRONMENT, perception_config
from kinoscribe.evidence.versions import versions
from kinoscribe.media.decoders import Decoders
from kinoscribe.settings import Settings
from kinoscribe.sources.intake import Intake, WhenReady
from kinoscribe.sources.multipart import Multipart
from kinoscribe.sources.pictures import PictureReader
from kinoscribe.sources.resolve import Resolver
from kinoscribe.sources.thumbnail import Thumbnails
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.api_key_rows import ApiKeyRows, pepper_of
from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.cache_folder import FOLDER, CacheFolder
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.evidence_rows import EvidenceRows
from kinoscribe.storage.idempotency_rows import IdempotencyRows
from kinoscribe.storage.index_rows import IndexRows
from kinoscribe.storage.index_task_rows import IndexTaskRows
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.process_rows import Kind, ProcessRows
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.settling import Settling
from kinoscribe.storage.store import is_shared, open_blobs, open_folder, open_objects
from kinoscribe.storage.task_queue import TaskQueue
from kinoscribe.storage.task_rows import TaskRows
from kinoscribe.storage.upload_rows import UploadRows
from kinoscribe.storage.video_rows import VideoRows
from kinoscribe.storage.wake import Wake
from kinoscribe.storage.webhook_rows import WebhookRows
from kinoscribe.tasks.asset_loop import AssetLoop
from kinoscribe.tasks.bells import SharedBell
from kinoscribe.tasks.deliver import Deliverer
from kinoscribe.tasks.evidence_loop import EvidenceLoop
from kinoscribe.tasks.presence import Presence
from kinoscribe.tasks.retention import Retention
from kinoscribe.tasks.sweeper import Sweeper
from kinoscribe.tasks.worker import Worker, new_owner
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import MINILM, needed

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from kinoscribe.storage.objects import Objects

_log = structlog.get_logger(__name__)

# How much longer than an attempt may take a delivery of a webhook belongs to its worker, in seconds.
_DELIVERY_MARGIN = 10.0
_PICTURE_SECONDS = 30.0
# A receiver of webhooks has nothing to say: what it answers is read no further than this.
_LONGEST_RECEIPT = 16_384


def build_tools(settings: Settings, *, queued: bool = False) -> Tools:
    """Opens the data folder and starts what an analysis needs; `Tools.close` ends it.

    `queued`: evidence is left to the workers, and no model that perceives is loaded here.
    Raises `DataFolderUnusable`, `StoreUnusable`, `DatabaseUnusable`, `EnginesInvalid`, `ScriptInvalid`.
    Models are loaded when they are first needed.
    """
    folder = open_folder(settings)
    database = open_database(settings.database_url, folder)
    pepper = pepper_of(folder.path)
    blobs = open_blobs(settings, folder, database)
    deliveries = DeliveryRows(
        database, waits=settings.webhook_waits, lease=settings.webhook_seconds + _DELIVERY_MARGIN
    )
    settling = Settling(deliveries.announce_index, shortest=settings.shortest_seconds)
    assets = AssetRows(database, blobs, decided=settling.decided)
    videos = VideoRows(database, blobs, settling)
    preset = None if settings.api_key is None else settings.api_key.get_secret_value()
    decoders = Decoders(
        memory=settings.decode_memory_bytes, seconds=settings.decode_seconds, max_pixels=settings.max_pixels
    )
    fetcher = UrlFetcher(
        make_gate(settings.url_allow, settings.url_ports),
        FetchLimits(settings.max_url_bytes, settings.fetch_seconds),
    )
    processes = ProcessRows(database, pepper, shared_store=is_shared(settings))
    cache = CacheFolder(folder.path / FOLDER, settings.cache_bytes, pepper)
    gatherer: Gathers = (
        _queued_gatherer(settings, folder, database, processes, blobs)
        if queued
        else _gatherer(settings, folder)
    )
    blobs.when_dropped = _forgetter(gatherer, cache)
    return Tools(
        settings=settings,
        folder=folder,
        database=database,
        blobs=blobs,
        assets=assets,
        uploads=Multipart(UploadRows(database, assets), blobs.parts),
        api_keys=ApiKeyRows(database, pepper, preset),
        receipts=ReceiptRows(database),
        tasks=TaskRows(database, blobs, announce=deliveries.announce),
        idempotency=IdempotencyRows(database),
        webhooks=WebhookRows(database),
        deliveries=deliveries,
        delivery_log=DeliveryLog(database),
        wake=Wake(database),
        indexes=IndexRows(database, blobs),
        videos=videos,
        index_tasks=IndexTaskRows(database, settling),
        rates=RateRows(database, [read_limit(text) for text in settings.rate_limits]),
        processes=processes,
        fetcher=fetcher,
        decoders=decoders,
        facts=KnownFacts(folder.path / "evidence", decoders),
        gatherer=gatherer,
        resolver=Resolver(assets, blobs, fetcher, asset_wait=settings.asset_wait_seconds, videos=videos),
        pictures=PictureReader(assets, blobs, _picture_fetcher(settings), decoders),
        search=_picture_search(settings, folder),
        engines=build_engines(settings),
        cache=cache,
        frames=_frame_shelf(settings, cache),
    )


def _frame_shelf(settings: Settings, cache: CacheFolder) -> FrameShelf:
    """Its decoders are its own: who waits for a long video's pictures keeps no upload from being looked at."""
    decoders = Decoders(
        memory=settings.decode_memory_bytes, seconds=settings.decode_seconds, max_pixels=settings.max_pixels
    )
    return FrameShelf(decoders, cache, most_a_second=settings.frames_per_second)


def _picture_fetcher(settings: Settings) -> UrlFetcher:
    seconds = min(settings.fetch_seconds, _PICTURE_SECONDS)
    gate = make_gate(settings.url_allow, settings.url_ports)
    return UrlFetcher(gate, FetchLimits(BASE64_IMAGE_BYTES, seconds))


def _picture_search(settings: Settings, folder: DataFolder) -> PictureSearch:
    config = SearchConfig(
        decode_memory=settings.decode_memory_bytes,
        decode_seconds=settings.decode_seconds,
        max_pixels=settings.max_pixels,
        weights=str(settings.weights_dir),
    )
    spec = ChildSpec(
        target="kinoscribe.evidence.picture_worker:serve",
        config=encode(config),
        silence=settings.decode_seconds,
        environment=ENVIRONMENT,
    )
    return PictureSearch(folder.path / "evidence", Children(spec, most=1))


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
    asked_for = _queued_gatherer(settings, tools.folder, tools.database, tools.processes, tools.blobs)
    assets = AssetLoop(
        _asset_queue(tools),
        _intake(tools, asked_for.start),
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
        beside=(evidence, assets, deliverer, Sweeper(build_retention(tools).run), _upload_sweeper(tools)),
    )


def build_retention(tools: Tools) -> Retention:
    """What keeps all that is stored within its ages and quotas."""
    return Retention(tools, Ageing(tools.folder.path / "evidence", _away(tools.settings)))


def _upload_sweeper(tools: Tools) -> Sweeper:
    """Sessions end on time, and with them what they promised of the disk."""
    return Sweeper(tools.uploads.sweep, every=min(60.0, tools.settings.upload_seconds / 2))


def _asset_queue(tools: Tools) -> AssetQueue:
    settings = tools.settings
    return AssetQueue(
        tools.database, tools.assets, lease=settings.lease_seconds, attempts=settings.task_attempts
    )


def _intake(tools: Tools, start: WhenReady) -> Intake:
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


def build_engines(settings: Settings) -> Engines:
    """The engines the operator chose. Raises `EnginesInvalid` and `ScriptInvalid`."""
    return make_engines(settings, lambda: _embedded(settings))


def _embedded(settings: Settings) -> Engine:
    from kinoscribe.engines.embedded.engine import EmbeddedEngine

    weights = Weights(settings.weights_dir)
    encoder = weights.genuine(MINILM.name) / "model.safetensors" if weights.have(MINILM.name) else None
    return EmbeddedEngine(minilm=encoder, processes=settings.composers)


def build_asgi(tools: Tools) -> ASGIApp:
    """The server's application. The tools are closed when it shuts down.

    The web framework is imported here: a command that serves nothing need not wait for it.
    """
    from anyio import CapacityLimiter, to_thread

    from kinoscribe.api.application import make_application
    from kinoscribe.api.auth import Keys
    from kinoscribe.api.chunk_urls import ChunkUrls
    from kinoscribe.api.door import House
    from kinoscribe.api.first_look import FirstLook
    from kinoscribe.api.places import Slots
    from kinoscribe.api.rate_limit import RateLimits
    from kinoscribe.api.thumbnail_urls import ThumbnailUrls

    settings = tools.settings
    intake = _intake(tools, tools.gatherer.start)
    first_look = FirstLook(intake, _asset_queue(tools), new_owner(), tools.wake.ring)
    house = House(
        tools=tools,
        keys=Keys(tools.api_keys),
        first_look=first_look,
        slots=Slots(settings.sync_slots),
        thumbnail_urls=ThumbnailUrls(pepper_of(tools.folder.path)),
        chunk_urls=ChunkUrls(pepper_of(tools.folder.path), settings.upload_url_seconds),
        bodies=Slots(settings.large_bodies, "large bodies"),
        analyses=CapacityLimiter(settings.sync_slots),
        limits=RateLimits(tools.rates),
    )

    sweeper = Sweeper(build_retention(tools).run)

    async def start() -> None:
        """Nothing waits for the server: what an earlier one left undone is the workers'."""
        if is_shared(settings):  # what this machine has copies of, no worker may see
            sweeper.start()

    async def stop() -> None:
        await to_thread.run_sync(sweeper.stop)
        await to_thread.run_sync(first_look.close)
        await to_thread.run_sync(tools.close)

    return make_application(house, start, stop)


def _forgetter(gatherer: Gathers, cache: CacheFolder) -> Callable[[str], None]:
    """With a content goes all that was made of it; what cannot be removed now, the sweep finds."""

    def forget(content: str) -> None:
        try:
            gatherer.forget(content)
            cache.clear(content=content)
        except (ApiError, OSError) as error:
            _log.warning("content_not_forgotten", content=content[:12], reason=str(error))

    return forget


def _away(settings: Settings) -> Objects | None:
    """Where machines that do not share a folder find each other's notes."""
    return open_objects(settings) if is_shared(settings) else None


def _gatherer(settings: Settings, folder: DataFolder) -> Gatherer:
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
        away=_away(settings),
    )


def _queued_gatherer(
    settings: Settings, folder: DataFolder, database: Database, processes: ProcessRows, blobs: Blobs
) -> QueuedGatherer:
    def lend(path: Path, content: str) -> AbstractContextManager[str]:
        """A file that workers elsewhere do not see is brought to the store for as long as it is wanted."""
        if is_shared(settings) and not processes.all_see_our_files("worker"):
            return blobs.lending(path, content)
        return as_it_is(path, content)

    def missing() -> list[str]:
        """Weights that are not here are no lack where a worker has them."""
        found = _missing_weights(settings)
        if found and any(not worker.missing for worker in processes.live("worker")):
            return []
        return found

    return QueuedGatherer(
        folder.path / "evidence",
        EvidenceRows(database, lease=settings.lease_seconds),
        versions(settings.active_collectors, settings.speech_model),
        missing,
        away=_away(settings),
        lend=lend,
    )


def _missing_weights(settings: Settings) -> list[str]:
    needs = needed(settings.active_collectors, speech_model=settings.speech_model)
    missing = Weights(settings.weights_dir).missing(needs)
    return [f"The weights {name} are missing: run `kinoscribe models get`." for name in missing]
