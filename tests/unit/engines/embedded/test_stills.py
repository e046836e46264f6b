"""Answers about pictures alone speak of pictures by name, and never of times."""

import re
from dataclasses import replace

from tests.unit.engines.embedded.videos import facts, make_ask, material

from kinoscribe.engines.embedded.compose import compose
from kinoscribe.engines.embedded.stills import without_times
from kinoscribe.notes import CollectorReport, ColourShare, Look, Notes, ScreenText, Shot, Tag

NOTES = Notes(
    "pictures",
    0.0,
    4.0,
    shots=(Shot(0.0, 2.0, "start"), Shot(2.0, 4.0)),
    screen_text=(ScreenText(0.0, 2.0, "CLOSED ON MONDAY"), ScreenText(2.0, 4.0, "Menu 12 euros")),
    tags=(Tag(2.0, 4.0, "person", 0.9, 2),),
    looks=(Look(0.0, 2.0, (ColourShare("red", 0.7),), 0.5, False, 0.0),),
    reports=tuple(
        CollectorReport(name, "1", "done") for name in ("shots", "looks", "screen_text", "visual_tags")
    ),
)
STILLS = (("door", 0.0, 2.0), ("card", 2.0, 4.0))


def say(prompt: str, stills: tuple[tuple[str, float, float], ...] = STILLS) -> str:
    ask = replace(make_ask(NOTES, prompt), stills=stills, facts=facts(NOTES))
    return "".join(compose(ask, material(NOTES)))


def test_every_picture_is_described_by_its_name() -> None:
    said = say("Describe these pictures.")
    assert said.splitlines()[0].startswith("door: It reads “CLOSED ON MONDAY”.")
    assert "red" in said.splitlines()[0]
    assert said.splitlines()[1].startswith("card: It reads “Menu 12 euros”. Recognised: 2 people.")


def test_only_the_pictures_that_are_pointed_at_are_told_of() -> None:
    said = say("What does the sign on <@door> say?")
    assert "CLOSED ON MONDAY" in said
    assert "Menu" not in said
    assert "<@" not in said


def test_no_times_are_told() -> None:
    for prompt in (
        "Describe <@card>.",
        "What is the price?",
        "Is a dog in it?",
        "List the texts.",
        "What happens?",
    ):
        assert not re.search(r"\d:\d\d", say(prompt)), prompt


def test_what_is_not_there_is_answered_by_what_is() -> None:
    bare = replace(NOTES, screen_text=NOTES.screen_text[:1])
    ask = replace(make_ask(bare, "What is written on <@card>?"), stills=STILLS)
    said = "".join(compose(ask, material(bare)))
    assert said.startswith("card: No text is written on it.")


def test_a_single_picture_needs_no_label() -> None:
    assert not say("Describe it.", STILLS[:1]).startswith("door:")


def test_times_are_cut_out_of_sentences() -> None:
    assert without_times("“A” (0:02) is shown at 0:01–0:02.") == "“A” is shown."
    assert without_times("0:00–0:02: the video shows a dog (at 0:01).") == "The picture shows a dog."
    assert without_times("The ratio is 16:9 wide") == "The ratio is 16:9 wide"
