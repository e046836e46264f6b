"""Answers questions about the video as a whole: length, shots, sound, language, colour, size, slides."""

import re

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Index
from kinoscribe.engines.embedded.numbers import say
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.times import say_length
from kinoscribe.engines.embedded.words import language_name, tokens
from kinoscribe.notes import Look, Notes

_RULES = Rules("video")


def about_video(low: str) -> str:
    """Which fact about the whole video a lower-case question asks for; empty when none."""
    return _RULES.first(low)


def answer_about(name: str, low: str, index: Index, facts: VideoFacts) -> Finding:
    """The answer to a question of `about_video`."""
    notes = index.notes
    match name:
        case "length":
            return _said(
                say_length(notes.end - notes.start), f"It is {say_length(notes.end - notes.start)} long."
            )
        case "size":
            return _said(
                f"{facts.width}x{facts.height}", f"The picture is {facts.width} by {facts.height} pixels."
            )
        case "fps":
            rate = f"{facts.fps:.3g}" if facts.fps else ""
            return (
                _said(rate, f"It has {rate} frames a second.")
                if rate
                else _unknown("It has no steady frame rate.")
            )
        case "codec":
            sound = f", the sound {facts.audio_codec}" if facts.audio_codec else ", there is no sound track"
            return _said(
                f"{facts.container}, {facts.video_codec}",
                f"The file is {facts.container}; the picture is {facts.video_codec}{sound}.",
            )
        case "shots":
            return _shots(low, notes)
        case "slides":
            return _slides(index)
        case "language":
            return _language(index)
        case "speech" | "sound":
            return speech_finding(notes, sound=name == "sound")
        case "noises":
            return _noises(notes)
        case "text":
            return _text(index)
        case "colour":
            return colour_finding(notes, low)
        case "palette":
            return palette(notes)
        case "light":
            return _light(notes)
        case "motion":
            return _motion(notes)
        case "words":
            return _words(index)
        case _:
            shape = (
                "portrait"
                if facts.height > facts.width
                else "square"
                if facts.height == facts.width
                else "landscape"
            )
            return _said(shape, f"The picture is {facts.width} by {facts.height} pixels: {shape}.")


def _said(short: str, long: str) -> Finding:
    return Finding(short, (), sure=True, sentence=long)


def _unknown(sentence: str) -> Finding:
    return Finding("", (), sure=False, sentence=sentence)


def _shots(low: str, notes: Notes) -> Finding:
    if not notes.worked("shots") and not notes.shots:
        return _unknown("The shots of this video were not collected, so their number is not known.")
    count = len(notes.shots)
    cuts = max(0, count - 1)
    if re.search(r"\bcuts?\b|\btransitions?\b|\bedits?\b|scene changes", low):
        return _said(
            say(cuts),
            f"{say(cuts).capitalize()} {'cut' if cuts == 1 else 'cuts'}: the video has "
            f"{say(count)} {'shot' if count == 1 else 'shots'}.",
        )
    if count == 1:
        return _said("one", "One: the whole is a single shot without a cut.")
    return _said(say(count), f"{say(count).capitalize()} shots.")


def _slides(index: Index) -> Finding:
    found = slides(index)
    if not found:
        if not index.notes.worked("screen_text"):
            return _unknown("The text on the screen was not collected, so slides cannot be counted.")
        return _unknown("No slides with text were found.")
    names = ", ".join(f"“{slide.title}”" for slide in found[:12])
    return _said(say(len(found)), f"{say(len(found)).capitalize()}: {names}.")


def _language(index: Index) -> Finding:
    spoken = list(dict.fromkeys(unit.language for unit in index.speech if len(unit.text.split()) > 2))
    if not index.speech:
        written = list(dict.fromkeys(unit.language for unit in index.texts))
        if written:
            read = " and ".join(language_name(code) for code in written[:3])
            return Finding(
                read, (), sure=False, sentence=f"Nothing is spoken; the text on the screen reads as {read}."
            )
        return _unknown("Nothing is spoken and no text was read, so there is no language to name.")
    if not spoken:
        spoken = [index.speech[0].language]
    names = [language_name(code) for code in spoken]
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return _said(listed, f"The speech is in {listed}.")


def speech_finding(notes: Notes, *, sound: bool = False) -> Finding:
    """Whether anything is said, or whether there is sound at all."""
    if notes.speech:
        count = sum(len(tokens(s.text)) for s in notes.speech)
        return Finding("yes", (), sure=True, sentence=f"Yes: {count:,} words are spoken.", polarity=True)
    if not notes.has_sound:
        return Finding(
            "no, the video has no sound",
            (),
            sure=True,
            sentence="No. The video has no sound track, so nothing is said.",
            polarity=False,
        )
    if not notes.worked("speech"):
        if sound:
            return Finding(
                "yes",
                (),
                sure=True,
                sentence="Yes, it has a sound track; whether it holds speech was not examined.",
                polarity=True,
            )
        return _unknown("There is a sound track, but speech was not collected from it, so this is not known.")
    if sound:
        return Finding(
            "yes",
            (),
            sure=True,
            sentence="Yes, it has a sound track, but no speech was heard in it.",
            polarity=True,
        )
    return Finding(
        "no, nothing is said",
        (),
        sure=True,
        sentence="No. There is a sound track, but no speech was heard in it.",
        polarity=False,
    )


def _noises(notes: Notes) -> Finding:
    if not notes.has_sound:
        return Finding(
            "no, the video has no sound", sentence="No. The video has no sound track.", polarity=False
        )
    return _unknown(
        "The evidence holds spoken words only; music and other sounds are not examined, so this is not known."
    )


def _text(index: Index) -> Finding:
    if index.texts:
        return Finding(
            "yes",
            index.texts[:1],
            sure=True,
            sentence=f"Yes, for example “{index.texts[0].text}”.",
            polarity=True,
        )
    if not index.notes.worked("screen_text"):
        return _unknown("The text on the screen was not collected, so this is not known.")
    return Finding("no", (), sure=True, sentence="No, no text was read on the screen.", polarity=False)


def colour_finding(notes: Notes, low: str) -> Finding:
    """Whether the picture is in colour or in black and white."""
    if not notes.looks:
        return _unknown("The look of the pictures was not collected, so this is not known.")
    length = sum(look.end - look.start for look in notes.looks) or 1.0
    share = sum(look.end - look.start for look in notes.looks if colourless(look)) / length
    asks_colour = not re.search(r"black[ -](?:and|&)[ -]white|monochrome|gr[ae]yscale", low) or bool(
        re.search(r"in colou?r or", low)
    )
    if share > 0.9:
        yes = (
            "No"
            if asks_colour and not re.search(r"\bor\b", low)
            else ""
            if re.search(r"\bor\b", low)
            else "Yes"
        )
        said = f"{yes}, it is black and white." if yes else "It is black and white."
        return Finding(said.rstrip(".").lower(), (), sure=True, sentence=said, polarity=not asks_colour)
    if share < 0.1:
        yes = (
            "Yes"
            if asks_colour and not re.search(r"\bor\b", low)
            else ""
            if re.search(r"\bor\b", low)
            else "No"
        )
        said = f"{yes}, it is in colour." if yes else "It is in colour."
        return Finding(said.rstrip(".").lower(), (), sure=True, sentence=said, polarity=asks_colour)
    return Finding(
        "partly",
        (),
        sure=True,
        sentence=f"Partly: about {round(share * 100)} percent of it is black and white.",
        polarity=True,
    )


def colourless(look: Look) -> bool:
    """Whether a shot is really without colour: not even a small part of it has one."""
    return look.monochrome and all(c.name in ("black", "white", "grey", "gray") for c in look.colours)


def palette(notes: Notes) -> Finding:
    """The main colours of the picture."""
    names = main_colours(notes)
    if not names:
        return _unknown("The colours of the pictures were not collected.")
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return _said(listed, f"The main colours of the picture are {listed}.")


def main_colours(notes: Notes, most: int = 3) -> list[str]:
    """Colour names by the time and share of the picture they fill."""
    weight: dict[str, float] = {}
    for look in notes.looks:
        for colour in look.colours:
            weight[colour.name] = weight.get(colour.name, 0.0) + colour.share * max(
                0.04, look.end - look.start
            )
    ranked = sorted(weight, key=lambda name: (-weight[name], name))
    return ranked[:most]


def _light(notes: Notes) -> Finding:
    if not notes.looks:
        return _unknown("The look of the pictures was not collected, so this is not known.")
    length = sum(look.end - look.start for look in notes.looks) or 1.0
    mean = sum(look.brightness * (look.end - look.start) for look in notes.looks) / length
    word = "dark" if mean < 0.3 else "bright" if mean > 0.6 else "of medium brightness"
    return _said(word, f"The picture is {word}: its mean brightness is {round(mean * 100)} percent.")


def _motion(notes: Notes) -> Finding:
    if not notes.looks:
        return _unknown("Motion was not measured, so this is not known.")
    length = sum(look.end - look.start for look in notes.looks) or 1.0
    mean = sum(look.motion * (look.end - look.start) for look in notes.looks) / length
    word = "hardly any" if mean < 0.02 else "a little" if mean < 0.1 else "a good deal of"
    return _said(f"{word} movement", f"There is {word} movement in the picture.")


def _words(index: Index) -> Finding:
    count = sum(len(tokens(unit.text)) for unit in index.speech)
    length = max(1.0, index.notes.end - index.notes.start)
    return _said(f"{count}", f"{count:,} words are spoken, about {round(count / length * 60)} a minute.")
