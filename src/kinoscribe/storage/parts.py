"""Turns parts that come in any order and at the same time into one file, without writing anything twice."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from blake3 import blake3

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.beside import to_disk
from kinoscribe.storage.data_folder import private_file
from kinoscribe.storage.files import Stored, digest, our_errors, second_name, settle
from kinoscribe.storage.listing import below

_TOKEN = 16


class PartReplaced(Exception):
    """A newer writer of the same part has taken its place: what this one wrote counts no more."""


class PartTooLong(Exception):
    """More was written than the part may hold."""


class PartTooShort(Exception):
    """The part ended before it was whole."""


class PartsGone(Exception):
    """The bytes of this upload are not there: it was dropped, or never begun."""


@dataclass(frozen=True, slots=True)
class PartStored:
    """A part that is whole and durable. `etag` is a hash of its bytes: which one is the store's choice."""

    number: int
    etag: str
    bytes: int


class PartWriter(Protocol):
    """A part that is being written; leaving its `with` block without `finish` makes it as if it never came."""

    def write(self, data: bytes | memoryview) -> None:
        """Appends. Raises `StorageFull`, `PartTooLong`, `PartReplaced`."""

    def finish(self) -> PartStored:
        """Makes the part durable. No newer writer goes on before the `with` block ends.

        Raises `PartTooShort`, `PartReplaced`, `StorageFull`.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Parts(Protocol):
    """The bytes of multipart uploads, by upload and number; the first part is 1, all but the last have one size.

    Who may still replace a part is not told here. Whoever gets a writer unsets in the part's row what an earlier
    writer had stored, before the first byte is written; when the row says that the part is settled, nothing is.
    """

    def begin(self, upload: str, total: int, part_bytes: int) -> None:
        """Makes room for an upload of `total` bytes; nothing is reserved. May be repeated."""

    def put(self, upload: str, number: int, size: int) -> PartWriter:
        """A writer of one part of exactly `size` bytes; an older one of the same part can go on no more.

        Raises `PartsGone`, `StorageFull`.
        """

    def drop(self, upload: str) -> None:
        """Removes all that was stored of an upload and not kept. May be repeated."""

    def assemble(
        self, upload: str, parts: Sequence[PartStored], cancel: Cancel
    ) -> AbstractContextManager[Stored]:
        """The whole of the parts, in order and without a copy, to be kept while the block lasts.

        May be repeated until `drop`, also after a process died in between or a transaction failed. Takes as long as
        reading all of it. Raises `PartsGone`, `StoreUnavailable` and `Canceled`.
        """

    def held(self, older: float) -> Iterator[str]:
        """The uploads of which there are bytes and in which nothing has happened for `older` seconds."""


def check_all(parts: Sequence[PartStored]) -> None:
    """Whoever assembles has made sure that no part is missing."""
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))


class PartFolder:
    """Parts on a local disk: each is written to its place in one sparse file, which in the end is renamed.

    Beside it lies a small file for each part that tells which writer it belongs to. A writer holds it for each
    piece it writes, so that threads and processes replace each other between pieces and never mix their bytes.
    """

    def __init__(self, folder: Path, links: Path) -> None:
        """`links` is a folder of this process's own on the same file system."""
        self._folder = folder
        self._links = links
        folder.mkdir(mode=0o700, exist_ok=True)

    def begin(self, upload: str, total: int, part_bytes: int) -> None:
        home = self._home(upload)
        with our_errors():
            home.mkdir(mode=0o700, exist_ok=True)
            with open(home / "data", "ab") as data:
                data.truncate(total)
                os.fsync(data.fileno())
            private_file(home / "shape", json.dumps([total, part_bytes]).encode())
            settle(home)
            settle(self._folder)

    def put(self, upload: str, number: int, size: int) -> PartWriter:
        total, part_bytes = self._shape(upload)
        offset = (number - 1) * part_bytes
        if not (offset >= 0 and 0 < size <= part_bytes and offset + size <= total):
            raise ValueError(f"part {number} of {size} bytes is no part of this upload")
        if size > shutil.disk_usage(self._folder).free:
            raise StorageFull
        return _PlaceWriter(self._home(upload), number, offset, size)

    def drop(self, upload: str) -> None:
        shutil.rmtree(self._home(upload), ignore_errors=True)

    @contextmanager
    def assemble(self, upload: str, parts: Sequence[PartStored], cancel: Cancel) -> Iterator[Stored]:
        check_all(parts)
        home, size = self._home(upload), sum(part.bytes for part in parts)
        data = home / "data"
        with _gone_with(home):
            if data.stat().st_size != size:
                raise PartsGone
            # A second name, which `Blobs.keep` moves: the first stays until the upload is dropped.
            link = second_name(data, self._links / secrets.token_hex(16))
        try:
            with _gone_with(home):
                whole = digest(link, cancel)
            yield Stored(link, whole, size)
        finally:
            if link != data:
                link.unlink(missing_ok=True)

    def held(self, older: float) -> Iterator[str]:
        before = clock.now().timestamp() - older
        uploads = (path for path in below(self._folder, "*") if path.name.isalnum())
        for home in uploads:
            with suppress(OSError):
                if max(path.stat().st_mtime for path in (home, *below(home, "*"))) < before:
                    yield home.name

    def _home(self, upload: str) -> Path:
        assert upload.isalnum(), "the name of an upload is our own, never a client's"
        return self._folder / upload

    def _shape(self, upload: str) -> tuple[int, int]:
        home = self._home(upload)
        with _gone_with(home):
            total, part_bytes = json.loads((home / "shape").read_bytes())
        return total, part_bytes


@contextmanager
def _gone_with(home: Path) -> Iterator[None]:
    """What is not there any more in the folder of an upload was dropped, maybe at this very moment."""
    try:
        yield
    except FileNotFoundError as error:
        raise PartsGone(home.name) from error


class _PlaceWriter:
    """Writes one part to its place."""

    def __init__(self, home: Path, number: int, offset: int, size: int) -> None:
        self._number, self._offset, self._size = number, offset, size
        self._written = 0
        self._hash = blake3()
        self._token = secrets.token_bytes(_TOKEN)
        self._held = False
        with _gone_with(home), our_errors():
            self._data = os.open(home / "data", os.O_WRONLY | os.O_CLOEXEC)
            try:
                self._slot = os.open(home / f"{number}.slot", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except BaseException:
                os.close(self._data)
                raise
        try:
            with self._alone(), our_errors():
                os.pwrite(self._slot, self._token, 0)
        except BaseException:
            self.__exit__()
            raise

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        if self._written + len(view) > self._size:
            raise PartTooLong
        self._hash.update(view)
        with self._alone(), our_errors():
            self._check()
            while view:
                done = os.pwrite(self._data, view, self._offset + self._written)
                self._written += done
                view = view[done:]

    def finish(self) -> PartStored:
        if self._written < self._size:
            raise PartTooShort
        with our_errors():
            to_disk(self._data)
        fcntl.flock(self._slot, fcntl.LOCK_EX)
        self._held = True
        self._check()
        return PartStored(self._number, self._hash.hexdigest(), self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (self._slot, self._data):  # closing the slot also lets go of it
            if handle >= 0:
                os.close(handle)
        self._slot = self._data = -1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert not self._held, "nothing is written to a part that is finished"
        fcntl.flock(self._slot, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._slot, fcntl.LOCK_UN)

    def _check(self) -> None:
        if os.pread(self._slot, _TOKEN, 0) != self._token:
            raise PartReplaced
