"""Sums a video up: a lead line of facts, a title, the sentences that tell most."""

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.genre import kind_of_video
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import keywords
from kinoscribe.engines.embedded.lexicon import GIVEN_NAMES, ROLES
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import say
from kinoscribe.engines.embedded.people import caption_name, people
from kinoscribe.engines.embedded.scoreboard import scores
from kinoscribe.engines.embedded.slides import distinct, slides
from kinoscribe.engines.embedded.times import say_length
from kinoscribe.engines.embedded.video_facts import colourless, main_colours
from kinoscribe.engines.embedded.words import fold, language_name, stem, tokens


def title(material: Material, units: list[Unit] | None = None) -> str:
    """A title: the opening headline, else the words that weigh most; for a part of the video, of that part."""
    index = material.index
    pool = list(index.units) if units is None else units
    board = scores(index) if units is None else []
    if board and board[-1].home_name and board[-1].away_name:
        return f"{board[-1].home_name} – {board[-1].away_name} {board[-1].text}"
    heads = [u for u in pool if u.role == "headline"]
    if heads:
        first = heads[0]
        if units is not None:
            worded = [u for u in heads if sum(c.isalpha() for c in u.text) > len(u.text) // 2]
            return _neat((worded or [first])[0].text)
        early = [u for u in heads if u.start <= first.start + 0.6]
        best = max(early, key=lambda u: (u.height, -u.place))
        if len(slides(index)) < 2 or best.start < material.notes.start + 0.25 * (
            material.notes.end - material.notes.start
        ):
            return _neat(best.text)
    captions = [
        u for u in pool if u.role == "caption" and 2 <= len(u.text.split()) <= 8 and not _name_only(u)
    ]
    if units is not None and captions:
        return _neat(captions[0].text)
    telling = [u for u in captions if len(u.text.split()) >= 3 and not any(c.isdigit() for c in u.text)]
    if telling and units is None:
        loud = {stem(w) for k in keywords(index, most=8) for w in fold(k.text).split()}
        best = max(telling, key=lambda u: (len(loud & {stem(w) for w in fold(u.text).split()}), -u.place))
        if not caption_name(best.text, best.role) and "," not in best.text:
            return _neat(best.text)
    words = [k.text for k in keywords(index, units, most=3)]
    if words:
        joined = ", ".join(words)
        return joined[:1].upper() + joined[1:]
    if captions:
        return _neat(captions[0].text)
    seen = objects.seen(material.notes)
    if seen and units is None:
        names = [objects.plural(s.label, s.most) for s in seen[:2]]
        return " and ".join(names).capitalize()
    for unit in pool:
        return _neat(unit.text.rstrip("."))
    return ""


def _name_only(unit: Unit) -> bool:
    words = tokens(unit.text)
    return bool(words) and words[0].low in GIVEN_NAMES and len(words) <= 3


def _neat(text: str) -> str:
    text = text.strip().rstrip(".:")
    return text.title() if text.isupper() and len(text) > 6 else text


def lead_line(material: Material) -> str:
    """One sentence of facts: `A video of 9 seconds in two shots, with speech in English.`"""
    notes, index = material.notes, material.index
    kind = kind_of_video(material)
    noun = {
        "news": "news video",
        "lecture": "lecture or lesson",
        "advertisement": "advertisement",
        "sports": "sports video",
        "cooking": "cooking video",
        "tutorial": "tutorial",
        "interview": "interview",
        "radio": "recording of voices",
        "travel": "travel video",
        "music": "music video",
    }.get(kind, "video")
    article = "An" if noun[0] in "aeiou" else "A"
    length = say_length(notes.end - notes.start)
    shots = len(notes.shots)
    in_shots = "" if shots == 0 else " in one shot" if shots == 1 else f" in {say(shots)} shots"
    features = []
    if index.speech:
        spoken = list(dict.fromkeys(u.language for u in index.speech if len(u.text.split()) > 2)) or [
            index.speech[0].language
        ]
        features.append("speech in " + _and([language_name(code) for code in spoken[:4]]))
    if index.texts:
        features.append("text on the screen")
    missing = (
        ""
        if index.speech
        else " without sound"
        if not notes.has_sound
        else " without speech"
        if notes.worked("speech")
        else ""
    )
    if _monochrome(material):
        features.append("a picture in black and white")
    with_what = f", with {_and(features)}" if features else ""
    silent = " Nothing is said." if missing else ""
    return f"{article} {noun} of {length}{in_shots}{missing}{with_what}.{silent}"


def _monochrome(material: Material) -> bool:
    """Whether it is a black and white picture; white slides and a black screen are none."""
    looks = material.notes.looks
    return bool(looks) and all(colourless(look) and 0.12 < look.brightness < 0.85 for look in looks)


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def summary(material: Material, most: int = 5) -> list[str]:
    """The summary as sentences: a lead line, then what is said, shown and recognised."""
    index = material.index
    lines = [lead_line(material)]
    room = max(1, most - 1)
    board = scores(index)
    if board:
        last = f"{board[-1].home_name} {board[-1].text} {board[-1].away_name}".strip()
        lines.append(f"The scoreboard ends at {last}.")
        room -= 1
    heads = [s.title for s in slides(index)]
    if len(heads) > 1 and room > 1 and index.speech:
        lines.append(f"Headlines on the screen: {_listed(heads[:8])}.")
        room -= 1
    if index.speech:
        named = [p.name for p in people(index) if p.weight >= 2]
        if named and room > 2 and not any(role in fold(" ".join(named)) for role in ROLES):
            lines.append(f"{_and(named[:4])} {'is' if len(named) == 1 else 'are'} named.")
            room -= 1
        lines += [_sentence(u.text) for u in central(index, list(index.speech), max(1, room))]
    elif index.texts:
        shown = [u.text for u in distinct(list(index.texts))]
        lines.append(f"On the screen stands: {_listed(shown[: 4 + 2 * room])}.")
    seen = objects.seen(material.notes)
    if seen and (room > 2 or not index.units):
        names = [objects.plural(s.label, s.most) for s in seen[:4]]
        lines.append(f"Recognised in the pictures (a machine's guess): {_and(names)}.")
    if not index.units and not seen:
        lines.append(nothing_found(material))
    return lines[: most + 1] if most < 3 else lines


def gist(material: Material) -> str:
    """What the whole is about in a line or two: the title, the weightiest words or sentence."""
    index = material.index
    name = title(material)
    board = scores(index)
    if len(board) > 1:
        sides = f"{board[-1].home_name} – {board[-1].away_name}: " if board[-1].home_name else ""
        name = f"{sides}the score goes from {board[0].text} to {board[-1].text}"
    if index.speech:
        telling = central(index, list(index.speech), 2)
        text = " ".join(_sentence(u.text) for u in telling) or _sentence(index.speech[0].text)
        return f"{name}: {text}" if name and fold(name) not in fold(text) else text
    if index.texts:
        shown = [u.text for u in distinct(list(index.texts))[:8]]
        return "; ".join(shown)
    seen = objects.seen(material.notes)
    if seen:
        what = _and([objects.plural(s.label, s.most) for s in seen[:4]])
        return f"Seen by machine: {what}; nothing is said and no text is shown."
    return nothing_found(material)


def nothing_found(material: Material) -> str:
    """What to say when there is neither speech, text nor any recognised object."""
    notes = material.notes
    parts = []
    for name, what in (
        ("speech", "speech"),
        ("screen_text", "text on the screen"),
        ("visual_tags", "recognisable object"),
    ):
        if name == "speech" and not notes.has_sound:
            parts.append("no sound")
        elif notes.worked(name):
            parts.append(f"no {what}")
    failed = [
        what
        for name, what in (("speech", "speech"), ("screen_text", "screen text"), ("visual_tags", "objects"))
        if not notes.worked(name) and not (name == "speech" and not notes.has_sound)
    ]
    found = f"The evidence holds {_and(parts)}." if parts else "No evidence was collected."
    dark = (
        " The picture is black or nearly black throughout."
        if notes.looks and all(look.brightness < 0.06 for look in notes.looks)
        else ""
    )
    shades = main_colours(notes)
    colours = f" The main colours of the picture are {_and(shades)}." if len(shades) > 1 else ""
    unknown = f" Not examined: {_and(failed)}." if failed else ""
    return found + (dark or colours) + unknown


def _listed(texts: list[str]) -> str:
    return _and([f"“{t}”" for t in texts])


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".!?…。！？" else text + "."
