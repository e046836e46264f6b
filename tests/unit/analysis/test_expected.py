"""How long evidence and answer will take is told roughly, but the longer the more there is to look at."""

from dataclasses import replace

from tests.unit.analysis.pretended import Engine
from tests.unit.analysis.pretended_sight import SIGHT, Cinema, events_of, sees

from kinoscribe.analysis.expected import Expected, expected


def told(seconds: float, *, context: int = 32_768, at_once: int = 1) -> Expected:
    cinema = Cinema(sees(events_of, context=context, sight=replace(SIGHT, at_once=at_once)), seconds)
    found = expected(cinema.job())
    assert found is not None
    return found


def test_of_an_engine_that_looks_at_no_pictures_nothing_is_expected() -> None:
    cinema = Cinema(sees(events_of), 600.0)
    assert expected(replace(cinema.job(), engine=Engine())) is None


def test_a_short_video_takes_one_ask_and_a_long_one_many() -> None:
    assert told(60.0).answer < 20.0
    assert told(7_200.0).answer > 24 * 20.0
    assert told(7_200.0).evidence > 10 * told(60.0).evidence


def test_windows_that_are_asked_about_at_once_take_less_and_shorter_ones_more() -> None:
    assert told(7_200.0, at_once=4).answer < told(7_200.0).answer
    assert told(7_200.0, context=4_096).answer > 2 * told(7_200.0).answer
