"""Runs the composer in a process of its own: loads the sentence encoder once and keeps the last indexes."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from kinoscribe.engines.embedded.asked import decoder
from kinoscribe.engines.embedded.compose import compose
from kinoscribe.engines.embedded.index import Index
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.engine import Ask

_KEPT = 4


class Config(msgspec.Struct, frozen=True):
    """What the parent tells the process: where the sentence encoder's weights lie, if they are there."""

    minilm: str | None = None


def serve(config: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """The handler: an encoded `Ask` goes in, pieces of UTF-8 text come out."""
    settings = msgspec.msgpack.decode(config, type=Config) if config else Config()
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # small matrices: more threads only wait for one another
    from kinoscribe.engines.embedded.meaning import Meaning

    meaning = Meaning(Path(settings.minilm)) if settings.minilm else None
    read = decoder()
    kept: OrderedDict[bytes, Index] = OrderedDict()

    def handle(body: bytes) -> Iterator[bytes]:
        ask = read(body)
        material = Material(_index(ask, kept), ask.facts, meaning)
        for piece in compose(ask, material):
            yield piece.encode("utf-8", "replace")

    return handle


def _index(ask: Ask, kept: OrderedDict[bytes, Index]) -> Index:
    """The index of the notes, built once for the last few different ones."""
    key = hashlib.blake2b(msgspec.msgpack.encode(ask.notes), digest_size=16).digest()
    found = kept.get(key)
    if found is None:
        found = kept[key] = Index(ask.notes)
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return found
