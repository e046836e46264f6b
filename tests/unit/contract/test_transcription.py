from typing import Any

import pytest

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.transcription import read_include, transcription_object
from kinoscribe.notes import Sentence, Word

SPEECH = (
    Sentence(1.0, 2.0, "Good day.", (Word(1.0, 1.4, " Good"), Word(1.5, 2.0, " day."))),
    Sentence(2.5, 3.0, "Who?"),
    Sentence(5.25, 6.0004, " Nobody. "),
)


@pytest.mark.parametrize(
    ("pairs", "parts"),
    [
        ([], ("words",)),
        ([("include", "")], ("words",)),
        ([("include", "sentences")], ("sentences",)),
        ([("include", "utterances,words")], ("words", "utterances")),
        ([("include", "words"), ("include[]", "sentences"), ("x", "y")], ("words", "sentences")),
    ],
)
def test_what_is_asked_for_is_repeated_or_divided_by_commas(
    pairs: list[tuple[str, str]], parts: tuple[str, ...]
) -> None:
    assert read_include(pairs) == parts


def test_what_is_no_part_is_refused() -> None:
    with pytest.raises(ParameterInvalid, match="words, sentences, utterances"):
        read_include([("include", "words, letters")])


def said(*parts: Any) -> dict[str, Any]:
    return transcription_object("ready", SPEECH, parts)


def test_words_have_their_times_and_sentences_without_words_stand_for_them() -> None:
    assert said("words") == {
        "status": "ready",
        "words": [
            {"start": 1, "end": 1.4, "value": "Good"},
            {"start": 1.5, "end": 2, "value": "day."},
            {"start": 2.5, "end": 3, "value": "Who?"},
            {"start": 5.25, "end": 6, "value": "Nobody."},
        ],
    }


def test_sentences_that_follow_soon_are_one_utterance() -> None:
    shown = said("sentences", "utterances")
    assert [one["value"] for one in shown["sentences"]] == ["Good day.", "Who?", "Nobody."]
    assert shown["utterances"] == [
        {"start": 1, "end": 3, "value": "Good day. Who?"},
        {"start": 5.25, "end": 6, "value": "Nobody."},
    ]
    assert "words" not in shown


def test_before_and_after_a_failure_there_is_nothing_but_the_state() -> None:
    assert transcription_object("processing", SPEECH, ("words",)) == {"status": "processing"}
    failed = transcription_object("failed", SPEECH, ("words",), error="No memory.")
    assert failed == {"status": "failed", "error": {"message": "No memory."}}
