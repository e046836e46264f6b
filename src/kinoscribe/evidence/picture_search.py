"""Turns a video and reference pictures into where they are seen, each searched for once for an account and kept."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.child import ChildDied, ChildFailed, Children
from kinoscribe.contract.errors import EngineFailed, VideoFileBroken
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.picture_record import VERSION, Broken, Course, Found, Search, encode, read_told
from kinoscribe.media.pieces import Cutout
from kinoscribe.notes import Notes, Sought
from kinoscribe.storage.cache_folder import CacheFolder, CacheKey

KIND = STAGE = "pictures"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A reference picture: the name words point at it with, the SHA-256 of its file, and its pixels."""

    name: str
    content: str
    cutout: Cutout


class PictureSearch:
    """Searches by account and content hash; how fast one is tells nobody what others have looked for."""

    def __init__(self, cache: CacheFolder, children: Children) -> None:
        self._cache = cache
        self._children = children

    def find(
        self,
        path: Path,
        content: str,
        facts: VideoFacts,
        samples: tuple[Sample, ...],
        cancel: Cancel,
        *,
        account: str,
    ) -> Generator[Progress, None, tuple[Found, ...]]:
        """Yields how far the search is; returns what became of each sample, in their order.

        Raises `VideoFileBroken`, `EngineFailed` when the process that searches dies twice, or `Canceled`.
        """
        known = {
            sample.content: self._kept(self._key(account, content, sample.content)) for sample in samples
        }
        missing = {sample.content: sample for sample in samples if known[sample.content] is None}
        if missing:
            wanted = Search(
                str(path), facts, tuple((sample.content, sample.cutout) for sample in missing.values())
            )
            for found in (yield from self._search(encode(wanted), cancel)):
                known[found.name] = found
                self._cache.put(KIND, self._key(account, content, found.name), msgspec.json.encode(found))
        return tuple(_named(known[sample.content], sample.name) for sample in samples)

    def close(self) -> None:
        self._children.close()

    def _search(self, wanted: bytes, cancel: Cancel) -> Generator[Progress, None, list[Found]]:
        reason = ""
        for attempt in (1, 2):
            found: list[Found] = []
            try:
                with closing(self._children.call(wanted, cancel=cancel)) as pieces:
                    for piece in pieces:
                        match read_told(piece):
                            case Course(done=done):
                                yield Progress(STAGE, done)
                            case Found() as one:
                                found.append(one)
                            case Broken(reason=broken):
                                raise VideoFileBroken(reason=broken)
                yield Progress(STAGE, 1.0)
                return found
            except ChildDied as error:
                _log.warning("picture_search_died", attempt=attempt, reason=error.reason)
                reason = error.reason
            except ChildFailed as error:
                _log.error("picture_search_failed", reason=str(error))
                raise EngineFailed(reason=f"the search for pictures failed ({error.kind}).") from error
        raise EngineFailed(reason=f"the process that searches for pictures {reason}.")

    def _key(self, account: str, content: str, picture: str) -> CacheKey:
        return self._cache.key(account, content, "picture", picture, VERSION)

    def _kept(self, key: CacheKey) -> Found | None:
        body = self._cache.get(KIND, key)
        if body is None:
            return None
        try:
            return msgspec.json.decode(body, type=Found)
        except msgspec.MsgspecError as error:
            _log.warning("kept_search_unreadable", reason=str(error))
            return None


def with_sightings(notes: Notes, found: tuple[Found, ...]) -> Notes:
    """The notes with what became of the reference pictures."""
    seen = sorted((one for each in found for one in each.sightings), key=lambda one: (one.start, one.end))
    sought = tuple(Sought(each.name, each.looks, each.kind) for each in found)
    return replace(notes, sightings=tuple(seen), sought=sought)


def _named(found: Found | None, name: str) -> Found:
    """Found by its content; told by the name the client gave it."""
    if found is None:
        raise EngineFailed(reason="the search for pictures ended without a result.")
    return msgspec.structs.replace(
        found, name=name, sightings=tuple(replace(one, name=name) for one in found.sightings)
    )
