"""Turns a content into its facts, probed once and kept beside its evidence."""

from contextlib import suppress
from pathlib import Path

import msgspec

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.keep import write_whole
from kinoscribe.media.decoders import Decoders

VERSION = "1"


class KnownFacts:
    """Facts by content hash, in files of their own. A file that cannot be read counts as not kept."""

    def __init__(self, folder: Path, decoders: Decoders) -> None:
        self._folder = folder
        self._decoders = decoders

    def of(self, path: Path, content: str, cancel: Cancel) -> VideoFacts:
        """The facts of the file at `path` whose SHA-256 is `content`. Raises `VideoFileBroken` or `Canceled`."""
        place = self._folder / content[:2] / f"{content}-facts-{VERSION}.json"
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(place.read_bytes(), type=VideoFacts)
        facts = self._decoders.probe(path, cancel)
        with suppress(OSError):
            write_whole(place, msgspec.json.encode(facts))
        return facts
