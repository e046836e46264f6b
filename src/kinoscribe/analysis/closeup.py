"""Chooses the windows of a long video that matter for a question, by what is known of each before it is looked at."""

import re
from collections import Counter
from collections.abc import Sequence

from kinoscribe.analysis.happenings import Happening, lines
from kinoscribe.analysis.relevance import named_times, names, relevances
from kinoscribe.analysis.windows import Window
from kinoscribe.notes import Notes, within

# A window that fits much less well than the best one is not what was asked about.
_NEAR_BEST = 0.35
_MOST = 6
# The evidence points at a place when the question's words are found in this share of the windows at most.
_NARROW = 3
# So many of the question's words at one place are no accident.
_SURE = 2
_OF_ALL = re.compile(
    r"\b(all|each|every\w*|any|anything|whole|entire\w*|overall|throughout|summar\w+|overview|chapters?|topics?|"
    r"themes?|list|how (?:many|often)|count|number of|highlights?|main|mostly|first|last|before|after|never|always|"
    r"begins?|beginning|ends?|ending|describe|outline|timeline|steps?|compare|between|sequence|order)\b",
    re.IGNORECASE,
)


def told_of(notes: Notes, window: Window, found: Sequence[Happening] = ()) -> str:
    """All words that are known of a window: heard, read, guessed from its pictures, and its account."""
    inside = within(notes, window.start, window.end)
    told = [one.text for one in inside.speech] + [one.text for one in inside.screen_text]
    told += [f"{tag.colour or ''} {tag.label}" for tag in inside.tags]
    return "\n".join([*told, lines(found)])


def worth_a_look(
    question: str, cuts: Sequence[Window], texts: Sequence[str], most: int = _MOST
) -> list[Window]:
    """The windows that fit the question, best first chosen, in the order of time; `most` of them at most."""
    timed = _timed(question, cuts)
    fits = relevances(question, texts)
    best = max((one.score for one in fits), default=0.0)
    ranked = sorted(range(len(cuts)), key=lambda place: (place not in timed, -fits[place].score, place))
    near = [p for p in ranked if p in timed or (best > 0.0 and fits[p].score >= _NEAR_BEST * best)]
    return [cuts[place] for place in sorted(near[:most])]


def pointed_at(
    question: str, cuts: Sequence[Window], texts: Sequence[str], most: int = _MOST
) -> list[Window]:
    """The few windows that the evidence alone points at, or none: then the whole has to be looked at.

    A question about the whole, or one whose words are found in many places or in none, points nowhere. One plain word
    alone is no proof that the place is the right one; a name, a number or something in quotation marks is.
    """
    if _OF_ALL.search(question):
        return []
    timed = _timed(question, cuts)
    if timed:
        return [cuts[place] for place in sorted(timed)][:most]
    fits = relevances(question, texts)
    few = min(most, max(1, len(cuts) // _NARROW))
    found_in = Counter(word for one in fits for word in one.words)
    telling = {word for word, number in found_in.items() if number <= few}
    hits = [one.words & telling for one in fits]
    sure = any(len(words) >= _SURE or words & names(question) for words in hits)
    found = [window for window, words in zip(cuts, hits, strict=True) if words]
    return found if sure and len(found) <= few else []


def _timed(question: str, cuts: Sequence[Window]) -> set[int]:
    """The places of the windows in which the times lie that a question names."""
    times = named_times(question)
    return {
        place
        for place, window in enumerate(cuts)
        if any(window.start - 1.0 <= time <= window.end + 1.0 for time in times)
    }
