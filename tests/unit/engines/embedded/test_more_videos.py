"""Short answers about videos of many kinds: what a field of a schema holds when its description is the question."""

import pytest
from tests.unit.engines.embedded.videos import material, notes

from kinoscribe.engines.embedded.fields import Field, text_value
from kinoscribe.notes import Notes, Tag

ZOO = notes(
    70.0,
    cuts=[10, 25, 40, 55],
    speech=[
        (1, "At the zoo of Karlsdorf the keepers are preparing for the winter."),
        (8, "The elephants moved into a heated hall last week."),
        (14, "Each of them eats 150 kilos of hay a day."),
        (26, "The penguins, on the other hand, love the cold."),
        (31, "A chick hatched on Sunday, and visitors can vote for its name until December."),
        (48, "Tickets cost 18 euros for adults and 9 euros for children."),
        (56, "Director Helga Brandt hopes for snow."),
    ],
    texts=[(10, 25, "KARLSDORF", "headline"), (55, 70, "Helga Brandt, zoo director", "caption")],
    tags=[Tag(10, 25, "elephant", 0.95, 3, 6, "grey"), Tag(25, 40, "bird", 0.8, 6, 5, "black")],
)
MARKET = notes(
    55.0,
    speech=[
        (1, "Apples are cheaper this year, a kilo costs one euro twenty."),
        (7, "Last year it was two euros."),
        (13, "Farmer Josef Lang says the harvest was excellent thanks to the warm April."),
        (25, "Tomatoes, however, suffered from hail in July."),
        (30, "Half of the plants were lost."),
        (37, "The market is open on Wednesdays and Saturdays from seven to one."),
        (49, "From the market square in Altheim, Nora Kim."),
    ],
    texts=[(12, 24, "Josef Lang, farmer", "caption"), (48, 55, "Nora Kim, Altheim", "caption")],
)
REPAIR = notes(
    75.0,
    speech=[
        (7, "You need an adjustable wrench, a new washer and an old towel."),
        (16, "First turn off the water under the sink."),
        (22, "Put the towel in the sink so that no screw gets lost."),
        (31, "Unscrew the handle, then remove the red ring."),
        (51, "Insert the new washer and tighten everything by hand."),
        (58, "Do not use too much force, otherwise the ceramic breaks."),
    ],
    texts=[
        (15, 30, "1. Turn off the water", "headline"),
        (30, 50, "2. Remove the handle", "headline"),
        (50, 75, "3. Insert the washer", "headline"),
    ],
)
HISTORY = notes(
    120.0,
    speech=[
        (1, "The town of Brennhaven was founded by Dutch sailors in 1648."),
        (13, "In 1721 a great flood swept away the church and forty houses."),
        (38, "In the nineteenth century the railway arrived, and with it the tourists."),
        (51, "The lighthouse was designed by the engineer Clara Holm."),
        (57, "It is 52 meters tall and has 268 steps."),
        (104, "The entrance is free."),
    ],
    texts=[(95, 120, "Whale Festival, 12-15 August", "caption")],
)
COMPANY = notes(
    100.0,
    speech=[
        (8, "Revenue grew by 24 percent to 18 million euros."),
        (14, "The reason is the strong demand for our home batteries."),
        (21, "We opened two new offices, one in Madrid and one in Gdansk."),
        (46, "The launch of the Solbit Mini moves from May to July."),
        (60, "Please send your questions to Karl before Friday."),
        (68, "I give our year four out of five stars."),
    ],
)

QUESTIONS: list[tuple[Notes, str, str]] = [
    (ZOO, "What do the elephants eat?", "hay"),
    (ZOO, "Which animals love the cold?", "penguins"),
    (ZOO, "Until when can visitors vote?", "until december"),
    (ZOO, "How much do children pay?", "9 euros"),
    (ZOO, "How much is a ticket for adults?", "18 euros"),
    (ZOO, "Who is the director of the zoo?", "helga brandt"),
    (ZOO, "Which animal is seen first?", "elephant"),
    (MARKET, "What was the price last year?", "two euros"),
    (MARKET, "Why was the harvest excellent?", "thanks to the warm april"),
    (MARKET, "How many of the plants were lost?", "half of the plants"),
    (MARKET, "From when until when is the market open?", "seven to one"),
    (MARKET, "In which town is the market?", "altheim"),
    (MARKET, "Who is the reporter?", "nora kim"),
    (REPAIR, "Which tools are needed?", "towel"),
    (REPAIR, "Where is the water turned off?", "under the sink"),
    (REPAIR, "What is the second step?", "remove the handle"),
    (REPAIR, "How many steps are shown?", "three"),
    (REPAIR, "What is done after the new washer is inserted?", "tighten everything by hand"),
    (HISTORY, "Who founded the town?", "dutch sailors"),
    (HISTORY, "Who designed the lighthouse?", "clara holm"),
    (HISTORY, "What arrived in the nineteenth century?", "the railway"),
    (HISTORY, "How many houses were destroyed by the flood?", "forty houses"),
    (HISTORY, "How tall is the lighthouse?", "52 meters"),
    (HISTORY, "How much is the entrance?", "free"),
    (COMPANY, "By how much did revenue grow?", "24 percent"),
    (COMPANY, "How high is the revenue?", "18 million euros"),
    (COMPANY, "Why did revenue grow?", "demand"),
    (COMPANY, "In which cities were offices opened?", "madrid, gdansk"),
    (COMPANY, "When will the Solbit Mini be launched?", "july"),
    (COMPANY, "To whom should questions be sent?", "karl"),
    (COMPANY, "How many stars does it get?", "four"),
]


@pytest.mark.parametrize(("given", "question", "wanted"), QUESTIONS, ids=[q for _, q, _ in QUESTIONS])
def test_the_field_holds_the_answer(given: Notes, question: str, wanted: str) -> None:
    assert wanted in text_value(Field("x", question, ""), material(given), 500).lower()


def test_a_date_on_the_screen_is_no_score() -> None:
    assert "score" not in text_value(Field("summary", "", ""), material(HISTORY), 500).lower()
