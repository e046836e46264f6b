"""Turns the bytes of a connection into one response of HTTP/1.1: its status, its headers and its body as it comes.

What comes is hostile until it is read: each line and each head is bounded, and what is no proper HTTP ends the reading.
Source: RFC 9112, sections 2 to 8.
"""

import re
from collections.abc import Callable, Iterator

_LARGEST_HEAD = 64 * 1024
_LONGEST_SIZE_LINE = 4 * 1024
_MOST_INTERIM = 10
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_LENGTH = re.compile(r"\d{1,18}")
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_LINE_END, _LAST_CHUNK = b"\r\n", b"0\r\n\r\n"
_FOLDED = (b" ", b"\t")

Read = Callable[[], bytes]


class Improper(Exception):
    """The server speaks no proper HTTP, or was cut off."""


class Response:
    """The answer to one request. `read` gives the next bytes that have come, none once the server has closed.

    `whole`: all of it was read, nothing came behind it, and the connection may carry another request.
    """

    def __init__(self, read: Read) -> None:
        """Reads the head. Raises `Improper` and what `read` raises."""
        self._read = read
        self._rest = b""
        self.whole = False
        self._end_marks = b""
        self.status, self.headers, self._keeps = self._head()

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300

    def body(self) -> Iterator[bytes]:
        """What has come of the body, each time as much as is there. Raises `Improper` and what `read` raises."""
        coding = self.headers.get("transfer-encoding", "").strip().lower()
        length = self.headers.get("content-length")
        if self.status in {204, 304}:
            self._end()
        elif coding == "chunked":
            self._keeps = self._keeps and length is None
            yield from self._chunked()
        elif coding:
            raise Improper("It sends its answer in a coding that nobody asked for.")
        elif length is not None:
            yield from self._sized(_sole_length(length))
        else:
            yield from self._to_the_end()

    def finish(self) -> None:
        """Whoever needs nothing more of a body says so: when all the rest of it is here already, it is `whole`."""
        if self._end_marks and self._rest == self._end_marks:
            self._rest = b""
            self._end()

    def _head(self) -> tuple[int, dict[str, str], bool]:
        for _ in range(_MOST_INTERIM):
            status, newer, headers = self._one_head()
            if status >= 200:
                said = headers.get("connection", "").lower()
                return status, headers, newer and "close" not in said
            if status == 101:
                break
        raise Improper("Its answer does not begin.")

    def _one_head(self) -> tuple[int, bool, dict[str, str]]:
        while (end := _HEAD_ENDS.search(self._rest)) is None:
            if len(self._rest) > _LARGEST_HEAD:
                raise Improper("The head of its answer has no end.")
            self._more()
        head, self._rest = self._rest[: end.start()], self._rest[end.end() :]
        first, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
        told = _STATUS.fullmatch(first)
        if told is None:
            raise Improper("Its answer does not begin with a status.")
        return int(told[2]), told[1] == b"1", _headers(lines)

    def _chunked(self) -> Iterator[bytes]:
        left = 0
        while True:
            whole, left, last = self._chunks(left)
            self._end_marks = _LINE_END if last else b"" if left else _LAST_CHUNK
            if whole:
                yield whole
            if last:
                break
            self._more()
        self._trailers()
        self._end()

    def _chunks(self, left: int) -> tuple[bytes, int, bool]:
        """All that has come of the chunks, what the present one lacks with its line end, and whether the last came."""
        data, at, parts = self._rest, 0, []
        while True:
            if left > 2:
                part = data[at : at + left - 2]
                parts.append(part)
                at += len(part)
                left -= len(part)
            if left:
                if len(data) - at < left or left > 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise Improper("A chunk of its answer is longer than it says.")
                at, left = at + left, 0
            line = data.find(b"\r\n", at)
            if line < 0:
                if len(data) - at > _LONGEST_SIZE_LINE:
                    raise Improper("A chunk of its answer has no length.")
                break
            told = _SIZE.fullmatch(data, at, line)
            if told is None:
                raise Improper("A chunk of its answer has no length.")
            size, at = int(told[1], 16), line + 2
            if size == 0:
                self._rest = data[at:]
                return b"".join(parts), 0, True
            left = size + 2
        self._rest = data[at:]
        return b"".join(parts), left, False

    def _trailers(self) -> None:
        """Passes over what stands behind the last chunk, up to an empty line."""
        read = 0
        while True:
            line, found, rest = self._rest.partition(b"\r\n")
            if found:
                self._rest = rest
                read += len(line)
                if not line:
                    return
            elif read + len(self._rest) > _LARGEST_HEAD:
                raise Improper("Its answer has no end.")
            else:
                self._more()

    def _sized(self, left: int) -> Iterator[bytes]:
        while left:
            if not self._rest:
                self._more()
            part, self._rest = self._rest[:left], self._rest[left:]
            left -= len(part)
            yield part
        self._end()

    def _to_the_end(self) -> Iterator[bytes]:
        self._keeps = False
        part, self._rest = self._rest, b""
        while True:
            if part:
                yield part
            part = self._read()
            if not part:
                break
        self._end()

    def _more(self) -> None:
        part = self._read()
        if not part:
            raise Improper("It closed the connection before its answer was whole.")
        self._rest = self._rest + part if self._rest else part

    def _end(self) -> None:
        self.whole = self._keeps and not self._rest


def _headers(lines: list[bytes]) -> dict[str, str]:
    """By names in small letters; what comes more than once is joined by commas."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if line.startswith(_FOLDED):
            if not name:
                raise Improper("Its answer has a header without a name.")
            found[name] = f"{found[name]} {line.strip().decode('latin-1')}"
            continue
        said, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(said) is None:
            raise Improper("Its answer has a header without a name.")
        name = said.decode("ascii").lower()
        text = value.strip().decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _sole_length(told: str) -> int:
    lengths = {one.strip() for one in told.split(",")}
    if len(lengths) != 1 or _LENGTH.fullmatch(length := lengths.pop()) is None:
        raise Improper("The length of its answer is no number.")
    return int(length)
