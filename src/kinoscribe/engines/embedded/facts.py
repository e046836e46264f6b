"""Answers one question: asks each source in turn that knows this kind, from the special to the general."""

import re
from collections import Counter

from kinoscribe.engines.embedded import counts, lists, named_things, objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.names import person, place_name
from kinoscribe.engines.embedded.numbers import ORDINALS, numbers
from kinoscribe.engines.embedded.open_question import in_order, open_answer
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.scoreboard import Score, changes, leader, points_made, scores
from kinoscribe.engines.embedded.slides import distinct, slides
from kinoscribe.engines.embedded.summary import gist
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.times import clock, span
from kinoscribe.engines.embedded.typed import typed
from kinoscribe.engines.embedded.video_facts import about_video, answer_about, main_colours
from kinoscribe.engines.embedded.words import is_stop, stem, tokens
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


def _from_scoreboard(question: Question, material: Material) -> Finding | None:
    low = question.text.lower()
    board = scores(material.index)
    if not board:
        return None
    if re.search(r"\bscore\b.*\bchanges?\b|\bchanges? (?:of|in) the score\b", low) and question.kind in (
        "clock",
        "when",
        "count",
        "score",
        "list",
    ):
        return _score_changes(question, material)
    if re.search(
        r"\b(?:which|what|name the) (?:two )?(?:teams|sides|clubs|players)\b", low
    ) and question.kind in ("which", "list", "people"):
        names = tuple(n for n in (board[-1].home_name, board[-1].away_name) if n)
        return Finding(" and ".join(names), (board[-1].unit,), items=names) if names else None
    if (
        len(board) > 1
        and question.kind in ("when", "clock", "person")
        and re.search(r"\b(?:goals?|scor(?:e|ed|es|ing)|points?|equali[sz]\w*)\b", low)
    ):
        return _scorers(question, board)
    if question.kind not in ("score", "winner", "count"):
        return None
    last = board[0] if question.position == "first" else board[-1]
    if question.kind == "score":
        if re.search(r"half[ -]?time", question.text.lower()):
            return None
        line = f"{last.home_name} {last.home}-{last.away} {last.away_name}".strip()
        return Finding(line, (last.unit,), start=last.start, end=last.end)
    if question.kind == "winner":
        ahead = leader(last)
        if ahead is None:
            return Finding("nobody, it is a draw", (last.unit,), sentence=f"Nobody: it stands {last.text}.")
        return Finding(ahead or ("the home side" if last.home > last.away else "the away side"), (last.unit,))
    if re.search(r"\b(?:goals?|points?|baskets?|runs?|tries|touchdowns?)\b", question.text.lower()):
        for score in board:
            for name, value, first in (
                (score.home_name, last.home, board[0].home),
                (score.away_name, last.away, board[0].away),
            ):
                if name and name.lower() in question.text.lower():
                    return Finding(str(value - first), (last.unit,), number=value - first)
        made = points_made(board)
        return Finding(counts.say(made), tuple(s.unit for s in board[1:]) or (last.unit,), number=made)
    return None


def _scorers(question: Question, board: list[Score]) -> Finding | None:
    """Which side made each point, or when."""
    steps = [(a, b) for a, b in zip(board, board[1:], strict=False) if b.home + b.away > a.home + a.away]
    words = [
        t
        for t in question.terms
        if t not in ("scored", "scores", "score", "goal", "goals", "point", "points")
    ]
    if not steps or (question.kind == "person" and words):
        return None
    if question.position:
        steps = steps[:1] if question.position == "first" else steps[-1:]
    told = []
    for a, b in steps:
        side = b.home_name if b.home > a.home else b.away_name
        told.append(
            f"{clock(b.start)} ({b.text})"
            if question.kind != "person"
            else f"{side or 'one side'} at {clock(b.start)} ({b.text})"
        )
    return Finding(
        ", ".join(told),
        tuple(b.unit for _, b in steps),
        items=tuple(told),
        sentence=_capital(", ".join(told)) + ", by the scoreboard.",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _score_changes(question: Question, material: Material) -> Finding:
    found = changes(scores(material.index))
    if question.position:
        found = found[:1] if question.position == "first" else found[-1:]
    items = tuple(f"{clock(s.start)} ({s.text})" for s in found)
    if question.kind == "count":
        return Finding(counts.say(len(found)), tuple(s.unit for s in found), number=len(found))
    return Finding(", ".join(items) or "never", tuple(s.unit for s in found), items=items)


def _special_name(question: Question, material: Material) -> Finding | None:
    if question.kind == "person":
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
            near = [abs(w.start - found.end) for w in words if stem(w.low, match.unit.language) in stems]
            score = match.score + (0.5 if near and min(near) < 30 else 0.0)
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


def _with_detail(text: str, found: spans.Span) -> str:
    """`white with a red roof`: a colour goes on where another follows in the same clause."""
    more = re.match(r"\s+with (?:an? |the |its )?[\w ]{3,30}", text[found.end :])
    if more and spans.find(more.group(), "colour"):
        return text[found.start : found.end] + more.group().rstrip()
    return found.text


def _shown_words(question: Question, material: Material) -> Finding | None:
    """`Which word is printed on the mug?`, `Which words appear, in order?`: the screen text itself."""
    low = question.text.lower()
    if not re.search(
        r"\b(?:words?|texts?|letters?|sign|caption|headline|title|writing|inscription|label|screen|slide|display)s?\b",
        low,
    ):
        return None
    if not re.search(
        r"\b(?:shown?|appears?|written|printed|display\w*|read|reads|says?|seen"
        r"|on (?:the )?screen|visible|on the|stands?)\b",
        low,
    ):
        return None
    texts = [u for u in material.units(question) if u.kind == "text"]
    if not texts:
        return None
    if question.position == "first":
        texts = [u for u in texts if u.start <= texts[0].start + 0.5]
    elif question.position == "last":
        end = max(u.end for u in texts)
        texts = [u for u in texts if u.end >= end - 1.0]
    terms = [
        t
        for t in question.terms
        if t
        not in (
            "word",
            "words",
            "text",
            "order",
            "printed",
            "written",
            "appear",
            "displayed",
            "headline",
            "title",
        )
    ]
    if terms:
        matched = [m.unit for m in material.index.search(terms, texts) if m.score > 0.5]
        texts = matched or texts
    lines = distinct(texts)
    if re.search(r"\b(?:headline|title)\b", low):
        lines = [u for u in lines if u.role == "headline"] or lines
    items = tuple(u.text for u in lines[:200])
    return Finding(", ".join(items), tuple(lines[:6]), items=items)


def _by_number(low: str, material: Material) -> Finding | None:
    """`the third slide`, `the last headline`: one of the slides by its place."""
    shown = slides(material.index)
    words = re.findall(r"\b(\w+) (?:slide|headline|title|heading|screen|card)\b", low)
    word = next((w for w in words if w in ORDINALS or w in ("last", "final")), "")
    counted = re.search(r"\b(?:slide|card)(?: number| no\.?)? (\d{1,3}|\w+)\b", low)
    by_count = numbers(tokens(counted.group(1))) if counted else []
    if not shown or not (word or by_count):
        return None
    place = (
        int(by_count[0].value)
        if by_count and not word
        else len(shown)
        if word in ("last", "final")
        else ORDINALS[word]
    )
    if not 1 <= place <= len(shown):
        return None
    slide = shown[place - 1]
    with_lines = not re.search(r"\b(?:title|headline|heading|called)\b", low)
    text = "; ".join([slide.title, *(u.text for u in slide.lines)]) if with_lines else slide.title
    return Finding(
        text, (), sentence=f"“{text}” ({span(slide.start, slide.end)}).", start=slide.start, end=slide.end
    )


def _titled(question: Question, material: Material) -> Finding | None:
    low = question.text.lower()
    if re.search(r"\bslide(?: number| no\.?)? \d", low) or (
        re.search(r"\bon the \w+ slide\b", low) and question.kind in ("what", "which")
    ):
        return _by_number(low, material)
    if question.kind == "named" and re.search(r"\b(?:slide|headline|heading|card)s?\b", low):
        return _by_number(low, material)
    return None


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


def _screen_part(question: Question, material: Material) -> Finding | None:
    """`Which window is opened?`, `Which menu ...?`: the largest or highest line of a screen."""
    if question.kind not in ("which", "what"):
        return None
    head = question.target.split()[-1] if question.target else ""
    if head not in ("window", "page", "dialog", "screen", "tab", "panel", "section", "view"):
        return None
    texts = [u for u in material.units(question) if u.kind == "text"]
    if not texts:
        return None
    length = max(1e-6, material.notes.end - material.notes.start)
    words = Counter(w for u in distinct(texts) for w in dict.fromkeys(material.index.stems(u)))

    def weight(unit: Unit) -> float:
        stems = material.index.stems(unit)
        often = sum(words[w] for w in stems) / len(stems) if stems else 0.0
        panel = unit.start <= material.notes.start and unit.end > material.notes.start + 0.8 * length
        return (
            often
            + 2 * (unit.end - unit.start) / length
            + 3 * (unit.role == "headline")
            - 3 * panel
            - 0.2 * len(stems)
        )

    best = max(texts, key=lambda u: (weight(u), -u.place))
    return Finding(best.text, (best,), sure=False)


_SOURCES = (
    _from_scoreboard,
    _titled,
    _appears,
    in_order,
    _special_name,
    counts.count,
    _colour,
    lists.members,
    _shown_words,
    typed,
    _screen_part,
)
