"""Turns a wanted video into notes, inside a perception process: one decode pass, all collectors side by side."""

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path

from kinoscribe import clock
from kinoscribe.child import Handler
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.evidence.heap import Heap
from kinoscribe.evidence.perception import Perception
from kinoscribe.evidence.record import Piece, Unreadable, Wanted, pack, read_config, unpack_wanted
from kinoscribe.media.decoders import Decoders


def serve(config: bytes) -> Handler:
    """The handler of a perception process. Models stay loaded from one video to the next."""
    chosen = read_config(config)
    decoders = Decoders(
        most=1, memory=chosen.decode_memory, seconds=chosen.decode_seconds, max_pixels=chosen.max_pixels
    )
    perception = Perception(chosen)

    def answer(body: bytes) -> Iterator[bytes]:
        wanted = unpack_wanted(body)
        with contextlib.closing(perceive(wanted, perception, decoders)) as pieces:
            for piece in pieces:
                yield pack(piece)

    return answer


def perceive(wanted: Wanted, perception: Perception, decoders: Decoders) -> Generator[Piece, None, None]:
    """Yields how far the collectors are and from where another process could go on; last the notes, or why there
    are none. Close it to stop.
    """
    every = perception.config.tell_seconds
    with perception.of(wanted) as collecting:
        pieces = decoders.read(Path(wanted.path), collecting.plan)
        told, heap = clock.steady(), Heap()
        try:
            for piece in pieces:
                while not collecting.take(piece):
                    yield from collecting.news()
                if clock.steady() - told >= every:
                    told = clock.steady()
                    heap.tidy()
                    yield from collecting.news()
        except VideoFileBroken as error:
            yield Unreadable(error.message)
            return
        finally:
            pieces.close()
        while not collecting.settled(every):
            heap.tidy()
            yield from collecting.news()
        yield from collecting.news(ended=True)
        yield collecting.collected()
