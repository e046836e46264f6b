"""Finds the words and phrases a video is about, for keywords, hashtags, topics and titles."""

from dataclasses import dataclass

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.lexicon import (
    CURRENCY_WORDS,
    DAY_PARTS,
    DULL,
    DURATION_UNITS,
    FUNCTION_VERBS,
    GIVEN_NAMES,
    MEASURE_UNITS,
    RELATIVE_DAYS,
)
from kinoscribe.engines.embedded.numbers import is_number_word
from kinoscribe.engines.embedded.spans import proper
from kinoscribe.engines.embedded.words import Token, fold, is_stop, stem, tokens

_WEIGHTS = {"headline": 3.0, "caption": 2.0, "body": 1.4, "": 1.0}


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word or phrase as best written, and its weight."""

    text: str
    score: float
    unit: Unit | None = None


def keywords(index: Index, units: list[Unit] | None = None, most: int = 10) -> list[Keyword]:
    """The likeliest keywords, best first; phrases before their own words."""
    if units is not None:
        return _varied(_ranked(index, units), most)
    if "keywords" not in index.memo:
        index.memo["keywords"] = _ranked(index, None)
    return _varied(index.memo["keywords"], most)


def _ranked(index: Index, units: list[Unit] | None) -> list[Keyword]:
    pool = list(index.units) if units is None else units
    scores: dict[str, float] = {}
    spelling: dict[str, dict[str, float]] = {}
    first: dict[str, Unit] = {}
    seen_lines: set[str] = set()
    for unit in pool:
        if "www." in unit.text or "@" in unit.text or "://" in unit.text:
            continue
        line = fold(unit.text)
        weight = _WEIGHTS.get(unit.role, 1.0)
        if line in seen_lines:
            weight *= 0.3
        seen_lines.add(line)
        for phrase, extra in _phrases(unit):
            key = " ".join(stem(t.low, unit.language) for t in phrase)
            text = unit.text[phrase[0].start : phrase[-1].end]
            scores[key] = scores.get(key, 0.0) + weight * extra
            written = spelling.setdefault(key, {})
            written[text] = written.get(text, 0.0) + weight
            first.setdefault(key, unit)
    found = [Keyword(_best_spelling(spelling[key]), score, first[key]) for key, score in scores.items()]
    if units is None:
        for sightings in objects.seen(index.notes)[:4]:
            share = sum(t.end - t.start for t in sightings.tags) / max(
                1e-6, index.notes.end - index.notes.start
            )
            if sightings.label != "person":
                found.append(Keyword(sightings.label, 1.0 + share, None))
    found.sort(key=lambda k: (-k.score, fold(k.text)))
    return found


def _best_spelling(written: dict[str, float]) -> str:
    text = max(sorted(written), key=lambda t: (written[t], not t.isupper()))
    return text.title() if text.isupper() and len(text) > 4 and " " in text else text


def _phrases(unit: Unit) -> list[tuple[list[Token], float]]:
    """Single words and runs of up to three that may be keywords, each with a factor."""
    words = tokens(unit.text)
    names = {(s.start, s.end) for s in proper(unit.text, words)} if not unit.text.isupper() else set()
    found: list[tuple[list[Token], float]] = []
    for at, word in enumerate(words):
        if not _useful(word, unit.language):
            continue
        found.append(([word], 1.0))
        for last in range(at + 1, min(at + 3, len(words))):
            if not _useful(words[last], unit.language) or unit.text[
                words[last - 1].end : words[last].start
            ].strip(" -'’"):
                break
            found.append((words[at : last + 1], 1.25 if last == at + 1 else 1.1))
    for start, end in sorted(names):
        run = [w for w in words if start <= w.start and w.end <= end]
        if run and run[0].low not in GIVEN_NAMES:
            found.append((run, 1.5))
        elif len(run) > 1:
            found.append((run, 1.0))
    return found


def _useful(word: Token, language: str) -> bool:
    low = word.low
    if (
        len(low) < 3
        or is_stop(low, language)
        or is_stop(low, "en")
        or low in DULL
        or low in DURATION_UNITS
        or low in CURRENCY_WORDS
        or low in MEASURE_UNITS
        or low in DAY_PARTS
        or low in RELATIVE_DAYS
    ):
        return False
    if word.text[0].isdigit() or is_number_word(low) or low in FUNCTION_VERBS:
        return False
    return not low.endswith("ly") or len(low) < 5


def _varied(found: list[Keyword], most: int) -> list[Keyword]:
    kept: list[Keyword] = []
    for word in found:
        mine = {stem(w) for w in fold(word.text).split()}
        if not mine or any(
            mine <= (theirs := {stem(w) for w in fold(k.text).split()}) or theirs <= mine for k in kept
        ):
            continue
        kept.append(word)
        if len(kept) == most:
            break
    return kept


def hashtag(text: str) -> str:
    """`#WaggleDance` of `waggle dance`."""
    words = [t.text.replace("'", "").replace("’", "") for t in tokens(text)]
    return "#" + "".join(w if w.isupper() and len(w) < 5 else w[:1].upper() + w[1:].lower() for w in words)
