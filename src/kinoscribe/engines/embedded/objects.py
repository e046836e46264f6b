"""Answers from the visual tags: which objects were recognised, when, how many, in which colour."""

from dataclasses import dataclass

from kinoscribe.engines.embedded.lexicon import COCO, KINDS, OBJECT_WORDS
from kinoscribe.engines.embedded.words import stem
from kinoscribe.notes import Notes, Tag

_SINGULARS = {stem(label.split()[-1]): label for label in sorted(COCO)}
_SURE = {"person": 0.6}
_SURE_ELSE = 0.9


@dataclass(frozen=True, slots=True)
class Sightings:
    """All appearances of one object class, in order."""

    label: str
    tags: tuple[Tag, ...]

    @property
    def most(self) -> int:
        return max(tag.count for tag in self.tags)

    @property
    def start(self) -> float:
        return self.tags[0].start

    @property
    def colours(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag.colour for tag in self.tags if tag.colour))


def class_of(word: str) -> str | None:
    """The object class a word names, or None when the closed list does not know it."""
    low = word.lower().strip()
    if low in COCO:
        return low
    if low in OBJECT_WORDS:
        return OBJECT_WORDS[low]
    for part in (low, low.split(" ")[-1] if low else ""):
        if part in OBJECT_WORDS:
            return OBJECT_WORDS[part]
        if (
            part
            and stem(part) in _SINGULARS
            and _SINGULARS[stem(part)].split(" ")[-1] in (part, part.rstrip("s"), part[:-2])
        ):
            label = _SINGULARS[stem(part)]
            if label in COCO and (" " not in label or label == low):
                return label
        if part.endswith("s") and part[:-1] in OBJECT_WORDS:
            return OBJECT_WORDS[part[:-1]]
    return None


def classes_of(word: str) -> tuple[str, ...]:
    """The classes a word covers: `vehicle` covers cars, buses and others; `car` only itself."""
    single = class_of(word)
    if single is not None:
        return (single,)
    kind = next((name for name in KINDS if stem(name) == stem(word.lower())), None)
    if kind is None:
        return ()
    members = KINDS[kind].replace("-", " ").split()
    return tuple(label for label in sorted(COCO) if label in members or label.split()[-1] in members)


def seen(notes: Notes, label: str | None = None) -> list[Sightings]:
    """The objects recognised, those on screen longest first. Weak single sightings are left out."""
    groups: dict[str, list[Tag]] = {}
    for tag in notes.tags:
        if (label is None or tag.label == label) and (
            tag.sightings > 1 or tag.score >= _SURE.get(tag.label, _SURE_ELSE)
        ):
            groups.setdefault(tag.label, []).append(tag)
    found = [
        Sightings(name, tuple(sorted(tags, key=lambda t: (t.start, t.end)))) for name, tags in groups.items()
    ]
    found.sort(key=lambda s: (-sum(t.end - t.start for t in s.tags), s.start, s.label))
    return found


def seen_of(notes: Notes, word: str) -> list[Sightings]:
    """The sightings of every class a word covers."""
    found: list[Sightings] = []
    for label in classes_of(word):
        found += seen(notes, label)
    return found


def appearances(sightings: Sightings, gap: float = 0.0) -> int:
    """How many came one after another: separate appearances, each with the most seen at once in it."""
    total, until = 0, -1e9
    for tag in sightings.tags:
        if tag.start > until + gap:
            total += tag.count
        until = max(until, tag.end)
    return total


def plural(label: str, count: int) -> str:
    if count == 1:
        return label
    irregular = {
        "person": "people",
        "mouse": "mice",
        "knife": "knives",
        "sheep": "sheep",
        "skis": "skis",
        "scissors": "scissors",
    }
    if label in irregular:
        return irregular[label]
    if label.endswith(("s", "x", "ch", "sh")):
        return label + "es"
    return label + "s"
