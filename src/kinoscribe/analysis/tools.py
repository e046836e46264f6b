"""The parts an analysis works with, chosen once in `app`."""

from dataclasses import dataclass

from kinoscribe.engines.engine import Engine
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.media.decoders import Decoders
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import Resolver
from kinoscribe.storage.receipt_rows import ReceiptRows


@dataclass(frozen=True, slots=True)
class Tools:
    settings: Settings
    engine: Engine
    decoders: Decoders
    gatherer: Gatherer
    resolver: Resolver
    receipts: ReceiptRows
