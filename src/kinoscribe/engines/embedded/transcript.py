"""Writes out what is spoken, and what stands on the screen, word for word."""

from collections.abc import Iterator

from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.slides import distinct
from kinoscribe.engines.embedded.times import clock


def spoken_words(index: Index) -> Iterator[str]:
    """Every word that is spoken, in order, sentence by sentence and nothing else."""
    for place, unit in enumerate(index.speech):
        yield unit.text if place == 0 else " " + unit.text


def timed_lines(index: Index) -> Iterator[str]:
    """The spoken sentences, each on a line with its time before it."""
    for unit in index.speech:
        yield f"[{clock(unit.start)}] {unit.text}"


def screen_lines(index: Index, units: list[Unit] | None = None) -> list[Unit]:
    """Every line of screen text once, in the order it first appears, left out when it is part of a longer one."""
    return distinct(list(index.texts) if units is None else units)
