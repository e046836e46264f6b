"""Turns requests into facts and pieces inside a decode process: the only place where untrusted media is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kinoscribe.child import Handler
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.kind import kind
from kinoscribe.media.pictures import cutout, picture, picture_facts
from kinoscribe.media.pieces import (
    Bars,
    Beat,
    Border,
    Cutout,
    FileKind,
    Picture,
    PictureFacts,
    Piece,
    Read,
    ReadPlan,
    Sound,
    Still,
    Stills,
    StillsPlan,
    Thumb,
)
from kinoscribe.media.probe import probe
from kinoscribe.media.reading import read
from kinoscribe.media.stills import bars, stills
from kinoscribe.media.video_file import Unreadable

_PARCEL = 256 * 1024
"""Bytes of small pieces that are sent together."""


class Limits(msgspec.Struct, frozen=True):
    """What a decode process accepts, in pixels."""

    max_pixels: int
    max_picture_pixels: int


class ProbeRequest(msgspec.Struct, frozen=True, tag="probe"):
    path: bytes


class KindRequest(msgspec.Struct, frozen=True, tag="kind"):
    path: bytes


class PictureRequest(msgspec.Struct, frozen=True, tag="picture"):
    """`max_side` 0 asks for the facts alone."""

    path: bytes
    max_side: int = 0


class CutoutRequest(msgspec.Struct, frozen=True, tag="cutout"):
    path: bytes
    max_side: int


class ReadRequest(msgspec.Struct, frozen=True, tag="read"):
    path: bytes
    plan: ReadPlan


class StillsRequest(msgspec.Struct, frozen=True, tag="stills"):
    path: bytes
    plan: StillsPlan


class BarsRequest(msgspec.Struct, frozen=True, tag="bars"):
    path: bytes
    start: float
    end: float
    jumps: bool


Request = (
    ProbeRequest | KindRequest | PictureRequest | CutoutRequest | ReadRequest | StillsRequest | BarsRequest
)


class Facts(msgspec.Struct, frozen=True, tag="facts"):
    facts: VideoFacts


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The file is not what was asked for. `reason` is a sentence."""

    reason: str


Answer = Facts | FileKind | PictureFacts | Cutout | Refusal | Piece | Still | Stills | Bars | Beat

encode = msgspec.msgpack.Encoder().encode
read_request = msgspec.msgpack.Decoder(Request).decode
read_answers = msgspec.msgpack.Decoder(
    list[
        Facts
        | FileKind
        | PictureFacts
        | Cutout
        | Refusal
        | Thumb
        | Picture
        | Sound
        | Border
        | Read
        | Still
        | Stills
        | Bars
        | Beat
    ]
).decode


def serve(config: bytes) -> Handler:
    """Makes the handler of a decode process, for `kinoscribe.child`."""
    limits = msgspec.msgpack.decode(config, type=Limits)

    def handle(body: bytes) -> Iterator[bytes]:
        parcel: list[Answer] = []
        weight = 0
        for answer in _answers(read_request(body), limits):
            parcel.append(answer)
            weight += _weight(answer)
            if weight >= _PARCEL or isinstance(answer, Beat):
                yield encode(parcel)
                parcel, weight = [], 0
        yield encode(parcel)

    return handle


def _answers(request: Request, limits: Limits) -> Iterator[Answer]:
    path = Path(os.fsdecode(request.path))
    try:
        match request:
            case ProbeRequest():
                yield Facts((yield from probe(path, limits.max_pixels)))
            case KindRequest():
                yield (yield from kind(path, limits.max_pixels, limits.max_picture_pixels))
            case PictureRequest(max_side=0):
                yield picture_facts(path, limits.max_picture_pixels)
            case PictureRequest(max_side=side):
                yield picture(path, side, limits.max_picture_pixels)
            case CutoutRequest(max_side=side):
                yield cutout(path, side, limits.max_picture_pixels)
            case ReadRequest(plan=plan):
                yield from read(path, plan, limits.max_pixels)
            case StillsRequest(plan=plan):
                yield from stills(path, plan, limits.max_pixels)
            case BarsRequest(start=start, end=end, jumps=jumps):
                yield from bars(path, start, end, limits.max_pixels, jumps=jumps)
    except Unreadable as error:
        yield Refusal(error.reason)


def _weight(answer: Answer) -> int:
    match answer:
        case (
            Thumb(pixels=load)
            | Picture(pixels=load)
            | Sound(samples=load)
            | Border(state=load)
            | Still(jpeg=load)
        ):
            return len(load)
        case _:
            return 0
