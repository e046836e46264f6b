"""Opens the data folder, the database and the store, and makes the parts that every command works with."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from kinoscribe.analysis.tools import Tools
from kinoscribe.app.perceiving import gatherer_here, queued_gatherer
from kinoscribe.child import Children, ChildSpec
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.limits import BASE64_IMAGE_BYTES
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.engines.chosen import Engines
from kinoscribe.engines.engine import Engine
from kinoscribe.engines.making import make_engines
from kinoscribe.evidence.facts import KnownFacts
from kinoscribe.evidence.frame_shelf import FrameShelf
from kinoscribe.evidence.gathering import Gathers
from kinoscribe.evidence.picture_record import SearchConfig, encode
from kinoscribe.evidence.picture_search import PictureSearch
from kinoscribe.evidence.record import ENVIRONMENT
from kinoscribe.media.decoders import Decoders
from kinoscribe.settings import Settings
from kinoscribe.sources.multipart import Multipart
from kinoscribe.sources.pictures import PictureReader
from kinoscribe.sources.resolve import Resolver
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.api_key_rows import ApiKeyRows, pepper_of
from kinoscribe.storage.asset_room import AssetLimits
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.cache_folder import FOLDER, CacheFolder
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.idempotency_rows import IdempotencyRows
from kinoscribe.storage.index_rows import IndexRows
from kinoscribe.storage.index_task_rows import IndexTaskRows
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.process_rows import ProcessRows
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.settling import Settling
from kinoscribe.storage.store import is_shared, open_blobs, open_folder
from kinoscribe.storage.task_rows import TaskRows
from kinoscribe.storage.upload_rows import UploadRows
from kinoscribe.storage.video_rows import VideoRows
from kinoscribe.storage.wake import Wake
from kinoscribe.storage.webhook_rows import WebhookRows
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import MINILM

# How much longer than an attempt may take a delivery of a webhook belongs to its worker, in seconds.
_DELIVERY_MARGIN = 10.0
_PICTURE_SECONDS = 30.0

_log = structlog.get_logger(__name__)


def build_tools(settings: Settings, *, queued: bool = False, tidy: bool = True) -> Tools:
    """Opens the data folder and starts what an analysis needs; `Tools.close` ends it.

    `queued`: evidence is left to the workers, and no model that perceives is loaded here. `tidy`: what dead
    processes left goes at once.
    Raises `DataFolderUnusable`, `StoreUnusable`, `DatabaseUnusable`, `EnginesInvalid`, `ScriptInvalid`.
    Models are loaded when they are first needed.
    """
    folder = open_folder(settings)
    database = open_database(settings.database_url, folder)
    pepper = pepper_of(folder.path)
    blobs = open_blobs(settings, folder, database, tidy=tidy)
    deliveries = DeliveryRows(
        database, waits=settings.webhook_waits, lease=settings.webhook_seconds + _DELIVERY_MARGIN
    )
    settling = Settling(deliveries.announce_index, shortest=settings.shortest_seconds)
    limits = AssetLimits(settings.asset_bytes, settings.asset_bytes_account)
    assets = AssetRows(database, blobs, decided=settling.decided, limits=limits)
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
        queued_gatherer(settings, folder, database, processes, blobs)
        if queued
        else gatherer_here(settings, folder, database)
    )
    meetings = MeetingRows(database)
    blobs.when_dropped = _forgetter(gatherer, cache, meetings)
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
        facts=KnownFacts(cache, decoders),
        gatherer=gatherer,
        resolver=Resolver(assets, blobs, fetcher, asset_wait=settings.asset_wait_seconds, videos=videos),
        pictures=PictureReader(assets, blobs, _picture_fetcher(settings), decoders),
        search=_picture_search(settings, cache),
        engines=build_engines(settings),
        cache=cache,
        meetings=meetings,
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


def _picture_search(settings: Settings, cache: CacheFolder) -> PictureSearch:
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
    return PictureSearch(cache, Children(spec, most=1))


def build_engines(settings: Settings) -> Engines:
    """The engines the operator chose. Raises `EnginesInvalid` and `ScriptInvalid`."""
    return make_engines(settings, lambda: _embedded(settings))


def _embedded(settings: Settings) -> Engine:
    from kinoscribe.engines.embedded.engine import EmbeddedEngine

    weights = Weights(settings.weights_dir)
    encoder = weights.genuine(MINILM.name) / "model.safetensors" if weights.have(MINILM.name) else None
    return EmbeddedEngine(minilm=encoder, processes=settings.composers)


def _forgetter(gatherer: Gathers, cache: CacheFolder, meetings: MeetingRows) -> Callable[[str], None]:
    """With a content goes all that was made of it; what cannot be removed now, the sweep finds."""

    def forget(content: str) -> None:
        try:
            gatherer.forget(content)
            cache.clear(content=content)
            meetings.forget(content)
        except (ApiError, OSError) as error:
            _log.warning("content_not_forgotten", content=content[:12], reason=str(error))

    return forget
