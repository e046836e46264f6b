"""Turns what an engine says into pieces that may be passed on, or into one text of a bounded length."""

from collections.abc import Generator, Iterator
from contextlib import closing

from kinoscribe.analysis.job import Job
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import TextPart
from kinoscribe.engines.engine import Ask, Finished, Piece, Text

_PART = 400


def pieces(job: Job, ask: Ask) -> Generator[Piece, None, None]:
    """What the job's engine says, piece by piece. Raises what the engine raises, and `Canceled`."""
    said = job.engine.generate(ask, job.cancel)
    try:
        for piece in said:
            job.cancel.check()
            yield Text(_characters(piece.text)) if isinstance(piece, Text) else piece
    finally:
        close = getattr(said, "close", None)
        if close is not None:
            close()


def in_full(job: Job, ask: Ask, most: int) -> tuple[str, Finished]:
    """All that the engine says. One that does not come to an end is cut off beyond `most` characters."""
    texts: list[str] = []
    length = 0
    with closing(pieces(job, ask)) as said:
        for piece in said:
            if isinstance(piece, Finished):
                return "".join(texts), piece
            texts.append(piece.text)
            length += len(piece.text)
            if length > most:
                return "".join(texts), Finished("length")
    raise broke_off()


def parts(text: str) -> Iterator[TextPart]:
    """A text that is there as a whole, in parts of the length that streams are made of."""
    for first in range(0, len(text), _PART):
        yield TextPart(text[first : first + _PART])


def broke_off() -> EngineFailed:
    """The error of an engine whose pieces end without a `Finished`."""
    return EngineFailed(reason="it stopped before the end of the answer.")


def _characters(text: str) -> str:
    """Text in which half a surrogate pair, which stands for no character, is marked as what cannot be read."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
