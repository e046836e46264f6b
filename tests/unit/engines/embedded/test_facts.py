"""The shortest answer to a question, for each kind of question."""

import pytest
from tests.unit.engines.embedded.videos import (
    BAKERY,
    BLACK,
    CAMERA,
    INTERVIEW,
    LECTURE,
    MATCH,
    find,
    look,
    notes,
)

from kinoscribe.notes import Notes, Tag

QUESTIONS: list[tuple[Notes, str, str]] = [
    (BAKERY, "Who is baking?", "Maria Lopez"),
    (BAKERY, "How many eggs are needed?", "three eggs"),
    (BAKERY, "How much flour do you need?", "two hundred grams"),
    (BAKERY, "At what temperature is the oven?", "one hundred and eighty degrees"),
    (BAKERY, "How long does it bake?", "forty minutes"),
    (BAKERY, "How long should it cool?", "ten minutes"),
    (BAKERY, "Why should it cool?", "it crumbles when it is hot"),
    (BAKERY, "Who taught her the recipe?", "My grandmother from Sicily"),
    (BAKERY, "In which year did she learn the recipe?", "1987"),
    (BAKERY, "What is the website?", "www.mariaskitchen.example"),
    (BAKERY, "Which colour is the bowl?", "blue"),
    (BAKERY, "How many bowls are there at the start?", "two"),
    (BAKERY, "What is the title of the second slide?", "Ingredients"),
    (INTERVIEW, "What did the team discover?", "a new species of frog in the rainforest of Borneo"),
    (INTERVIEW, "How long is the frog?", "nine millimeters"),
    (INTERVIEW, "How long did the expedition last?", "six weeks"),
    (INTERVIEW, "Was it dangerous?", "no"),
    (INTERVIEW, "Where was the frog found?", "in the rainforest of Borneo"),
    (INTERVIEW, "Why is the frog threatened?", "its habitat is being turned into palm oil plantations"),
    (INTERVIEW, "Who is the guest?", "Prof. Amir Haddad"),
    (INTERVIEW, "What is the profession of the guest?", "Biologist"),
    (INTERVIEW, "How often did it rain?", "every day"),
    (MATCH, "What is the final score?", "BEARS 2-1 SHARKS"),
    (MATCH, "Which team is ahead at the end?", "BEARS"),
    (MATCH, "How many goals are scored in the clip?", "two"),
    (MATCH, "How many goals did the Bears score?", "2"),
    (MATCH, "Which teams are playing?", "BEARS and SHARKS"),
    (MATCH, "When does the score change first?", "0:12 (1-1)"),
    (CAMERA, "When does the truck appear?", "1:10–1:30"),
    (CAMERA, "How many people are seen at once at most?", "two"),
    (CAMERA, "What colour is the truck?", "red"),
    (CAMERA, "Is the picture in colour?", "no, it is black and white"),
    (CAMERA, "Is anyone speaking?", "no, the video has no sound"),
    (LECTURE, "Who tested the first vaccine?", "Edward Jenner"),
    (LECTURE, "Name the three types of vaccines.", "Live, Inactivated, mRNA"),
    (LECTURE, "How many slides are there?", "four"),
    (LECTURE, "What does the body make?", "antibodies"),
    (LECTURE, "Who is the lecturer?", "Dr. Elena Petrova"),
    (BLACK, "Is anything said in the video?", "no, the video has no sound"),
    (BLACK, "How long is the video?", "15 seconds"),
]


@pytest.mark.parametrize(("given", "question", "short"), QUESTIONS, ids=[q for _, q, _ in QUESTIONS])
def test_a_question_gets_its_shortest_answer(given: Notes, question: str, short: str) -> None:
    assert find(given, question).short == short


@pytest.mark.parametrize(
    "question", ["What does the dragon eat?", "Who invented the telephone?", "How fast is the rocket?"]
)
def test_what_the_evidence_does_not_hold_is_not_answered(question: str) -> None:
    assert find(BAKERY, question).short == ""


def test_a_no_to_the_eye_needs_a_class_that_the_detector_knows() -> None:
    known = find(BAKERY, "Is there a dog in the video?")
    assert (known.polarity, known.short) == (False, "no")
    unknown = find(BAKERY, "Is there a drone in the video?")
    assert unknown.short == "no evidence of it"
    assert "may be in the picture unnamed" in unknown.sentence


def test_a_collector_that_failed_leaves_the_matter_open() -> None:
    deaf = notes(10.0, texts=[(0, 10, "Hello", "body")], states={"speech": "failed"})
    assert "not known" in find(deaf, "Is anything said in the video?").sentence
    assert "the speech was not examined" in find(deaf, "Does anyone mention a dragon?").sentence


def test_what_people_do_is_said_to_be_unknown() -> None:
    assert "no actions" in find(CAMERA, "What are the people doing?").sentence


def test_a_colour_that_nothing_ties_to_a_thing_is_hedged() -> None:
    shapes = notes(10.0, looks=[look(0, 10, "white", "blue")])
    finding = find(shapes, "What colour is the square?")
    assert not finding.sure
    assert "blue" in finding.short


def test_people_who_come_one_after_another_are_counted_by_appearance() -> None:
    door = notes(
        60.0,
        tags=[
            Tag(5, 10, "person", 0.9, 1, 5),
            Tag(20, 30, "person", 0.9, 2, 5),
            Tag(40, 50, "person", 0.9, 1, 5),
        ],
    )
    assert find(door, "How many people come in, one after another?").number == 4


def test_a_single_weak_sighting_is_no_evidence() -> None:
    logo = notes(10.0, tags=[Tag(1, 2, "stop sign", 0.8, 1, 1)])
    assert find(logo, "Is there a stop sign?").polarity is False


def test_a_name_is_spelled_as_the_screen_spells_it() -> None:
    heard = notes(
        10.0,
        speech=[(1, "With me in the studio is Carl von Frish tonight.")],
        texts=[(0, 10, "Karl von Frisch, biologist", "caption")],
    )
    assert find(heard, "Who is in the studio?").short == "Karl von Frisch"
