"""The frame shelf: pictures are decoded once for an account, found again, and remade where what was kept is no use."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from tests.media_truth import BLUE, GREEN, RED, Pixels, card, cards, counted, make_video

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Frame, Sight
from kinoscribe.evidence.frame_shelf import FrameShelf, Strip
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.pieces import Bars, Still, Stills, StillsPlan
from kinoscribe.notes import Look, Notes, Shot
from kinoscribe.storage.cache_folder import CacheFolder

VIDEO = "ab" * 32
SIGHT = Sight(100, 320, lambda width, height: max(1, width * height // 784))


class Counting(Decoders):
    """Decoders that count what is asked of them; `last` is the last plan."""

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.passes = 0, 0
        self.last: StillsPlan | None = None

    def bars(
        self, path: Path, start: float, end: float, *, jumps: bool = False, cancel: Cancel | None = None
    ) -> Bars:
        self.looks += 1
        return super().bars(path, start, end, jumps=jumps, cancel=cancel)

    def stills(
        self, path: Path, plan: StillsPlan, cancel: Cancel | None = None
    ) -> Generator[Still | Stills, None, None]:
        self.passes += 1
        self.last = plan
        return super().stills(path, plan, cancel)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Counting]:
    with closing(Counting()) as made:
        yield made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(
        tmp_path_factory.mktemp("clip") / "v.mp4",
        counted(10),
        seconds=20,
        codec_options={"g": "20", "bf": "2"},
    )


@pytest.fixture(scope="module")
def facts(decoders: Counting, clip: Path) -> VideoFacts:
    return decoders.probe(clip)


@pytest.fixture
def cache(tmp_path: Path) -> CacheFolder:
    return CacheFolder(tmp_path / "cache", 1 << 28, b"secret")


def strip(
    shelf: FrameShelf,
    path: Path,
    facts: VideoFacts,
    start: float = 0.0,
    end: float = 20.0,
    *,
    notes: Notes | None = None,
    sight: Sight = SIGHT,
    budget: int = 5_000,
    cancel: Cancel | None = None,
    account: str = "ann",
) -> Strip:
    known = notes or Notes(VIDEO, facts.start, facts.end)
    return shelf.of(path, VIDEO, facts, known, start, end, sight, budget, cancel or Cancel(), account=account)


def pixels_of(frame: Frame) -> Pixels:
    shown = np.asarray(cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
    assert shown.shape == (frame.height, frame.width, 3)
    return shown.astype(np.uint8)


def test_pictures_of_the_window_come_with_their_times_inside_the_budget(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    found = strip(FrameShelf(decoders, cache), clip, facts, 5.0, 15.0)
    assert [frame.time for frame in found.frames] == pytest.approx(list(range(5, 15)), abs=0.06)
    assert found.tokens == sum(SIGHT.tokens(frame.width, frame.height) for frame in found.frames) <= 5_000
    assert {(frame.width, frame.height) for frame in found.frames} == {(320, 180)}
    assert not found.from_cache
    assert all(pixels_of(frame).any() for frame in found.frames)


def test_a_second_question_decodes_nothing_and_gets_the_same_bytes(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    first = strip(FrameShelf(decoders, cache), clip, facts)
    passes, looks = decoders.passes, decoders.looks
    second = strip(FrameShelf(decoders, cache), clip, facts)
    assert (decoders.passes, decoders.looks) == (passes, looks)
    assert second.from_cache
    assert replace(second, from_cache=False) == first


def test_what_is_made_anew_is_the_same_to_the_byte(
    decoders: Counting, tmp_path: Path, clip: Path, facts: VideoFacts
) -> None:
    none = CacheFolder(tmp_path / "none", 0, b"secret")
    shelf = FrameShelf(decoders, none)
    assert strip(shelf, clip, facts) == strip(shelf, clip, facts)


def test_another_account_finds_nothing_of_the_first(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    shelf = FrameShelf(decoders, cache)
    hers = strip(shelf, clip, facts, account="ann")
    passes, looks = decoders.passes, decoders.looks
    his = strip(shelf, clip, facts, account="bob")
    assert not his.from_cache
    assert (decoders.passes, decoders.looks) == (passes + 1, looks + 1)
    assert his == hers
    assert cache.clear(account="bob").entries == 2
    looks = decoders.looks
    assert not strip(FrameShelf(decoders, cache), clip, facts, account="bob").from_cache
    assert decoders.looks == looks + 1
    assert strip(shelf, clip, facts, account="ann").from_cache


@pytest.mark.parametrize(
    "other",
    [
        {"end": 19.0},
        {"start": 1.0},
        {"budget": 900},
        {"sight": replace(SIGHT, max_side=200)},
        {"sight": replace(SIGHT, most=5)},
        {"sight": replace(SIGHT, numbered=True)},
        {"notes": Notes(VIDEO, 0.0, 20.0, shots=(Shot(0, 20),), looks=(Look(0, 20, (), 0.5, False, 0.5),))},
    ],
    ids=["end", "start", "budget", "side", "most", "numbered", "evidence"],
)
def test_whatever_matters_is_part_of_the_key(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, other: dict[str, object]
) -> None:
    shelf = FrameShelf(decoders, cache)
    first = strip(shelf, clip, facts)
    found = strip(shelf, clip, facts, **other)  # type: ignore[arg-type]
    assert not found.from_cache
    assert found.frames != first.frames


def test_what_does_not_matter_is_not(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    shelf = FrameShelf(decoders, cache)
    strip(shelf, clip, facts)
    assert strip(shelf, clip, facts, budget=1_000_000).from_cache


def test_damaged_pictures_are_made_again(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, tmp_path: Path
) -> None:
    shelf = FrameShelf(decoders, cache)
    first = strip(shelf, clip, facts)
    for kept in (tmp_path / "cache").glob("frames/*/*/*"):
        kept.write_bytes(kept.read_bytes()[:-20])
    again = strip(shelf, clip, facts)
    assert again == first
    assert strip(shelf, clip, facts).from_cache


def test_an_entry_of_another_kind_under_the_same_name_is_made_again(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = FrameShelf(decoders, cache)
    first = strip(shelf, clip, facts)
    with monkeypatch.context() as patched:
        patched.setattr(CacheFolder, "get", lambda *_: b"\xc1 no message")
        assert strip(shelf, clip, facts) == first
    assert strip(shelf, clip, facts).from_cache


def test_several_who_ask_at_once_have_it_decoded_once(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    shelf = FrameShelf(decoders, cache)
    passes, looks = decoders.passes, decoders.looks
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda _: strip(shelf, clip, facts), range(5)))
    assert (decoders.passes, decoders.looks) == (passes + 1, looks + 1)
    assert len({one.frames for one in found}) == 1


def test_who_no_longer_waits_leaves_at_once_and_the_process_is_kept(
    cache: CacheFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = make_video(
        tmp_path / "long.mp4", counted(10, (320, 180)), seconds=600, codec_options={"g": "100000"}
    )
    with closing(Decoders(most=1)) as decoders:
        facts, cancel = decoders.probe(long), Cancel()
        monkeypatch.setattr(decoders, "bars", lambda *_, **__: Bars())
        (pid,) = decoders.pids
        process = psutil.Process(pid)

        def throw_when_busy() -> None:
            before, until = process.cpu_times().user, clock.steady() + 20
            while process.cpu_times().user < before + 0.1 and clock.steady() < until:
                cancel.wait(0.005)
            cancel.throw()

        shelf = FrameShelf(decoders, cache)
        thrower = threading.Thread(target=throw_when_busy)
        thrower.start()
        with pytest.raises(Canceled):
            strip(shelf, long, facts, 590.0, 599.0, cancel=cancel)
        thrower.join()
        assert decoders.pids == (pid,)
        assert strip(shelf, long, facts, 0.0, 5.0).frames


def test_who_waits_for_anothers_decoding_may_leave(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, gone, inside, may_end = FrameShelf(decoders, cache), Cancel(), threading.Event(), threading.Event()
    whole = decoders.bars

    def slow(*asked: object, **how: object) -> Bars:
        inside.set()
        may_end.wait(20)
        return whole(*asked, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(decoders, "bars", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(strip, shelf, clip, facts)
        assert inside.wait(20)
        gone.throw()
        second = pool.submit(strip, shelf, clip, facts, cancel=gone)
        with pytest.raises(Canceled):
            second.result(20)
        may_end.set()
        assert first.result(20).frames


def test_bars_are_looked_for_once_and_cut_in_every_window(
    decoders: Counting, cache: CacheFolder, tmp_path: Path
) -> None:
    def boxed(time: float) -> Pixels:
        picture = card(GREEN if time < 10 else BLUE)
        picture[:45] = picture[-45:] = 0
        return picture

    path = make_video(tmp_path / "v.mp4", boxed, seconds=20, codec_options={"g": "10"})
    facts, shelf, looks = decoders.probe(path), FrameShelf(decoders, cache), decoders.looks
    for start in (0.0, 10.0):
        found = strip(shelf, path, facts, start, start + 10.0)
        assert {frame.width for frame in found.frames} == {320}
        assert {frame.height for frame in found.frames} <= {135, 136, 137}
        assert int(pixels_of(found.frames[0])[2:-2].max(axis=2).min()) > 60
    assert decoders.looks == looks + 1


def test_bars_are_looked_for_once_also_where_nothing_is_kept(
    decoders: Counting, tmp_path: Path, clip: Path, facts: VideoFacts
) -> None:
    shelf, looks = FrameShelf(decoders, CacheFolder(tmp_path / "none", 0, b"secret")), decoders.looks
    for start in range(0, 20, 5):
        assert strip(shelf, clip, facts, float(start), start + 5.0).frames
    assert decoders.looks == looks + 1


def test_where_bars_cannot_be_looked_for_pictures_are_shown_whole(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []

    def broken(path: Path, *_: object, **__: object) -> Bars:
        tried.append(path)
        raise VideoFileBroken(reason="The decoder broke down over it.")

    monkeypatch.setattr(decoders, "bars", broken)
    shelf = FrameShelf(decoders, cache)
    assert {frame.height for frame in strip(shelf, clip, facts).frames} == {180}
    strip(shelf, clip, facts, 0.0, 9.0)
    assert tried == [clip]


def test_what_shows_nothing_new_is_counted(decoders: Counting, cache: CacheFolder, tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", cards((0, RED), (10, BLUE)), seconds=20)
    found = strip(FrameShelf(decoders, cache), path, decoders.probe(path))
    assert [round(frame.time) for frame in found.frames] == [0, 10, 19]
    assert found.dropped == 17
    again = strip(FrameShelf(decoders, cache), path, decoders.probe(path))
    assert again == replace(found, from_cache=True)


def test_odd_shapes_never_cost_more_than_the_budget(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    passes = decoders.passes
    dearer = Sight(100, 320, lambda width, height: 10 if decoders.passes == passes else 1_000)
    found = strip(FrameShelf(decoders, cache), clip, facts, sight=dearer, budget=3_500)
    assert [round(frame.time) for frame in found.frames] == [0, 6, 13]
    assert found.tokens == 3_000


@pytest.mark.parametrize(
    ("sight", "budget"), [(replace(SIGHT, most=0), 5_000), (SIGHT, 0)], ids=["no eyes", "no budget"]
)
def test_without_eyes_or_budget_nothing_is_decoded(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, sight: Sight, budget: int
) -> None:
    passes, looks = decoders.passes, decoders.looks
    assert strip(FrameShelf(decoders, cache), clip, facts, sight=sight, budget=budget) == Strip()
    assert (decoders.passes, decoders.looks) == (passes, looks)


def test_jumping_time_stamps_are_told_to_the_decoder(
    decoders: Counting, cache: CacheFolder, tmp_path: Path
) -> None:
    one = make_video(tmp_path / "one.ts", counted(10), seconds=6, form="mpegts")
    two = make_video(tmp_path / "two.ts", counted(10), seconds=6, form="mpegts", start=500.0)
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    facts = decoders.probe(both)
    found = strip(FrameShelf(decoders, cache), both, facts, facts.start, facts.end)
    assert decoders.last is not None
    assert decoders.last.jumps
    assert len(found.frames) == 12


def test_a_file_that_is_gone_or_no_video_is_refused_and_nothing_is_kept(
    decoders: Counting, cache: CacheFolder, facts: VideoFacts, tmp_path: Path
) -> None:
    (tmp_path / "v.mp4").write_bytes(b"<html>")
    for path in (tmp_path / "gone.mp4", tmp_path / "v.mp4"):
        with pytest.raises(VideoFileBroken):
            strip(FrameShelf(decoders, cache), path, facts)
    assert cache.kinds() == ()


def test_the_operators_rate_is_the_most(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts
) -> None:
    assert len(strip(FrameShelf(decoders, cache, most_a_second=0.5), clip, facts).frames) == 10


def test_kept_pictures_are_read_while_others_wait_for_their_turn(
    decoders: Counting, cache: CacheFolder, clip: Path, facts: VideoFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = FrameShelf(decoders, cache)
    made = strip(shelf, clip, facts)

    def no_turn(*_: object) -> None:
        raise AssertionError("waited for a turn")

    monkeypatch.setattr(shelf, "_turn", no_turn)
    again = strip(shelf, clip, facts)
    assert again.from_cache
    assert again.frames == made.frames
