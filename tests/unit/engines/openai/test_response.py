"""Whatever a server sends is one response of HTTP, or none: never more than was sent, never something else."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.engines.openai.response import Improper, Response

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def coming(parts: list[bytes]) -> Response:
    """The response of a server that sends these parts and closes the connection."""
    left = iter([part for part in parts if part])
    return Response(lambda: next(left, b""))


def body(*parts: bytes) -> bytes:
    return b"".join(coming(list(parts)).body())


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%X;a=b\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n"


@settings(deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.sampled_from([b"\r\n", b"Trailer: x\r\n\r\n"]),
    st.lists(st.integers(0, 300)),
)
def test_chunks_are_the_same_however_they_are_cut(parts: list[bytes], end: bytes, cuts: list[int]) -> None:
    response = coming(cut(CHUNKED + chunks(*parts) + end, cuts))
    assert (response.status, response.well) == (200, True)
    assert b"".join(response.body()) == b"".join(parts)
    assert response.whole


@settings(deadline=None)
@given(st.binary(max_size=60), st.lists(st.integers(0, 300)))
def test_a_body_of_known_length_ends_with_it(data: bytes, cuts: list[int]) -> None:
    response = coming(cut(OK + b"content-length: %d\r\n\r\n" % len(data) + data, cuts))
    assert b"".join(response.body()) == data
    assert response.whole


def test_what_has_come_of_a_chunk_is_given_before_the_rest_of_it_comes() -> None:
    parts: Iterator[bytes] = iter(
        [CHUNKED, b"5\r\nab", b"c", b"de\r\n4\r\nfghi\r\n3\r\nj", b"kl\r\n0\r\n\r\n"]
    )
    response = Response(lambda: next(parts))
    assert list(response.body()) == [b"ab", b"c", b"defghij", b"kl"]


def test_a_body_without_a_length_ends_with_the_connection_which_serves_no_other() -> None:
    response = coming([OK + b"\r\nab", b"cd"])
    assert b"".join(response.body()) == b"abcd"
    assert not response.whole


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 2\r\nConnection: Close\r\n\r\nab",
        OK + b"Content-Length: 2\r\n\r\nabc",
        CHUNKED + b"2\r\nab\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
    ],
)
def test_a_connection_serves_no_other_request_where_its_state_is_in_doubt(head: bytes) -> None:
    response = coming([head])
    assert b"".join(response.body()) == b"ab"
    assert not response.whole


def test_an_answer_is_whole_as_soon_as_its_end_has_come_whether_it_was_read_or_not() -> None:
    for rest, whole in (
        (b"0\r\n\r\n", True),
        (b"", False),
        (b"0\r\n", False),
        (b"1\r\nx", False),
    ):
        response = coming([CHUNKED + b"2\r\nab\r\n" + rest])
        assert next(response.body())[:2] == b"ab"
        assert response.whole is whole
    response = coming([OK + b"Content-Length: 9\r\n\r\nab", b"0\r\n\r\n"])
    next(response.body())
    assert not response.whole


def test_headers_are_found_by_small_letters_and_joined() -> None:
    head = b"HTTP/1.1 429 \r\nRetry-After:  7 \r\nA: 1\r\nLong: a b\r\na: 2\r\nContent-Length: 0\r\n\r\n"
    response = coming([head])
    assert (response.status, response.well) == (429, False)
    assert response.headers == {"retry-after": "7", "a": "1, 2", "long": "a b", "content-length": "0"}


def test_what_a_server_says_before_its_answer_is_passed_over() -> None:
    assert body(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK + b"\r\n.") == b"."
    with pytest.raises(Improper):
        coming([b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000 + OK + b"\r\n"])
    with pytest.raises(Improper):
        coming([b"HTTP/1.1 101 Switching\r\n\r\n" + OK + b"\r\n"])


def test_an_answer_without_a_body_has_none() -> None:
    response = coming([b"HTTP/1.1 204 No Content\r\n\r\n"])
    assert list(response.body()) == []
    assert response.whole


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 No\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"<html>\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"a name: x\r\n\r\n",
        OK + b": x\r\n\r\n",
        OK + b" folded\r\n\r\n",
        OK + b"Long: a\r\n  b\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\nab",
        OK + b"Content-Length: \xb2\r\n\r\nab",
        OK + b"Content-Length: 3\r\n\r\nab",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        CHUNKED,
        CHUNKED + b"\r\n\r\n",
        CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1" * 16 + b"\r\na",
        CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab\r\n",
        CHUNKED + b"2\r\nab\r\n0\r\n",
    ],
)
def test_what_is_no_whole_response_is_told(data: bytes) -> None:
    with pytest.raises(Improper):
        body(data)


@pytest.mark.parametrize("endless", [OK + b"a: b\r\n", b"x", CHUNKED + b"1;", CHUNKED + b"0\r\na: b\r\n"])
def test_what_has_no_end_is_not_kept(endless: bytes) -> None:
    """A server may send for as long as it likes."""
    read = 0

    def more() -> bytes:
        nonlocal read
        read += 1
        assert read < 100, "read on without an end"
        return endless if read == 1 else b"a: b\r\n" * 1_000 if endless.endswith(b"\n") else b"x" * 6_000

    with pytest.raises(Improper):
        list(Response(more).body())


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", OK, CHUNKED]), st.lists(st.integers(0, 300)))
def test_no_bytes_do_any_harm(data: bytes, before: bytes, cuts: list[int]) -> None:
    try:
        got = body(*cut(before + data, cuts))
    except Improper:
        return
    assert len(got) <= len(data)
