"""Any file gets facts or a refusal: media with flipped, cut, doubled and shuffled bytes never breaks the server."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, make_picture, make_video

from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.media.decoders import Decoders, PictureRefused
from kinoscribe.media.pieces import Read, ReadPlan, Still, Stills, StillsPlan

ROUNDS = 12
FORMS = {
    "mp4": "libx264",
    "mkv": "libx264",
    "webm": "libvpx",
    "ts": "libx264",
    "avi": "mpeg4",
    "mpg": "mpeg2video",
    "flv": "flv",
    "wmv": "wmv2",
    "gif": "gif",
}


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders(most=1, seconds=30.0)) as made:
        yield made


def spoil(content: bytes, chance: random.Random) -> bytes:
    """One of the ways files go bad; the beginning is hit as often as all the rest."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 5, 50))):
        at = chance.randrange(min(len(data), 2000) if chance.random() < 0.5 else len(data))
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
            case 2:
                data[at : at + chance.randrange(64)] = b""
            case 3:
                data[at:at] = data[at : at + chance.randrange(256)]
            case 4:
                data[at : at + 100] = bytes(chance.randrange(256) for _ in range(100))
            case _:
                other = chance.randrange(len(data))
                data[at : at + 32] = data[other : other + 32]
        if len(data) < 100:
            break
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 and data else data)


@pytest.mark.parametrize("form", FORMS)
def test_a_spoilt_video_gets_facts_or_a_refusal(form: str, decoders: Decoders, tmp_path: Path) -> None:
    sound = (
        ()
        if form == "gif"
        else (
            Track(
                beep((0, 1), seconds=2, rate=44_100),
                44_100,
                {"webm": "libopus", "mpg": "mp2", "flv": "libmp3lame"}.get(form, "aac"),
            ),
        )
    )
    if form == "webm":
        sound = (Track(beep((0, 1), seconds=2), 48_000, "libopus"),)
    pix_fmt = "rgb8" if form == "gif" else "yuv420p"
    good = make_video(
        tmp_path / f"good.{form}",
        cards((0, RED), (1, BLUE), size=(320, 180)),
        seconds=2,
        fps=25,
        codec=FORMS[form],
        pix_fmt=pix_fmt,
        sound=sound,
    )
    content, chance = good.read_bytes(), random.Random(form)
    accepted = 0
    for number in range(ROUNDS):
        path = tmp_path / f"{number}"
        path.write_bytes(spoil(content, chance))
        try:
            facts = decoders.probe(path)
            *_, last = decoders.read(path, ReadPlan(max_side=160, length=facts.duration))
            bars = decoders.bars(path, facts.start, facts.end)
            instants = tuple(facts.start + facts.duration * share for share in (0.9, 0.0, 0.5))
            *shown, end = decoders.stills(
                path, StillsPlan(instants, 160, 90, begins=facts.start, bars=bars, longest_gap=10.0)
            )
        except VideoFileBroken:
            continue
        accepted += 1
        assert facts.end >= facts.start
        assert isinstance(last, Read)
        assert isinstance(end, Stills)
        assert len(shown) <= 3
        assert all(isinstance(one, Still) and one.width <= 160 and one.height <= 90 for one in shown)
    assert decoders.probe(good).width == 320
    assert accepted >= 1


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/bmp", "image/gif"])
def test_a_spoilt_picture_gets_facts_or_a_refusal(mime_type: str, decoders: Decoders, tmp_path: Path) -> None:
    content, chance = make_picture(mime_type), random.Random(mime_type)
    for number in range(ROUNDS * 3):
        path = tmp_path / f"{number}"
        path.write_bytes(spoil(content, chance))
        decoders.kind(path)
        try:
            facts = decoders.picture_facts(path)
        except PictureRefused:
            continue
        assert facts.width * facts.height <= 16_777_216


def test_noise_gets_a_refusal(decoders: Decoders, tmp_path: Path) -> None:
    chance = random.Random(1)
    for number in range(ROUNDS * 3):
        path = tmp_path / f"{number}"
        path.write_bytes(chance.randbytes(chance.choice((1, 10, 1000, 100_000))))
        assert decoders.kind(path).kind in ("other", "audio")
