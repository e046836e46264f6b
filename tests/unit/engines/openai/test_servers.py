"""One video's questions go to one server, and a way through the servers ends."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe import clock
from kinoscribe.engines.openai.servers import Course, Miss, Servers

URLS = tuple(f"http://10.0.0.{number}:8000/v1" for number in range(1, 6))


@settings(deadline=None)
@given(st.text())
def test_a_video_has_one_order_of_all_servers(content: str) -> None:
    assert sorted(Servers(URLS).order(content)) == sorted(URLS)
    assert Servers(URLS).order(content) == Servers(tuple(reversed(URLS))).order(content)


@settings(deadline=None)
@given(st.text(), st.integers(0, 4))
def test_a_server_that_goes_moves_only_its_own_videos(content: str, gone: int) -> None:
    left = tuple(url for url in URLS if url != URLS[gone])
    before = [url for url in Servers(URLS).order(content) if url != URLS[gone]]
    assert list(Servers(left).order(content)) == before


def test_videos_are_spread_over_the_servers() -> None:
    found = Counter(Servers(URLS).order(f"video {number}")[0] for number in range(1_000))
    assert len(found) == len(URLS)
    assert min(found.values()) > 120


def test_a_server_that_failed_is_asked_last_for_a_while_and_is_told_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Servers(URLS)
    first, *others = made.order("video")
    made.failed(first)
    assert made.order("video") == (*others, first)
    now = clock.steady()
    monkeypatch.setattr(clock, "steady", lambda: now + 60.0)
    assert made.order("video") == (first, *others)
    assert [made.number(url) for url in URLS] == [1, 2, 3, 4, 5]


def test_a_server_that_fails_again_and_again_is_left_alone_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [clock.steady()]
    monkeypatch.setattr(clock, "steady", lambda: now[0])
    told: list[int] = []
    made = Servers(URLS, lambda: told.append(1))
    first = made.order("video")[0]

    def away() -> int:
        for _ in range(3):  # what went out at once fails at once, and counts once
            made.failed(first)
        seconds = 0
        while made.order("video")[0] != first:
            now[0] += 1.0
            seconds += 1
        return seconds

    assert [away() for _ in range(8)] == [10, 20, 40, 80, 160, 320, 320, 320]
    assert len(told) == 24
    made.answered(first)
    assert away() == 10


def test_a_server_that_is_known_not_to_be_well_is_asked_last() -> None:
    made = Servers(URLS)
    first, second, *others = made.order("video")
    assert made.order("video", {first}) == (second, *others, first)


def test_what_a_server_refuses_is_known_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Servers(URLS)
    made.learn(URLS[0], "extras")
    assert made.refuses(URLS[0], "extras")
    assert not made.refuses(URLS[1], "extras")
    assert not made.refuses(URLS[0], "other")
    for number in range(3_000):
        made.learn(URLS[1], f"schema {number}")
    now = clock.steady()
    assert made.refuses(URLS[1], "schema 2999")
    monkeypatch.setattr(clock, "steady", lambda: now + 3_600.0)
    assert not made.refuses(URLS[1], "schema 2999")


def way(course: Course, misses: dict[str, Miss]) -> list[tuple[str, float | None]]:
    """Who is asked, and how long is waited before the next one."""
    found: list[tuple[str, float | None]] = []
    while True:
        asked = course.url
        wait = course.after(misses[asked])
        found.append((asked, wait))
        if wait is None:
            return found


def test_every_server_is_asked_and_those_that_may_answer_are_asked_again() -> None:
    misses = {"a": Miss("a", False), "b": Miss("b", True), "c": Miss("c", True, 2.0)}
    found = way(Course(("a", "b", "c"), 20.0), misses)
    assert found == [("a", 0.0), ("b", 0.0), ("c", 0.5), ("b", 0.0), ("c", 1.0), ("b", 0.0), ("c", None)]


def test_nobody_is_asked_twice_who_would_not_answer() -> None:
    assert way(Course(("a", "b"), 20.0), {"a": Miss("a", False), "b": Miss("b", False)}) == [
        ("a", 0.0),
        ("b", None),
    ]


def test_a_wait_that_is_too_long_is_not_waited() -> None:
    course = Course(("a", "b"), 20.0)
    assert way(course, {"a": Miss("a", True, 300.0), "b": Miss("b", True, 90.5)})[-1] == ("b", None)
    assert course.come_back == 91


MISS = st.tuples(st.booleans(), st.one_of(st.none(), st.floats(0, 1e12)))


@settings(deadline=None)
@given(st.lists(MISS, min_size=1, max_size=5), st.floats(0, 100))
def test_each_way_ends_within_its_patience(told: list[tuple[bool, float | None]], patience: float) -> None:
    misses = {str(place): Miss(str(place), again, wait) for place, (again, wait) in enumerate(told)}
    course = Course(tuple(misses), patience)
    found = way(course, misses)
    assert sum(wait or 0.0 for _, wait in found) <= patience + 1e-6
    assert max(Counter(url for url, _ in found).values()) <= 3
    assert {url for url, _ in found} == set(misses)
    assert course.come_back is None or 1 <= course.come_back <= 3_600
