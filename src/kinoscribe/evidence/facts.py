"""Turns a content into its facts, probed once for each account."""

from pathlib import Path

import msgspec
import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.decoders import Decoders
from kinoscribe.storage.cache_folder import CacheFolder

KIND = "facts"
VERSION = "1"

_log = structlog.get_logger(__name__)


class KnownFacts:
    """Facts by account and content hash: what another account had probed, one does not find.

    What was kept and cannot be read counts as not kept.
    """

    def __init__(self, cache: CacheFolder, decoders: Decoders) -> None:
        self._cache = cache
        self._decoders = decoders

    def of(self, path: Path, content: str, cancel: Cancel, *, account: str) -> VideoFacts:
        """The facts of the file at `path` whose SHA-256 is `content`. Raises `VideoFileBroken` or `Canceled`."""
        key = self._cache.key(account, content, "facts", VERSION)
        body = self._cache.get(KIND, key)
        if body is not None:
            try:
                return msgspec.json.decode(body, type=VideoFacts)
            except msgspec.MsgspecError as error:
                _log.warning("kept_facts_unreadable", reason=str(error))
        facts = self._decoders.probe(path, cancel)
        self._cache.put(KIND, key, msgspec.json.encode(facts))
        return facts
