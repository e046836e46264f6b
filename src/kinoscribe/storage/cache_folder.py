"""Turns results that could be made again into files found by what made them, within a quota of disk."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from kinoscribe import clock
from kinoscribe.storage.listing import below

FOLDER = "cache"
"""Its name in the data folder."""
KINDS = ("answers", "captions", "facts", "frames", "pictures")
"""What is kept today; others that are found are shown and cleared as well."""

_MARK = b"kinoscribe cache 1\n"
_KIND = re.compile(r"[a-z][a-z_]{0,31}")
_NAME = re.compile(r"[0-9a-f]{24,64}")
_SHORT = 24
_USED_ANEW = 60.0
"""Seconds within which a second use of an entry is not written down."""
_FORGOTTEN = 3600.0
"""Nobody writes an entry for so many seconds: what is older was left by a process that was killed."""
_LARGEST, _LOOK, _KEEP = 4, 32, 0.9
"""The share of the quota (one in) one entry may have; after how much writing (one in) it is looked after; and the
part of it that remains when entries had to go."""
_PATIENCE, _PAUSE = 2.0, 0.01
"""Seconds for which one who has written much waits while another looks after the quota, and between two tries."""
_ROOM = 256 * 1024 * 1024
"""Bytes of disk that are left to others: with less, nothing is kept."""
_BLOCK = 512
_TRIES = 5
"""So often a folder is made again that others clear away before the entry is in it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where an entry lies, made by `CacheFolder.key`: names from which neither account nor content can be read."""

    account: str
    content: str
    name: str


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What entries of one kind, or of several, take: bytes of disk, and when the last of them was used."""

    kind: str
    entries: int = 0
    bytes: int = 0
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    kind: str
    bytes: int
    used: float


class CacheFolder:
    """Entries as `<folder>/<kind>/<account>/<content>/<name>`; safe to share between threads and processes.

    An account is part of every key, so that accounts with the same video never meet. `quota` is in bytes of disk, for
    all kinds together: when it is used up, what was not used for longest goes. With 0 nothing is kept. `secret` makes
    the names.
    """

    def __init__(self, folder: Path, quota: int, secret: bytes) -> None:
        self._folder = folder
        self._quota = quota
        self._secret = secret
        self._lock = threading.Lock()
        self._written = quota  # nobody knows yet what is there: the first entry makes us look
        self._owes = False  # much was written while another looked after the quota
        self._told_full = False

    def key(self, account: str, content: str, *parts: str) -> CacheKey:
        """The key of what was made of a content (its SHA-256, or "") for an account; `parts`: all else that matters."""
        whole = hashlib.sha256()
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            whole.update(b"%d:" % len(encoded) + encoded)
        return CacheKey(self.salt(account), self._name("content", content), whole.hexdigest())

    def salt(self, account: str) -> str:
        """A word that stands for an account, always the same, and tells nothing about it."""
        return self._name("account", account)

    def get(self, kind: str, key: CacheKey) -> bytes | None:
        """What was kept, or None. An entry that was damaged is removed and counts as not kept."""
        place = self._place(kind, key)
        try:
            with open(place, "rb") as file:
                body = file.read()
                used = os.fstat(file.fileno()).st_mtime
        except OSError:
            return None
        data = body[len(_MARK) + hashlib.sha256().digest_size :]
        if body[: -len(data) or None] != _head(kind, key, data):
            _log.warning("cache_entry_damaged", kind=kind, bytes=len(body))
            with suppress(OSError):
                place.unlink(missing_ok=True)
            return None
        if abs(clock.now().timestamp() - used) > _USED_ANEW:
            with suppress(OSError):
                os.utime(place)
        return data

    def put(self, kind: str, key: CacheKey, data: bytes) -> None:
        """Keeps `data`, whole or not at all. Never raises: a full disk or too small a quota costs the keeping only.

        So does a quota that another looks after for long: nothing is put on top of it without an end.
        """
        place = self._place(kind, key)
        if self._quota <= 0 or len(data) > self._quota // _LARGEST:
            return
        if self._owes and self._evict(_PATIENCE) is None:
            return
        try:
            if shutil.disk_usage(_there(self._folder)).free < len(data) + _ROOM:
                self._tell_full("little room is left on the disk")
                return
            self._write(place, _head(kind, key, data) + data)
        except OSError as error:
            self._tell_full(error.strerror or type(error).__name__)
            return
        with self._lock:
            self._written += _on_disk(len(data))
            look = self._written >= self._quota // _LOOK
            if look:
                self._written = 0
        if look and self._evict() is None:
            self._owes = True  # another is at it and may have looked before this entry came

    def kinds(self) -> tuple[CacheUse, ...]:
        """What is kept of each kind, by name."""
        found: dict[str, list[_Entry]] = {}
        for entry in self._entries():
            found.setdefault(entry.kind, []).append(entry)
        return tuple(_use(kind, found[kind]) for kind in sorted(found))

    def clear(
        self, *, kind: str | None = None, account: str | None = None, content: str | None = None
    ) -> CacheUse:
        """Removes the entries to which all fits that is named, and says what went."""
        if kind is not None and not _KIND.fullmatch(kind):
            return CacheUse(kind)
        owner = "*" if account is None else self.salt(account)
        of = "*" if content is None else self._name("content", content)
        return self._remove(list(self._entries(kind or "*", owner, of)), kind or "all")

    def clear_salt(self, salt: str, *, before: float) -> CacheUse:
        """Removes what an account has, by the word that stands for it, unless it was used after a moment."""
        found = self._entries("*", salt, "*") if _NAME.fullmatch(salt) else ()
        return self._remove([entry for entry in found if entry.used < before], "all")

    def sweep(self, unused_for: float, *, dry: bool = False) -> CacheUse:
        """Removes what was not used for so many seconds, what killed processes left, and what exceeds the quota.

        Says what went, or with `dry` would go.
        """
        before = clock.now().timestamp() - unused_for
        entries = list(self._entries())
        old = [entry for entry in entries if entry.used < before]
        left = self._sweep_unfinished(dry=dry)
        if dry:
            gone = _use("all", old)
            more = _use("all", self._exceeding([entry for entry in entries if entry.used >= before]))
        else:
            gone = self._remove(old, "all")
            more = self._evict() or CacheUse("all")
        return CacheUse("all", gone.entries + more.entries + left, gone.bytes + more.bytes, gone.last_used)

    def _name(self, what: str, of: str) -> str:
        body = f"cache {what}\0{of}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()[:_SHORT]

    def _place(self, kind: str, key: CacheKey) -> Path:
        names = (key.account, key.content, key.name)
        if not _KIND.fullmatch(kind) or not all(_NAME.fullmatch(name) for name in names):
            raise ValueError("a cache entry needs a kind in small letters and a key made by `key`")
        return self._folder.joinpath(kind, *names)

    def _write(self, place: Path, body: bytes) -> None:
        unfinished = self._folder / ".new"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700, exist_ok=True)
        new = unfinished / secrets.token_hex(16)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(body)
            for left in reversed(range(_TRIES)):
                try:
                    _move(new, place)
                    break
                except FileNotFoundError:  # its folder was cleared at this very moment
                    if not left:
                        raise
        finally:
            new.unlink(missing_ok=True)

    def _tell_full(self, reason: str) -> None:
        """Once is enough: a disk stays full for a while."""
        if not self._told_full:
            self._told_full = True
            _log.warning("cache_not_kept", reason=reason)

    def _entries(self, kind: str = "*", account: str = "*", content: str = "*") -> Iterator[_Entry]:
        """Files in the place of an entry, whether they can be read or not; a `*` stands for every name."""
        for path in below(self._folder, kind, account, content, "*"):
            kind = path.relative_to(self._folder).parts[0]
            with suppress(OSError):
                facts = path.lstat()
                if _KIND.fullmatch(kind):
                    blocks = getattr(facts, "st_blocks", 0) * _BLOCK
                    yield _Entry(path, kind, max(facts.st_size, blocks), facts.st_mtime)

    def _evict(self, patience: float = 0.0) -> CacheUse | None:
        """Removes what was not used for longest, if there is too much; None while another process does so."""
        with self._alone(patience) as ours:
            if not ours:
                return None
            self._owes = False
            self._sweep_unfinished(dry=False)
            return self._remove(self._exceeding(list(self._entries())), "all")

    def _exceeding(self, entries: list[_Entry]) -> list[_Entry]:
        """Those that were not used for longest, if there is more than the quota."""
        total = sum(entry.bytes for entry in entries)
        going: list[_Entry] = []
        if total > self._quota:
            for entry in sorted(entries, key=lambda entry: entry.used):
                if total <= self._quota * _KEEP:
                    break
                going.append(entry)
                total -= entry.bytes
        return going

    def _remove(self, entries: list[_Entry], kind: str) -> CacheUse:
        gone = []
        for entry in entries:
            with suppress(OSError):
                entry.path.unlink()
                gone.append(entry)
        for folder in {entry.path.parent for entry in gone}:
            with suppress(OSError):  # what is not empty stays
                for empty in (folder, *folder.parents[:2]):
                    empty.rmdir()
        return _use(kind, gone)

    def _sweep_unfinished(self, *, dry: bool) -> int:
        """Removes what killed processes left, or with `dry` only counts it."""
        before, gone = clock.now().timestamp() - _FORGOTTEN, 0
        for left in below(self._folder, ".new", "*"):
            with suppress(OSError):
                if left.stat().st_mtime < before:
                    if not dry:
                        left.unlink()
                    gone += 1
        return gone

    @contextmanager
    def _alone(self, patience: float) -> Iterator[bool]:
        """Whether no other process or thread looks after the quota right now; if so, none does until the end.

        Waits for so many seconds until that is so.
        """
        until = clock.steady() + patience
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            yield False
            return
        try:
            while not _locked(handle):
                if clock.steady() >= until:
                    yield False
                    return
                time.sleep(_PAUSE)
            yield True
        finally:
            os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock of an open file is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _head(kind: str, key: CacheKey, data: bytes) -> bytes:
    """What stands before the data: an entry that is cut, changed or in another's place does not fit to it."""
    place = f"{kind}/{key.account}/{key.content}/{key.name}\n".encode()
    return _MARK + hashlib.sha256(place + data).digest()


def _move(new: Path, place: Path) -> None:
    for folder in reversed(place.parents[:3]):
        folder.mkdir(mode=0o700, exist_ok=True)
    os.replace(new, place)


def _on_disk(length: int) -> int:
    return -(-length // (8 * _BLOCK)) * 8 * _BLOCK


def _there(folder: Path) -> Path:
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _use(kind: str, entries: list[_Entry]) -> CacheUse:
    last = max((entry.used for entry in entries), default=None)
    used = None if last is None else datetime.fromtimestamp(last, UTC)
    return CacheUse(kind, len(entries), sum(entry.bytes for entry in entries), used)
