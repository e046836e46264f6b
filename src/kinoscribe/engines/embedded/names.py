"""Answers who: a named person, the subject of a sentence, who speaks, who is spoken to."""

import re
from collections import Counter

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Match, Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.people import Person, people, same_name
from kinoscribe.engines.embedded.phrases import clean, new_part
from kinoscribe.engines.embedded.presence import absence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import fold, is_stop, stem, tokens

_ADDRESSED = re.compile(
    r"\b(?:my fellow|fellow|dear|ladies and|hello|hi|welcome|good (?:morning|evening"
    r"|afternoon)),?\s+((?:and\s+)?[\w'’-]+)",
    re.I,
)


_ANYBODY = frozenset(stem(w) for w in lex.ANYBODY)


def person(question: Question, material: Material) -> Finding | None:
    """Who: a named person near the words of the question, else the subject of the best sentence."""
    low = question.text.lower()
    known = people(material.index)
    if re.search(
        r"\b(?:to whom .*\b(?:speak|talk|address)|whom .*\b(?:speak|talk|address)|who is (?:being )?addressed"
        r"|who .* (?:speak|talk)(?:s|ing)? to)\b",
        low,
    ):
        return _addressed(material)
    named = re.search(
        r"\b[Ww]ho (?:is|was|are|were) ((?:[A-ZÀ-Þ][\w'’.-]+)(?:\s+[\w'’.-]+){0,3})\s*\??$",
        question.text.strip(),
    )
    if named:
        return _about_name(named.group(1), question, material)
    if (
        re.search(
            r"\bwho (?:are|is|were) (?:all )?(?:the )?(?:people|persons|participants|characters|speakers|guests)\b",
            low,
        )
        and known
    ):
        names_all = tuple(p.name for p in known[:12])
        return Finding(", ".join(names_all), tuple(p.units[0] for p in known[:4]), items=names_all)
    general = {stem(t) for t in question.terms} <= _ANYBODY
    if general or (
        re.search(
            r"\b(?:host|presenter|anchor|speaker|narrator|instructor|teacher|lecturer|reporter|correspondent|moderator)s?\b",
            low,
        )
        and not _holds_role(material, low)
    ):
        return _most_present(question, material, known)
    matches = material.search(question)
    if not matches or matches[0].score < 0.3:
        return _presenter(question, material, known)
    passive = _by_whom(matches)
    if passive is not None and not re.search(r"\b(?:is|was|are|were|been|being) \w+(?:ed|en|t)\b", low):
        return passive
    found: list[tuple[float, str, Unit]] = []
    for match in matches[:12]:
        found += _names_in(question, match, known, material)
    if not found:
        subject = _subject(matches[0], material, question)
        return subject or _presenter(question, material, known)
    subject = _subject(matches[0], material, question)
    if matches[0].score < 0.55 and matches[0].own < 0.5:
        presenter = _presenter(question, material, known)
        if presenter is not None:
            return presenter
    best = max(found, key=lambda f: (f[0], -f[2].place))
    if subject is not None and matches[0].own > 0.6 and best[2] is not matches[0].unit:
        return subject
    return Finding(best[1], (best[2],), sure=best[0] > 0.6)


def _holds_role(material: Material, low: str) -> bool:
    return any(
        re.search(rf"\b{role}\b", low) and any(role in u.text.lower() for u in material.index.units)
        for role in (
            "host",
            "presenter",
            "anchor",
            "speaker",
            "narrator",
            "instructor",
            "teacher",
            "lecturer",
        )
    )


def _most_present(question: Question, material: Material, known: list[Person]) -> Finding | None:
    if known:
        ranked = sorted(
            known, key=lambda p: (-(p.weight + 0.4 * len(p.units) + p.introduces), p.units[0].start)
        )
        if (
            re.search(r"\bwho (?:all )?(?:appears?|are|speaks?|talks?)\b|\bpeople\b", question.text.lower())
            and len(known) > 1
        ):
            all_names = tuple(p.name for p in known[:12])
            return Finding(", ".join(all_names), tuple(p.units[0] for p in known[:6]), items=all_names)
        return Finding(ranked[0].name, ranked[0].units[:2], sure=ranked[0].weight >= 2)
    speaks = re.search(
        r"\b(?:speak|speaks|speaking|talk|talks|talking|narrat\w+|voices?)\b", question.text.lower()
    )
    if speaks and not material.index.speech:
        return Finding("", (), sure=False, sentence="Nobody is heard to speak.")
    seen = objects.seen(material.notes, "person")
    names = Counter(s.text for u in material.index.speech for s in spans.find(u.text, "proper"))
    if seen and (
        not names
        or re.search(r"\b(?:picture|image|seen|visible|shown|appears?|frame|screen)\b", question.text.lower())
    ):
        count = seen[0].most
        who = f"{'one person' if count == 1 else f'{count} people'}, not named"
        times = ", ".join(span(t.start, t.end) for t in seen[0].tags[:6])
        return Finding(
            who,
            (),
            sure=False,
            sentence=f"{who.capitalize()}: recognised at {times}; who it is the evidence does not tell.",
        )
    if names:
        if speaks:
            return Finding(
                "", (), sure=False, sentence="Who speaks is not told: no name is given for a voice."
            )
        name = max(names, key=lambda n: (names[n], len(n.split()), n))
        unit = next(u for u in material.index.speech if name in u.text)
        return Finding(name, (unit,), sure=False)
    if material.index.speech:
        return Finding("", (), sure=False, sentence="Nobody is named, neither in speech nor on the screen.")
    return None


_PRESENTS = re.compile(
    r"\bwho\b.{0,12}\b(?:gives?|presents?|hosts?|speaks?|talks?|teach(?:es)?"
    r"|explains?|leads?|shows?|is \w+ing|narrates?|makes?|runs?)\b"
)


def _by_whom(matches: list[Match]) -> Finding | None:
    """`founded by Dutch sailors`: who did it, when the best sentence tells it in the passive."""
    for match in matches[:2]:
        if match.own > 0.6 and match.unit.kind == "speech":
            found = re.search(
                r"\b(?:is|was|were|are|been|being)\s+(?:\w+\s+){1,2}by\s+((?:the |a "
                r"|an )?[\w'’-]+(?:\s[A-Z][\w'’-]+|\s[a-z][\w'’-]+(?=[.,]|$| [A-Z0-9]| (?:in|on"
                r"|at|for|from|during|with|to|and|last|this)\b)){0,3})",
                match.unit.text,
            )
            if found and not found.group(1)[0].isdigit():
                return Finding(found.group(1), (match.unit,))
    return None


def _presenter(question: Question, material: Material, known: list[Person]) -> Finding | None:
    """Who speaks, for questions about what the speaker does: the one who tells a name."""
    if not _PRESENTS.search(question.text.lower()):
        return None
    ranked = sorted((p for p in known if p.introduces), key=lambda p: p.units[0].start)
    return Finding(ranked[0].name, ranked[0].units[:2], sure=False) if ranked else None


def _about_name(name: str, question: Question, material: Material) -> Finding:
    """`Who is Edward Jenner?`: what is said or written about that name."""
    units = [
        u
        for u in material.index.units
        if any(same_name(name, s.text) for s in spans.find(u.text, "proper")) or fold(name) in fold(u.text)
    ]
    if not units:
        return Finding("", (), sure=False, sentence=absence(name, material, spoken=True)[0])
    with_caption = [
        u
        for u in material.index.texts
        for v in units
        if u is not v
        and v.kind == "text"
        and abs(u.start - v.start) < 1
        and u.role == "caption"
        and u not in units
        and not set(fold(u.text).split()) & {"news"}
    ]
    told = next((u for u in units if len(u.text.split()) > len(name.split()) + 1), units[0])
    asked = set(fold(name).split())
    role = with_caption[0].text if with_caption and len(with_caption[0].text.split()) <= 8 else ""
    by_own = re.search(r"\b(?:I am|I'm|I’m|my name is)\b", told.text, re.I)
    if by_own and not role:
        return Finding("a speaker", (told, *units[1:2]), sentence=f"{name} is the name a speaker gives.")
    phrase = role or clean(new_part(told.text, lambda w: w in asked)) or told.text
    return Finding(phrase, tuple(dict.fromkeys([told, *units[:1], *with_caption[:1]])))


def _described(one: Person) -> bool:
    """Whether a caption gives the person another part than that of a speaker: `Josef Lang, farmer`."""
    for unit in one.units:
        rest = unit.text.partition(",")[2].strip() if unit.kind == "text" else ""
        if rest and rest[0].islower():
            return True
    return False


def _addressed(material: Material) -> Finding | None:
    for unit in material.index.speech:
        match = _ADDRESSED.search(unit.text)
        if match:
            return Finding(match.group().strip(), (unit,))
    for unit in material.index.speech:
        names = spans.find(unit.text, "proper")
        if names:
            return Finding(names[0].text, (unit,), sure=False)
    return None


def _names_in(
    question: Question, match: Match, known: list[Person], material: Material
) -> list[tuple[float, str, Unit]]:
    asked = {w for w in fold(question.text).split() if not is_stop(w, "en")}
    found = []
    for one in known:
        if match.unit in one.units and not set(fold(one.name).split()) - lex.TITLES - lex.ROLES <= asked:
            found.append((match.score + 0.3 * match.own + 0.1, one.name, match.unit))
    if not found:
        for found_span in spans.find(match.unit.text, "proper"):
            before = match.unit.text[: found_span.start].split()
            placed = bool(before) and before[-1].lower() in lex.PLACE_PREPOSITIONS - {"by", "to"}
            if placed:
                continue
            if not set(fold(found_span.text).split()) & asked and found_span.text.lower() not in lex.COLOURS:
                found.append((match.score + 0.3 * match.own - 0.1, found_span.text, match.unit))
    return found


def _subject(match: Match, material: Material, question: Question) -> Finding | None:
    """The words before the verb of the best sentence: `Growers`, `A librarian`, `Engineers`."""
    unit = match.unit
    if match.own < 0.3:
        return None
    words = tokens(unit.text)
    passive = re.search(r"\bby\s+((?:the |a |an )?[\w'’-]+(?:\s[\w'’-]+)?)", unit.text)
    if passive and re.search(r"\b(?:is|was|were|are|been)\b", unit.text):
        return Finding(passive.group(1), (unit,), sure=False)
    asked = {form for t in question.terms for form in material.index.forms(t)}
    hits = [at for at, word in enumerate(words) if stem(word.low, unit.language) in asked]
    if not hits or hits[0] == 0 or words[0].low in lex.PLACE_PREPOSITIONS | {"after", "when", "if", "what"}:
        return None
    first = hits[0]
    while (
        first > 0
        and words[first - 1].low not in _BREAKS
        and "," not in unit.text[words[first - 1].end : words[first].start]
    ):
        first -= 1
    last = hits[0] - 1
    for at in range(first, hits[0]):
        if words[at].low in lex.FUNCTION_VERBS and at > first:
            last = at - 1
            break
    content = [
        w for w in words[first : last + 1] if not is_stop(w.low, "en") and w.low not in lex.FUNCTION_VERBS
    ]
    if not content:
        return None
    phrase = unit.text[words[first].start : words[last].end]
    return Finding(phrase[0].upper() + phrase[1:], (unit,), sure=False)


_BREAKS = lex.CLAUSE_BREAKS
