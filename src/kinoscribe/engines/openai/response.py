"""Turns the bytes of a connection into one response of HTTP/1.1: its status, its headers and its body as it comes.

llhttp reads them, by `httptools`; what it may be given before anything comes of it is bounded here.
"""

from collections.abc import Callable, Iterator

import httptools

_MOST_WITHOUT_BODY = 64 * 1024
"""Bytes of heads, of lines around chunks and of what stands behind the last, before more of a body must have come."""
_MOST_INTERIM = 10

Read = Callable[[], bytes]


class Improper(Exception):
    """The server speaks no proper HTTP, or was cut off."""


class Response:
    """The answer to one request. `read` gives the next bytes that have come, none once the server has closed.

    `status` and `headers` are those of the answer; the names of headers are in small letters, and what comes more than
    once is joined by commas.
    """

    def __init__(self, read: Read) -> None:
        """Reads the head. Raises `Improper` and what `read` raises."""
        self._read = read
        self._parsed = _Parsed()
        self._parser = self._parsed.parser = httptools.HttpResponseParser(self._parsed)
        while not self._parsed.begun:
            self._more()
        self.status, self.headers = self._parsed.status, self._parsed.headers
        coding = self.headers.get("transfer-encoding", "chunked")
        if coding.strip().lower() != "chunked":
            raise Improper("It sends its answer in a coding that nobody asked for.")
        self._to_the_end = not self.headers.keys() & {"transfer-encoding", "content-length"}

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300

    @property
    def whole(self) -> bool:
        """Whether all of it has come and nothing behind it, so that the connection may carry another request."""
        return self._parsed.reusable and not self._parsed.more

    def body(self) -> Iterator[bytes]:
        """What has come of the body, each time as much as is there. Raises `Improper` and what `read` raises."""
        while True:
            if part := self._parsed.take():
                yield part
            if self._parsed.over or not self._more():
                return

    def _more(self) -> bool:
        """Reads on; False at the end of a body that ends with the connection."""
        data = self._read()
        if not data:
            if self._parsed.begun and self._to_the_end:
                return False
            raise Improper("It closed the connection before its answer was whole.")
        self._parsed.unused += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._parsed.over:
                raise Improper("What it answers is no proper HTTP.") from error
            self._parsed.more = True
        if self._parsed.unused > _MOST_WITHOUT_BODY:
            raise Improper("The lines around its answer have no end.")
        return True


class _Parsed:
    """What the parser has found so far; it calls these methods by their names."""

    parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.begun = self.over = self.reusable = self.more = False
        self.unused = 0
        self._interim = 0
        self._parts: list[bytes] = []

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def on_message_begin(self) -> None:
        self.more = self.over

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.begun:  # behind the last chunk
            return
        key, text = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.over:
            return
        self.status = self.parser.get_status_code()
        self.begun = self.status >= 200

    def on_body(self, body: bytes) -> None:
        if not self.over:
            self._parts.append(body)
            self.unused = 0

    def on_message_complete(self) -> None:
        if self.begun:
            self.over = True
            self.reusable = self.parser.should_keep_alive()
            return
        self._interim += 1
        self.headers = {}
        if self._interim > _MOST_INTERIM:
            raise Improper("Its answer does not begin.")
