"""Answers as a user would check them: the form that was asked for, all of a list, names without their full stop."""

import re

import msgspec
import pytest

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.embedded.asked import encoded
from kinoscribe.engines.embedded.worker import Config, serve
from kinoscribe.engines.engine import Ask
from kinoscribe.notes import CollectorReport, Notes, ScreenText, Sentence, Shot, Tag

FACTS = VideoFacts(
    start=0.0,
    end=150.0,
    width=1280,
    height=720,
    fps=25.0,
    rotation=0,
    container="mp4",
    mime_type="video/mp4",
    video_codec="h264",
    audio_codec="aac",
    audio_sample_rate=48_000,
    audio_channels=2,
    video_streams=1,
    audio_streams=1,
    bytes=1_000_000,
)
RECIPES = [
    f"Recipe {word}"
    for word in [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]
]
EXTRAS = ["Salt", "Pepper", "Flour"]
NOTES = Notes(
    content="0" * 64,
    start=0.0,
    end=150.0,
    has_sound=True,
    language="en",
    shots=tuple(Shot(10.0 * n, 10.0 * n + 10, "cut" if n else "start") for n in range(15)),
    speech=(
        Sentence(1.0, 4.0, "Welcome to the kitchen.", language="en"),
        Sentence(4.5, 9.0, "I am Maria Keller.", language="en"),
        Sentence(12.0, 18.0, "Today we bake bread and it takes 40 minutes.", language="en"),
        Sentence(31.0, 38.0, "The oven must be at 220 degrees.", language="en"),
        Sentence(140.0, 147.0, "Thank you for watching and goodbye.", language="en"),
    ),
    screen_text=tuple(
        ScreenText(10.0 * n, 10.0 * n + 10, text, "headline") for n, text in enumerate(RECIPES + EXTRAS)
    ),
    tags=(Tag(20.0, 40.0, "bowl", 0.8, count=2, sightings=4, colour="blue"),),
    reports=tuple(
        CollectorReport(name, "1", "done")
        for name in ("shots", "looks", "speech", "screen_text", "visual_tags")
    ),
)


def answer(prompt: str) -> str:
    ask = Ask(prompt, FACTS, NOTES, 0.0, 150.0, "pegasus1.5", 0.2, 4096)
    compose = serve(msgspec.msgpack.encode(Config(None)))
    return b"".join(compose(encoded(ask))).decode().strip()


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarize this video in two sentences.",
        "Give me a two-sentence summary",
        "A 2-sentence summary, please",
    ],
)
def test_two_sentences_are_two_sentences(prompt: str) -> None:
    assert len(sentences(answer(prompt))) == 2


def test_each_part_of_a_compound_request_keeps_its_own_form() -> None:
    text = answer("Give me a title, a two-sentence summary and five hashtags")
    summary = re.search(r"Summary:\s*(.+)", text)
    assert summary, text
    assert len(sentences(summary[1])) == 2
    assert text.count("#") == 5


@pytest.mark.parametrize(
    "prompt", ["List everything that is written on the screen", "What text is shown on screen?"]
)
def test_a_list_of_everything_leaves_nothing_out(prompt: str) -> None:
    text = answer(prompt)
    assert [one for one in RECIPES + EXTRAS if one not in text] == []


@pytest.mark.parametrize(
    "prompt",
    ["Write a markdown table of the chapters with start time and headline", "Give a table: time | headline"],
)
def test_a_table_is_a_table(prompt: str) -> None:
    rows = [line for line in answer(prompt).splitlines() if line.startswith("|")]
    assert len(rows) >= 5
    assert set(rows[1]) <= set("|-: ")
    assert any("0:10" in row for row in rows)


def test_a_name_does_not_carry_the_full_stop_of_its_sentence() -> None:
    for prompt in (
        "Summarize this video",
        "Describe this video",
        "Who speaks?",
        "Name everybody in the video",
    ):
        assert "Keller. are" not in answer(prompt)
        assert "Keller.," not in answer(prompt)
    assert "Maria Keller" in answer("Who speaks?")


def test_a_question_about_persons_without_a_sighting_says_what_it_rests_on() -> None:
    text = answer("How many people are in the video?")
    assert "Maria Keller" in text or "recognised" in text.lower() or "evidence" in text.lower()


def test_a_thing_asked_for_in_german_is_found_or_the_limit_is_told() -> None:
    text = answer("Ist eine Schüssel zu sehen?")
    assert "0:20" in text or "English" in text or "Englisch" in text


def test_a_poem_is_not_promised() -> None:
    text = answer("Describe the video as a poem")
    assert "verse" in text.lower() or "poem" in text.lower() or "style" in text.lower()


@pytest.mark.parametrize(
    "prompt",
    [
        "Describe this video: what is seen, what is said, and when?",
        "Describe the video, what is said and what is shown?",
        "Can you summarize the video (what happens, and when)?",
    ],
)
def test_a_description_that_lists_its_contents_is_one_description(prompt: str) -> None:
    text = answer(prompt)
    assert "15 shots" in text
    assert "does not answer" not in text
