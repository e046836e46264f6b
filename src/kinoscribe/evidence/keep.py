"""Keeps notes in files by their key, whole or not at all, and reads them back."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from kinoscribe import clock
from kinoscribe.contract.errors import ApiError, StorageFull
from kinoscribe.evidence.making import Making
from kinoscribe.notes import Notes
from kinoscribe.storage.listing import below

AWAY = "evidence"
_DIGEST = 64
_USED_ANEW = 3600.0
# Nobody writes for so long: what is older was left by a process that was killed.
_FORGOTTEN = 24 * 3600.0
_UNFINISHED = ".unfinished-"
# What is to be found for a while only.
_PASSING = (".flawed", ".milestone")

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(Notes)
_making_decoder = msgspec.json.Decoder(Making)


def key_of(content: str, parts: tuple[str, ...]) -> str:
    """The key of notes: what was perceived, and the version of everything that perceived it."""
    return content + hashlib.sha256("\n".join((content, *parts)).encode()).hexdigest()


class Away(Protocol):
    """A store that other machines look into as well. Raises `StoreUnavailable`."""

    def get(self, key: str, seconds: float | None = None) -> bytes | None:
        """What is there; with `seconds` only if it was put there no longer ago."""

    def has(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes) -> None: ...

    def remove_below(self, prefix: str) -> int: ...

    def times_below(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every key and when it was put there."""


class NotesFolder:
    """Notes as JSON under `<folder>/<aa>/<key>.json`. Safe to share between threads and processes.

    Where machines do not share the folder, whole notes are also kept `away`, and brought from there.
    """

    def __init__(self, folder: Path, away: Away | None = None) -> None:
        self._folder = folder
        self._away = away

    def place(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def lock(self, key: str) -> Path:
        """A file beside the notes, for whoever is about to make them."""
        place = self.place(key)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place.with_suffix(".lock")

    def unlock(self, key: str) -> None:
        """Removes that file."""
        with suppress(OSError):
            self.place(key).with_suffix(".lock").unlink()

    def has(self, key: str) -> bool:
        """Whether there are notes for all who may ask, whole or with a part that failed. Raises `StoreUnavailable`."""
        if self._away is not None:
            return self._away.has(_away(key, "json")) or self._away.has(_away(key, "flawed"))
        return self.place(key).exists() or self._flawed(key).exists()

    def load(self, key: str) -> Notes | None:
        """The notes, or None when there are none that can be read."""
        place = self.place(key)
        try:
            notes = _decoder.decode(place.read_bytes())
        except FileNotFoundError:
            return self._bring(key)
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("notes_unreadable", file=place.name, reason=str(error))
            return None
        with suppress(OSError):
            if clock.now().timestamp() - place.stat().st_mtime > _USED_ANEW:
                os.utime(place)  # by which `Ageing` knows what is used
        return notes

    def save(self, key: str, notes: Notes) -> None:
        """Keeps the notes. Raises `StorageFull` and leaves nothing half-written when the disk is full."""
        body = msgspec.json.encode(notes)
        self._write(self.place(key), body)
        self._put_away(key, "json", body)
        for left in (self._flawed(key), self._milestone(key)):
            with suppress(OSError):
                left.unlink(missing_ok=True)

    def load_flawed(self, key: str, seconds: float) -> Notes | None:
        """Notes of which a part failed, when they were laid here at most `seconds` ago."""
        place = self._flawed(key)
        with suppress(OSError, msgspec.MsgspecError):
            if 0 <= clock.now().timestamp() - place.stat().st_mtime < seconds:
                return _decoder.decode(place.read_bytes())
        return self._bring(key, "flawed", seconds)

    def save_flawed(self, key: str, notes: Notes) -> None:
        """Lays notes of which a part failed where other processes find them for a while. Raises `StorageFull`."""
        body = msgspec.json.encode(notes)
        self._write(self._flawed(key), body)
        self._put_away(key, "flawed", body)

    def load_milestone(self, key: str) -> bytes | None:
        """What was known when the notes were half made, for whoever goes on."""
        with suppress(OSError):
            return self._milestone(key).read_bytes()
        return None

    def save_milestone(self, key: str, milestone: bytes) -> None:
        """Keeps it until the notes are kept or another takes its place. Raises `StorageFull`."""
        self._write(self._milestone(key), milestone)

    def load_making(self, key: str) -> Making | None:
        """How the notes were made, or how far their making is; None where nobody took that down."""
        try:
            return _making_decoder.decode(self._making(key).read_bytes())
        except FileNotFoundError:
            return self._bring_making(key)
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("making_unreadable", key=key, reason=str(error))
            return None

    def save_making(self, key: str, making: Making, *, ended: bool) -> None:
        """Keeps how the notes were made; before the notes themselves, if it has `ended`. Raises `StorageFull`."""
        body = msgspec.json.encode(making)
        self._write(self._making(key), body)
        if ended:
            self._put_away(key, "making", body)

    def drop_milestone(self, key: str) -> None:
        with suppress(OSError):
            self._milestone(key).unlink(missing_ok=True)

    def forget(self, content: str) -> None:
        """Removes all that is known of a content, of every version. Raises `StoreUnavailable`."""
        self.forget_here(content)
        if self._away is not None:
            self._away.remove_below(f"{AWAY}/{content}")

    def forget_here(self, content: str) -> None:
        """Removes what this machine has of it."""
        for file in below(self._folder, content[:2], f"{content}*"):
            with suppress(OSError):
                file.unlink()

    def _bring(self, key: str, kind: str = "json", seconds: float | None = None) -> Notes | None:
        """Notes that another machine made; whole ones are then kept here too."""
        if self._away is None:
            return None
        try:
            body = self._away.get(_away(key, kind), seconds)
            if body is None:
                return None
            notes = _decoder.decode(body)
            if seconds is None:
                self._write(self.place(key), body)
        except (ApiError, msgspec.MsgspecError) as error:
            _log.warning("notes_not_brought", key=key, reason=str(error))
            return None
        return notes

    def _bring_making(self, key: str) -> Making | None:
        if self._away is None:
            return None
        try:
            body = self._away.get(_away(key, "making"))
            if body is None:
                return None
            making = _making_decoder.decode(body)
            self._write(self._making(key), body)
        except (ApiError, msgspec.MsgspecError) as error:
            _log.warning("making_not_brought", key=key, reason=str(error))
            return None
        return making

    def _put_away(self, key: str, kind: str, body: bytes) -> None:
        if self._away is None:
            return
        try:
            self._away.put(_away(key, kind), body)
        except ApiError as error:
            _log.warning("notes_not_put_away", key=key, reason=error.message)

    def _milestone(self, key: str) -> Path:
        return self.place(key).with_suffix(".milestone")

    def _making(self, key: str) -> Path:
        return self.place(key).with_suffix(".making")

    def _flawed(self, key: str) -> Path:
        return self.place(key).with_suffix(".flawed")

    def _write(self, place: Path, body: bytes) -> None:
        try:
            write_whole(place, body)
        except OSError as error:
            raise StorageFull from error

    def sweep(self, *, dry: bool = False) -> int:
        """Removes what killed processes left, and what was to be found for a while only; says of how many files.

        With `dry` they stay.
        """
        before, gone = clock.now().timestamp() - _FORGOTTEN, 0
        passing = [f"{_UNFINISHED}*", *(f"*{kind}" for kind in _PASSING)]
        for file in (found for name in passing for found in below(self._folder, "*", name)):
            with suppress(OSError):
                if file.stat().st_mtime < before:
                    gone += _remove(file, dry=dry)
        for file in below(self._folder, "*", "*.making"):
            with suppress(OSError):
                beside = (file.with_suffix(kind) for kind in (".json", *_PASSING))
                needed = any(other.exists() and not (dry and _is_passing(other, before)) for other in beside)
                if not needed and file.stat().st_mtime < before:
                    gone += _remove(file, dry=dry)
        return gone


def _remove(file: Path, *, dry: bool) -> int:
    if not dry:
        file.unlink()
    return 1


def _is_passing(file: Path, before: float) -> bool:
    """Whether a sweep takes this file away."""
    return file.suffix in _PASSING and file.stat().st_mtime < before


def _away(key: str, kind: str) -> str:
    """By content, so that all that is known of one lies together."""
    return f"{AWAY}/{key[:-_DIGEST]}/{key[-_DIGEST:]}.{kind}"


def write_whole(place: Path, body: bytes) -> None:
    """Writes a file so that it is there whole or not at all, even after a power cut. Raises `OSError`."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=_UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
