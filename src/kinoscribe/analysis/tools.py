"""The parts an analysis works with, chosen once in `app`."""

from dataclasses import dataclass

from kinoscribe.engines.chosen import Engines
from kinoscribe.engines.engine import Engine
from kinoscribe.evidence.facts import KnownFacts
from kinoscribe.evidence.frame_shelf import Frames
from kinoscribe.evidence.gathering import Gathers
from kinoscribe.evidence.picture_search import PictureSearch
from kinoscribe.media.decoders import Decoders
from kinoscribe.settings import Settings
from kinoscribe.sources.multipart import Multipart
from kinoscribe.sources.pictures import PictureReader
from kinoscribe.sources.resolve import Resolver
from kinoscribe.sources.url_fetch import UrlFetcher
from kinoscribe.storage.api_key_rows import ApiKeyRows
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.cache_folder import CacheFolder
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.idempotency_rows import IdempotencyRows
from kinoscribe.storage.index_rows import IndexRows
from kinoscribe.storage.index_task_rows import IndexTaskRows
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.storage.process_rows import ProcessRows
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.task_rows import TaskRows
from kinoscribe.storage.video_rows import VideoRows
from kinoscribe.storage.wake import Wake
from kinoscribe.storage.webhook_rows import WebhookRows


@dataclass(frozen=True, slots=True)
class Tools:
    settings: Settings
    folder: DataFolder
    database: Database
    blobs: Blobs
    assets: AssetRows
    uploads: Multipart
    api_keys: ApiKeyRows
    receipts: ReceiptRows
    idempotency: IdempotencyRows
    tasks: TaskRows
    webhooks: WebhookRows
    deliveries: DeliveryRows
    delivery_log: DeliveryLog
    wake: Wake
    indexes: IndexRows
    videos: VideoRows
    index_tasks: IndexTaskRows
    rates: RateRows
    processes: ProcessRows
    fetcher: UrlFetcher
    decoders: Decoders
    facts: KnownFacts
    gatherer: Gathers
    resolver: Resolver
    pictures: PictureReader
    search: PictureSearch
    engines: Engines
    cache: CacheFolder
    meetings: MeetingRows
    frames: Frames

    @property
    def engine(self) -> Engine:
        """The engine of the operator's settings."""
        return self.engines.default

    def close(self) -> None:
        """Ends the processes and removes what was temporary. Nothing works afterwards."""
        self.gatherer.close()
        self.search.close()
        self.frames.close()
        self.engines.close()
        self.decoders.close()
        self.blobs.close()
        self.wake.close()
        self.database.close()
