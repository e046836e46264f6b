"""Composes the answer to a prompt from the evidence: part by part, in the form the prompt asks for."""

import re
from collections.abc import Iterator
from dataclasses import replace

from kinoscribe.engines.embedded import parts
from kinoscribe.engines.embedded.breakdowns import no_speech, no_text
from kinoscribe.engines.embedded.describe import description
from kinoscribe.engines.embedded.fill_json import fill
from kinoscribe.engines.embedded.layout import Block, Layout, read_layout, write
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.pictured import about_pictures, marked, mentions
from kinoscribe.engines.embedded.request import Part, read_parts
from kinoscribe.engines.embedded.segments import segments
from kinoscribe.engines.embedded.stills import about_stills
from kinoscribe.engines.embedded.stretches import nth_part
from kinoscribe.engines.embedded.transcript import screen_lines, spoken_words
from kinoscribe.engines.engine import Ask

_WORDS_A_TOKEN = 0.7


def compose(ask: Ask, material: Material) -> Iterator[str]:
    """The answer in pieces, a sentence or a line at a time. Never empty, never random."""
    if ask.segments:
        yield from segments(ask, material)
        return
    if ask.json_schema is not None:
        yield fill(ask.json_schema, ask.prompt, _asked_of(ask, material), _room(ask))
        return
    said_any = False
    for piece in about_stills(ask, material, _free) if ask.stills else _free(ask, material):
        if piece:
            said_any = True
            yield piece
    if not said_any:
        yield "\n"


def _free(ask: Ask, material: Material) -> Iterator[str]:
    layout = read_layout(ask.prompt)
    prompt, names = marked(ask.prompt)
    found = read_parts(prompt)
    if names:
        pictured = about_pictures(found, names, material)
        yield from write(_mixed(found, pictured, layout, material, _room(ask)), layout)
        return
    if len(found) == 1 and not layout.as_json and not layout.table:
        direct = _direct(found[0], layout, material, _room(ask))
        if direct is not None:
            yield from direct
            return
    if len(found) > 1:
        layout = replace(layout, sentences=None, words=None, characters=None)
    yield from write(parts.blocks(found, layout, material, _room(ask)), layout)


def _asked_of(ask: Ask, material: Material) -> Material:
    """Of pictures alone, the one that the words point at; else all there is."""
    named = set(mentions(ask.prompt))
    spans = [(start, end) for name, start, end in ask.stills if name in named]
    return material.inside(*spans[0]) if len(spans) == 1 else material


def _mixed(
    found: list[Part], pictured: dict[int, Block], layout: Layout, material: Material, words: int
) -> Iterator[Block]:
    """The blocks of all parts, those about reference pictures among them."""
    others = parts.blocks(
        [part for place, part in enumerate(found) if place not in pictured], layout, material, words
    )
    for place in range(len(found)):
        yield pictured[place] if place in pictured else next(others)


def _room(ask: Ask) -> int:
    """The words that fit the answer's tokens, with a reserve."""
    return max(30, int(ask.max_tokens * _WORDS_A_TOKEN) - 20)


def _direct(part: Part, layout: Layout, material: Material, words: int) -> Iterator[str] | None:
    """Answers that are streamed as they are: the spoken words, the lines on the screen, a long description."""
    low = part.text.lower()
    if (
        part.intent == "transcript"
        and not layout.times
        and not layout.marker
        and not re.search(r"\btranslat", low)
    ):
        return _words(material, layout)
    if part.intent == "screen_text" and not layout.times and layout.marker != "1." and not layout.joined:
        return _lines(material, layout)
    if (
        part.intent == "describe"
        and layout.sentences is None
        and layout.words is None
        and layout.characters is None
        and not layout.marker
        and nth_part(part.text, material) is None
    ):
        return _spaced(description(material, words))
    return None


def _words(material: Material, layout: Layout) -> Iterator[str]:
    nothing = True
    for piece in spoken_words(material.index):
        nothing = False
        yield piece
    if nothing and not layout.bare:
        yield " ".join(no_speech(material))


def _lines(material: Material, layout: Layout) -> Iterator[str]:
    found = screen_lines(material.index)
    mark = "- " if layout.marker == "-" else ""
    for place, unit in enumerate(found):
        yield ("\n" if place else "") + mark + unit.text
    if not found and not layout.bare:
        yield no_text(material)


def _spaced(pieces: Iterator[str]) -> Iterator[str]:
    first = True
    for piece in pieces:
        yield piece if first or piece.startswith("\n") else " " + piece
        first = False
