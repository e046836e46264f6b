"""Any small file is refused, and a good file with flipped bytes is refused or answered; the server lives on."""

import base64
from pathlib import Path

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.clips import clip
from tests.conformance.exact import answer, refusal

BEGINNINGS = (
    b"",
    b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    b"\x1aE\xdf\xa3",
    b"RIFF\x00\x00\x00\x00AVI LIST",
    b"#EXTM3U\n#EXTINF:1,\n",
    b"ffconcat version 1.0\nfile ",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"\xff\xd8\xff\xe0",
    b"OggS\x00\x02",
    b"FLV\x01\x05\x00\x00\x00\x09",
    b"G@\x11\x10\x00B\xf0",
    b"<?xml version='1.0'?><MPD>",
    b"<svg xmlns='http://www.w3.org/2000/svg'>",
    b"ID3\x03\x00",
)
bounded = settings(max_examples=40, deadline=None)


def _ask(wire: httpx2.Client, content: bytes) -> httpx2.Response:
    video = {"type": "base64_string", "base64_string": base64.b64encode(content).decode()}
    body = {"model_name": "pegasus1.5", "prompt": "What is seen?", "video": video, "stream": False}
    return wire.post("analyze", json=body)


@bounded
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=400))
def test_any_small_file_is_refused(wire: httpx2.Client, beginning: bytes, rest: bytes) -> None:
    response = _ask(wire, beginning + rest)
    refusal(response, 400, response.json()["code"])


@bounded
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=20))
def test_a_good_file_with_flipped_bytes_is_refused_or_answered(
    wire: httpx2.Client, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(clip("silent.mp4").read_bytes())
    for place, change in flips:
        content[place % len(content)] ^= change
    response = _ask(wire, bytes(content))
    if response.status_code == 200:
        answer(response)
    else:
        refusal(response, 400, response.json()["code"])


@bounded
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=400), name=st.text(max_size=30))
def test_any_small_upload_gets_an_answer(
    wire: httpx2.Client, beginning: bytes, rest: bytes, name: str
) -> None:
    name = name.encode("utf-8", "replace").decode()
    response = wire.post(
        "assets", files={"method": (None, "direct"), "file": (name or "x", beginning + rest, "video/mp4")}
    )
    if response.status_code != 201:
        refusal(response, 400, response.json()["code"])


def test_the_server_still_answers(wire: httpx2.Client, tmp_path: Path) -> None:
    answer(_ask(wire, clip("silent.mp4").read_bytes()))
