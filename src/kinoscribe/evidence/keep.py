"""Keeps notes in files by their key, whole or not at all, and reads them back."""

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec
import structlog

from kinoscribe.contract.errors import StorageFull
from kinoscribe.notes import Notes

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(Notes)


def key_of(content: str, parts: tuple[str, ...]) -> str:
    """The key of notes: what was perceived, and the version of everything that perceived it."""
    return hashlib.sha256("\n".join((content, *parts)).encode()).hexdigest()


class NotesFolder:
    """Notes as JSON under `<folder>/<aa>/<key>.json`. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def lock(self, key: str) -> Path:
        """A file beside the notes, for whoever is about to make them."""
        place = self.place(key)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place.with_suffix(".lock")

    def load(self, key: str) -> Notes | None:
        """The notes, or None when there are none that can be read."""
        place = self.place(key)
        try:
            return _decoder.decode(place.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("notes_unreadable", file=place.name, reason=str(error))
            return None

    def save(self, key: str, notes: Notes) -> None:
        """Keeps the notes. Raises `StorageFull` and leaves nothing half-written when the disk is full."""
        place = self.place(key)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=".notes-")
        except OSError as error:
            raise StorageFull from error
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(notes))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, place)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise StorageFull from error
