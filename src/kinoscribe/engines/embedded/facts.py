"""Answers one question: asks each source in turn that knows this kind, from the special to the general."""

import re

from kinoscribe.engines.embedded import counts, lists, named_things, objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.match_facts import from_scoreboard
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.names import person
from kinoscribe.engines.embedded.open_question import in_order, open_answer
from kinoscribe.engines.embedded.place_names import place_name
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.screen_facts import screen_part, shown_words, titled
from kinoscribe.engines.embedded.span import Span
from kinoscribe.engines.embedded.stretches import nth_part
from kinoscribe.engines.embedded.summary import gist, title
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.typed import typed
from kinoscribe.engines.embedded.video_facts import about_video, answer_about, main_colours
from kinoscribe.engines.embedded.words import Token, is_stop, stem, tokens
from kinoscribe.engines.embedded.yes_no import answer_yes_no

_SEEN = re.compile(
    r"\b(?:appears?|seen|visible|shown|on (?:the )?screen|in (?:the )?(?:picture|frame)|come into|enters?)\b"
)
_DOING = re.compile(
    r"^what (?:is|are|was|were) .{1,40}\bdoing\b|^what (?:does"
    r"|do) (?:the )?(?:person|people|man|woman|men|women|he|she|they) do\b"
)
_GIST = re.compile(
    r"\bwhat is (?:this|it) (?:a )?(?:recording|video|film|clip|footage)? ?of\b|"
    r"^what (?:do|does|did) (?:they|he|she|the \w+|people) (?:talk|speak|discuss)(?: about)?\s*\??$|"
    r"^what (?:is|are|was) (?:the |this |it |that )?(?:video|clip|film|lecture|talk"
    r"|lesson|interview|recording|story|show|tutorial|speech"
    r"|presentation)?\s*(?:all )?about\b"
    r"|\b(?:main )?(?:topic|subject|theme) of\b|^what (?:happens|is happening"
    r"|is going on|happened)(?: here| in the \w+)?\s*\??$"
    r"|^what (?:is|can be) (?:shown|seen|to be seen)(?: here| in the \w+)?\s*\??$"
)


def answer(question: Question, material: Material) -> Finding:
    """The best finding for one question; its `short` is empty when the evidence holds none."""
    low = " ".join(question.text.lower().split())
    about = about_video(low)
    if about:
        return answer_about(about, low, material.index, material.facts)
    if question.yes_no:
        return answer_yes_no(question, material)
    if _DOING.search(low) and not any(u.own > 0.6 for u in material.search(question)[:1]):
        return _doing(material)
    if _GIST.search(low):
        text = gist(material)
        return Finding(text, sentence=text)
    for source in _SOURCES:
        found = source(question, material)
        if found is not None:
            return found
    return open_answer(question, material)


def _doing(material: Material) -> Finding:
    found = objects.seen(material.notes, "person")
    seen = (
        f" People were recognised at {', '.join(span(t.start, t.end) for t in found[0].tags[:8])}."
        if found
        else ""
    )
    return Finding(
        "",
        (),
        sure=False,
        sentence="What people do is not in the evidence: it holds words, text and recognised "
        f"objects, no actions.{seen}",
    )


def _special_name(question: Question, material: Material) -> Finding | None:
    if question.kind in ("person", "winner"):
        return person(question, material)
    if question.kind == "where":
        return place_name(question, material)
    return named_things.named_thing(question, material)


def _colour(question: Question, material: Material) -> Finding | None:
    if question.kind != "colour":
        return None
    heads = [t for t in question.terms if not is_stop(t, "en")]
    stems = {form for t in heads for form in material.index.forms(t)}
    best: tuple[float, str, Unit] | None = None
    for match in material.search(question):
        for found in spans.find(match.unit.text, "colour"):
            words = tokens(match.unit.text)
            gaps = [
                _gap(match.unit.text, found, w) for w in words if stem(w.low, match.unit.language) in stems
            ]
            score = match.score + 0.5 * max(0.0, 1 - min(gaps, default=60) / 40)
            if match.score >= 0.3 and (best is None or score > best[0]):
                best = (score, _with_detail(match.unit.text, found), match.unit)
    if best is not None:
        return Finding(best[1], (best[2],))
    for word in [question.target, *heads]:
        for sightings in objects.seen_of(material.notes, word) if word else []:
            if sightings.colours:
                tag = next(t for t in sightings.tags if t.colour)
                return Finding(
                    " and ".join(sightings.colours[:3]),
                    (),
                    sure=False,
                    sentence=f"{' and '.join(sightings.colours[:3]).capitalize()}: that is the main colour "
                    f"where a {sightings.label} was recognised.",
                    start=tag.start,
                    end=tag.end,
                )
    colours = main_colours(material.notes)
    if not colours:
        return Finding(
            "",
            (),
            sure=False,
            sentence=f"The colour of “{' '.join(heads) or 'that'}” is neither said nor shown as "
            "text, and the colours of the pictures were not collected.",
        )
    listed = ", ".join(colours[:-1]) + " and " + colours[-1] if len(colours) > 1 else colours[0]
    what = " ".join(heads)
    return Finding(
        f"not certain; the picture is mainly {listed}",
        (),
        sure=False,
        sentence=f"No evidence ties a colour to {'the ' + what if what else 'that'}; the main "
        f"colours of the picture are {listed}.",
    )


def _gap(text: str, found: Span, word: Token) -> int:
    """How far a colour is from a noun, in characters; a comma between them parts them."""
    between = text[word.end : found.start] if word.end <= found.start else text[found.end : word.start]
    return (
        len(between)
        + 30 * any(c in between for c in ",;.")
        + 3 * (found.end <= word.start and len(between) > 1)
    )


def _with_detail(text: str, found: Span) -> str:
    """`white with a red roof`: a colour goes on where another follows in the same clause."""
    more = re.match(r"\s+with (?:an? |the |its )?[\w ]{3,30}", text[found.end :])
    if more and spans.find(more.group(), "colour"):
        return text[found.start : found.end] + more.group().rstrip()
    return found.text


def _nth_story(question: Question, material: Material) -> Finding | None:
    """`What is the last story about?`: the title and the gist of one part."""
    low = question.text.lower()
    if question.kind not in ("what", "which") or not re.search(
        r"\babout\b|\bhappens?\b|\btitle\b|\btopic\b", low
    ):
        return None
    where = nth_part(low, material)
    if where is None:
        return None
    units = [u for u in material.index.units if where[0] <= u.middle < where[1]]
    said = [u for u in units if u.kind == "speech"]
    text = "; ".join(dict.fromkeys([title(material, units), *(u.text for u in said[:2])]))
    return (
        Finding(text, tuple(said[:1]), sentence=f"{text} ({span(*where)})", start=where[0], end=where[1])
        if text
        else None
    )


def _appears(question: Question, material: Material) -> Finding | None:
    """`When does the truck appear?`: the times in the video itself."""
    low = question.text.lower()
    if question.kind not in ("when", "clock") or not _SEEN.search(low):
        return None
    thing = thing_asked(question.text, "when")
    if not thing:
        return None
    found = find_presence(thing, material)
    times = (
        [(t.start, t.end) for t in found.seen]
        or [(u.start, u.end) for u in found.written]
        or [(u.start, u.end) for u in found.said]
    )
    if not times:
        return None
    if question.position:
        times = times[:1] if question.position == "first" else times[-1:]
    items = tuple(dict.fromkeys(span(a, b) for a, b in times[:8]))
    return Finding(
        ", ".join(items),
        (*found.written[:1], *found.said[:1]),
        items=items,
        start=times[0][0],
        end=times[0][1],
    )


_SOURCES = (
    from_scoreboard,
    titled,
    _appears,
    _nth_story,
    in_order,
    _special_name,
    counts.count,
    _colour,
    lists.members,
    shown_words,
    typed,
    screen_part,
)
