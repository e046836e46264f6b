"""Reads what a segment definition describes: shots, slides, topics, or the time in which something is there."""

import re
from dataclasses import dataclass
from typing import Literal

from kinoscribe.engines.embedded.lexicon import COLOURS
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.objects import classes_of
from kinoscribe.engines.embedded.pictured import mentions
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.words import content_words, sentences, tokens
from kinoscribe.engines.engine import SegmentWish

How = Literal["any", "seen", "written", "said", "about"]

_SPECIAL, _PLAIN = Rules("segments_of"), Rules("segments")
_HOW = Rules("segments_there")
_NOT = re.compile(
    r"^(?:please )?(?:do not|don't|never|ignore|exclude|excluding|leave out|skip|omit|without|not|no|except)\b"
)
_ASIDE = re.compile(r"\s*[,;(]?\s*\b(?:not|but not|except|excluding|ignoring|rather than)\b.*$")
_STRETCH = (
    r"(?:times?|periods?|moments?|parts?|spans?|stretch(?:es)?|intervals?|sections?|scenes?|shots?|segments?"
    r"|clips?|portions?|passages?|instances?|occurrences?|appearances?|footage)"
)
_FRAME = re.compile(
    r"^(?:(?:find|mark|return|identify|detect|list|give|show|segment|the|each|every|any|all|a|an|one|those|me"
    r"|continuous|single|uninterrupted|separate|camera)\s+)*"
    rf"(?P<stretch>{_STRETCH})(?: (?:of|in) (?:the )?(?:video|clip|film|time|footage|recording))?\s+"
    r"(?:(?:during|in|at|for|on) which|during|when(?:ever)?|while|where|(?:that|which) (?:shows?|contains?"
    r"|features?|has|have|depicts?|mentions?|is about|are about)|with|showing|containing|featuring|depicting"
    r"|mentioning|of|about|that|who|(?=(?:an?|the|at least|some) ))\s*(?P<what>.+)$"
)
_WHEN = re.compile(r"^(?:when(?:ever)?|while|(?:any|every|each) ?time(?: that| when)?)\s+(?P<what>.+)$")
_AFTER = re.compile(
    r"\b(?:about|of|on|discuss(?:es|ed|ing)?|mention(?:s|ed|ing)?|explain(?:s|ed|ing)?|describ(?:es|ed|ing)"
    r"|say(?:s|ing)?|said|tell(?:s|ing)?(?: us)?(?: about)?|word|phrase|name)\s+(?P<thing>.+)$"
)
_TAIL = re.compile(
    r"\s*\b(?:is|are|was|were|can be|could be|appears?|becomes?|gets?|comes?|enters?|stays?|remains?|stands?"
    r"|has been|have been|that|who|which"
    r"|in (?:the )?(?:picture|frame|view|shot|room|scene|image)|on (?:the )?(?:screen|camera))\b.*$"
)
_HEAD = re.compile(
    r"^(?:(?:there (?:is|are)|at least|at most|exactly|more than|only|either|both|the|an?|any|some|several|many|few"
    r"|one|two|three|four|five|\d+|or more|brand|word|phrase|text|name|logo|logo of|picture of|image of)\s+)+"
)
_LINK = re.compile(r"\b(?:about|mention(?:s|ing)?)(?=\s*$)")
_LAST = re.compile(r"\s+(?:logos?|brands?|signs?|mentions?|mentioned|names?)$")
_LOOK = re.compile(
    r"^(?:(?:the|all|any|every|each|an?)\s+)*(\w+) (?:scenes?|shots?|pictures?|footage|parts?)$"
)
_SEVERAL = re.compile(
    r"\b(?:at least |exactly |or more |more than )?(two|three|four|five|several|many|\d+)\b"
)
_CLOSE_UP = ("scene", "scenes", "shot", "shots")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be found: `sort` says which method finds it.

    For the sort `there` the `things` are looked for in the way `how` says, all of them at once with `together`,
    `count` at least of each; with `whole_shots` the shots that hold them are the segments. For the sort
    `pictured` the `things` are the names of reference pictures.
    """

    sort: str
    things: tuple[str, ...] = ()
    how: How = "any"
    together: bool = False
    count: int = 1
    whole_shots: bool = False


def read_wish(wish: SegmentWish) -> Wanted:
    """What a definition describes; of several sentences the first that says it counts."""
    told = [s for s in sentences(wish.description) if not _NOT.match(_plain(s))]
    positive = [_ASIDE.sub("", _plain(s)) for s in told]
    for sentence, plain in zip(told, positive, strict=True):
        found = _pictured(mentions(sentence), plain) or _read(plain)
        if found is not None:
            return found
    name = _plain(wish.id.replace("_", " ").replace("-", " "))
    named = _things(positive[0] if positive else name)
    # A name alone is too little to go by where the description names something.
    vague = len(content_words(" ".join(named), "en")) <= 1
    return (_read(name) if vague else None) or Wanted("there", named, "any")


def _pictured(names: tuple[str, ...], sentence: str) -> Wanted | None:
    """The time in which reference pictures are seen, when a sentence points at some."""
    if not names:
        return None
    frame = _FRAME.match(sentence)
    whole = frame is not None and frame.group("stretch") in _CLOSE_UP
    return Wanted("pictured", names, "seen", " and " in sentence and " or " not in sentence, 1, whole)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split()).strip(" .:;!")[:600]


def _read(sentence: str) -> Wanted | None:
    look = _LOOK.match(sentence)
    if look is not None and look.group(1) in (*COLOURS, "dark", "bright"):
        return Wanted("there", (look.group(1),), "seen", whole_shots=True)
    special = _SPECIAL.first(sentence)
    frame = _FRAME.match(sentence) or _WHEN.match(sentence)
    if special == "shots" and frame is not None:
        holding = _there(frame.group("what"), whole_shots=True)
        if holding is not None and all(classes_of(thing) for thing in holding.things):
            return holding
    if special:
        return Wanted(special)
    if frame is not None:
        whole = frame.groupdict().get("stretch") in _CLOSE_UP
        clause = frame.group("what")
        link = _LINK.search(sentence[: frame.start("what")])
        return _there(f"{link.group()} {clause}" if link else clause, whole_shots=whole)
    plain = _PLAIN.first(sentence)
    if plain:
        return Wanted(plain)
    return _there(sentence) if _HOW.first(sentence) else None


def _there(clause: str, *, whole_shots: bool = False) -> Wanted | None:
    first = _HOW.first(clause) or "any"
    how: How = "seen" if first == "seen" else "written" if first == "written" else "any"
    if first in ("said", "about"):
        how = "said" if first == "said" else "about"
    things = _things(clause, spoken=how in ("said", "about"))
    if not things:
        return None
    several = _SEVERAL.search(clause)
    found = numbers(tokens(several.group(1))) if several else []
    count = int(found[0].value) if found and found[0].value < 100 else 2 if several else 1
    return Wanted("there", things, how, " and " in clause and " or " not in clause, count, whole_shots)


def _things(clause: str, *, spoken: bool = False) -> tuple[str, ...]:
    """The things a clause names, without what is said of them."""
    quoted = re.findall(r"[\"“']([^\"”']{1,60})[\"”'](?!\w)", clause)
    if quoted:
        return tuple(quoted)
    after = _AFTER.search(clause) if spoken else None
    named = after.group("thing") if after is not None else _TAIL.sub("", clause)
    parts = re.split(r"\s*,\s*(?:and |or )?|\s+(?:and|or)\s+", named)
    bare = [_LAST.sub("", _HEAD.sub("", _TAIL.sub("", part))).strip() for part in parts]
    return tuple(dict.fromkeys(part for part in bare if part))
