"""Facts are probed once for each account, and what was kept and cannot be read is probed anew."""

from pathlib import Path
from typing import cast

from tests.unit.evidence.played import CONTENT, FACTS

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.facts import KIND, VERSION, KnownFacts
from kinoscribe.media.decoders import Decoders
from kinoscribe.storage.cache_folder import CacheFolder


class Probes:
    """Stands in for the decoders and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def probe(self, _path: Path, _cancel: Cancel) -> VideoFacts:
        self.asked += 1
        return FACTS


def test_each_account_has_a_video_probed_once(tmp_path: Path) -> None:
    probes, cache = Probes(), CacheFolder(tmp_path, 1 << 30, b"secret")
    facts = KnownFacts(cache, cast("Decoders", probes))
    for account, asked in (("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 2)):
        assert facts.of(tmp_path / "v", CONTENT, Cancel(), account=account) == FACTS
        assert probes.asked == asked


def test_kept_facts_that_cannot_be_read_are_probed_anew(tmp_path: Path) -> None:
    probes, cache = Probes(), CacheFolder(tmp_path, 1 << 30, b"secret")
    facts = KnownFacts(cache, cast("Decoders", probes))
    cache.put(KIND, cache.key("one", CONTENT, "facts", VERSION), b"no facts")
    for _ in range(2):
        assert facts.of(tmp_path / "v", CONTENT, Cancel(), account="one") == FACTS
    assert probes.asked == 1
