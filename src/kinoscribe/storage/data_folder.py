"""Turns the path of the data folder into a folder that is there, private, writable and used by one server."""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class DataFolderUnusable(Exception):
    """The text is a sentence for the operator: what is wrong with the folder and what would help."""


class DatabaseUnusable(Exception):
    """The text is a sentence for the operator: why the database cannot be used. It never holds a password."""


class StoreUnusable(DataFolderUnusable):
    """The text is a sentence for the operator: why the store of media cannot be used."""


class DataFolder:
    """Where things lie below the data folder. Making one creates the folder for its owner only."""

    def __init__(self, path: Path) -> None:
        """Raises `DataFolderUnusable` when `path` is no folder or nothing can be written there."""
        self.path = path.expanduser().absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"\0")
        except (FileExistsError, NotADirectoryError) as error:
            raise DataFolderUnusable(f"The data folder {self.path} cannot be made: {error}.") from error
        except OSError as error:
            raise DataFolderUnusable(
                f"Nothing can be written to the data folder {self.path}: {error.strerror}. "
                "Choose another one with --data-dir or KINOSCRIBE_DATA_DIR."
            ) from error

    @property
    def name(self) -> str:
        """What tells this folder from all others, wherever it is mounted."""
        return private_file(self.path / "folder.id", secrets.token_hex(16).encode()).decode()

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'kinoscribe.db'}"

    @contextmanager
    def for_one_server(self) -> Iterator[None]:
        """Holds the folder for this server; ends by itself when the process dies.

        Raises `DataFolderUnusable` when another server holds it. Commands that only read or add need no hold.
        """
        handle = os.open(self.path / "server.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
                raise DataFolderUnusable(
                    f"Another server (process {holder}) already uses the data folder {self.path}. "
                    "End it, or choose another folder with --data-dir."
                ) from error
            os.truncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
            yield
        finally:
            os.close(handle)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds the lock file `path` against other processes and threads, waiting until it is free."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def private_file(path: Path, content: bytes) -> bytes:
    """What `path` holds; a file that is not there is first made with `content`, whole, for its owner only.

    When several processes do this at once, all get the bytes of the one that came first.
    """
    with suppress(FileNotFoundError):
        return path.read_bytes()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
    return path.read_bytes()
