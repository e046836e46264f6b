"""Answers where and which place: a place phrase near the words of the question, or a name."""

import re

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded import spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.words import fold, is_stop

_PLACE_NOUNS = (
    "town city village country place location street region state room building "
    "island river harbour harbor port area district continent venue destination"
)


_PLURAL = re.compile(
    r"\b(?:which|what) (?:\w+ )?(?:towns|cities|villages|countries|places|locations|regions|islands)\b"
)


def place_name(question: Question, material: Material) -> Finding | None:
    """Where: a place phrase near the words of the question; for `which town` a name."""
    low = question.text.lower()
    by_name = bool(
        _PLURAL.search(low)
        or re.search(
            rf"\b(?:which|what) (?:{_PLACE_NOUNS.replace(' ', '|')})\b"
            rf"|\bname of the (?:{_PLACE_NOUNS.replace(' ', '|')})\b",
            low,
        )
    )
    toward = bool(
        re.search(
            r"\b(?:go|goes|going|travel\w*|leave|leaves|head\w*|fly|flies|drive|drives|move"
            r"|moves|sail\w*|lead|leads)\b|\bwhere to\b|\bto (?:which|what)\b",
            low,
        )
    )
    away = bool(
        re.search(
            r"\bfrom (?:which|where)\b|\b(?:come|comes|came|coming) from\b|\bfrom\s*\?|\bborn\b|\borigin", low
        )
    )
    best: tuple[float, str, Unit] | None = None
    asked = set(fold(question.text).split())
    for match in material.search(question)[:60]:
        for found_span in spans.find(match.unit.text, "where"):
            words = found_span.text.split()
            inner = [
                w
                for w in fold(found_span.text).split()
                if not is_stop(w, "en") and w not in lex.PLACE_PREPOSITIONS
            ]
            if not inner or set(inner) <= asked:
                continue
            first = words[0].lower()
            named = any(w[0].isupper() for w in words[1:])
            score = match.score + 0.3 * match.own + 0.2 * named
            score += (
                0.3
                if (toward and first in ("to", "into", "toward", "towards"))
                or (away and first in ("from", "out", "off"))
                else 0.0
            )
            score += 0.1 if first in ("in", "at", "near", "behind", "under") else 0.0
            score -= 0.3 if first in ("over", "above", "against") else 0.0
            if by_name and not named:
                score -= 0.5
            if best is None or score > best[0] + 1e-9:
                best = (score, found_span.text, match.unit)
    if by_name:
        captioned = _captioned_place(question, material, best)
        if captioned is not None:
            return captioned
    if by_name and best is not None and best[0] > 0.35 and _PLURAL.search(low):
        names = [
            re.sub(r"^\w+\s+(?:the\s+)?", "", p.text)
            for p in spans.find(best[2].text, "where")
            if p.text.split()[-1][0].isupper()
        ]
        if len(names) > 1:
            return Finding(", ".join(names), (best[2],), items=tuple(names))
    if best is None or best[0] < 0.35:
        return _most_named_place(material) if by_name else None
    text = re.sub(r"^(?:in|at|from|to|into)\s+(?:the\s+)?", "", best[1]) if by_name else best[1]
    return Finding(text, (best[2],), sure=best[0] > 0.6)


def _captioned_place(
    question: Question, material: Material, best: tuple[float, str, Unit] | None
) -> Finding | None:
    """A single name on the screen that is also said near the words of the question, or stands alone."""
    if best is not None and best[0] > 0.6:
        return None
    for match in material.search(question)[:10]:
        for found_span in spans.find(match.unit.text, "proper"):
            if (
                not set(fold(found_span.text).split()) & set(fold(question.text).split())
                and found_span.text.split()[0].lower() not in lex.GIVEN_NAMES
            ):
                return Finding(found_span.text, (match.unit,), sure=False)
    return None


def _most_named_place(material: Material) -> Finding | None:
    """The place name that comes most often, when a question only asks which place it is."""
    found: dict[str, list[Unit]] = {}
    for unit in material.index.units:
        for found_span in spans.find(unit.text, "where"):
            name = re.sub(r"^\w+\s+(?:the\s+)?", "", found_span.text).strip()
            if name[:1].isupper() and found_span.text.split()[0].lower() in (
                "in",
                "from",
                "to",
                "at",
                "near",
                "of",
            ):
                found.setdefault(fold(name), []).append(unit)
    if not found:
        return None
    shown = {w for u in material.index.texts if u.role == "headline" for w in fold(u.text).split()}
    best = max(found, key=lambda n: (len(found[n]) + 1.5 * (n in shown), -found[n][0].place))
    unit = found[best][0]
    spelled = next(s.text for s in spans.find(unit.text, "where") if best in fold(s.text))
    return Finding(re.sub(r"^\w+\s+(?:the\s+)?", "", spelled), (unit,), sure=False)
