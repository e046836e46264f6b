"""Decides what a single field of a JSON answer holds, from its name, its description and its type."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kinoscribe.engines.embedded import lists, objects
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.describe import description
from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.genre import genre_scores
from kinoscribe.engines.embedded.keywords import hashtag, keywords
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.people import people
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import read_question, split_question
from kinoscribe.engines.embedded.request import count_in, intent_of
from kinoscribe.engines.embedded.summary import lead_line, summary, title
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.transcript import screen_lines, spoken_words

_EMPTY = "not said or shown"


@dataclass(frozen=True, slots=True)
class Field:
    """A place to fill: its name in words, what the schema or the prompt says about it, and the prompt."""

    name: str
    text: str
    prompt: str

    @property
    def asks(self) -> str:
        return self.text or self.name


def words_of(name: str) -> str:
    """`peopleOnScreen` and `people_on_screen` are `people on screen`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\W_]+", spaced)).strip().lower()


def text_value(field: Field, material: Material, room: int) -> str:
    """The text of a string field."""
    role = role_of(field)
    if re.fullmatch(r"(?:slug|id|key|handle|file ?name|url slug)", field.name) and not field.text:
        role = "title"
    match role:
        case "title":
            return title(material) or "Untitled"
        case "summary":
            wanted = count_in(field.asks) if "sentence" in field.asks.lower() else None
            return " ".join(summary(material, wanted or 5)[: wanted or 12])
        case "describe":
            return " ".join(part.strip() for part in description(material, min(room, 600)))
        case "keywords" | "hashtags":
            found = [k.text for k in keywords(material.index, most=count_in(field.asks) or 6)]
            joined = " ".join(hashtag(k) for k in found) if role == "hashtags" else ", ".join(found)
            return joined or title(material).lower() or "unknown"
        case "transcript" if not material.index.speech and is_question(field.asks):
            return "nothing is said"
        case "transcript":
            return "".join(spoken_words(material.index))
        case "screen_text":
            return "\n".join(u.text for u in screen_lines(material.index))
        case "genre":
            return _genre(material)
        case "people":
            return ", ".join(p.name for p in people(material.index)) or _EMPTY
        case "quotes" | "points" | "highlights" | "post":
            chosen = central(
                material.index, list(material.index.speech) or list(screen_lines(material.index)), 1
            )
            return chosen[0].text if chosen else lead_line(material)
        case "chapters":
            return "; ".join(c.title for c in chapters(material))
        case "about":
            about = find_presence(thing_asked(field.asks, "about") or field.name, material)
            return " ".join(u.text for u in (about.said or about.written)[:4]) or _EMPTY
    return short_answer(field, material)


def role_of(field: Field) -> str:
    """What sort of text a field wants; `question` when its description is to be answered as a question."""
    asked = field.asks.strip()
    if is_question(asked):
        intent = intent_of(asked)
        return (
            intent
            if intent in ("transcript", "about", "screen_text", "keywords", "hashtags", "chapters")
            and not re.search(r"^how many", asked.lower())
            else "question"
        )
    intent = intent_of(asked)
    if intent in ("when", "objects", "steps", "shots", "mood", "translate", "title_summary"):
        return "question"
    if intent == "question" and field.text:
        by_name = intent_of(field.name)
        return (
            by_name
            if by_name in ("title", "summary", "keywords", "hashtags", "transcript", "genre", "describe")
            and not re.search(r"\bof the\b", field.text)
            else "question"
        )
    if field.name == "description" or re.fullmatch(
        r"(?:the |a |short |brief |video |overall )*(?:description|caption|plot|content|what happens|overview)",
        asked.lower(),
    ):
        return "summary"
    if re.fullmatch(r"(?:main )?(?:people|persons|speakers?|names|participants|cast)", asked.lower()):
        return "people"
    return intent


def is_question(text: str) -> bool:
    return text.endswith("?") or bool(
        re.match(
            r"(?i)^(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|does|do"
            r"|did|has|have|in which|on which|at which|by how|name the|list the|to whom)\b",
            text,
        )
    )


def short_answer(field: Field, material: Material) -> str:
    """The shortest answers to the questions of a field, joined."""
    said: list[str] = []
    for question in split_question(as_question(field)):
        finding = answer(question, material)
        if finding.short:
            said.append(finding.short)
        elif finding.units and finding.sentence.startswith("The evidence does not say"):
            said.append(_EMPTY)
        elif finding.sentence and question.yes_no:
            said.append("not known from the evidence")
        elif finding.units and not finding.sentence:
            said.append(f"{_EMPTY}; nearest: {finding.units[0].text}")
        else:
            said.append(_EMPTY)
    kept = [s for s in said if s != _EMPTY] or said[:1]
    return "; ".join(dict.fromkeys(kept))


def as_question(field: Field) -> str:
    asked = field.asks.strip()
    if is_question(asked):
        return asked
    name = asked.lower()
    if re.search(
        r"\b(?:name|speaker|host|author|presenter|anchor|brand|company|channel|winner|score|price|cost|colou?r|date|day|year|city|town|country|location|place|language|duration|length|website|email)\b",
        name,
    ):
        if re.search(r"\b(?:location|place)\b", name):
            return f"Where? {asked}"
        if re.search(r"\b(?:speaker|host|author|presenter|anchor)\b", name) and "name" not in name:
            return f"Who is the {asked}?"
        if re.search(r"\bdate\b", name):
            return f"When? {asked}"
        return f"What is the {asked}?"
    return asked


def _genre(material: Material) -> str:
    ranked = genre_scores(material)
    best = max(ranked, key=lambda n: (ranked[n], n))
    return best if ranked[best] >= 1.0 else "unknown"


def number_value(field: Field, material: Material) -> float | None:
    """The number of a numeric field, or None when the evidence gives none."""
    low = f"{field.name} {field.text}".lower()
    notes = material.notes
    if re.search(r"\bconfidence\b|\bprobability\b|\bcertainty\b", low):
        return 0.5
    if re.search(
        r"\bduration\b|\b(?:video|clip) length\b|\blength (?:of the video|in seconds)\b", low
    ) and not is_question(field.asks):
        length = notes.end - notes.start
        return round(length / 60 if "minute" in low else length, 3)
    for pattern, value in _COUNTS:
        if re.search(pattern, low) and not re.search(r"\b(?:with|about|where|that)\b", field.text.lower()):
            return value(material)
    asked = (
        field.asks
        if is_question(field.asks)
        else f"How many {_plain_count(field.asks)}?"
        if re.search(r"\b(?:count|number|how many|total|num|people|persons|s\b)", low)
        else as_question(field)
    )
    finding = answer(read_question(asked), material)
    if finding.number is not None:
        return finding.number
    found = number_in(finding.short)
    if found is None and not is_question(field.asks):
        found = number_in(answer(read_question(f"How many {_plain_count(field.asks)}?"), material).short)
    return found


def _plain_count(text: str) -> str:
    text = re.sub(
        r"\b(?:the |total )?(?:number|count|amount|total|num) (?:of )?|\b(?:count|total|num)$|\bthe\b",
        "",
        text.lower(),
    ).strip()
    return text or "things"


def _most_people(material: Material) -> float | None:
    found = objects.seen(material.notes, "person")
    return float(found[0].most) if found else 0.0


_COUNTS: tuple[tuple[str, Callable[[Material], float | None]], ...] = (
    (
        r"\bpeople on screen\b|\bpeople (?:visible|count|seen)\b|\b(?:number of"
        r"|num) people\b|\bpersons? (?:visible|count)\b",
        _most_people,
    ),
    (
        r"\bshots?(?: count)?$|\b(?:number of|num) (?:shots|scenes)\b|\b(?:shot|scene) count\b",
        lambda m: float(len(m.notes.shots)),
    ),
    (r"\bcut count\b|\b(?:number of|num) cuts\b", lambda m: float(max(0, len(m.notes.shots) - 1))),
    (
        r"\bword count\b|\b(?:number of|num) words\b",
        lambda m: float(sum(len(u.text.split()) for u in m.index.speech)),
    ),
    (r"\bwidth\b", lambda m: float(m.facts.width)),
    (r"\bheight\b(?! of)", lambda m: float(m.facts.height)),
    (r"\bfps\b|\bframe rate\b", lambda m: m.facts.fps),
)


def number_in(text: str) -> float | None:
    """The first number in a short answer."""
    from kinoscribe.engines.embedded.words import tokens

    found = numbers(tokens(text))
    return found[0].value if found else None


def items_of(field: Field, material: Material, prompt_count: int | None) -> list[str]:
    """The texts of an array of strings."""
    most = count_in(field.asks) or prompt_count or 8
    low = f"{field.name} {field.text}".lower()
    match role_of(field):
        case "keywords":
            return [k.text for k in keywords(material.index, most=most)]
        case "hashtags":
            return [hashtag(k.text) for k in keywords(material.index, most=most)]
        case "chapters":
            return [c.title for c in chapters(material, count_in(field.asks))]
        case "screen_text":
            return [u.text for u in screen_lines(material.index)]
        case "transcript":
            return [u.text for u in material.index.speech]
        case "quotes" | "points" | "highlights" | "summary":
            return [
                u.text
                for u in central(
                    material.index, list(material.index.speech) or list(screen_lines(material.index)), most
                )
            ]
        case "title":
            return list(dict.fromkeys([title(material), *(c.title for c in chapters(material))]))[:most]
    kind = lists.list_kind(low if not is_question(field.asks) else field.asks.lower())
    if kind:
        finding = lists.listing(kind, read_question(field.asks), material)
        return list(finding.items)[:200] if finding is not None else []
    if re.search(r"\bon ?screen\b|\btexts?\b|\bcaptions?\b", low):
        return [u.text for u in screen_lines(material.index)]
    found = [
        answer(q, material)
        for q in split_question(field.asks if is_question(field.asks) else f"List the {field.asks}")
    ]
    items = [i for f in found for i in (f.items or ((f.short,) if f.short else ()))]
    return items[:200]
