"""Whatever is asked about whatever was seen: an answer comes, soon, the same again, in the form it must have."""

import itertools
import json
import re
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tests.unit.contract.json_schemas import schemas
from tests.unit.engines.embedded.videos import BAKERY, LECTURE, say

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.times import read_clocks
from kinoscribe.notes import (
    CollectorReport,
    ColourShare,
    Look,
    Notes,
    ScreenText,
    Sentence,
    Shot,
    Tag,
    within,
)
from kinoscribe.output.timestamps import plain

CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from(
    [
        "the",
        "cat",
        "is",
        "on",
        "a",
        "table",
        "$5",
        "3",
        "eggs",
        "Maria",
        "at",
        "nine",
        "Monday",
        "because",
        "of",
        "frost",
        "LIONS",
        "2",
        "-",
        "1",
        "über",
        "東京",
        "%",
        "-",
        "…",
        "?",
        "!",
        "“",
        "\x00",
        "red",
    ]
)
TEXT = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join))
PROMPTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "what",
                "who",
                "when",
                "where",
                "why",
                "how",
                "many",
                "which",
                "list",
                "name",
                "summarize",
                "describe",
                "is",
                "there",
                "the",
                "cat",
                "title",
                "and",
                "chapters",
                "as\n",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "json",
                "table",
                "5",
                "keywords",
                "in",
                "two",
                "sentences",
                "said",
                "about",
                "0:10",
                "between",
                "0:05",
                "and",
                "0:15",
                "last",
                "first",
                "colour",
                "of",
                "?",
                ".",
                ",",
                ":\n",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "\n",
                "1.",
                "only",
                "nothing",
                "else",
            ]
        ),
        max_size=16,
    ).map(" ".join),
)


@st.composite
def any_notes(draw: st.DrawFn) -> Notes:
    start = draw(st.sampled_from([0.0, 10.5, 3600.0]))
    length = draw(st.floats(0.5, 90.0))
    end = start + length

    def spans() -> tuple[float, float]:
        a, b = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
        return start + a * length, start + b * length

    many = st.integers(0, 4)
    speech = [
        Sentence(*spans(), draw(TEXT), (), draw(st.sampled_from([None, "en", "de", "xx"])))
        for _ in range(draw(many))
    ]
    texts = [
        ScreenText(*spans(), draw(TEXT), draw(st.sampled_from(["headline", "body", "caption"])))
        for _ in range(draw(many))
    ]
    tags = [
        Tag(
            *spans(),
            draw(st.sampled_from(["person", "cat", "car", "thing"])),
            draw(st.floats(0, 1)),
            draw(st.integers(1, 9)),
            draw(st.integers(1, 9)),
            draw(st.sampled_from([None, "red"])),
        )
        for _ in range(draw(many))
    ]
    cuts = sorted(draw(st.lists(st.floats(0.01, 0.99), max_size=3)))
    edges = [start, *(start + c * length for c in cuts), end]
    shots = tuple(Shot(a, b) for a, b in itertools.pairwise(edges))
    looks = tuple(
        Look(s.start, s.end, (ColourShare("blue", 0.5),), 0.5, False, 0.1)
        for s in shots
        if draw(st.booleans())
    )
    state = st.sampled_from(["done", "failed", "off", "nothing"])
    reports = tuple(
        CollectorReport(name, "1", draw(state))
        for name in ("shots", "looks", "speech", "screen_text", "visual_tags")
    )
    return Notes(
        "x", start, end, draw(st.booleans()), draw(st.sampled_from([None, "en", "fr"])), shots,
        tuple(sorted(speech, key=lambda s: s.start)), tuple(sorted(texts, key=lambda t: t.start)),
        tuple(sorted(tags, key=lambda t: t.start)), looks, reports,
    )  # fmt: skip


@CALM
@given(any_notes(), PROMPTS)
def test_any_prompt_on_any_notes_gets_the_same_text_twice(given: Notes, prompt: str) -> None:
    text = say(given, prompt)
    assert text
    assert say(given, prompt) == text


@CALM
@given(
    any_notes(),
    st.sampled_from(
        [
            "Chapters with times",
            "Describe the video in detail",
            "Transcribe with timestamps",
            "When does the cat appear?",
            "highlights",
            "List all shots",
        ]
    ),
)
def test_times_lie_within_the_window(given: Notes, prompt: str) -> None:
    told = re.sub(r"“[^”]*”", "", say(given, prompt))
    shown = " ".join([*(s.text for s in given.speech), *(t.text for t in given.screen_text)])
    if ":" not in shown:
        assert all(given.start - 1 <= t <= given.end + 1e-3 for t in read_clocks(told))


LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "boolean", "number", "null"])}, optional={"description": TEXT}
    ),
    st.tuples(st.integers(-5, 5), st.integers(0, 5)).map(
        lambda p: {"type": "integer", "minimum": p[0], "maximum": p[0] + p[1]}
    ),
    st.lists(st.text(max_size=8), min_size=1, max_size=4, unique=True).map(
        lambda e: {"type": "string", "enum": e}
    ),
    st.sampled_from([{"type": "timestamp", "format": f} for f in ("seconds", "hh:mm:ss", "hh:mm:ss.fff")]),
)
NAMES = st.sampled_from(
    [
        "title",
        "summary",
        "count",
        "people",
        "start_time",
        "score",
        "scenes",
        "items",
        "price",
        "is_red",
        "tags",
        "x",
    ]
)


def parts(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.dictionaries(NAMES, inner, max_size=4).map(
        lambda p: {"type": "object", "properties": p, "required": list(p)}
    )
    arrays = st.tuples(inner, st.integers(0, 1)).map(
        lambda p: {"type": "array", "items": p[0], "minItems": p[1]}
    )
    return st.one_of(objects, arrays)


SCHEMAS = st.dictionaries(NAMES, st.recursive(LEAVES, parts, max_leaves=5), min_size=1, max_size=4).map(
    lambda p: {"type": "object", "properties": p, "required": list(p)}
)


@CALM
@given(any_notes(), SCHEMAS | schemas() | schemas(wide=True), PROMPTS)
def test_any_schema_is_filled_with_json_that_fits(given: Notes, schema: dict[str, Any], prompt: str) -> None:
    try:
        tree = read_schema(schema, "pegasus1.5", wide=True)
    except ParameterInvalid:
        reject()
    value = json.loads(say(given, prompt, schema))
    jsonschema_rs.validate(plain(tree), value, validate_formats=True)
    jsonschema_rs.validate(plain(schema), value, validate_formats=True)
    assert list(value) == [name for name in tree["properties"] if name in value]
    assert value.keys() >= set(tree["required"])


@pytest.mark.parametrize(
    "prompt",
    [
        "a " * 50_000,
        "what is said about " * 5_000,
        "(" * 100_000,
        "1. x\n" * 20_000,
        "and why " * 12_000,
        "\x00\ud7ff" * 40_000,
        "9" * 100_000,
        "a:b:c:d " * 10_000,
        "title, " * 15_000,
        '"' * 100_000,
    ],
    ids=range(10),
)
def test_a_hostile_prompt_is_answered_soon(prompt: str) -> None:
    before = time.process_time()
    assert say(LECTURE, prompt)
    assert time.process_time() - before < 5


def test_hostile_texts_on_the_screen_are_answered_soon() -> None:
    lines = [
        "9" * 400,
        "a" * 4000,
        "1-" * 1000,
        "x@" * 1000,
        "A B " * 800,
        "- " * 2000,
        "$" * 2000,
        "www." * 900,
    ]
    trap = Notes(
        "x",
        0.0,
        10.0,
        screen_text=tuple(ScreenText(0.0, 10.0, t) for t in lines),
        speech=tuple(Sentence(0.0, 10.0, t) for t in lines),
    )
    before = time.process_time()
    for prompt in (
        "Summarize",
        "Who is it?",
        "What does it cost?",
        "When?",
        "Where?",
        "What is the score?",
        "Name the people",
        "What is the website?",
    ):
        assert say(trap, prompt)
    assert time.process_time() - before < 20


def test_an_hour_is_answered_within_seconds() -> None:
    hour = Notes(
        "x", 0.0, 3600.0, True, "en",
        tuple(Shot(i * 9.0, i * 9.0 + 9) for i in range(400)),
        tuple(Sentence(i * 5.0, i * 5.0 + 4, f"Word{i % 97} meets thing{i % 31} near place{i % 53} today.") for i in range(700)),
        tuple(ScreenText(i * 20.0, i * 20.0 + 19, f"Slide {i} of topic{i % 40}", "headline") for i in range(180)),
    )  # fmt: skip
    before = time.process_time()
    for prompt in ("Summarize", "Chapters", "Describe in detail", "Who meets thing5?", "Keywords"):
        assert say(hour, prompt)
    assert time.process_time() - before < 15


def test_a_window_says_nothing_from_outside() -> None:
    part = within(BAKERY, 35.0, 60.0)
    text = say(part, "Describe this video in full detail.")
    assert "forty minutes" in text
    assert "Sicily" not in text
    assert "preheat" not in text


def test_every_pattern_compiles_and_every_table_is_used() -> None:
    for table in ("question", "video", "request", "list", "records"):
        assert Rules(table).first("") == ""
