"""Made-up notes of several kinds of video, and a short way to ask about them."""

import itertools
from typing import Any

from kinoscribe.contract.json_schema import read_schema
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.embedded.compose import compose
from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Index
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.question import read_question
from kinoscribe.engines.engine import Ask
from kinoscribe.notes import CollectorReport, ColourShare, Look, Notes, ScreenText, Sentence, Shot, Tag

COLLECTORS = ("shots", "looks", "speech", "screen_text", "visual_tags")


def notes(
    length: float,
    *,
    speech: list[tuple[float, str]] | None = None,
    texts: list[tuple[float, float, str, str]] | None = None,
    tags: list[Tag] | None = None,
    cuts: list[float] | None = None,
    looks: list[Look] | None = None,
    sound: bool = True,
    language: str | None = "en",
    states: dict[str, str] | None = None,
) -> Notes:
    """Notes with sentences of a third of a second a word; every collector worked unless `states` says otherwise."""
    edges = [0.0, *(cuts or []), length]
    shots = tuple(
        Shot(a, b, "start" if i == 0 else "cut") for i, (a, b) in enumerate(itertools.pairwise(edges))
    )
    said = tuple(Sentence(t, min(length, t + len(x.split()) / 3), x, (), language) for t, x in speech or [])
    shown = tuple(ScreenText(a, b, x, role) for a, b, x, role in texts or [])  # type: ignore[arg-type]
    reports = tuple(
        CollectorReport(name, "1", (states or {}).get(name, "done"))  # type: ignore[arg-type]
        for name in COLLECTORS
    )
    return Notes(
        "content", 0.0, length, sound, language if said else None, shots, said, shown,
        tuple(tags or ()), tuple(looks or ()), reports,
    )  # fmt: skip


def facts(given: Notes) -> VideoFacts:
    sound = "aac" if given.has_sound else None
    return VideoFacts(
        given.start, given.end, 1280, 720, 25.0, 0, "mp4", "video/mp4", "h264", sound, 48_000, 2, 1, 1, 1_000
    )


def make_ask(given: Notes, prompt: str, schema: dict[str, Any] | None = None, max_tokens: int = 4096) -> Ask:
    """A question as an analysis asks it: its schema has been read."""
    tree = None if schema is None else read_schema(schema, "pegasus1.5", wide=True)
    return Ask(prompt, facts(given), given, given.start, given.end, "pegasus1.5", 0.0, max_tokens, tree)


def material(given: Notes) -> Material:
    return Material(Index(given), facts(given))


def say(given: Notes, prompt: str, schema: dict[str, Any] | None = None, max_tokens: int = 4096) -> str:
    """The whole answer to a prompt."""
    return "".join(compose(make_ask(given, prompt, schema, max_tokens), material(given)))


def find(given: Notes, question: str) -> Finding:
    """The finding for one question."""
    return answer(read_question(question), material(given))


def look(start: float, end: float, *names: str, brightness: float = 0.5, monochrome: bool = False) -> Look:
    return Look(start, end, tuple(ColourShare(n, 0.5) for n in names), brightness, monochrome, 0.1)


BAKERY = notes(
    95.0,
    cuts=[6, 20, 35, 50, 70, 85],
    speech=[
        (1, "Hi everyone, I'm Maria Lopez and today we bake a simple lemon cake."),
        (7, "You need two hundred grams of flour, three eggs, one hundred grams of butter and two lemons."),
        (21, "First, preheat the oven to one hundred and eighty degrees."),
        (26, "Mix the butter and the sugar until it is creamy."),
        (36, "Then add the eggs one by one."),
        (51, "Pour the batter into a greased tin."),
        (57, "Bake it for forty minutes."),
        (71, "Let it cool for ten minutes, because it crumbles when it is hot."),
        (78, "My grandmother from Sicily taught me this recipe in 1987."),
        (86, "It serves eight people. See you next Sunday!"),
    ],
    texts=[
        (0, 6, "Lemon Cake", "headline"),
        (7, 20, "Ingredients", "headline"),
        (7, 20, "200 g flour", "body"),
        (7, 20, "3 eggs", "body"),
        (7, 20, "2 lemons", "body"),
        (86, 95, "www.mariaskitchen.example", "caption"),
    ],
    tags=[
        Tag(0, 6, "person", 0.9, 1, 3, "white"),
        Tag(7, 20, "bowl", 0.8, 2, 4, "blue"),
        Tag(36, 50, "bowl", 0.8, 1, 4, "blue"),
    ],
)

INTERVIEW = notes(
    140.0,
    cuts=[15, 40, 70, 100],
    speech=[
        (1, "Welcome to Science Today, I'm Hannah Weiss."),
        (5, "My guest is Professor Amir Hadad from the University of Lund."),
        (16, "Professor, what did your team discover?"),
        (20, "We found a new species of frog in the rainforest of Borneo."),
        (28, "It is only nine millimeters long."),
        (41, "How long did the expedition last?"),
        (45, "We were there for six weeks, and it rained every day."),
        (53, "Was it dangerous?"),
        (56, "Not really. The worst were the leeches."),
        (71, "The frog is threatened because its habitat is being turned into palm oil plantations."),
        (104, "In October we will publish the results."),
    ],
    texts=[
        (1, 15, "Hannah Weiss", "caption"),
        (16, 40, "Prof. Amir Haddad", "caption"),
        (16, 40, "Biologist, University of Lund", "caption"),
    ],
)

MATCH = notes(
    50.0,
    speech=[(1, "Welcome to the final between the Bears and the Sharks.")],
    texts=[
        (0, 12, "BEARS 0 - 1 SHARKS", "caption"),
        (12, 41, "BEARS 1 - 1 SHARKS", "caption"),
        (41, 50, "BEARS 2 - 1 SHARKS", "caption"),
    ],
)

CAMERA = notes(
    120.0,
    sound=False,
    texts=[(0, 120, "CAM 03 PARKING", "caption"), (0, 120, "2024-03-18 22:14:05", "caption")],
    tags=[
        Tag(0, 40, "car", 0.8, 3, 20, "white"),
        Tag(10, 25, "person", 0.9, 1, 8),
        Tag(60, 80, "person", 0.8, 2, 10),
        Tag(70, 90, "truck", 0.7, 1, 8, "red"),
    ],
    looks=[look(0, 120, "black", "grey", brightness=0.3, monochrome=True)],
    states={"speech": "nothing"},
)

LECTURE = notes(
    80.0,
    cuts=[15, 35, 55],
    speech=[
        (1, "Today I explain how vaccines work."),
        (8, "Edward Jenner tested the first vaccine in 1796."),
        (22, "The body then makes antibodies."),
        (36, "There are four types of vaccines."),
        (66, "To sum up, vaccines train the body without the disease."),
    ],
    texts=[
        (0, 15, "How Vaccines Work", "headline"),
        (0, 15, "1/4", "caption"),
        (1, 15, "Dr. Elena Petrova", "caption"),
        (16, 35, "The Immune Response", "headline"),
        (17, 35, "Antibodies", "body"),
        (36, 55, "Types of Vaccines", "headline"),
        (36, 55, "3/4", "caption"),
        (37, 55, "Live", "body"),
        (38, 55, "Inactivated", "body"),
        (39, 55, "mRNA", "body"),
        (56, 80, "Side Effects", "headline"),
        (57, 80, "Fever", "body"),
        (58, 80, "Sore arm", "body"),
    ],
)

BLACK = notes(
    15.0,
    sound=False,
    looks=[look(0, 15, "black", brightness=0.01, monochrome=True)],
    states={"speech": "nothing"},
)
