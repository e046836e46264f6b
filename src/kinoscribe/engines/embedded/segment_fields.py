"""Fills the fields of one segment from the evidence inside of it; what the evidence does not tell is null."""

import re
from typing import Any

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.central import central, greets
from kinoscribe.engines.embedded.choices import choice
from kinoscribe.engines.embedded.fields import (
    Field,
    is_question,
    items_of,
    number_value,
    role_of,
    short_answer,
    text_value,
    words_of,
)
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import keywords
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.people import caption_name, people
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.request import count_in
from kinoscribe.engines.embedded.scoreboard import scores
from kinoscribe.engines.embedded.segment_spans import find_spans
from kinoscribe.engines.embedded.segment_wishes import Wanted, read_wish
from kinoscribe.engines.embedded.slides import NUMBER
from kinoscribe.engines.embedded.transcript import screen_lines
from kinoscribe.engines.embedded.truths import truth
from kinoscribe.engines.embedded.words import language_name, tokens
from kinoscribe.engines.engine import SegmentField, SegmentWish

_UNKNOWN = "unknown"
_NOTHING = re.compile(
    r"^(?:|unknown|untitled|not said or shown.*|not known from the evidence|not certain.*|nothing is said)$",
    re.I,
)
_AT_MOST = re.compile(
    r"\b(?:at most|up to|no more than|maximum(?: of)?|max\.?|fewer than|under) (\w+) words\b"
)
_BOARDS = ("scores", "goals")
_ROOM = 400
_MOST_WORDS = 12
_EXCERPT = 3
_SORTS = re.compile(
    r"\b(?:topics?|categor(?:y|ies)|kinds?|types?|genres?|subjects?|themes?|class|sections?)\b"
)
_MOST_TEXTS = 24
# A word and a sentence of its field have a cosine of about 0.3, of another field of 0.1.
_NEAR, _CLEARLY = 0.2, 0.06


def fill_fields(fields: tuple[SegmentField, ...], wanted: Wanted, material: Material) -> dict[str, Any]:
    """The values by name. `material` holds the evidence of the segment and nothing else."""
    return {field.name: _value(field, wanted, material) for field in fields}


def _value(field: SegmentField, wanted: Wanted, material: Material) -> Any:
    place = Field(words_of(field.name), field.description, "")
    match field.type:
        case "timestamp":
            return _moment(place, material)
        case "time_array":
            return _events(field, wanted, material)
        case "array":
            return _items(field, place, material)
        case "boolean":
            return truth(place, material)
        case "integer" | "number":
            return number_value(place, material)
    if field.enum:
        return _option(field.enum, place, material)
    text = _text(place, wanted, material)
    return None if text is None or _NOTHING.match(text.strip()) else _cut(text, place)


def _option(enum: tuple[str, ...], place: Field, material: Material) -> str | None:
    """The option the evidence speaks for. One more is offered, so that none need be taken."""
    if _UNKNOWN in (option.lower() for option in enum):
        return str(choice(list(enum), place, material))
    found = choice([*enum, _UNKNOWN], place, material)
    if found != _UNKNOWN:
        return str(found)
    return _nearest(enum, material) if _SORTS.search(f"{place.name} {place.text}".lower()) else None


def _nearest(enum: tuple[str, ...], material: Material) -> str | None:
    """The sort nearest in meaning to what is said and shown, when it is clearly nearer than the others."""
    texts = [u.text for u in material.index.units if len(u.text.split()) > 1][:_MOST_TEXTS]
    if material.meaning is None or not texts:
        return None
    near = {o: _nearness(material.meaning.likeness(o.replace("_", " "), texts)) for o in enum}
    first, *others = sorted(near, key=lambda option: -near[option])
    second = near[others[0]] if others else 0.0
    return first if near[first] >= _NEAR and near[first] - second >= _CLEARLY else None


def _nearness(cosines: list[float]) -> float:
    best = sorted(cosines)[-_EXCERPT:]
    return sum(best) / len(best)


def _cut(text: str, place: Field) -> str:
    found = _AT_MOST.search(place.text.lower())
    most = numbers(tokens(found.group(1))) if found else []
    return " ".join(text.split()[: max(1, int(most[0].value))]).rstrip(",;:") if most else text


def _text(place: Field, wanted: Wanted, material: Material) -> str | None:
    if re.search(r"\blanguage\b", place.name) and material.index.units:
        return _language(material)
    if re.search(r"\bscore\b", place.name) and wanted.sort in _BOARDS and scores(material.index):
        return scores(material.index)[-1].text
    if re.search(r"\b(?:speakers?|presenters?|anchors?|hosts?|persons?)\b", place.name):
        return ", ".join(p.name for p in people(material.index)) or None
    match role_of(place):
        case "title":
            return segment_title(material, wanted)
        case "summary" | "describe" | "points" | "highlights" | "quotes":
            return _telling(material, place)
        case "keywords":
            return ", ".join(k.text for k in keywords(material.index, most=count_in(place.asks) or 5)) or None
        case "screen_text":
            return "; ".join(u.text for u in screen_lines(material.index)) or None
        case "transcript":
            return " ".join(u.text for u in material.index.speech) or None
        case "hashtags" | "genre" | "people" | "chapters" | "about":
            return text_value(place, material, _ROOM)
    if re.search(
        r"\b(?:label|name|topic|subject|headline|heading|caption|slide)\b", place.name
    ) and not is_question(place.asks):
        return segment_title(material, wanted)
    return short_answer(place, material)


def _language(material: Material) -> str:
    """The language most of the words are in."""
    weights: dict[str, int] = {}
    for unit in material.index.speech or material.index.texts:
        weights[unit.language] = weights.get(unit.language, 0) + len(unit.text)
    return language_name(max(weights, key=lambda code: weights[code]))


def segment_title(material: Material, wanted: Wanted) -> str | None:
    """The line on the screen that names the segment best, else the words that weigh most in it, else what is seen."""
    board = scores(material.index)
    if board and wanted.sort in _BOARDS:
        last = board[-1]
        return f"{last.home_name} {last.text} {last.away_name}".strip()
    lines = [u for u in material.index.texts if _names(u)]
    if lines:
        said = {s for u in material.index.speech for s in material.index.stems(u)}
        start = min(u.start for u in lines)
        best = max(lines, key=lambda u: (_worth(u, said, start, material), -u.place))
        return best.text.strip().rstrip(".:")
    found = [k.text for k in keywords(material.index, most=_EXCERPT)]
    if found:
        return (found[0][:1].upper() + found[0][1:]) + "".join(f", {text}" for text in found[1:])
    spoken = next((u.text for u in material.index.speech if not greets(u.text)), None)
    if spoken is not None:
        return " ".join(spoken.rstrip(".").split()[:_MOST_WORDS])
    seen = objects.seen(material.notes)
    return seen[0].label.capitalize() if seen else None


def _names(unit: Unit) -> bool:
    letters = sum(c.isalpha() for c in unit.text)
    return (
        unit.role in ("headline", "caption")
        and letters >= 3
        and letters * 2 > len(unit.text.replace(" ", ""))
        and not NUMBER.match(unit.text)
        and not caption_name(unit.text, unit.role)
    )


def _worth(unit: Unit, said: set[str], start: float, material: Material) -> float:
    """More for several words, for words that are said too, for size, and for coming early."""
    shared = len(said & set(material.index.stems(unit)))
    return (
        0.3 * min(3, len(unit.text.split()))
        + 0.2 * min(3, shared)
        + 0.3 * (unit.role == "headline")
        + 4.0 * unit.height
        - 0.06 * min(20.0, unit.start - start)
    )


def _telling(material: Material, place: Field) -> str | None:
    """The sentences that tell most, else what is written, else what is seen."""
    most = count_in(place.asks) or (
        1 if re.search(r"\b(?:one|a|single) sentence\b", place.asks.lower()) else _EXCERPT
    )
    said = central(material.index, list(material.index.speech), most) or list(material.index.speech[:most])
    if said:
        return " ".join(u.text for u in said)
    written = [u.text for u in screen_lines(material.index)[: 2 * _EXCERPT]]
    if written:
        return "Text on the screen: " + "; ".join(written) + "."
    seen = [objects.plural(s.label, s.most) for s in objects.seen(material.notes)[:4]]
    return f"Recognised: {', '.join(seen)}." if seen else None


def _items(field: SegmentField, place: Field, material: Material) -> list[Any] | None:
    if field.items in ("integer", "number"):
        units = material.index.units
        found = [n.value for u in units for n in numbers(tokens(u.text))]
        return list(dict.fromkeys(int(v) if v.is_integer() else v for v in found if abs(v) < 1e12))[:50]
    if field.items == "boolean":
        return None
    if field.enum:
        return [option for option in field.enum if _held(option, material)]
    low = f"{place.name} {place.text}".lower()
    if re.search(r"\b(?:objects?|things|animals?|vehicles?|items)\b", low) and not is_question(place.asks):
        seen = objects.seen(material.notes)
        if seen:
            return [s.label for s in seen][:20]
    items = items_of(place, material, None)
    return [item for item in dict.fromkeys(items) if not _NOTHING.match(item.strip())][:50]


def _held(option: str, material: Material) -> bool:
    return not find_presence(option.replace("_", " "), material).empty


def _moment(place: Field, material: Material) -> float | None:
    """A moment of the segment: its end where that is asked for, where something is there the first time, its start."""
    notes = material.notes
    low = f"{place.name} {place.text}".lower()
    if re.search(r"\b(?:end|ends|finish\w*|last|until|over)\b", low):
        return notes.end
    wanted = read_wish(
        SegmentWish(
            "",
            re.sub(
                r"^(?:the )?(?:time|timestamp|second|moment) (?:at|in|on) which",
                "when",
                low[len(place.name) :].strip(),
            ),
        )
    )
    if wanted.sort == "there" and wanted.things:
        spans = find_spans(wanted, material)
        if spans:
            return spans[0][0]
        if not re.search(r"\b(?:start|begin)\w*\b", low):
            return None
    return notes.start


def _events(field: SegmentField, wanted: Wanted, material: Material) -> list[dict[str, Any]]:
    """Events inside the segment: a description of an event is read as that of a segment."""
    described = read_wish(SegmentWish(field.name, field.description))
    found = []
    for start, end in find_spans(described, material)[:200]:
        inside = material.inside(start, end)
        found.append({"start_time": start, "end_time": end, **fill_fields(field.fields, described, inside)})
    return found
