"""What the server and a perception process say to each other arrives as it was sent."""

from pathlib import Path

import msgspec
import pytest

from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.record import (
    Collected,
    Piece,
    Stage,
    Unreadable,
    Wanted,
    pack,
    perception_config,
    read_config,
    unpack_piece,
    unpack_wanted,
)
from kinoscribe.notes import Notes, Sentence, Word

FACTS = VideoFacts(0.0, 8.0, 640, 360, None, 0, "mov,mp4", "video/mp4", "h264", None, None, None, 1, 0, 4)


def test_what_is_wanted_arrives() -> None:
    wanted = Wanted("/a/b", "ab" * 32, FACTS)
    assert unpack_wanted(pack(wanted)) == wanted


@pytest.mark.parametrize(
    "piece",
    [
        Stage("look", 0.5),
        Unreadable("It is a poem."),
        Collected(Notes("a", 0.0, 8.0, speech=(Sentence(1.0, 2.0, "Grüße", (Word(1.0, 2.0, "Grüße"),)),))),
    ],
)
def test_every_piece_arrives(piece: Piece) -> None:
    assert unpack_piece(pack(piece)) == piece


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"\x81\xa4type\xa5other"])
def test_what_is_no_piece_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack_piece(body)


def test_the_configuration_arrives() -> None:
    body = perception_config(
        collectors=("shots", "speech"),
        weights=Path("/weights"),
        speech_model="base",
        decode_memory=1,
        decode_seconds=2.5,
        max_pixels=3,
        threads=4,
    )
    config = read_config(body)
    assert (config.collectors, config.weights, config.threads) == (("shots", "speech"), "/weights", 4)
