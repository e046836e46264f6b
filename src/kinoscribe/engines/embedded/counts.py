"""Answers `how many`: from what is said or written, from recognised objects, from what the screen lists."""

import re

from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import Number, numbers, say
from kinoscribe.engines.embedded.people import people
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.screen_facts import numbered
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import Token, stem, tokens

__all__ = ["count", "say"]


def count(question: Question, material: Material) -> Finding | None:
    """The finding for a count question, None for other kinds."""
    if question.kind != "count":
        return None
    low = question.text.lower()
    target = question.target or (question.terms[0] if question.terms else "")
    of_these = re.search(r"\bhow many of (?:the |these |those |his |her |their )?(\w+)", low)
    target = of_these.group(1) if of_these else target
    head = target.split()[-1] if target else ""
    if re.search(r"\b(?:named|names)\b", low) and re.search(r"people|persons|names", low):
        named = people(material.index)
        return Finding(
            say(len(named)),
            tuple(p.units[0] for p in named),
            number=len(named),
            items=tuple(p.name for p in named),
        )
    steps = numbered(material) if head in ("steps", "points", "rules", "tips") else []
    if steps:
        return Finding(
            say(len(steps)), tuple(steps[:2]), number=len(steps), items=tuple(u.text for u in steps)
        )
    if head == "times":
        return _times(question, material)
    share = _share(question, head, material) if of_these else None
    if share is not None:
        return share
    stated = _stated(question, head, material)
    pictured = _pictured(question, target, head, material)
    if stated is not None and (pictured is None or not _about_sight(low)):
        return stated
    if pictured is not None:
        return pictured
    if stated is not None:
        return stated
    listed = _listed(head, material)
    if listed is not None:
        return listed
    return _honest(question, target, material)


_TIMES = re.compile(
    r"\b(?:once|twice|\w+ times|(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b[\w ]{0,30})",
    re.I,
)


def _times(question: Question, material: Material) -> Finding | None:
    """`How many times has she won?`: twice, three times, the third victory."""
    for match in material.search(question)[:5]:
        found = _TIMES.search(match.unit.text)
        if found and match.score > 0.25:
            return Finding(found.group(), (match.unit,), sure=False)
    return None


_SHARE = (
    r"\b(half|most|all|none|some|many|(?:a|one) (?:third|quarter)|two thirds"
    r"|three quarters) of (?:the |them|these |those |its |his |her )?(?:%s\w*)?"
)


def _share(question: Question, head: str, material: Material) -> Finding | None:
    """`How many of the plants were lost?`: half of the plants."""
    for match in material.search(question)[:4]:
        found = re.search(_SHARE % re.escape(head[:5]), match.unit.text, re.I)
        if found and match.score > 0.4:
            return Finding(found.group().strip(), (match.unit,))
    return None


def _about_sight(low: str) -> bool:
    return bool(
        re.search(
            r"\b(?:see|seen|shown|visible|appear\w*|on screen|in the (?:picture|frame|room"
            r"|video|clip)|sit|sits|stand|stands|drive|walk|come|comes|pass|at the (?:start"
            r"|end|beginning)|at once)\b",
            low,
        )
    )


def _stated(question: Question, head: str, material: Material) -> Finding | None:
    """A number said or written right before the thing that is counted."""
    if not head:
        return None
    heads = {stem(head), *material.index.forms(head)}
    best: tuple[float, Unit, str, float] | None = None
    coverage = {m.unit.place: m.score for m in material.search(question)}
    for unit in material.units(question):
        words = tokens(unit.text)
        for number in numbers(words):
            for ahead in range(number.last + 1, min(number.last + 4, len(words))):
                if stem(words[ahead].low, unit.language) in heads and not number.year_like:
                    score = coverage.get(unit.place, 0.0 if question.terms else 0.5) - 0.05 * (
                        ahead - number.last - 1
                    )
                    phrase = unit.text[words[number.first].start : words[ahead].end]
                    part = _part_of(words, number)
                    if part is not None:
                        best = (
                            score,
                            unit,
                            unit.text[words[part.first].start : words[part.last].end],
                            part.value,
                        )
                        continue
                    if score > (best[0] if best else 0.3):
                        best = (score, unit, phrase, number.value)
    if best is None and len(question.terms) > 1:
        for match in material.search(question)[:4]:
            plain = [s for s in spans.find(match.unit.text, "count") if s.value is not None]
            of_them = bool(re.search(r"\bof (?:them|these|those|it)\b", match.unit.text))
            if plain and (match.own > 0.6 or (of_them and match.score > 0.4)):
                return Finding(plain[0].text, (match.unit,), sure=False, number=plain[0].value)
    if best is None:
        return None
    return Finding(best[2], (best[1],), number=best[3])


def _part_of(words: list[Token], number: Number) -> Number | None:
    """The four of `four out of five stars`."""
    if [w.low for w in words[max(0, number.first - 2) : number.first]] != ["out", "of"]:
        return None
    return next((n for n in numbers(words[: number.first]) if n.last == number.first - 3), None)


def _pictured(question: Question, target: str, head: str, material: Material) -> Finding | None:
    """How many of an object class were recognised: at a moment, one after another, or at once."""
    low = question.text.lower()
    found = objects.seen_of(material.notes, target) or objects.seen_of(material.notes, head)
    if not found:
        return None
    sightings = found[0]
    colour = next((t.low for t in tokens(low) if t.low in _COLOURS), None)
    if colour:
        tags = [t for s in found for t in s.tags if t.colour and _same_colour(t.colour, colour)]
        total = sum(t.count for t in tags)
        if any(t.colour for s in found for t in s.tags):
            times = ", ".join(span(t.start, t.end) for t in tags[:4])
            return Finding(
                say(total),
                (),
                sure=False,
                number=total,
                sentence=f"{say(total).capitalize()}, as far as the recognised colours "
                f"tell{f' ({times})' if times else ''}.",
            )
    if question.position in ("first", "last") or question.scope:
        start, end = material.scope(question)
        tags = [t for s in found for t in s.tags if t.end >= start and t.start <= end]
        if tags:
            tag = (
                min(tags, key=lambda t: t.start)
                if question.position != "last"
                else max(tags, key=lambda t: t.end)
            )
            return Finding(
                say(tag.count),
                (),
                sure=False,
                number=tag.count,
                sentence=f"{say(tag.count).capitalize()} {objects.plural(tag.label, tag.count)} "
                f"recognised at {span(tag.start, tag.end)}.",
                start=tag.start,
                end=tag.end,
            )
    if re.search(
        r"\b(?:at once|at the same time|at a time|together|at most|maximum|sit|sits"
        r"|sitting|stand|standing|are there|in the (?:picture|frame|room|shot)|on screen"
        r"|on the)\b",
        low,
    ) and not re.search(r"\btotal\b|\bdifferent\b|one after another|drive|pass|come|walk", low):
        most = max(s.most for s in found)
        return Finding(
            say(most),
            (),
            sure=False,
            number=most,
            sentence=f"At most {say(most)} {objects.plural(sightings.label, most)} recognised at once.",
        )
    total = sum(objects.appearances(s, 0.5) for s in found)
    parts = "; ".join(
        span(t.start, t.end) + (f" ({t.count})" if t.count > 1 else "") for t in sightings.tags[:8]
    )
    return Finding(
        say(total),
        (),
        sure=False,
        number=total,
        sentence=f"{say(total).capitalize()} {objects.plural(sightings.label, total)}, counted "
        f"by separate appearances: {parts}. The same one coming back would be counted "
        "again.",
    )


def _listed(head: str, material: Material) -> Finding | None:
    """The lines under a headline that names the thing."""
    for slide in slides(material.index):
        if head and stem(head) in {stem(t.low) for t in tokens(slide.title)} and len(slide.lines) > 1:
            items = tuple(u.text for u in slide.lines)
            return Finding(say(len(items)), slide.lines, number=len(items), items=items, sure=False)
    return None


def _honest(question: Question, target: str, material: Material) -> Finding:
    shots = len(material.notes.shots)
    what = target or "that"
    shown = f"; the video has {say(shots)} {'shot' if shots == 1 else 'shots'}" if shots else ""
    short = (
        f"not known{shown}"
        if re.search(r"\bshown?\b|\bseen\b|\bappear|\bdifferent\b", question.text.lower()) and shots > 1
        else ""
    )
    return Finding(
        short, (), sure=False, sentence=f"The evidence does not tell how many {what} there are{shown}."
    )


_COLOURS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "purple",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "gray",
        "silver",
        "golden",
        "beige",
    ]
)


def _same_colour(a: str, b: str) -> bool:
    swap = {"gray": "grey", "golden": "gold"}
    return swap.get(a, a).split()[-1] == swap.get(b, b)
