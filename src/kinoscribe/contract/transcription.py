"""Turns what was heard in a video into the transcription that a client asked for (contract 12.3)."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from kinoscribe.contract.fields import Fields
from kinoscribe.contract.times import seconds_number
from kinoscribe.notes import Sentence

Part = Literal["words", "sentences", "utterances"]

PARTS: tuple[Part, ...] = ("words", "sentences", "utterances")
# Speech that pauses for longer than so many seconds is another utterance.
_PAUSE = 1.0


def read_include(pairs: Iterable[tuple[str, str]]) -> tuple[Part, ...]:
    """What `include` asks for, repeated or with commas; words where it asks for nothing. Raises `ParameterInvalid`."""
    asked: list[str] = []
    for name, text in pairs:
        if name in ("include", "include[]"):
            asked += [part.strip() for part in text.split(",") if part.strip()]
    for part in asked:
        Fields({"include": part}).choice("include", PARTS)
    return tuple(part for part in PARTS if part in asked) or ("words",)


def transcription_object(
    status: Literal["pending", "processing", "ready", "failed"],
    speech: Sequence[Sentence] = (),
    include: Sequence[Part] = (),
    error: str | None = None,
) -> dict[str, Any]:
    """The transcription; with a list for each part that is asked for once it is ready. Seconds are absolute."""
    shown: dict[str, Any] = {"status": status}
    if status == "ready":
        makers = {"words": _words, "sentences": _sentences, "utterances": _utterances}
        shown |= {part: makers[part](speech) for part in include}
    if status == "failed":
        shown["error"] = {"message": error or "The speech could not be recognised."}
    return shown


def _words(speech: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Of a sentence whose words have no times of their own, the sentence."""
    found = []
    for sentence in speech:
        found += [_entry(word.start, word.end, word.text) for word in sentence.words] or _sentences(
            [sentence]
        )
    return found


def _sentences(speech: Sequence[Sentence]) -> list[dict[str, Any]]:
    return [_entry(sentence.start, sentence.end, sentence.text) for sentence in speech]


def _utterances(speech: Sequence[Sentence]) -> list[dict[str, Any]]:
    found: list[list[Sentence]] = []
    for sentence in speech:
        if found and sentence.start - found[-1][-1].end <= _PAUSE:
            found[-1].append(sentence)
        else:
            found.append([sentence])
    return [
        _entry(group[0].start, group[-1].end, " ".join(one.text.strip() for one in group)) for group in found
    ]


def _entry(start: float, end: float, text: str) -> dict[str, Any]:
    return {"start": seconds_number(start), "end": seconds_number(end), "value": text.strip()}
