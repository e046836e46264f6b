"""Picks the member of an enum that the evidence speaks for."""

import re
from typing import Any

from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.fields import Field, as_question, is_question, number_value
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.genre import genre_scores
from kinoscribe.engines.embedded.lexicon import GENRES
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import read_question
from kinoscribe.engines.embedded.request import intent_of
from kinoscribe.engines.embedded.truths import yes_value
from kinoscribe.engines.embedded.video_facts import (
    main_colours,
)
from kinoscribe.engines.embedded.words import content_words, fold, stem

_NONE_WORDS = (
    "unknown",
    "none",
    "other",
    "n/a",
    "not applicable",
    "unclear",
    "neutral",
    "undetermined",
    "not_sure",
    "unsure",
    "misc",
    "general",
)


_SURE_OF_GENRE = 1.3


def choice(options: list[Any], field: Field, material: Material, hint: str = "") -> Any:
    """The member of an enum that the evidence speaks for."""
    texts = [o for o in options if isinstance(o, str)]
    if not texts:
        return _number_choice(options, field, material)
    folded = {o: f" {fold(o.replace('_', ' '))} " for o in texts}
    finding = finding_for(field, material) if not hint else Finding(hint)
    if finding.polarity is not None or {fold(o) for o in texts} <= {
        "yes",
        "no",
        "unknown",
        "true",
        "false",
        "unclear",
    }:
        word = {True: ("yes", "true"), False: ("no", "false"), None: _NONE_WORDS}[finding.polarity]
        match = next((o for o in texts if fold(o) in word), None)
        if match is not None:
            return match
    short = f" {fold(finding.short)} "
    named = [o for o in texts if folded[o].strip() and folded[o] in short]
    if named:
        return named[0]
    ranked = {o: _support(o, field, material) for o in texts if fold(o) not in {fold(w) for w in _NONE_WORDS}}
    best = max(ranked, key=lambda o: (ranked[o], -texts.index(o)), default=None)
    if best is not None and ranked[best] >= 1.0:
        return best
    neutral = next((o for o in texts if fold(o) in {fold(w) for w in _NONE_WORDS}), None)
    if neutral is not None:
        return neutral
    return best if best is not None else texts[0]


def finding_for(field: Field, material: Material) -> Finding:
    asked = field.asks.strip()
    if not is_question(asked) and intent_of(asked) == "genre":
        return Finding("")
    return answer(read_question(as_question(field)), material)


_GENRES = GENRES


def _support(option: str, field: Field, material: Material) -> float:
    words = content_words(option.replace("_", " "), "en") or [option.lower()]
    low = f"{field.name} {field.text}".lower()
    score = 0.0
    if re.search(r"\b(?:genre|category|type|kind|format)\b", low):
        ranked = genre_scores(material)
        for genre, names in _GENRES.items():
            if any(stem(w) in {stem(n) for n in names.split()} for w in words):
                score = max(score, ranked[genre])
        if score:
            return score if score >= _SURE_OF_GENRE else 0.5 * score
    if re.search(r"\bcolou?r\b", low):
        colours = main_colours(material.notes)
        return 3.0 - colours.index(option.lower()) if option.lower() in colours else 0.0
    found = find_presence(" ".join(words), material)
    score += 0.5 * min(4, len(found.said)) + 0.7 * min(3, len(found.written)) + 0.6 * bool(found.seen)
    if not score and material.meaning is not None and material.index.units:
        pool = [u.text for u in central(material.index, list(material.index.units), 6)] or [
            u.text for u in material.index.units[:6]
        ]
        near = material.meaning.likeness(option.replace("_", " "), pool)
        score = max(near) * 1.5 if near else 0.0
    return score


def _number_choice(options: list[Any], field: Field, material: Material) -> Any:
    if all(isinstance(o, bool) for o in options):
        truth = yes_value(field, material)
        return truth if truth in options else options[0]
    value = number_value(field, material)
    plain = [o for o in options if isinstance(o, int | float) and not isinstance(o, bool)]
    if value is None or not plain:
        return None if None in options else options[0]
    return min(plain, key=lambda o: (abs(o - value), o))
