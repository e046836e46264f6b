"""Things seen in pictures become tags only when they were seen twice, or once beyond doubt."""

from kinoscribe.evidence.visual_tags import Seen, TagKeeper
from kinoscribe.notes import Box

SMALL = Box(0.4, 0.4, 0.2, 0.3)


def seen(label: str, score: float = 0.7, box: Box = SMALL, colour: str | None = None) -> Seen:
    return Seen(label, score, box, colour)


def tags(*pictures: list[Seen], cuts: tuple[float, ...] = ()) -> list:
    keeper = TagKeeper()
    for number, things in enumerate(pictures):
        keeper.feed(2.0 * number, 2.0 * number - 0.5, things)
    return list(keeper.finish(cuts, 0.0, 2.0 * len(pictures)))


def test_one_doubtful_sighting_is_no_tag() -> None:
    assert tags([], [seen("bird")], []) == []
    assert [t.label for t in tags([], [seen("bird"), seen("cat", 0.9)], [])] == ["cat"]


def test_sightings_in_a_row_are_one_tag_that_counts_the_most_seen_at_once() -> None:
    [tag] = tags([seen("person")], [seen("person"), seen("person", 0.6)], [seen("person")], [], [])
    assert (tag.start, tag.end, tag.sightings, tag.count) == (0.0, 5.5, 3, 2)


def test_a_picture_missed_between_does_not_break_a_tag_and_two_do() -> None:
    a, none = [seen("cup", 0.85)], []
    assert len(tags(a, none, a)) == 1
    assert len(tags(a, none, none, a)) == 2


def test_a_cut_ends_a_tag() -> None:
    [tag] = tags([seen("cat", 0.9)], [seen("cat", 0.9)], [], cuts=(3.2,))
    assert tag.end == 3.2


def test_the_colour_is_named_when_most_boxes_have_it() -> None:
    assert tags([seen("car", colour="red")], [seen("car", colour="red")])[0].colour == "red"
    assert tags([seen("car", colour="red")], [seen("car")], [seen("car")])[0].colour is None


def test_a_thing_that_fills_the_picture_has_to_be_beyond_doubt() -> None:
    whole = Box(0.0, 0.0, 1.0, 0.95)
    assert tags([seen("train", 0.85, whole)], [seen("train", 0.85, whole)]) == []
    assert tags([seen("train", 0.95, whole)], [seen("train", 0.95, whole)]) != []
