"""Decides from the evidence whether a boolean field of a JSON answer is true."""

import re

from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.fields import Field, is_question
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import absence, find_presence
from kinoscribe.engines.embedded.question import read_question
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.video_facts import about_video, answer_about, colourless, speech_finding


def yes_value(field: Field, material: Material) -> bool:
    """The truth of a boolean field where a value must be given: what is not known is false."""
    return truth(field, material) is True


def truth(field: Field, material: Material) -> bool | None:
    """Whether the evidence says yes or no to a boolean field; None when it could not tell."""
    asked = field.asks.strip()
    low = f"{field.name} {asked}".lower()
    if re.search(r"\b(?:speech|spoken|dialogue|narration|voice|talking|speaks?)\b", low) and not re.search(
        r"\babout\b", low
    ):
        return bool(speech_finding(material.notes).polarity)
    if re.search(r"\b(?:sound|audio)\b", low) and "music" not in low:
        return material.notes.has_sound
    if re.search(r"\b(?:on ?screen text|has text|text|captions?|subtitles?)\b", low) and not re.search(
        r"\bmention", low
    ):
        return bool(material.index.texts)
    about = about_video(asked.lower())
    if about in ("colour", "text", "speech", "sound"):
        return bool(answer_about(about, asked.lower(), material.index, material.facts).polarity)
    if re.search(r"\b(?:black and white|monochrome|gr[ae]yscale)\b", low):
        return bool(material.notes.looks) and all(colourless(look) for look in material.notes.looks)
    if re.match(r"(?:appears|present|found|visible|shown|mentioned|occurs)$", field.name) and not field.text:
        rows = thing_asked(field.prompt, "when") or _thing_in(field.prompt)
        return bool(rows) and not find_presence(rows, material).empty
    if is_question(asked):
        return answer(read_question(asked), material).polarity
    thing = re.sub(
        r"^(?:true if|whether|if|indicates? (?:if|whether)|has|have|is|are|contains?"
        r"|includes?|shows?|mentions?|features?)\b\s*",
        "",
        (field.text or field.name).lower(),
    )
    thing = re.sub(
        r"^(?:the (?:video|clip) |there (?:is|are) |it )?(?:has |is |are |contains? "
        r"|includes? |shows? |mentions? )?(?:an? |any |the )?",
        "",
        thing,
    )
    thing = re.sub(
        r"\b(?:is|are) (?:shown|visible|mentioned|present|seen|said)$|\b(?:visible"
        r"|present|shown|mentioned|appears?|in (?:the )?(?:video|frame|shot))$",
        "",
        thing,
    ).strip(" .")
    if not thing:
        return None
    if not find_presence(thing, material).empty:
        return True
    only_said = re.search(r"\b(?:mention(?:s|ed)?|said|says?|talk(?:s|ed)?|discuss(?:es|ed)?|named?)\b", low)
    _, knowable = absence(thing, material, spoken=only_said is not None)
    return False if knowable else None


def _thing_in(prompt: str) -> str:
    found = re.search(
        r"\b(?:does|do|is|are)\s+(?:there\s+)?(?:an?\s+|the\s+|any\s+)?(.+?)\s+(?:appear"
        r"|visible|shown|seen|present|mentioned|in the)\b",
        prompt,
        re.I,
    )
    return found.group(1) if found else ""
