"""Reads a scoreboard from the screen text: which score stood when, and what changed."""

import re
from dataclasses import dataclass
from itertools import pairwise

from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.lexicon import MONTHS

_SCORE = re.compile(
    r"^\s*([^\d:]{0,40}?)\s*\b(\d{1,3})\s*(?:[-–—:]|\s{1,3}|\b(?:to|vs?)\b)\s*(\d{1,3})\b\s*([^\d:]{0,40}?)\s*$",
    re.I,
)
_TWO = re.compile(
    r"^\s*([^\W\d][^\d:]{1,30}?)\s+(\d{1,3})\s*[|,/–-]?\s*([^\W\d][^\d:]{1,30}?)\s+(\d{1,3})\s*$"
)


@dataclass(frozen=True, slots=True)
class Score:
    """A score that stood from `start` to `end`, with the names of the sides where they were readable."""

    start: float
    end: float
    home: int
    away: int
    home_name: str
    away_name: str
    unit: Unit

    @property
    def text(self) -> str:
        return f"{self.home}-{self.away}"


def scores(index: Index) -> list[Score]:
    """The scores in order, equal neighbours joined; empty when the screen shows no scoreboard."""
    if "scores" not in index.memo:
        index.memo["scores"] = _find_scores(index)
    found: list[Score] = index.memo["scores"]
    return list(found)


def _find_scores(index: Index) -> list[Score]:
    found = []
    for unit in index.texts:
        score = _read(unit)
        if score is not None:
            found.append(score)
    found += _apart(index, found)
    found.sort(key=lambda s: (s.start, s.end))
    joined: list[Score] = []
    for score in found:
        if joined and (joined[-1].home, joined[-1].away) == (score.home, score.away):
            last = joined[-1]
            joined[-1] = Score(
                last.start,
                max(last.end, score.end),
                last.home,
                last.away,
                last.home_name or score.home_name,
                last.away_name or score.away_name,
                last.unit,
            )
        else:
            joined.append(score)
    return joined if _plausible(joined) else []


def changes(found: list[Score]) -> list[Score]:
    """The scores that replaced another one."""
    return found[1:]


def points_made(found: list[Score]) -> int:
    """How many points or goals were made while the board was seen."""
    if not found:
        return 0
    return max(0, found[-1].home - found[0].home) + max(0, found[-1].away - found[0].away)


def leader(score: Score) -> str | None:
    """The name of the side that is ahead; empty when the name is unknown, None when nobody is."""
    if score.home == score.away:
        return None
    return score.home_name if score.home > score.away else score.away_name


def _read(unit: Unit) -> Score | None:
    match = _SCORE.match(unit.text)
    if match:
        home_name, home, away, away_name = match.groups()
        dash = re.search(r"\d\s*[-–—]\s*\d", unit.text)
        if not (home_name.strip() or away_name.strip()) and not dash:
            return None
        if ":" in unit.text and not (home_name.strip() and away_name.strip()):
            return None
        if not dash and not (home_name.strip() and away_name.strip()):
            return None
        return Score(unit.start, unit.end, int(home), int(away), _name(home_name), _name(away_name), unit)
    match = _TWO.match(unit.text)
    if match and len(unit.text) < 40:
        home_name, home, away_name, away = match.groups()
        return Score(unit.start, unit.end, int(home), int(away), _name(home_name), _name(away_name), unit)
    return None


def _name(text: str) -> str:
    return text.strip(" -–—:|.,")


def _apart(index: Index, found: list[Score]) -> list[Score]:
    """Fills in names of sides that were read as lines of their own, left and right of the numbers."""
    whole: list[Score] = []
    for place, score in enumerate(found):
        if score.home_name or score.away_name:
            continue
        beside = [
            u
            for u in index.texts
            if u is not score.unit
            and u.start <= score.start + 0.5
            and u.end >= score.end - 0.5
            and abs(u.top - score.unit.top) < 0.6 * max(u.height, score.unit.height)
            and u.text.replace(" ", "").isalpha()
        ]
        if len(beside) == 2:
            found[place] = Score(
                score.start, score.end, score.home, score.away, beside[0].text, beside[1].text, score.unit
            )
    return whole


def _plausible(found: list[Score]) -> bool:
    """One line such as `2-1` may be anything; a board changes, or names both sides."""
    names = [name for s in found for name in (s.home_name, s.away_name)]
    if any(word.strip(".,").lower() in MONTHS for name in names for word in name.split()):
        return False
    named = any(s.home_name and s.away_name for s in found)
    if len(found) == 1:
        return named and all(len(name.split()) < 3 and name[:1].isupper() for name in names)
    rising = all(b.home + b.away >= a.home + a.away for a, b in pairwise(found))
    return bool(found) and (named or len(found) > 1) and (rising or named)
