"""Answers questions about pictures alone: what is written on each, what is recognised, which colours it has."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.request import read_parts
from kinoscribe.engines.embedded.transcript import screen_lines
from kinoscribe.engines.engine import Ask

_MENTION = re.compile(r"<@([A-Za-z0-9_-]{1,64})>")
_DESCRIBES = frozenset({"describe", "summary", "points", "highlights", "look", "notes", "title", "objects"})
_TIME = r"\d{1,2}(?::\d{2}){1,2}(?:\.\d+)?"
_TIMES = re.compile(
    rf"\s*\((?:at |from )?{_TIME}(?:\s*[–-]\s*{_TIME})?\)|(?:,? (?:at|from|between) )?\b{_TIME}"
    rf"(?:\s*(?:[–-]|to|and)\s*{_TIME})?:?\s?"
)
_VIDEO = re.compile(r"\b(?:the|this) video\b")

_NOTHING = "The evidence of this video holds nothing"

Say = Callable[[Ask, Material], Iterator[str]]


def about_stills(ask: Ask, material: Material, say: Say) -> Iterator[str]:
    """One paragraph for each picture that is asked about; `say` answers what a description does not."""
    named = set(_MENTION.findall(ask.prompt))
    asked = [still for still in ask.stills if not named or still[0] in named]
    prompt = _MENTION.sub("the picture", ask.prompt)
    describes = all(part.intent in _DESCRIBES for part in read_parts(prompt))
    for place, (name, start, end) in enumerate(asked):
        alone = material.inside(start, end)
        if describes:
            text = _described(alone)
        else:
            own = replace(ask, prompt=prompt, notes=alone.notes, start=start, end=end, stills=())
            text = "".join(say(own, alone))
            nothing = text.startswith(_NOTHING) or not text.strip()
            text = _described(alone) if nothing else without_times(text)
        label = f"{name}: " if len(ask.stills) > 1 else ""
        yield ("\n" if place else "") + label + text


def without_times(text: str) -> str:
    """The text without the times of the video that the pictures were laid out in."""
    kept = (_TIMES.sub(" ", line).strip() for line in text.splitlines())
    told = " ".join(line for line in kept if line)
    told = _VIDEO.sub("the picture", re.sub(r"\s+([.,;:])", r"\1", re.sub(r"\s{2,}", " ", told)))
    return told[:1].upper() + told[1:]


def _described(material: Material) -> str:
    notes = material.notes
    sentences = []
    lines = [unit.text for unit in screen_lines(material.index)]
    if lines:
        sentences.append(f"It reads {', '.join(f'“{line}”' for line in lines[:20])}.")
    elif notes.worked("screen_text"):
        sentences.append("No text is written on it.")
    seen = objects.seen(notes)
    if seen:
        things = ", ".join(f"{one.most} {objects.plural(one.label, one.most)}" for one in seen[:8])
        sentences.append(f"Recognised: {things}.")
    elif notes.worked("visual_tags"):
        sentences.append("Nothing of the 80 kinds of things that are known was recognised.")
    colours = [share.name for look in notes.looks[:1] for share in look.colours[:3] if share.share >= 0.08]
    if colours:
        sentences.append(f"Its main colours are {' and '.join(colours)}.")
    return " ".join(sentences) or "Nothing could be found out about it."
