"""Writes a finding as sentences: the short answer first, then the quotation it rests on with its time."""

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import Presence, absence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.times import clock, span
from kinoscribe.engines.embedded.words import fold, guess_language
from kinoscribe.notes import Tag


def quote(unit: Unit, name_source: bool = False) -> str:
    """`“Growers blame frost.” (0:27)`, and with `name_source` who says so: speech or screen."""
    text = f"“{unit.text.strip()}” ({clock(unit.start) if unit.kind == 'speech' else span(unit.start, unit.end)})"
    if not name_source:
        return text
    return f"It is said: {text}" if unit.kind == "speech" else f"The screen shows {text}"


def in_prose(question: Question, finding: Finding, material: Material, *, short: bool = False) -> list[str]:
    """The sentences that answer a question."""
    if short:
        return [in_short(question, finding, material)]
    if not finding.short:
        return _nothing(question, finding, material)
    lines: list[str] = []
    if finding.sentence:
        lines.append(finding.sentence)
    elif not _only_quotes(finding):
        lines.append(_as_sentence(finding.short))
    support = finding.units[: 1 if len(finding.items) > 2 else 2]
    lines += [quote(u, name_source=True) + "." for u in support]
    if not lines:
        unit = finding.units[0]
        lines.append(quote(unit, name_source=True) + ".")
    return lines


def in_short(question: Question, finding: Finding, material: Material) -> str:
    """The shortest form of an answer; says so when there is none."""
    if finding.short:
        return finding.short
    if finding.units and not question.yes_no and not finding.sentence:
        return finding.units[0].text
    if finding.sentence:
        return finding.sentence
    return "not said or shown"


_OTHER = {
    "de": "Dazu enthalten Ton, Text und Bilder dieses Videos nichts.",
    "fr": "Ni la parole, ni le texte, ni les images de cette vidéo n'en disent rien.",
    "es": "Ni el habla, ni el texto, ni las imágenes de este vídeo dicen nada sobre ello.",
    "it": "Né il parlato, né il testo, né le immagini di questo video ne dicono nulla.",
    "pt": "Nem a fala, nem o texto, nem as imagens deste vídeo dizem algo sobre isso.",
    "nl": "Spraak, tekst en beelden van deze video zeggen hier niets over.",
}


_SEEN_OTHER = {
    "de": "In den Bildern erkannt (Namen auf Englisch): {things}.",
    "fr": "Reconnu dans les images (noms en anglais) : {things}.",
    "es": "Reconocido en las imágenes (nombres en inglés): {things}.",
    "it": "Riconosciuto nelle immagini (nomi in inglese): {things}.",
    "pt": "Reconhecido nas imagens (nomes em inglês): {things}.",
    "nl": "In de beelden herkend (namen in het Engels): {things}.",
}


def foreign(text: str) -> str:
    """The code of a prompt's language when it is one of those known beside English; else empty."""
    code = guess_language(text) or ""
    return code if code in _OTHER else ""


def in_other_words(finding: Finding, material: Material, text: str) -> list[str]:
    """An answer in another language than English: quotations only, or one sentence that there is none."""
    code = foreign(text)
    lines = [quote(u) for u in finding.units[:3]] or [_OTHER[code]]
    found = objects.seen(material.notes)
    if found and not finding.short:
        things = "; ".join(f"{s.label} ({_tags(s.tags)})" for s in found[:8])
        lines.append(_SEEN_OTHER[code].format(things=things))
    return lines


def _only_quotes(finding: Finding) -> bool:
    """A short answer that is a whole sentence needs no repeating before its quotation."""
    return bool(finding.units) and fold(finding.short) == fold(finding.units[0].text)


def _as_sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".!?" else text + "."


def _nothing(question: Question, finding: Finding, material: Material) -> list[str]:
    lines = []
    if finding.sentence:
        lines.append(finding.sentence)
    else:
        thing = " ".join(question.terms)
        lines.append(unanswered(thing, question, material))
    if finding.units:
        nearest = "The nearest evidence: " if not finding.sentence.endswith(":") else ""
        lines.append(f"{nearest}{quote(finding.units[0])}.")
    return lines


def unanswered(thing: str, question: Question, material: Material) -> str:
    """Says that the evidence does not answer, and whether it could have."""
    terms = [t for t in question.terms if material.index.forms(t)]
    if thing and not terms:
        return absence(thing, material)[0]
    if not material.index.units:
        from kinoscribe.engines.embedded.summary import nothing_found

        return "This cannot be answered from the evidence. " + nothing_found(material)
    return "The evidence of this video does not answer this: neither the speech nor the text on the screen says so."


def about(thing: str, found: Presence, material: Material) -> list[str]:
    """What is said about a thing: quotations with times, or that there is none."""
    if found.empty:
        text = absence(thing, material)[0]
        if found.near:
            return [text, f"The nearest in meaning: {quote(found.near[0])}."]
        return [text]
    lines = []
    if found.said:
        lines.append(
            f"About “{thing}” it is said: {quote(found.said[0])}{'' if len(found.said) > 1 else '.'}"
        )
        lines[0] += "".join(f"; {quote(u)}" for u in found.said[1:8]) + ("." if len(found.said) > 1 else "")
    if found.written:
        lead = "The screen shows" if found.said else f"“{thing}” is not said, but the screen shows"
        lines.append(f"{lead}: " + "; ".join(quote(u) for u in found.written[:5]) + ".")
    if not found.said and not found.written:
        lines.append(f"Nothing is said about “{thing}”; it is only seen: {_tags(found.seen)}.")
    return lines


def when(thing: str, found: Presence, material: Material) -> list[str]:
    """When a thing is seen, written or said, or that it is not."""
    if found.empty:
        text = absence(thing, material)[0]
        if found.near:
            return [text, f"The nearest in meaning: {quote(found.near[0])}."]
        return [text]
    lines = []
    name = thing.strip()
    name = name[:1].upper() + name[1:]
    if found.seen:
        lines.append(f"{name}: on screen at {_tags(found.seen)} (recognised by machine).")
    if found.written:
        lines.append(
            f"{'As text on the screen' if lines else f'{name}: as text on the screen'} at {_texts(found.written)}."
        )
    if found.said:
        times = ", ".join(clock(u.start) for u in found.said[:10])
        lines.append(
            f"{'Mentioned' if lines else f'{name}: mentioned'} in the speech at {times}: “{found.said[0].text}”"
        )
    return lines


def _tags(tags: tuple[Tag, ...]) -> str:
    joined: list[list[float]] = []
    for tag in tags:
        if joined and tag.start <= joined[-1][1] + 0.5:
            joined[-1][1] = max(joined[-1][1], tag.end)
        else:
            joined.append([tag.start, tag.end])
    return ", ".join(span(a, b) for a, b in joined[:12])


def _texts(units: tuple[Unit, ...]) -> str:
    return ", ".join(f"{span(u.start, u.end)} (“{u.text}”)" for u in units[:8])
