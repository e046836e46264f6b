"""Chooses the sentences that tell most of a video: central ones, few that repeat, in order of time."""

import re

from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.words import is_stop, tokens

_VARIED = 60  # so many sentences are chosen to differ; with more of them repetition no longer matters


_PHATIC = frozenset(
    [
        "good",
        "evening",
        "morning",
        "afternoon",
        "night",
        "hello",
        "hi",
        "welcome",
        "thanks",
        "thank",
        "goodbye",
        "bye",
        "everyone",
    ]
)


_GREETING = re.compile(
    r"^(?:and )?(?:hi|hello|hey|welcome|good (?:morning|evening|afternoon|night|day)|thanks?|thank you|my guest|my name"
    r"|i am [A-Z]\w*|i'm [A-Z]\w*|that is all|that's (?:all|it)|see you|goodbye|bye"
    r"|don't forget to (?:like|subscribe))\b",
    re.I,
)


def central(index: Index, units: list[Unit], most: int) -> list[Unit]:
    """The most telling units of those given, in order of time (TextRank, then little repetition)."""
    pool = [u for u in units if _telling(u)]
    if len(pool) <= most:
        return pool
    if len(pool) > 400:  # every n-th of the richest keeps an hour of speech fast
        richest = sorted(pool, key=lambda u: (-len(index.stems(u)), u.place))[:400]
        pool = sorted(richest, key=lambda u: u.place)
    rank = _rank(index, pool)
    sets = [frozenset(index.stems(u)) for u in pool]
    alike = [0.0] * len(pool)
    left = list(range(len(pool)))
    chosen: list[Unit] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda i: (rank[i] - 0.7 * alike[i], -i))
        left.remove(best)
        chosen.append(pool[best])
        if len(chosen) < _VARIED:
            for i in left:
                alike[i] = max(alike[i], _overlap(sets[i], sets[best]))
    return sorted(chosen, key=lambda u: (u.start, u.place))


def _telling(unit: Unit) -> bool:
    words = [t.low for t in tokens(unit.text)]
    content = [w for w in words if not is_stop(w, unit.language) and w not in _PHATIC]
    return len(words) >= 4 and len(content) >= 2


def _rank(index: Index, pool: list[Unit]) -> list[float]:
    sets = [frozenset(index.stems(u)) for u in pool]
    holders: dict[str, list[int]] = {}
    for i, have in enumerate(sets):
        for word in sorted(have):
            holders.setdefault(word, []).append(i)
    links: list[dict[int, float]] = [{} for _ in pool]
    for word, places in holders.items():
        if len(places) > 60:
            continue
        weight = index.rarity(word)
        for i in places:
            for j in places:
                if i != j:
                    links[i][j] = links[i].get(j, 0.0) + weight
    rank = [1.0] * len(pool)
    for _ in range(20):
        rank = (
            [
                0.15
                + 0.85
                * sum(weight / (sum(links[j].values()) or 1.0) * rank[j] for j, weight in links[i].items())
                for i in range(len(pool))
            ]
            if len(pool) <= 120
            else rank
        )
    longest = max(rank) or 1.0
    result = []
    for i, unit in enumerate(pool):
        words = tokens(unit.text)
        score = rank[i] / longest
        score += (
            0.25 * min(1.0, len(sets[i]) / 8)
            + 0.15 * bool(numbers(words))
            + 0.1 * any(w.text[0].isupper() for w in words[1:])
        )
        score += 0.25 * (i == 0) + 0.1 * (i == len(pool) - 1)
        score -= 0.5 * bool(_GREETING.match(unit.text)) + (
            0.25 * (i == 0) if _GREETING.match(unit.text) else 0.0
        )
        score -= 0.3 * unit.text.rstrip().endswith("?") + 0.2 * (len(words) > 45)
        first = words[0].low if words else ""
        score -= 0.15 * (first in ("it", "they", "he", "she", "this", "that", "and", "but", "so"))
        result.append(score)
    return result


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / (min(len(a), len(b)) or 1)


def greets(text: str) -> bool:
    """Whether a sentence only opens or closes a video."""
    return _GREETING.match(text) is not None
