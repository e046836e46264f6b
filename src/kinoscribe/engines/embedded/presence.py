"""Finds when something is said, written on the screen or seen, and says plainly when it is not."""

from dataclasses import dataclass

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.lexicon import COLOURS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.words import content_words, tokens
from kinoscribe.notes import Tag

_LIKE = 0.5  # cosine from which a sentence counts as about something it does not name


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a thing was found. `near` are sentences of like meaning that do not name it."""

    words: tuple[str, ...]
    said: tuple[Unit, ...]
    written: tuple[Unit, ...]
    seen: tuple[Tag, ...]
    near: tuple[Unit, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.said or self.written or self.seen)


def find_presence(
    thing: str, material: Material, start: float | None = None, end: float | None = None
) -> Presence:
    """Looks for a thing in speech, screen text and recognised objects."""
    words = tuple(dict.fromkeys(content_words(thing, "en"))) or tuple(t.low for t in tokens(thing))
    units = [
        u for u in material.index.units if (start is None or u.end > start) and (end is None or u.start < end)
    ]
    held = _holding(words, units, material)
    tags = tuple(
        t
        for t in _tags(words, material)
        if (start is None or t.end > start) and (end is None or t.start < end)
    )
    near: tuple[Unit, ...] = ()
    if not held and not tags and material.meaning is not None and words and units:
        near = _near(thing, units, material)
    return Presence(
        words,
        tuple(u for u in held if u.kind == "speech"),
        tuple(u for u in held if u.kind == "text"),
        tags,
        near,
    )


def _holding(words: tuple[str, ...], units: list[Unit], material: Material) -> list[Unit]:
    """Units with all words, else those with most of what is rare; a synonym counts, its kind does not."""
    if not words:
        return []
    scored = []
    forms = [{form for form, weight in material.index.forms(word).items() if weight >= 0.7} for word in words]
    if not any(forms):
        return []
    weights = [
        max((material.index.rarity(f) for f in have), default=material.index.rarity("")) for have in forms
    ]
    for unit in units:
        stems = set(material.index.stems(unit))
        share = sum(w for w, have in zip(weights, forms, strict=True) if have & stems) / sum(weights)
        if share >= 0.55:
            scored.append((share, unit))
    top = max((share for share, _ in scored), default=0.0)
    return [unit for share, unit in scored if share >= top - 0.2]


def _tags(words: tuple[str, ...], material: Material) -> list[Tag]:
    colour = next((w for w in words if w in COLOURS), None)
    nouns = [w for w in words if w not in COLOURS]
    if not nouns or len(nouns) > 2:
        return []
    found = objects.seen_of(material.notes, " ".join(nouns)) or (
        objects.seen_of(material.notes, nouns[-1]) if len(nouns) == 1 else []
    )
    tags = [
        t
        for s in found
        for t in s.tags
        if colour is None or (t.colour or "").replace("gray", "grey") == colour.replace("gray", "grey")
    ]
    return sorted(tags, key=lambda t: (t.start, t.end, t.label))


def _near(thing: str, units: list[Unit], material: Material) -> tuple[Unit, ...]:
    assert material.meaning is not None
    step = max(1, -(-len(units) // 20))
    some = units[::step]
    likeness = material.meaning.likeness(thing, [u.text for u in some])
    ranked = sorted(zip(likeness, some, strict=True), key=lambda p: (-p[0], p[1].place))
    return tuple(unit for near, unit in ranked[:2] if near >= _LIKE)


def absence(thing: str, material: Material, *, spoken: bool = False) -> tuple[str, bool]:
    """A sentence that says where a thing was looked for in vain, and whether it could have been found at all.

    With `spoken` it is about what is said and written only, not about what is in the picture.
    """
    notes = material.notes
    places: list[str] = []
    blind: list[str] = []
    if not notes.has_sound:
        places.append("said (there is no sound)")
    elif notes.worked("speech"):
        places.append("said")
    else:
        blind.append("the speech was not examined")
    if notes.worked("screen_text"):
        places.append("shown as text")
    else:
        blind.append("the text on the screen was not examined")
    name = thing.strip()[:80]
    classes = objects.classes_of(name) or objects.classes_of(name.split()[-1] if name.split() else "")
    knowable = not blind
    if not spoken:
        if not notes.worked("visual_tags"):
            blind.append("objects were not looked for in the pictures")
            knowable = False
        elif classes:
            places.append(f"recognised in the pictures (as {' or '.join(classes[:3])})")
        else:
            blind.append(
                "the closed list of 80 object classes does not know it, so it may be in the picture unnamed"
            )
            knowable = False
    found = f"The evidence of this video holds nothing about “{name}”: "
    told = [f"it is {_neither(places)}"] if places else []
    return found + "; ".join([*told, *blind]) + ".", knowable


def _neither(places: list[str]) -> str:
    if not places:
        return "not found"
    if len(places) == 1:
        return f"not {places[0]}"
    return f"neither {', '.join(places[:-1])} nor {places[-1]}"
