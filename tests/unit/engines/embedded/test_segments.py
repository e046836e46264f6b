"""Segments are decided from evidence: what a definition describes is found where it is, or not at all."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engines.embedded.videos import facts, look, notes

from kinoscribe.engines.embedded.compose import compose
from kinoscribe.engines.embedded.index import Index
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.segment_wishes import read_wish
from kinoscribe.engines.engine import Ask, SegmentField, SegmentWish
from kinoscribe.notes import Box, Notes, ScreenText, Sighting, Sought, Tag

TITLE = SegmentField("title", "string", "a title of at most eight words")


def segments(found: Notes, description: str, *fields: SegmentField, **more: Any) -> list[dict[str, Any]]:
    wish = SegmentWish("it", description, fields, **more)
    ask = Ask("", facts(found), found, found.start, found.end, "pegasus1.5", 0.0, 4096, segments=(wish,))
    text = "".join(compose(ask, Material(Index(found), facts(found))))
    value: list[dict[str, Any]] = json.loads(text)["it"]
    return value


def spans(found: Notes, description: str, **more: Any) -> list[tuple[float, float]]:
    return [(s["start_time"], s["end_time"]) for s in segments(found, description, **more)]


NEWS = notes(
    60.0,
    cuts=[8.0, 14.0, 20.0, 28.0, 34.0, 42.0, 50.0],
    speech=[
        (1.0, "Good evening and welcome to the evening report."),
        (9.0, "The harbour bridge opened again this morning after long repairs."),
        (15.0, "The repairs of the bridge took many months."),
        (21.0, "Coffee prices rose because frost hurt the coffee growers."),
        (29.0, "The growers say coffee will stay expensive."),
        (35.0, "And now the weather, a storm reaches the coast tomorrow."),
        (43.0, "The storm brings heavy rain."),
        (51.0, "That is all for tonight, goodbye."),
    ],
    texts=[
        (0.0, 7.0, "EVENING REPORT", "headline"),
        (8.5, 14.0, "Bridge opens again", "caption"),
        (20.5, 28.0, "Coffee prices rise", "caption"),
        (34.5, 42.0, "Storm is coming", "caption"),
    ],
    looks=[
        look(a, b, "blue" if n in (0, 1, 3, 5) else ("green", "red", "brown", "black")[n // 2 % 4])
        for n, (a, b) in enumerate(pairwise([0.0, 8.0, 14.0, 20.0, 28.0, 34.0, 42.0, 50.0, 60.0]))
    ],
)


def test_stories_begin_where_the_subject_the_title_and_the_look_change() -> None:
    found = segments(NEWS, "One news story from its introduction to its last picture.", TITLE)
    times = [(s["start_time"], s["end_time"]) for s in found]
    assert times == [(0.0, 8.0), (8.0, 20.0), (20.0, 34.0), (34.0, 50.0), (50.0, 60.0)]
    titles = [s["metadata"]["title"] for s in found]
    assert titles[1:4] == ["Bridge opens again", "Coffee prices rise", "Storm is coming"]


def test_a_change_of_subject_parts_talk_that_nothing_else_parts() -> None:
    talk = [
        "Our bees fly from flower to flower and collect sweet nectar.",
        "Back home the bees turn the nectar of a flower into honey.",
        "Steam engines burn coal and boil water in iron boilers.",
        "Coal made the steam of these engines cheap.",
    ]
    cuts = [14.0, 28.0, 42.0]
    found = notes(56.0, cuts=cuts, speech=[(1.0 + 14.0 * n, text) for n, text in enumerate(talk)])
    assert spans(found, "each topic") == [(0.0, 28.0), (28.0, 56.0)]


def test_coming_back_to_the_studio_begins_a_story() -> None:
    times = [10.0 * n for n in range(7)]
    others = ("green", "red", "brown")
    looks = [look(a, b, others[n // 2] if n % 2 else "blue") for n, (a, b) in enumerate(pairwise(times))]
    found = notes(
        60.0,
        cuts=times[1:-1],
        looks=looks,
        texts=[(20.5, 29.0, "Coal trains", "caption"), (40.5, 49.0, "White cats", "caption")],
    )
    assert spans(found, "each story") == [(0.0, 20.0), (20.0, 40.0), (40.0, 60.0)]
    assert spans(replace(found, looks=()), "each story") == [(0.0, 60.0)]


def test_the_meaning_of_much_talk_is_read_a_little_at_a_time() -> None:
    asked: list[int] = []

    class Meaning:
        def likeness(self, text: str, others: list[str]) -> list[float]:
            asked.append(len({text, *others}))
            return [1.0 if text == other else 0.0 for other in others]

    said = [(2.0 * n, f"Sentence {n} speaks of matter {n}.") for n in range(100)]
    found = notes(200.0, cuts=[10.0 * n for n in range(1, 20)], speech=said)
    wish = SegmentWish("it", "each topic")
    ask = Ask("", facts(found), found, 0.0, 200.0, "pegasus1.5", 0.0, 4096, segments=(wish,))
    pieces = list(compose(ask, Material(Index(found), facts(found), Meaning())))
    assert pieces[:3] == [" ", " ", " "]
    assert max(asked) <= 16
    assert json.loads("".join(pieces))["it"]


def test_opening_and_closing_are_the_parts_that_greet_and_say_goodbye() -> None:
    assert spans(NEWS, "The intro of the show") == [(0.0, 8.0)]
    assert spans(NEWS, "The closing of the programme") == [(50.0, 60.0)]


def test_the_part_about_something_is_found_and_about_nothing_else() -> None:
    assert spans(NEWS, "Parts where the host talks about coffee") == [(20.0, 34.0)]
    assert spans(NEWS, "Segments in which football is discussed") == []


def test_a_part_about_something_is_read_so_in_few_words_too() -> None:
    assert spans(NEWS, "The part about coffee") == [(20.0, 34.0)]
    assert read_wish(SegmentWish("part", "the brand name Zephyr is on screen")).things == ("zephyr",)
    assert read_wish(SegmentWish("part", "the weather forecast")).sort == "there"


def test_the_time_at_which_a_word_is_said_is_that_of_its_sentences() -> None:
    assert spans(NEWS, 'When the word "storm" is said') == [(35.0, 38.333), (43.0, 44.667)]
    assert spans(NEWS, 'When the word "banana" is said') == []


SHOTS = notes(20.0, cuts=[4.0, 11.0], speech=[(1.0, "One thing."), (12.0, "Another thing.")])


@pytest.mark.parametrize(
    "description",
    [
        "One camera shot. A new segment starts at each cut.",
        "Each shot of the video",
        "A continuous shot",
        "One camera shot that shows one figure. A new segment starts when another one is shown.",
    ],
)
def test_shots_are_the_shots(description: str) -> None:
    assert spans(SHOTS, description) == [(0.0, 4.0), (4.0, 11.0), (11.0, 20.0)]


def test_slides_are_stretches_of_one_title_whether_or_not_a_cut_was_seen() -> None:
    lecture = notes(
        40.0,
        cuts=[15.0],
        texts=[
            (0.0, 15.0, "How bees fly", "headline"),
            (2.0, 15.0, "Two pairs of wings", "body"),
            (15.3, 27.0, "What bees eat", "headline"),
            (27.0, 40.0, "Summary", "headline"),
        ],
    )
    wanted = "The time during which one slide is shown. Each slide is one segment."
    assert spans(lecture, wanted) == [(0.0, 15.0), (15.0, 27.0), (27.0, 40.0)]
    assert [s["metadata"]["title"] for s in segments(lecture, wanted, TITLE)] == [
        "How bees fly",
        "What bees eat",
        "Summary",
    ]
    assert spans(SHOTS, wanted) == []


def test_a_bullet_in_large_letters_begins_no_slide() -> None:
    lines = [(0.0, "How bees fly", 0.08), (3.0, "Two pairs of wings", 0.3), (20.0, "Summary", 0.08)]
    texts = tuple(
        ScreenText(start, 20.0 if start < 20 else 40.0, text, "headline", Box(0.1, top, 0.5, 0.08))
        for start, text, top in lines
    )
    lecture = notes(40.0, cuts=[20.0])
    assert spans(replace(lecture, screen_text=texts), "each slide") == [
        (0.0, 20.0),
        (20.0, 40.0),
    ]


BOARD = notes(
    40.0,
    speech=[(9.2, "Goal for the Lions.")],
    texts=[
        (0.0, 9.0, "LIONS 0 - 0 WOLVES", "caption"),
        (9.0, 20.0, "LIONS 1 - 0 WOLVES", "caption"),
        (20.0, 39.0, "LIONS 1 - 1 WOLVES", "caption"),
    ],
)


def test_the_score_parts_the_video_where_it_changes() -> None:
    wanted = "The time during which the score on the scoreboard stays the same."
    found = segments(BOARD, wanted, SegmentField("score", "string", "the score"))
    assert [(s["start_time"], s["end_time"]) for s in found] == [(0.0, 9.0), (9.0, 20.0), (20.0, 40.0)]
    assert [s["metadata"]["score"] for s in found] == ["0-0", "1-0", "1-1"]
    assert spans(SHOTS, wanted) == []


def test_goals_are_around_the_changes_of_the_score() -> None:
    assert spans(BOARD, "Every goal") == [(5.0, 13.0), (16.0, 24.0)]
    assert spans(SHOTS, "Every goal") == []


def test_languages_part_where_the_talk_and_the_titles_change() -> None:
    mixed = notes(
        12.0,
        cuts=[4.0, 8.0],
        speech=[(0.5, "The market opens on the first Monday of the month.")],
        texts=[
            (0.0, 4.0, "The market opens on Monday", "headline"),
            (4.0, 8.0, "El mercado abre el lunes", "headline"),
            (8.0, 12.0, "Le marché ouvre lundi", "headline"),
        ],
    )
    assert spans(mixed, "The part spoken in one language.") == [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)]


SEEN = notes(
    60.0,
    cuts=[20.0, 40.0],
    tags=[
        Tag(5.0, 9.0, "car", 0.8, 1, 3, "red"),
        Tag(10.0, 14.0, "car", 0.8, 2, 3),
        Tag(42.0, 50.0, "person", 0.9, 3, 4),
    ],
)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("The time during which at least one car is visible. Do not report empty roads.", [(5.0, 14.0)]),
        ("When at least two people are on screen", [(42.0, 50.0)]),
        ("When at least four people are on screen", []),
        ("The time during which a dog is visible", []),
        ("Shots that show a person", [(40.0, 60.0)]),
        ("Time when a car or a person is visible", [(5.0, 14.0), (42.0, 50.0)]),
        ("Time when a car and a person are visible", []),
    ],
)
def test_things_are_there_while_they_are_seen(description: str, expected: list[tuple[float, float]]) -> None:
    assert spans(SEEN, description) == expected


def test_a_look_a_price_and_a_name_on_the_screen_are_found_too() -> None:
    shop = notes(
        30.0,
        cuts=[10.0, 20.0],
        speech=[(12.0, "It costs only nineteen dollars.")],
        texts=[(2.0, 6.0, "Now 19.50", "caption"), (22.0, 28.0, "ZEPHYR", "caption")],
        looks=[look(0.0, 10.0, "black", brightness=0.1), look(10.0, 20.0, "red"), look(20.0, 30.0, "blue")],
    )
    assert spans(shop, "Dark scenes") == [(0.0, 10.0)]
    assert spans(shop, "red shots") == [(10.0, 20.0)]
    assert spans(shop, "Every time a price is mentioned") == [(12.0, 13.667)]
    assert spans(shop, "When the price is shown") == [(2.0, 6.0)]
    assert spans(shop, "When the Zephyr logo is on screen") == [(22.0, 28.0)]


def test_a_reference_picture_is_there_where_it_was_recognised() -> None:
    seen = (
        Sighting(2.0, 6.0, "Logo", 0.9),
        Sighting(15.0, 19.0, "Logo", 0.8),
        Sighting(4.0, 8.0, "cup", 0.8),
    )
    found = replace(
        notes(20.0, cuts=[10.0]), sightings=seen, sought=(Sought("Logo", 20), Sought("not-there", 20))
    )
    assert spans(found, "When <@Logo> is visible") == [(2.0, 6.0), (15.0, 19.0)]
    assert spans(found, "The time in which <@Logo> and <@cup> are seen. Each shot counts.") == [(4.0, 6.0)]
    assert spans(found, "Scenes with <@cup>") == [(0.0, 10.0)]
    assert spans(found, "When <@not-there> is visible") == []
    assert spans(found, "Each shot. Do not mind <@Logo>.") == [(0.0, 10.0), (10.0, 20.0)]


TALK = notes(
    40.0,
    speech=[
        (1.0, "Welcome to the night radio."),
        (3.0, "Thank you, I am glad to be here."),
        (8.0, "When was the lighthouse built?"),
        (11.0, "It was built in the year eighteen ninety."),
        (14.0, "A famous engineer built it."),
        (30.0, "What colour does it have?"),
        (33.0, "It is red and white."),
    ],
)


def test_questions_come_with_their_answers() -> None:
    assert spans(TALK, "Each question and its answer") == [(8.0, 15.667), (30.0, 34.667)]


def test_turns_are_told_by_who_is_greeted_asked_and_thanked() -> None:
    found = spans(TALK, "Speaker turns")
    assert [start for start, _ in found] == [1.0, 3.0, 11.0, 30.0, 33.0]


def test_silence_is_where_speech_was_listened_for_and_none_was_heard() -> None:
    assert spans(TALK, "Time during which nobody speaks") == [
        (5.667, 8.0),
        (15.667, 30.0),
        (34.667, 40.0),
    ]
    deaf = notes(40.0, states={"speech": "failed"})
    assert spans(deaf, "Silence") == []


@pytest.mark.parametrize(
    "description", ["The time when music plays", "Applause", "A unicorn dances", "?", "x"]
)
def test_what_the_evidence_cannot_show_is_not_made_up(description: str) -> None:
    for found in (NEWS, TALK, SEEN, BOARD, notes(10.0, sound=False)):
        assert spans(found, description) == []


def test_the_negative_part_of_a_description_is_not_looked_for() -> None:
    assert read_wish(SegmentWish("a", "Do not report slides. The time a cat is visible.")).things == ("cat",)
    assert read_wish(SegmentWish("a", "Each topic, not each shot")).sort == "topics"


def test_an_id_tells_what_is_meant_where_the_description_does_not() -> None:
    assert read_wish(SegmentWish("camera_shots", "As many as there are.")).sort == "shots"


FIELDS = (
    TITLE,
    SegmentField("summary", "string", "one sentence"),
    SegmentField("kind", "string", "the kind of story", enum=("coffee", "weather", "unknown")),
    SegmentField("only", "string", "the name of the ship", enum=("Titanic", "Bismarck")),
    SegmentField("rain", "boolean", "whether rain is mentioned"),
    SegmentField("price", "number", "What does a cup cost?"),
    SegmentField("words", "array", "keywords", items="string"),
    SegmentField("ends", "timestamp", "when it ends", format="seconds"),
    SegmentField(
        "shots", "time_array", "each camera shot", fields=(SegmentField("what", "string", "text on screen"),)
    ),
    SegmentField("text", "string", "all text on the screen"),
    SegmentField("nobody", "string", "Who is the mayor?"),
)


def test_fields_are_filled_from_the_evidence_of_their_segment_alone() -> None:
    coffee, weather = segments(NEWS, "One news story", *FIELDS)[2:4]
    values = coffee["metadata"]
    assert list(values) == [field.name for field in FIELDS]
    assert values["title"] == "Coffee prices rise"
    assert values["summary"] in [sentence.text for sentence in NEWS.speech[3:5]]
    assert (values["kind"], values["only"], values["rain"]) == ("coffee", None, False)
    assert (values["price"], values["ends"], values["nobody"]) == (None, 34.0, None)
    assert [(e["start_time"], e["end_time"]) for e in values["shots"]] == [(20.0, 28.0), (28.0, 34.0)]
    assert values["shots"][0]["what"] == values["text"] == "Coffee prices rise"
    assert "storm" not in json.dumps(values).lower()
    assert "coffee" not in json.dumps({**weather["metadata"], "kind": None}).lower()
    assert weather["metadata"]["rain"] is True


def test_only_the_ranges_of_a_definition_are_looked_at() -> None:
    assert spans(SHOTS, "each shot", ranges=((2.0, 6.0), (10.9, 12.0))) == [
        (2.0, 4.0),
        (4.0, 6.0),
        (11.0, 12.0),
    ]


def test_an_empty_video_has_no_topics_and_one_shot() -> None:
    empty = notes(10.0, sound=False)
    assert spans(empty, "each chapter") == []
    assert spans(empty, "each shot") == [(0.0, 10.0)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([NEWS, SHOTS, BOARD, SEEN, TALK, notes(5.0)]),
    st.text(max_size=60)
    | st.lists(
        st.sampled_from("the each time when shot is visible of 'a cat' said about slide not or".split())
    ).map(" ".join),
    st.sampled_from(FIELDS),
)
def test_whatever_is_asked_for_segments_lie_inside_and_have_their_fields(
    found: Notes, description: str, field: SegmentField
) -> None:
    for one in segments(found, description, field):
        assert found.start <= one["start_time"] < one["end_time"] <= found.end
        assert list(one["metadata"]) == [field.name]
