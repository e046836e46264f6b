import pytest

from kinoscribe.engines.embedded.spans import find


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("The work cost twenty two million dollars.", "money", "twenty two million dollars"),
        ("Only $19.50 today", "money", "$19.50"),
        ("It costs nineteen dollars fifty.", "money", "nineteen dollars fifty"),
        ("Prices rose 18% in May", "percent", "18%"),
        ("closed for about fourteen months", "duration", "about fourteen months"),
        ("It takes half an hour.", "duration", "half an hour"),
        ("about one kilometer away", "length", "about one kilometer"),
        ("winds of ninety kilometers an hour near us", "speed", "ninety kilometers an hour"),
        ("We try again on Thursday at nine in the morning.", "when", "on Thursday at nine in the morning"),
        ("The train leaves at seven forty.", "when", "at seven forty"),
        ("The train leaves at 740.", "when", "at 740"),
        ("built in the eleventh century", "when", "in the eleventh century"),
        ("2024-03-18 22:14:05", "when", "2024-03-18 22:14:05"),
        ("It arrives tomorrow at 9.", "when", "tomorrow at 9"),
        ("It is open until Sunday.", "when", "until Sunday"),
        ("She found it behind the old maps.", "where", "behind the old maps"),
        ("We eat at a little place near the harbour.", "where", "at a little place near the harbour"),
        ("It comes in black, silver and red.", "colour", "black, silver and red"),
        ("Karl von Frisch decoded the dance.", "proper", "Karl von Frisch"),
        (
            "It was late because of a faulty valve, they said.",
            "reason",
            "because of a faulty valve, they said",
        ),
        ("Write to info@example.org now", "email", "info@example.org"),
        ("See www.example.org/photo.", "url", "www.example.org/photo"),
        ("report_2024.pdf", "file", "report_2024.pdf"),
        ("Ledger Pro 4.2", "version", "4.2"),
    ],
)
def test_the_phrase_of_a_kind_is_found(text: str, kind: str, found: str) -> None:
    assert [s.text for s in find(text, kind)][:1] == [found]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Nothing of the sort.", "money"),
        ("Good morning everyone", "when"),
        ("In 1973 it began", "where"),
        ("The house is old", "proper"),
        ("words", "no such kind"),
    ],
)
def test_what_is_not_there_is_not_found(text: str, kind: str) -> None:
    assert find(text, kind) == []


def test_the_place_of_a_phrase_is_that_in_the_text() -> None:
    text = "They paid 5 dollars."
    span = find(text, "money")[0]
    assert text[span.start : span.end] == span.text == "5 dollars"
