"""Answers questions about a match from its scoreboard: the score, who leads, who scored and when."""

import re
from itertools import pairwise

from kinoscribe.engines.embedded import counts
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.scoreboard import Score, changes, leader, points_made, scores
from kinoscribe.engines.embedded.times import clock


def from_scoreboard(question: Question, material: Material) -> Finding | None:
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
        and (_sides(question) or question.kind in ("when", "clock", "person"))
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
        if ahead is not None and re.search(r"\b(?:behind|los(?:es|ing|t)|trail(?:s|ing))\b", low):
            behind = last.away_name if last.home > last.away else last.home_name
            return Finding(behind or "the other side", (last.unit,))
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


def _sides(question: Question) -> bool:
    """Whether one of the sides is asked for: `Which team scores first?`."""
    return question.kind == "which" and bool(
        re.search(r"\b(?:team|side|club|player)\b", question.text.lower())
    )


def _scorers(question: Question, board: list[Score]) -> Finding | None:
    """Which side made each point, or when."""
    steps = [(a, b) for a, b in pairwise(board) if b.home + b.away > a.home + a.away]
    words = [
        t
        for t in question.terms
        if t not in ("scored", "scores", "score", "goal", "goals", "point", "points")
    ]
    sides = _sides(question)
    if not steps or (question.kind == "person" and words):
        return None
    if question.position:
        steps = steps[:1] if question.position == "first" else steps[-1:]
    if sides and question.position:
        a, b = steps[0]
        side = b.home_name if b.home > a.home else b.away_name
        return Finding(side or "one side", (b.unit,), start=b.start, end=b.end)
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
