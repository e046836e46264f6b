"""Reads which form a prompt asks for (bullets, N sentences, one a line, a table, JSON) and writes blocks in it."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.words import sentences, tokens

_COUNT = r"(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|a single|a)"
_SENTENCES = re.compile(rf"\b{_COUNT}(?:\s*(?:-|–|to|or)\s*{_COUNT})?[ -]sentences?\b")
_WORDS = re.compile(
    rf"\b(?:(?:at most|up to|under|within|max(?:imum)?(?: of)?|no more than|less than"
    rf"|fewer than|not more than|in|about|around|exactly)\s+)?{_COUNT}(?:\s*(?:-|–|to"
    rf"|or)\s*{_COUNT})?[ -]words?\b"
)
_CHARACTERS = re.compile(
    r"\b(?:at most|up to|under|within|max(?:imum)?(?: of)?|no more than|less than"
    r"|fewer than|below)\s+(\d{2,5})\s*(?:-\s*)?char(?:acter)?s?\b"
    r"|\b(\d{2,5})[ -]char(?:acter)?s? (?:max|limit|or less)"
)
_PARAGRAPHS = re.compile(rf"\b{_COUNT}[ -]paragraphs?\b")


@dataclass(frozen=True, slots=True)
class Layout:
    """The form of an answer. None and False mean that the prompt left it open."""

    marker: str = ""
    sentences: int | None = None
    words: int | None = None
    characters: int | None = None
    joined: str = ""
    headings: bool = False
    as_json: bool = False
    table: bool = False
    bare: bool = False
    times: bool | None = None
    upper: bool = False
    long_clock: bool = False
    short: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an answer: a label (may be empty), then either sentences or the items of a list."""

    label: str
    lines: tuple[str, ...]
    listed: bool = False
    rows: tuple[tuple[str, ...], ...] = ()
    header: tuple[str, ...] = ()


def read_layout(prompt: str) -> Layout:
    """The form that a prompt asks for in words."""
    low = " ".join(prompt.lower().replace("’", "'").split())
    layout = Layout()
    if re.search(r"\bnumbered\b|\bnumber(?:ed)? list\b|\bordered list\b", low):
        layout = replace(layout, marker="1.")
    elif re.search(
        r"\bbullet(?:ed|s| points?| list)?\b|\bas a list\b|\bbulleted\b|\bdash(?:es)? list\b", low
    ):
        layout = replace(layout, marker="-")
    elif re.search(
        r"\bone (?:a|per) line\b|\b(?:each|every (?:one|item)?) ?on (?:its own|a new"
        r"|a separate|an own) line\b|\bline by line\b|\bone on each line\b",
        low,
    ):
        layout = replace(layout, marker="\n")
    elif re.search(r"\bcomma[- ]separated\b|\bseparated by commas?\b|\bwith commas\b", low):
        layout = replace(layout, joined=", ")
    elif re.search(r"\bseparated by semicolons?\b", low):
        layout = replace(layout, joined="; ")
    found = _SENTENCES.search(low)
    if found:
        layout = replace(layout, sentences=max(1, _count(found.group(2) or found.group(1))))
    elif re.search(r"\bone[- ]liner\b|\bbriefly\b|\bin short\b|\bshort answer\b", low):
        layout = replace(layout, sentences=2)
    found = _PARAGRAPHS.search(low)
    if found and layout.sentences is None:
        layout = replace(layout, sentences=4 * max(1, _count(found.group(1))))
    found = _WORDS.search(low)
    if found and _count(found.group(2) or found.group(1)) == 1:
        found = None
    if found and not re.search(r"\b(?:every|each|which|all|key) words?\b", found.group()):
        layout = replace(layout, words=max(1, _count(found.group(2) or found.group(1))))
    found = _CHARACTERS.search(low)
    if found:
        layout = replace(layout, characters=int(found.group(1) or found.group(2)))
    bare = bool(
        re.search(
            r"\b(?:and )?nothing else\b|\bonly the (?:answer|title|word|name|number|list"
            r"|text|summary)\b|\bno (?:explanation|preamble|comment|introduction"
            r"|other text)s?\b|\bwithout (?:any )?(?:explanation|comment|introduction"
            r"|preamble)\b|\banswer only\b|\bjust the\b|\bno extra\b",
            low,
        )
    )
    short = bool(
        re.search(
            r"\b(?:in|with|using|only) (?:a |one |a single )?(?:few words|word"
            r"|short phrase)\b|\bone word\b|\byes or no only\b|\bonly yes or no\b"
            r"|\bwith yes or no\b|\bin a few words\b|\bjust yes or no\b"
            r"|\bonly (?:the )?(?:number|name|answer)\b",
            low,
        )
    )
    return replace(
        layout,
        headings=bool(re.search(r"\bmarkdown\b|\bheadings?\b|\bheaders\b", low)),
        as_json=bool(
            re.search(
                r"\b(?:as|in|return|valid|with|output|plain|a) json\b|\bjson (?:object|format|array|list|with|only)\b",
                low,
            )
        ),
        table=bool(
            re.search(r"\b(?:as|in|make|a|markdown) (?:a )?(?:markdown )?table\b|\btabular\b|\bcsv\b", low)
        )
        and "table of contents" not in low,
        bare=bare,
        long_clock=bool(re.search(r"\bhh:mm:ss\b", low)),
        short=short,
        times=False
        if re.search(r"\b(?:without|no) time ?(?:stamps?|codes?|s)\b", low)
        else True
        if re.search(
            r"\btime ?(?:stamps?|codes?|d)\b|\bwith (?:the |their |start )*times?\b|\bwhen each\b|\bwith start\b",
            low,
        )
        else None,
        upper=bool(re.search(r"\ball caps\b|\buppercase\b|\bcapital letters\b|\bin caps\b", low)),
    )


def with_own_lengths(layout: Layout, text: str) -> Layout:
    """The layout of a whole prompt with the numbers of sentences, words and characters of one part of it."""
    own = read_layout(text)
    return replace(layout, sentences=own.sentences, words=own.words, characters=own.characters)


def _count(word: str) -> int:
    if word in ("a", "a single"):
        return 1
    found = numbers(tokens(word))
    return int(found[0].value) if found else 1


def fit(text: str, layout: Layout) -> str:
    """Cuts prose at the number of sentences, words or characters that were asked for."""
    if layout.sentences is not None:
        text = " ".join(sentences(text)[: layout.sentences])
    if layout.words is not None and len(text.split()) > layout.words:
        text = _cut(text, layout.words)
    if layout.characters is not None and len(text) > layout.characters:
        text = text[: layout.characters - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"
    return text.upper() if layout.upper else text


def _cut(text: str, most: int) -> str:
    """The whole sentences that fit, else the first words."""
    kept: list[str] = []
    for sentence in sentences(text):
        if len(" ".join([*kept, sentence]).split()) > most:
            break
        kept.append(sentence)
    return " ".join(kept) if kept else " ".join(text.split()[:most]).rstrip(",;:–-") + "…"


def write(blocks: Iterable[Block], layout: Layout) -> Iterator[str]:
    """The blocks as text, piece by piece: a sentence, a line or an item at a time."""
    blocks = iter(blocks)
    if layout.as_json:
        yield from _json(list(blocks))
        return
    first = True
    for block in blocks:
        if not first:
            yield "\n\n"
        first = False
        if block.label:
            yield _label(block, layout)
        yield from (
            _rows(block)
            if block.rows and layout.table
            else _list(block, layout)
            if block.listed or _as_list(block, layout)
            else _prose(block, layout)
        )


def _label(block: Block, layout: Layout) -> str:
    if layout.headings:
        return f"## {block.label}\n"
    return f"{block.label}:\n" if block.listed and layout.joined == "" else f"{block.label}: "


def _as_list(block: Block, layout: Layout) -> bool:
    return layout.marker in ("-", "1.") and len(block.lines) > 1


def _list(block: Block, layout: Layout) -> Iterator[str]:
    if layout.joined:
        yield layout.joined.join(block.lines)
        return
    for place, line in enumerate(block.lines):
        text = line.strip().upper() if layout.upper else line.strip()
        mark = (
            f"{place + 1}. "
            if layout.marker == "1."
            else ""
            if layout.marker == "\n" or (layout.bare and not layout.marker)
            else "- "
        )
        yield f"{mark}{text}" + ("\n" if place + 1 < len(block.lines) else "")


def _prose(block: Block, layout: Layout) -> Iterator[str]:
    if (
        layout.sentences is not None
        or layout.words is not None
        or layout.characters is not None
        or layout.upper
    ):
        yield fit(" ".join(line.strip() for line in block.lines), layout)
        return
    first = True
    for line in block.lines:
        yield line if first or line.startswith("\n") else " " + line
        first = False


def _rows(block: Block) -> Iterator[str]:
    header = block.header or tuple("" for _ in block.rows[0])
    yield "| " + " | ".join(header) + " |\n|" + "---|" * len(header)
    for row in block.rows:
        yield "\n| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _json(blocks: list[Block]) -> Iterator[str]:
    value: dict[str, object] = {}
    for place, block in enumerate(blocks):
        name = re.sub(r"\W+", "_", block.label.lower()).strip("_") or (
            "answer" if len(blocks) == 1 else f"answer_{place + 1}"
        )
        value[name] = (
            [line.strip() for line in block.lines]
            if block.listed
            else " ".join(line.strip() for line in block.lines)
        )
    yield json.dumps(value, ensure_ascii=False)
