"""Short answers in the fields of a schema: the words that answer, not the words that were asked."""

import json
from functools import cache

import msgspec
import pytest

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.embedded.asked import encoded
from kinoscribe.engines.embedded.worker import Config, serve
from kinoscribe.engines.engine import Ask
from kinoscribe.notes import Box, CollectorReport, Notes, ScreenText, Sentence, Shot

FACTS = VideoFacts(
    start=0.0,
    end=120.0,
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


def line(start: float, end: float, text: str, row: int, role: str = "body") -> ScreenText:
    height = 0.09 if role == "headline" else 0.05
    return ScreenText(start, end, text, role, Box(0.1, 0.1 + 0.12 * row, 0.6, height))  # type: ignore[arg-type]


NOTES = Notes(
    content="1" * 64,
    start=0.0,
    end=120.0,
    has_sound=True,
    language="en",
    shots=tuple(Shot(10.0 * n, 10.0 * n + 10, "cut" if n else "start") for n in range(12)),
    speech=(
        Sentence(1.0, 4.0, "Hello, I am Lena Roth and this is the evening show.", language="en"),
        Sentence(11.0, 15.0, "The village of Brunnen opened a swimming pool in May.", language="en"),
        Sentence(15.5, 19.0, "The teacher Nora Vance was the first swimmer.", language="en"),
        Sentence(21.0, 26.0, "The restaurant Blue Door won the city prize.", language="en"),
        Sentence(31.0, 36.0, "A roof fell down in the storm, nobody was injured.", language="en"),
        Sentence(41.0, 45.0, "The tail of the kite is heavier than its frame.", language="en"),
        Sentence(51.0, 56.0, "Soft tires make you slow.", language="en"),
        Sentence(71.0, 75.0, "El billete cuesta siete euros.", language="es"),
        Sentence(111.0, 116.0, "That was all for today, I am Max Olsen.", language="en"),
    ),
    screen_text=(
        line(50.0, 60.0, "What Slows Bikes", 0, "headline"),
        line(51.0, 60.0, "Soft tires", 1),
        line(54.0, 60.0, "Strong wind", 2),
        line(57.0, 60.0, "A rusty chain", 3),
        line(60.0, 70.0, "The Inventor", 0, "headline"),
        line(61.0, 70.0, "Ada Brook, 1921", 1),
        line(80.0, 90.0, "HAWKS 0 - 0 BEARS", 0, "caption"),
        line(90.0, 100.0, "HAWKS 0 - 1 BEARS", 0, "caption"),
        line(100.0, 110.0, "HAWKS 1 - 1 BEARS", 0, "caption"),
    ),
    reports=tuple(
        CollectorReport(name, "1", "done")
        for name in ("shots", "looks", "speech", "screen_text", "visual_tags")
    ),
)


@cache
def answers(*questions: str) -> dict[str, str]:
    fields = {f"q{n}": {"type": "string", "description": text} for n, text in enumerate(questions)}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    prompt = "Answer each question in a few words.\n" + "\n".join(
        f"q{n}: {q}" for n, q in enumerate(questions)
    )
    ask = Ask(prompt, FACTS, NOTES, 0.0, 120.0, "pegasus1.5", 0.0, 4096, json_schema=schema)
    text = b"".join(serve(msgspec.msgpack.encode(Config(None)))(encoded(ask))).decode()
    return dict(zip(questions, json.loads(text).values(), strict=True))


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Who was the first swimmer?", ["nora vance"]),
        ("Which restaurant won the prize?", ["blue door"]),
        ("Which village opened a swimming pool?", ["brunnen"]),
        ("Was anybody injured when the roof fell down?", ["no"]),
        ("Which part of the kite is the heaviest?", ["tail"]),
        ("Name the three things that slow bikes.", ["soft tires", "strong wind", "rusty chain"]),
        ("Which year stands beside the name of the inventor?", ["1921"]),
        ("What does the ticket cost?", ["siete euros"]),
        ("Which team scores first?", ["bears"]),
        ("Which team scores last?", ["hawks"]),
        ("Who presents the show? Name both.", ["lena roth", "max olsen"]),
    ],
)
def test_the_field_holds_the_answer(question: str, wanted: list[str]) -> None:
    told = answers(question)[question]
    assert all(one in told.lower() for one in wanted), told


def test_no_field_repeats_the_headline_for_its_content() -> None:
    assert (
        "what slows bikes"
        not in answers("Name the three things that slow bikes.")[
            "Name the three things that slow bikes."
        ].lower()
    )
