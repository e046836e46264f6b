"""Turns a multipart form, as it comes in, into fields in memory and one file that is written to disk once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio import CancelScope, CapacityLimiter, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from kinoscribe.api.request_body import Body
from kinoscribe.contract.errors import ApiError, ParameterInvalid, VideoFilesizeTooLarge
from kinoscribe.storage.blobs import Incoming, Stored

FILE_FIELD = "file"
# The most that a form has beside its file, in bytes.
FORM_AROUND_FILE = 2 * 1024 * 1024

_LONGEST_FIELD = 256 * 1024
_MOST_PARTS = 64
_LONGEST_NAME = 255


@dataclass(slots=True)
class Form:
    """What a form held: texts by name, and the file with the name the client gave it, made harmless."""

    fields: dict[str, str] = field(default_factory=dict)
    file: Incoming | None = None
    filename: str | None = None

    def stored(self) -> Stored | None:
        """The file once its bytes have reached the disk. Raises `StorageFull`."""
        return None if self.file is None else self.file.finish()

    def discard(self) -> None:
        """Removes the file, unless it was kept."""
        if self.file is not None:
            self.file.discard()


@asynccontextmanager
async def read_form(
    request: Request,
    begin: Callable[[int], Incoming],
    *,
    most: int,
    limiter: CapacityLimiter,
    file_field: str = FILE_FIELD,
    admit: Callable[[int], None] | None = None,
) -> AsyncIterator[Form]:
    """The form of `request`; the file in `file_field` goes to what `begin` opens and may have `most` bytes.

    `begin` is told how many bytes the client has announced, and so is `admit` before any is read; it may raise.
    Parsing, hashing, writing and removing run in threads of `limiter`. Nothing is left behind when the block ends,
    unless the file was kept, nor when this raises: `ParameterInvalid`, `VideoFilesizeTooLarge`, `StorageFull`,
    `ClientDisconnect`...
    """
    body = Body(request)
    try:
        boundary = _boundary(request.headers.get("content-type", ""))
        if body.announced > most + FORM_AROUND_FILE:
            raise _too_large(most, body.announced)
        if admit is not None and body.announced > FORM_AROUND_FILE:
            await to_thread.run_sync(admit, body.announced, limiter=limiter)
        reader = FormReader(boundary, lambda: begin(body.announced), most, file_field)
        try:
            await body.into(reader.feed, limiter)
            yield reader.finish()
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(reader.form.discard, limiter=limiter)
    except ApiError:
        await body.drain()
        raise


class FormReader:
    """Eats the bytes of a form. Plain code that may run in any thread, one call after another."""

    def __init__(
        self, boundary: bytes, begin: Callable[[], Incoming], most: int, file_field: str = FILE_FIELD
    ) -> None:
        self.form = Form()
        self._file_field = file_field
        self._begin = begin
        self._most = most
        self._parts = 0
        self._ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text: bytearray | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes | memoryview) -> None:
        """Takes the next bytes, of which it keeps none. Raises an `ApiError`."""
        try:
            self._parser.write(bytes(data))
        except FormParserError as error:
            raise _broken("is not a proper multipart form") from error

    def finish(self) -> Form:
        """The form, when all of it was there. Raises `ParameterInvalid` when its end is missing."""
        if not self._ended and self._parts:
            raise _broken("ends before the form does")
        return self.form

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _broken(f"has more than {_MOST_PARTS} parts")
        self._headers = {}

    def _header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        said = self._headers.get(b"content-disposition", b"").decode("latin-1")
        kind, options = parse_options_header(said)
        if kind != b"form-data" or b"name" not in options:
            raise _broken("has a part without a name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._text = None
        if self._name != self._file_field:
            self._text = bytearray()
            return
        if self.form.file is not None:
            raise ParameterInvalid(p=self._file_field, reason="Only one file can be uploaded at a time.")
        self.form.file = self._begin()
        self.form.filename = harmless_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._text is not None:
            if len(self._text) + end - start > _LONGEST_FIELD:
                raise ParameterInvalid(
                    p=self._name[:64], reason=f"At most {_LONGEST_FIELD} bytes are accepted."
                )
            self._text += data[start:end]
            return
        file = self.form.file
        assert file is not None, "the file part has opened its file"
        if file.size + end - start > self._most:
            raise _too_large(self._most, None)
        file.write(memoryview(data)[start:end])

    def _part_end(self) -> None:
        if self._text is not None:
            self.form.fields[self._name] = self._text.decode("utf-8", "replace")
            self._text = None

    def _end(self) -> None:
        self._ended = True


def harmless_name(said: str) -> str:
    """A file name for people to read: no folders, nothing invisible, at most 255 characters; else `upload`.

    No file on this server is ever called by it.
    """
    visible = "".join(c for c in said if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    name = re.split(r"[/\\]", visible)[-1].strip()
    if len(name) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        keep = dot + ending if stem and len(ending) <= 16 else ""
        name = name[: _LONGEST_NAME - len(keep)] + keep
    return name if name.strip(". ") else "upload"


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise _broken("is not of the type multipart/form-data with a boundary")
    return boundary


def _broken(how: str) -> ParameterInvalid:
    return ParameterInvalid(p="request body", reason=f"The body {how}.")


def _too_large(most: int, size: int | None) -> VideoFilesizeTooLarge:
    return VideoFilesizeTooLarge(
        most=f"{most} bytes", size=f"more than {most} bytes" if size is None else f"about {size} bytes"
    )
