"""Answers questions for the names of things: brand, product, program, channel, file, version, slogan, profession."""

import re
from collections import Counter

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded import spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.names import person
from kinoscribe.engines.embedded.objects import class_of
from kinoscribe.engines.embedded.phrases import clean
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.slides import distinct
from kinoscribe.engines.embedded.words import fold, is_stop, stem, tokens

_CHANNEL = re.compile(
    r"\b(?:news|tv|channel|radio|sports?|live|today|report|broadcast\w*|media|network|times|show|weather)\b",
    re.I,
)
_CHANNEL_ASKED = re.compile(
    r"\b(?:channel|station|broadcaster|network|news programme|news program|tv show|programme|show|series|podcast)\b"
)
_BRAND_ASKED = re.compile(
    r"\b(?:which|what)\s+(?:\w+\s+)?(?:brand|company|make|manufacturer|product"
    r"|sponsor|program|programme|software|app|application|tool|device)\b(?! (?:does"
    r"|do)\b)"
    r"|\bwhat (?:is|was) the (?:\w+ )?(?:product|brand|company|app|program|software)\b(?!.*\b(?:cost|price|made|for)\b)"
    r"|\b(?:name of the|advertise[ds]?|promoted)\b.*\b(?:brand|company|product|manufacturer|app|program|software)?\b"
)
_PROFESSION = re.compile(r"\b\w+(?:ologist|ician|ographer|ist)\b", re.I)


def named_thing(question: Question, material: Material) -> Finding | None:
    """The name of a thing, or None when the question asks for no name."""
    low = question.text.lower()
    match question.kind:
        case "named":
            return _named(question, material)
        case "role":
            return _profession(question, material)
        case "slogan":
            return _slogan(material)
        case "which" | "what":
            if re.search(
                r"\b(?:which|what) (?:\w+ )?(?:channel|station|broadcaster|network"
                r"|news programme|news program|tv show|podcast|radio)\b",
                low,
            ):
                return channel(material)
            if _BRAND_ASKED.search(low) and not re.search(
                r"\bname of the (?!brand|company|product|manufacturer|app|program|software)", low
            ):
                return brand(question, material)
    return None


def _slogan(material: Material) -> Finding | None:
    """The last short line that is said or shown, with more than one word and no number."""
    spoken = [
        u
        for u in material.index.speech
        if 2 <= len(u.text.split()) <= 7 and not any(c.isdigit() for c in u.text)
    ]
    if spoken:
        return Finding(spoken[-1].text.rstrip("."), (spoken[-1],), sure=False)
    shown = [
        u
        for u in material.index.texts
        if 2 <= len(u.text.split()) <= 7 and not any(c.isdigit() for c in u.text)
    ]
    return Finding(shown[-1].text, (shown[-1],), sure=False) if shown else None


def _profession(question: Question, material: Material) -> Finding | None:
    ordered = sorted(material.index.units, key=lambda u: (u.kind != "text", u.place))
    for unit in ordered:
        for token in tokens(unit.text):
            if token.low in lex.ROLES - {"speaker", "guest"} or _PROFESSION.fullmatch(token.low):
                return Finding(token.text, (unit,), sure=False)
    return None


def _named(question: Question, material: Material) -> Finding | None:
    low = question.text.lower()
    if _CHANNEL_ASKED.search(low):
        found = channel(material)
        if found is not None:
            return found
    if re.search(r"\bfile\b", low):
        for unit in material.index.units:
            files = spans.find(unit.text, "file")
            if files:
                return Finding(files[0].text, (unit,))
    if re.search(r"\b(?:brand|company|product|manufacturer|app|advertiser)\b", low):
        found = brand(question, material)
        if found is not None:
            return found
    heads = frozenset(stem(t) for t in question.terms)
    matches = [m for m in material.search(question) if m.score >= 0.2]
    for match in matches:
        name = _called(match.unit, heads)
        if name:
            return Finding(name, (match.unit,))
    for match in matches:
        for span in spans.find(match.unit.text, "proper"):
            if not {stem(t.low) for t in tokens(span.text)} & heads:
                return Finding(span.text, (match.unit,), sure=False)
    return person(question, material)


_NAMED = re.compile(
    r"\b(?:named|called|known as|name is|names?)\s+((?:(?:the|a)\s+)?[\w'’-]+(?:\s+(?:[A-Z][\w'’-]*|of|the))*)"
)


def _called(unit: Unit, heads: frozenset[str]) -> str:
    """`a cat named Pepper`, `PEPPER THE CAT`, `São Jorge Castle`: the name beside the noun asked for."""
    words = tokens(unit.text)
    if not any(stem(w.low, unit.language) in heads for w in words):
        return ""
    named = _NAMED.search(unit.text)
    if named and unit.kind == "speech":
        return clean(named.group(1))
    of_the = re.match(r"^\s*([\w'’-]+(?:\s[\w'’-]+)?)\s+(?:the|THE|,)\s+(\w+)\s*$", unit.text)
    if of_the and stem(of_the.group(2).lower()) in heads:
        return of_the.group(1).title() if of_the.group(1).isupper() else of_the.group(1)
    for at, word in enumerate(words):
        if stem(word.low, unit.language) in heads and word.text[0].isupper() and at:
            first = at
            while first and words[first - 1].text[0].isupper() and word.start - words[first - 1].start < 40:
                first -= 1
            if first < at and not is_stop(words[first].low, "en"):
                return unit.text[words[first].start : word.end]
    return ""


def channel(material: Material) -> Finding | None:
    """The name of the channel or programme: a line that comes back, best one that speaks of news or television."""
    lines = Counter(fold(u.text) for u in material.index.texts if len(u.text) < 40)
    best: tuple[float, Unit] | None = None
    length = max(1e-6, material.notes.end - material.notes.start)
    for unit in distinct(list(material.index.texts)):
        if len(unit.text) >= 40 or not any(c.isalpha() for c in unit.text):
            continue
        score = 0.6 * (lines[fold(unit.text)] - 1) + 1.5 * bool(_CHANNEL.search(unit.text))
        score += (
            0.5 * (unit.start < material.notes.start + 0.1 * length)
            + 0.5 * unit.text.isupper()
            + (unit.end - unit.start) / length
        )
        score -= 0.8 * (len(unit.text.split()) > 3)
        if best is None or score > best[0]:
            best = (score, unit)
    if best is None or best[0] < 1.0:
        for unit in material.index.speech:
            spoken = re.search(
                r"\b(?:welcome to|this is|from|on|watching"
                r"|listening to)\s+((?:the\s+)?(?:[A-Z][\w'’]*|night|morning"
                r"|evening)(?:\s+(?:[A-Z]?[\w'’]*))?\s*(?:[Nn]ews|[Rr]adio|TV|[Cc]hannel|[Ss]how"
                r"|[Pp]odcast)[\w ]{0,10})",
                unit.text,
            )
            if spoken:
                return Finding(spoken.group(1).strip(), (unit,))
        return None
    return Finding(best[1].text, (best[1],), sure=best[0] > 1.5)


def brand(question: Question, material: Material) -> Finding | None:
    """The brand: a name that stands alone on the screen, comes back, ends the video, or is also said."""
    said = Counter(
        t.low
        for u in material.index.speech
        for t in tokens(u.text)[1:]
        if t.text[0].isupper() and len(t.text) > 1
    ) + Counter(u.text.strip(" .!").lower() for u in material.index.speech if " " not in u.text.strip())
    shown = Counter(t.low for u in material.index.texts for t in tokens(u.text))
    if re.search(r"\b(?:product|model|device)\b", question.text.lower()):
        for match in material.search(question)[:4]:
            runs = [s for s in spans.find(match.unit.text, "proper") if len(s.text.split()) > 1]
            if runs and match.score > 0.4 and tokens(runs[0].text)[0].low not in lex.GIVEN_NAMES:
                return Finding(runs[0].text, (match.unit,))
    common = {t.text for u in material.index.units for t in tokens(u.text) if t.text[0].islower()}
    best: tuple[float, str, Unit] | None = None
    matches = {m.unit.place: m.score for m in material.search(question)} if question.terms else {}
    for unit in material.index.texts:
        words = tokens(unit.text)
        content = [w for w in words if not is_stop(w.low, "en") and not w.text[0].isdigit()]
        if not content or len(words) > 4:
            continue
        name = content[0] if len(content) > 2 else None
        text = name.text if name else unit.text
        score = 0.8 * min(2, said[content[0].low]) + 0.3 * min(3, shown[content[0].low] - 1)
        score += (
            0.7 * (len(words) == 1) + 0.4 * unit.text.isupper() + 0.4 * (unit.end > material.notes.end - 1.0)
        )
        score -= 1.5 * (content[0].low in common) + 1.5 * (
            len(content) == 1 and class_of(content[0].low) is not None
        )
        score += 0.6 * (unit.end - unit.start) / max(1e-6, material.notes.end - material.notes.start)
        score += 0.4 * content[0].text[0].isupper() + matches.get(unit.place, 0.0)
        score += 2.0 * bool(re.search(r"technolog|inc\b|corp|ltd|gmbh|electronics|™|®", unit.text, re.I))
        score -= 1.0 * bool(
            re.search(
                r"^(?:only|new|now|up|off|sale|buy|price|fresh|open|close|apply|ok|cancel|settings?|file|edit|view|help)\b",
                unit.text,
                re.I,
            )
        )
        if best is None or score > best[0]:
            best = (score, text, unit)
    if best is not None and best[0] >= 1.2:
        return Finding(best[1], (best[2],), sure=best[0] > 2)
    names = Counter(
        s.text
        for u in material.index.speech
        for s in spans.find(u.text, "proper")
        if tokens(s.text)[0].low not in lex.GIVEN_NAMES
    )
    if names:
        often = max(names, key=lambda n: (names[n], n))
        return Finding(often, (next(u for u in material.index.speech if often in u.text),), sure=False)
    return Finding(best[1], (best[2],), sure=False) if best is not None else None
