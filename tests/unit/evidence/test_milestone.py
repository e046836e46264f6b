"""Whoever goes on from a milestone finds what one who never stopped finds, and looks at nothing twice."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media_truth import BLUE, GREEN, RED, Pixels, Track, beep, card, make_video
from tests.unit.evidence.painted import grain, scene, thumb
from tests.unit.evidence.played import CONTENT, Pretended, finished

from kinoscribe.cancel import Cancel
from kinoscribe.child import ChildDied, ChildFailed, Children, ChildSpec
from kinoscribe.contract.errors import EngineFailed, VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.keep import NotesFolder, key_of
from kinoscribe.evidence.looks import LookKeeper
from kinoscribe.evidence.milestone import Marker, read_milestone
from kinoscribe.evidence.perception import Perception
from kinoscribe.evidence.record import (
    Collected,
    PerceptionConfig,
    Piece,
    Reached,
    Stage,
    Unreadable,
    Wanted,
    pack,
    perception_config,
    unpack_piece,
    unpack_wanted,
)
from kinoscribe.evidence.screen_text import Line, ScreenReader
from kinoscribe.evidence.shots import ShotFinder
from kinoscribe.evidence.speech import Heard, Heeded, Listener
from kinoscribe.evidence.trail import TrailKeeper
from kinoscribe.evidence.visual_tags import Seen, TagKeeper
from kinoscribe.evidence.worker import perceive
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.freeze import freeze, thaw
from kinoscribe.media.pieces import Picture, ReadPlan, Sound, Thumb
from kinoscribe.notes import Box, CollectorReport, Notes, Shot, Word

ALL = ("shots", "looks", "speech", "screen_text", "visual_tags")
SCENES = [thumb(scene(seed)) for seed in range(4)] + [
    np.full((3, 36, 64), level, np.float32) for level in (16, 235)
]
PART = 4.0


def again(made: Any) -> Any:
    """What another process makes of it."""
    return thaw(freeze(made), type(made))


@settings(deadline=None, max_examples=40)
@given(
    runs=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), min_size=1, max_size=6),
    breaks=st.sets(st.integers(0, 150), max_size=3),
)
def test_shots_and_looks_do_not_show_where_the_work_was_broken_off(
    runs: list[tuple[int, int]], breaks: set[int]
) -> None:
    frames = [SCENES[number] for number, count in runs for _ in range(count)]
    tiny = [grain(frame, at, 0.4) for at, frame in enumerate(frames)]
    end = len(tiny) / 12.5
    finder, keeper = ShotFinder(), LookKeeper()
    other_finder, other_keeper = ShotFinder(), LookKeeper()
    for at, frame in enumerate(tiny):
        if at in breaks:
            other_finder, other_keeper = again(other_finder), again(other_keeper)
        for collector in (finder, keeper, other_finder, other_keeper):
            collector.feed(at / 12.5, frame)
    shots = finder.finish(0.0, end)
    assert other_finder.finish(0.0, end) == shots
    assert other_keeper.finish(shots) == keeper.finish(shots)


WORDS = st.sampled_from(["Bees", "Bees live in hives", "Score 1:0", "Score 2:0", "THE END", "x"])
BOXES = st.builds(Box, st.just(0.1), st.sampled_from([0.1, 0.4, 0.8]), st.just(0.5), st.just(0.05))
LINES = st.lists(st.builds(Line, WORDS, st.sampled_from([0.7, 0.95]), BOXES), max_size=3)
SEEN = st.lists(
    st.builds(
        Seen,
        st.sampled_from(["cat", "dog"]),
        st.sampled_from([0.5, 0.7, 0.95]),
        BOXES,
        st.sampled_from([None, "red", "blue"]),
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(
    pictures=st.lists(st.tuples(st.sampled_from([0.5, 2.0, 9.0]), LINES, SEEN), max_size=10),
    breaks=st.sets(st.integers(0, 10), max_size=3),
)
def test_texts_and_tags_do_not_show_where_the_work_was_broken_off(
    pictures: list[tuple[float, list[Line], list[Seen]]], breaks: set[int]
) -> None:
    made = [(ScreenReader(), TagKeeper(), TrailKeeper()) for _ in range(2)]
    time = 0.0
    for at, (gap, lines, seen) in enumerate(pictures):
        if at in breaks:
            made[1] = (again(made[1][0]), again(made[1][1]), again(made[1][2]))
        for reader, tagger, trail in made:
            for step in range(3):
                luma = np.full((36, 64), 40 * ((at + step) % 4), np.uint8)
                trail.feed(time + step * gap / 3, luma)
            reader.feed(time + gap, time + gap / 2, lines, trail.take())
            tagger.feed(time + gap, time + gap / 2, seen)
        time += gap
    texts = [reader.finish([3.0], 0.0, time + 1) for reader, _, _ in made]
    tags = [tagger.finish([3.0], 0.0, time + 1) for _, tagger, _ in made]
    assert texts[0] == texts[1]
    assert tags[0] == tags[1]


class Ear:
    """Hears a word for each second of a voice; a voice is where the sound is loud."""

    def voices(self, sound: np.ndarray) -> list[tuple[float, float]]:
        loud = np.flatnonzero(np.diff(np.concatenate(([0], (np.abs(sound) > 0.1).astype(int), [0]))))
        return [
            (round(int(a) / 16_000, 2), round(int(b) / 16_000, 2))
            for a, b in zip(loud[::2], loud[1::2], strict=True)
        ]

    def languages(self, sound: np.ndarray) -> list[tuple[str, float]]:
        return [("en", 0.9)] if sound.size > 40_000 else [("de", 0.6), ("en", 0.4)]

    def hear(self, sound: np.ndarray, language: str, **how: Any) -> Heard:
        count = max(1, sound.size // 16_000)
        said = (
            Word(float(n), n + 0.9, f" {language}{round(sound.size / 8000)}{how['names']}.")
            for n in range(count)
        )
        return Heard(tuple(said), language, False)


@settings(deadline=None, max_examples=60)
@given(
    spans=st.lists(st.tuples(st.booleans(), st.floats(0.1, 15.0)), min_size=1, max_size=8),
    breaks=st.sets(st.integers(0, 60), max_size=3),
)
def test_speech_is_neither_lost_nor_doubled_where_the_work_was_broken_off(
    spans: list[tuple[bool, float]], breaks: set[int]
) -> None:
    sound = np.concatenate(
        [np.full(round(16_000 * length), 0.5 * loud, np.float32) for loud, length in spans]
    )
    listener, other = (Listener(Ear(), lambda pictures: f"P{pictures}") for _ in range(2))
    for second in range(0, sound.size, 16_000):
        at = second // 16_000
        if at in breaks:
            other = Listener(Ear(), lambda pictures: f"P{pictures}", cast("Heeded", again(other.heeded)))
        for one in (listener, other):
            one.feed(float(at), sound[second : second + 16_000], at // 5)
    assert other.finish() == listener.finish()


class FakeReader:
    """Reads the colour, and what the picture before was, as the real one remembers the lines before."""

    def begin(self, lately: bytes | None) -> None:
        self._last = (lately or b"nothing").decode()

    def lately(self) -> bytes:
        return self._last.encode()

    def read(self, picture: np.ndarray) -> list[Line]:
        means = picture.reshape(-1, 3).mean(axis=0)
        now = ("Rosso", "Verde", "Azzurro")[int(means.argmax())]
        text, self._last = f"{now} after {self._last}", now
        return [Line(text, 0.99, Box(0.1, 0.1, 0.5, 0.1))]


class FakeDetector:
    def look(self, picture: np.ndarray) -> list[Seen]:
        box = Box(0.1, 0.1, 0.5, 0.1)
        return [Seen("cat" if picture[..., 0].mean() > 90 else "dog", 0.95, box, "red")]


def lively(time: float) -> Pixels:
    picture = card([RED, GREEN, BLUE][int(time / 2.7) % 3], (320, 180))
    across = int(time * 45) % 280
    picture[50:80, across : across + 40] = 255
    return picture


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "v.mkv"
    spoken = beep((1.0, 3.0), (3.7, 4.6), (7.5, 9.2), (11.0, 18.5), seconds=20.0)
    return make_video(
        path,
        lively,
        seconds=20.0,
        fps=25,
        sound=(Track(spoken, codec="pcm_s16le"),),
        codec_options={"g": "30"},
    )


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(most=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def facts(video: Path, decoders: Decoders) -> VideoFacts:
    return decoders.probe(video)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Perception, "ear", lambda _: Ear())
    monkeypatch.setattr(Perception, "reader", lambda _: FakeReader())
    monkeypatch.setattr(Perception, "detector", lambda _: FakeDetector())


def perception(collectors: tuple[str, ...] = ALL) -> Perception:
    return Perception(
        PerceptionConfig(collectors, "/nowhere", "base", 3 << 30, 60.0, 64_000_000, 1, PART, 0.0)
    )


def see(
    decoders: Any, wanted: Wanted, of: Perception | None = None
) -> tuple[Notes, list[Reached], list[Stage]]:
    *told, last = perceive(wanted, of or perception(), decoders)
    assert isinstance(last, Collected)
    stages = [piece for piece in told if isinstance(piece, Stage)]
    return last.notes, [piece for piece in told if isinstance(piece, Reached)], stages


def without_seconds(notes: Notes) -> Notes:
    return replace(notes, reports=tuple(replace(report, seconds=0.0) for report in notes.reports))


class Counting:
    """Decoders that note the times of what they bring."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self.times: list[float] = []

    def read(self, path: Path, plan: ReadPlan) -> Iterator[Any]:
        for piece in self._decoders.read(path, plan):
            if isinstance(piece, Thumb | Picture | Sound):
                self.times.append(piece.time)
            yield piece


@pytest.mark.usefixtures("models")
def test_from_every_milestone_on_the_same_notes_are_made_and_nothing_is_looked_at_twice(
    video: Path, facts: VideoFacts, decoders: Decoders
) -> None:
    wanted = Wanted(str(video), CONTENT, facts)
    whole, reached, _ = see(decoders, wanted)
    assert len(whole.shots) == 8
    assert len(whole.speech) >= 4
    assert len(whole.screen_text) >= 3
    assert [m.time for m in reached] == pytest.approx([4.0, 8.0, 12.0, 16.0], abs=0.1)
    for milestone in reached:
        counting = Counting(decoders)
        notes, further, stages = see(counting, Wanted(str(video), CONTENT, facts, milestone.milestone))
        assert without_seconds(notes) == without_seconds(whole)
        assert min(counting.times) > milestone.time - 1.5
        assert [m.time for m in further] == [m.time for m in reached if m.time > milestone.time]
        assert min(stage.done for stage in stages) >= round(milestone.time / facts.duration, 2) - 0.01
        for ours, theirs in zip(notes.reports, whole.reports, strict=True):
            assert ours.seconds > 0
            assert ours.items == theirs.items


def test_shots_and_looks_alone_go_on_too(video: Path, facts: VideoFacts, decoders: Decoders) -> None:
    wanted = Wanted(str(video), CONTENT, facts)
    whole, reached, _ = see(decoders, wanted, perception(("shots", "looks")))
    last = reached[-1].milestone
    notes, _, _ = see(decoders, Wanted(str(video), CONTENT, facts, last), perception(("shots", "looks")))
    assert without_seconds(notes) == without_seconds(whole)


def test_a_milestone_of_another_program_or_other_collectors_or_none_at_all_is_not_used(
    video: Path, facts: VideoFacts, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reached, _ = see(decoders, Wanted(str(video), CONTENT, facts), perception(("shots", "looks")))
    body = reached[0].milestone
    assert read_milestone(body, ("looks", "shots")) is not None
    assert read_milestone(body, ("shots",)) is None
    assert read_milestone(None, ("looks", "shots")) is None
    assert read_milestone(body[:-10], ("looks", "shots")) is None
    assert read_milestone(b"{}", ("looks", "shots")) is None
    monkeypatch.setattr("kinoscribe.evidence.milestone.__version__", "0.0.0")
    assert read_milestone(body, ("looks", "shots")) is None


@pytest.mark.usefixtures("models")
def test_a_collector_that_failed_makes_no_milestones(
    video: Path, facts: VideoFacts, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Perception) -> None:
        raise RuntimeError("the model is not itself today")

    monkeypatch.setattr(Perception, "detector", broken)
    notes, reached, _ = see(decoders, Wanted(str(video), CONTENT, facts))
    assert not notes.worked("visual_tags")
    assert reached == []


def test_a_marker_is_complete_when_every_collector_has_passed_it() -> None:
    marker = Marker(4.0, b"decoder", [1.0, 2.0], TrailKeeper(), ("shots", "looks"))
    assert not marker.complete
    marker.add("shots", b"s", 1.5)
    assert not marker.complete
    marker.add("looks", b"l", 0.5)
    assert marker.complete
    found = read_milestone(marker.milestone(), ("shots", "looks"))
    assert found is not None
    assert (found.time, found.decoding, found.pictures) == (4.0, b"decoder", (1.0, 2.0))
    assert (found.lines["shots"].memory, found.lines["shots"].seconds) == (b"s", 1.5)


FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
KEY = key_of(CONTENT, ("shots 1",))
Says = Sequence[Piece | Exception]


@pytest.fixture
def gather(tmp_path: Path) -> Iterator[Callable[..., tuple[Notes, list[Wanted], NotesFolder]]]:
    """Asks a gatherer whose processes say one of the given sequences each."""
    video = tmp_path / "video"
    video.write_bytes(b"video")
    made: list[Gatherer] = []

    def ask(*said: Says) -> tuple[Notes, list[Wanted], NotesFolder]:
        def play(_wanted: Wanted, _cancel: Cancel, number: int) -> Iterator[Piece]:
            for piece in said[number - 1]:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        children = Pretended(play)
        gatherer = Gatherer(tmp_path / "evidence", cast("Children", children), ("shots 1",))
        made.append(gatherer)
        try:
            found = finished(gatherer.gather(video, CONTENT, FACTS, Cancel()))[1]
        finally:
            asked.extend(children.asked)
        return found, children.asked, NotesFolder(tmp_path / "evidence")

    asked: list[Wanted] = []
    ask.asked = asked  # type: ignore[attr-defined]
    yield ask
    for gatherer in made:
        gatherer.close()


DIES = ChildDied("was ended by signal SIGKILL")
NOTES = Notes(CONTENT, 0.0, 8.0, shots=(Shot(0.0, 8.0, "start"),))


def test_the_next_process_begins_at_the_last_milestone_of_the_one_that_died(gather: Any) -> None:
    found, asked, files = gather([Reached(2.0, b"two"), Reached(4.0, b"four"), DIES], [Collected(NOTES)])
    assert found == NOTES
    assert [wanted.milestone for wanted in asked] == [None, b"four"]
    assert files.load_milestone(KEY) is None, "the notes are kept; the milestone is not needed any more"


def test_processes_may_die_as_long_as_each_comes_further(gather: Any) -> None:
    deaths = [[Reached(float(n), str(n).encode()), DIES] for n in range(1, 6)]
    found, asked, _ = gather(*deaths, [Collected(NOTES)])
    assert found == NOTES
    assert [wanted.milestone for wanted in asked] == [None, b"1", b"2", b"3", b"4", b"5"]


def test_two_deaths_at_the_same_place_are_a_failure_and_the_next_question_begins_anew(gather: Any) -> None:
    with pytest.raises(EngineFailed):
        gather([Reached(2.0, b"two"), DIES], [DIES])
    _, asked, _ = gather([Collected(NOTES)])
    assert [wanted.milestone for wanted in asked] == [None]


def test_who_asks_after_a_stop_begins_at_the_milestone(gather: Any, tmp_path: Path) -> None:
    NotesFolder(tmp_path / "evidence").save_milestone(KEY, b"half")
    _, asked, files = gather([Collected(NOTES)])
    assert [wanted.milestone for wanted in asked] == [b"half"]
    assert files.load_milestone(KEY) is None


@pytest.mark.parametrize("trouble", [Unreadable("No."), "failed"])
def test_a_milestone_that_is_of_no_use_costs_a_beginning_and_no_answer(
    gather: Any, tmp_path: Path, trouble: Any
) -> None:
    NotesFolder(tmp_path / "evidence").save_milestone(KEY, b"rotten")
    said = [ChildFailed("ValidationError", "of no use")] if trouble == "failed" else [trouble]
    found, asked, _ = gather(said, [Collected(NOTES)])
    assert found == NOTES
    assert [wanted.milestone for wanted in asked] == [b"rotten", None]
    NotesFolder(tmp_path / "evidence").place(KEY).unlink()
    with pytest.raises((VideoFileBroken, EngineFailed)):
        gather(said)


def test_a_collector_that_fails_over_a_milestone_gets_another_chance_from_the_beginning(
    gather: Any, tmp_path: Path
) -> None:
    """Its memory may be of another shape than it should be."""
    failed = replace(NOTES, reports=(CollectorReport("shots", "1", "failed"),))
    NotesFolder(tmp_path / "evidence").save_milestone(KEY, b"rotten")
    found, asked, _ = gather([Collected(failed)], [Collected(NOTES)])
    assert found == NOTES
    assert [wanted.milestone for wanted in asked] == [b"rotten", None]
    NotesFolder(tmp_path / "evidence").place(KEY).unlink()
    found, asked, _ = gather([Collected(failed)])
    assert found == failed
    assert len(asked) == 1


def test_a_process_killed_in_the_middle_of_a_video_costs_no_more_than_a_part(
    video: Path, facts: VideoFacts, tmp_path: Path
) -> None:
    config = perception_config(
        collectors=("shots", "looks"),
        weights=tmp_path,
        speech_model="base",
        decode_memory=3 << 30,
        decode_seconds=60.0,
        max_pixels=64_000_000,
        threads=1,
        part_seconds=PART,
        tell_seconds=0.0,
    )
    told: list[tuple[Wanted, list[float]]] = []

    class Watched(Children):
        """Kills the process as soon as it has told of a milestone, the first time.

        What a quick process had told beyond that is lost with it, as on a machine that dies.
        """

        def call(self, body: bytes, **how: Any) -> Any:
            times: list[float] = []
            told.append((unpack_wanted(body), times))
            for piece in super().call(body, **how):
                match unpack_piece(piece):
                    case Reached(time=time):
                        times.append(time)
                        yield piece
                        if len(told) == 1:
                            for pid in self.pids:
                                psutil.Process(pid).send_signal(signal.SIGKILL)
                            raise ChildDied("was killed")
                    case _:
                        yield piece

    def gatherer(folder: Path, of: type[Children]) -> Gatherer:
        spec = ChildSpec(target="kinoscribe.evidence.worker:serve", config=config)
        return Gatherer(folder, of(spec), ("shots 1",))

    undisturbed = gatherer(tmp_path / "undisturbed", Children)
    disturbed = gatherer(tmp_path / "disturbed", Watched)
    try:
        whole = finished(undisturbed.gather(video, CONTENT, facts, Cancel()))[1]
        progress, notes = finished(disturbed.gather(video, CONTENT, facts, Cancel()))
    finally:
        undisturbed.close()
        disturbed.close()
    assert without_seconds(notes) == without_seconds(whole)
    (first, before), (second, after) = told
    assert first.milestone is None
    assert second.milestone is not None
    found = read_milestone(second.milestone, ("shots", "looks"))
    assert found is not None
    assert found.time == before[-1]
    assert all(time > before[-1] for time in after)
    done = [p.done for p in progress]
    assert done == sorted(done, key=lambda d: d or 0.0)
    assert not list((tmp_path / "disturbed").rglob("*.milestone"))


def test_messages_survive_the_way_to_the_process_and_back() -> None:
    wanted = Wanted("v", CONTENT, FACTS, b"\x00milestone")
    assert unpack_wanted(pack(wanted)) == wanted
    assert unpack_piece(pack(Reached(4.0, b"\xff"))) == Reached(4.0, b"\xff")
