"""Lists the people a video names: who introduces themselves, who is introduced, whose name stands in a caption."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded.hearing import sounds_alike
from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.spans import proper
from kinoscribe.engines.embedded.words import alike, fold, is_stop, tokens

_NAME = (
    r"((?:[A-ZÀ-Þ][\w'’-]+)(?:\s+(?:von|van|de|da|di|del|der|la|bin|al"
    r"|[A-ZÀ-Þ][\w'’-]*\.?))*(?:\s+[A-ZÀ-Þ][\w'’-]+)?)"
)
_INTRODUCTIONS = (
    re.compile(
        rf"\b(?:I am|I'm|I’m|[Mm]y name is|[Mm]y name's|[Tt]his is|[Ww]ith me is"
        rf"|[Mm]e llamo|[Jj]e m'appelle|[Ii]ch bin|[Ii]ch heiße) (?:still )?{_NAME}"
    ),
    re.compile(
        rf"\b(?:named|called|welcome|by|with|guest|host|friend|colleague|thank you|thanks|hello|hi),? {_NAME}"
    ),
    re.compile(rf"\b(?:{'|'.join(sorted(lex.ROLES))}),? {_NAME}"),
)
_TITLED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Doctor|Professor|Prof|Sir|Captain|President|Chef|Coach|Mister)\.? {_NAME}"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A name as best spelled, the units that hold it, and how sure it is that it is a person's (0..3)."""

    name: str
    units: tuple[Unit, ...]
    weight: float
    introduces: bool = False


def people(index: Index) -> list[Person]:
    """Named people in order of first appearance; a name heard near a caption takes the caption's spelling."""
    if "people" not in index.memo:
        index.memo["people"] = _find_people(index)
    found: list[Person] = index.memo["people"]
    return list(found)


def _find_people(index: Index) -> list[Person]:
    found: list[tuple[str, Unit, float, bool]] = []
    for unit in index.units:
        if unit.kind == "text":
            name = caption_name(unit.text, unit.role)
            if name:
                found.append((name[0], unit, name[1], False))
            continue
        found += [(name, unit, weight, intro) for name, weight, intro in _spoken_names(unit.text)]
    return _merged(found)


def caption_name(text: str, role: str) -> tuple[str, float] | None:
    """The person's name that a line on the screen consists of or begins with, and how sure that is."""
    head = re.split(r"\s*[,|·–—]\s*|\s+-\s+|\s*\(", text.strip(), maxsplit=1)[0]
    words = tokens(head)
    if not 2 <= len(words) <= 4 or any(
        not w.text[0].isupper() or w.text[0].isdigit() for w in words[:1] + words[-1:]
    ):
        return None
    if any(is_stop(w.low, "en") or w.text[0].isdigit() for w in words):
        return None
    given = words[0].low in lex.GIVEN_NAMES or words[0].low in lex.TITLES
    if given and not ({w.low for w in words[1:]} & _THINGS):
        return (_proper_case(head), 3.0 if role == "caption" else 2.0)
    rest = text.strip()[len(head) :].lower()
    if any(t.low in lex.ROLES for t in tokens(rest)):
        return (_proper_case(head), 2.5)
    return None


_THINGS = frozenset(
    [
        "news",
        "street",
        "road",
        "bay",
        "bridge",
        "airport",
        "park",
        "school",
        "hotel",
        "university",
        "company",
        "club",
        "band",
    ]
)


def _proper_case(name: str) -> str:
    return name.title() if name.isupper() else name


def _spoken_names(text: str) -> list[tuple[str, float, bool]]:
    found: list[tuple[str, float, bool]] = []
    for place, pattern in enumerate(_INTRODUCTIONS):
        for match in pattern.finditer(text):
            name = _trimmed(match.group(1))
            if not name or tokens(name)[0].low in lex.WEEKDAYS + lex.MONTHS:
                continue
            given = tokens(name)[0].low in lex.GIVEN_NAMES
            if place == 0 and (given or " " in name or not match.group().lower().startswith("this is")):
                found.append((name, 2.5 if given else 2.0, True))
            elif place == 2:
                found.append((name, 2.0, False))
            elif given:
                found.append((name, 1.8, False))
    for match in _TITLED.finditer(text):
        found.append((match.group().strip(), 2.0, False))
    known = {fold(name) for name, _, _ in found}
    for span in proper(text, tokens(text)):
        words = list(tokens(span.text))
        inside = fold(span.text)
        if any(inside in name or name in inside for name in known):
            continue
        if words[0].low in lex.GIVEN_NAMES and not ({w.low for w in words} & _THINGS):
            found.append((span.text, 1.5 if len(words) > 1 else 1.0, False))
        elif any(w.text in ("von", "van", "de", "der") for w in words[1:-1]):
            found.append((span.text, 1.2, False))
    return found


def _trimmed(name: str) -> str:
    words = name.split()
    while words and (
        is_stop(words[-1].lower(), "en") or words[-1].lower() in ("von", "van", "de", "la", "al", "and")
    ):
        words.pop()
    return " ".join(words).rstrip(".,;:")


def _merged(found: list[tuple[str, Unit, float, bool]]) -> list[Person]:
    groups: list[list[tuple[str, Unit, float, bool]]] = []
    for item in found:
        for group in groups:
            if any(same_name(item[0], other[0]) for other in group):
                group.append(item)
                break
        else:
            groups.append([item])
    persons = []
    for group in groups:
        best = max(group, key=lambda g: (g[1].kind == "text" and " " in g[0], len(g[0].split()), g[2]))
        units = tuple(dict.fromkeys(g[1] for g in group))
        weight = max(g[2] for g in group) + 0.3 * (len(units) > 1)
        persons.append(Person(best[0], units, weight, any(g[3] for g in group)))
    persons.sort(key=lambda p: min(u.start for u in p.units))
    return persons


def same_name(a: str, b: str) -> bool:
    """Whether two spellings may be one name: equal, one within the other, or misheard word by word."""
    x, y = fold(a).split(), fold(b).split()
    drop = lex.TITLES | {"mister"}
    x, y = [w for w in x if w not in drop] or x, [w for w in y if w not in drop] or y
    short, long = (x, y) if len(x) <= len(y) else (y, x)
    if all(any(alike(w, v) for v in long) for w in short):
        return True
    return (
        len(x) == len(y) > 1
        and (alike(x[0], y[0]) or sounds_alike(x[0], y[0]))
        and sounds_alike(x[-1], y[-1])
    )
