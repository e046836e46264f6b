"""Turns the setting `store_url` into a place for objects that are away from this machine: a bucket that speaks S3."""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StoreUnavailable
from kinoscribe.storage.data_folder import StoreUnusable

if TYPE_CHECKING:
    from obstore.store import S3Config

_PIECE = 8 * 1024 * 1024
"""Bytes of one request: each has its own time limit and is tried again by itself."""
_AHEAD = 4
_CONNECT = timedelta(seconds=5)
_REQUEST = timedelta(seconds=60)
_PATIENCE = timedelta(seconds=20)
_TRIES = 4
_MANY = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """How to reach a bucket. What is unset is taken from the variables of AWS's own tools, as the credentials are."""

    endpoint: str | None = None
    region: str | None = None
    host_style: bool = False
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    key: str
    bytes: int
    modified: datetime


class Objects:
    """Objects by key below one prefix of a bucket; may be shared between threads.

    Keys are made by us and never used again for other bytes, so that no object changes once it is there. All
    methods raise `StoreUnavailable` when the store cannot be reached, refuses us or breaks off.
    """

    def __init__(self, url: str, options: ObjectOptions) -> None:
        """Raises `StoreUnusable` when the address or the options cannot be right. Nothing is asked of the store yet."""
        bucket, prefix = read_url(url)
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=_config(options),
                client_options={
                    "allow_http": _may_be_plain(options),
                    "connect_timeout": _CONNECT,
                    "timeout": _REQUEST,
                },
                retry_config={"max_retries": _TRIES - 1, "retry_timeout": _PATIENCE},
            )
        except BaseError as error:
            raise StoreUnusable(f"The store {url} cannot be used: {_told(error)}.") from error

    def put_file(self, key: str, path: Path) -> None:
        """Copies a whole file to the store; the object is there whole or not at all."""
        with _our_errors("put"):
            small = path.stat().st_size <= _PIECE
            obstore.put(
                self._store,
                key,
                path,
                use_multipart=not small,
                chunk_size=_PIECE,
                max_concurrency=_AHEAD,
            )

    def put(self, key: str, body: bytes) -> None:
        with _our_errors("put"):
            obstore.put(self._store, key, body, use_multipart=False)

    def create(self, key: str, body: bytes) -> bytes:
        """What is under `key`: `body`, unless there was something before. All who do this at once get the same."""
        with _our_errors("put"):
            try:
                obstore.put(self._store, key, body, use_multipart=False, mode="create")
            except AlreadyExistsError:
                return obstore.get(self._store, key).bytes().to_bytes()
        return body

    def get(self, key: str, seconds: float | None = None) -> bytes | None:
        """A small object; None when there is none, or none that was put there within `seconds`."""
        with _our_errors("get"):
            try:
                found = obstore.get(self._store, key)
                if (
                    seconds is not None
                    and (clock.now() - found.meta["last_modified"]).total_seconds() > seconds
                ):
                    return None
                return found.bytes().to_bytes()
            except (NotFoundError, FileNotFoundError) as error:
                _check_bucket(error)
                return None

    def has(self, key: str) -> bool:
        with _our_errors("head"):
            try:
                obstore.head(self._store, key)
            except (NotFoundError, FileNotFoundError) as error:
                _check_bucket(error)
                return False
        return True

    def pieces(self, key: str, size: int, cancel: Cancel) -> Iterator[memoryview]:
        """The bytes of an object of `size` bytes, in order; a few requests run ahead.

        Raises `FileNotFoundError` when it is not there, and `Canceled`.
        """
        starts = iter(range(0, size, _PIECE))
        ahead: deque[Future[memoryview]] = deque()
        with ThreadPoolExecutor(_AHEAD, "objects") as pool:
            try:
                while True:
                    for start in starts:
                        ahead.append(pool.submit(self._range, key, start, min(_PIECE, size - start)))
                        if len(ahead) == _AHEAD:
                            break
                    if not ahead:
                        return
                    cancel.check()
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def remove(self, keys: Iterable[str]) -> None:
        """Removes objects; one that is not there is as good as removed."""
        wanted = list(keys)
        for at in range(0, len(wanted), _MANY):
            with _our_errors("delete"):
                obstore.delete(self._store, wanted[at : at + _MANY])

    def remove_below(self, prefix: str) -> int:
        """Removes all objects below the folder `prefix`; says how many."""
        keys = [each.key for each in self.below(prefix)]
        self.remove(keys)
        return len(keys)

    def times_below(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every key below a folder and when its object was put there."""
        return ((each.key, each.modified) for each in self.below(prefix))

    def below(self, prefix: str) -> Iterator[Object]:
        """All objects whose keys begin with the folder `prefix`."""
        with _our_errors("list"):
            for chunk in obstore.list(self._store, prefix, chunk_size=_MANY):
                for each in chunk:
                    yield Object(each["path"], each["size"], each["last_modified"])

    def _range(self, key: str, start: int, length: int) -> memoryview:
        with _our_errors("get"):
            try:
                found = memoryview(obstore.get_range(self._store, key, start=start, length=length))
            except (NotFoundError, FileNotFoundError) as error:
                _check_bucket(error)
                raise _Missing(key) from error
        if len(found) != length:
            raise _Missing(key)
        return found


def read_url(url: str) -> tuple[str, str]:
    """The bucket and the prefix of `s3://bucket/prefix`. Raises `StoreUnusable`."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise StoreUnusable(
            "KINOSCRIBE_STORE_URL is neither file:///folder nor s3://bucket/prefix. Credentials, region and "
            "endpoint do not belong into it."
        )
    return parts.netloc, parts.path.strip("/")


def _config(options: ObjectOptions) -> S3Config:
    found: S3Config = {"virtual_hosted_style_request": options.host_style}
    if options.endpoint:
        found["endpoint"] = options.endpoint
    if options.region:
        found["region"] = options.region
    return found


def _may_be_plain(options: ObjectOptions) -> bool:
    """Without TLS everybody on the way reads the videos: only to this very machine, or where the operator says so."""
    if options.allow_http or options.endpoint is None:
        return options.allow_http
    parts = urlsplit(options.endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StoreUnusable("KINOSCRIBE_STORE_ENDPOINT is no address that begins with https:// or http://.")
    if parts.scheme == "https":
        return False
    if _is_here(parts.hostname):
        return True
    raise StoreUnusable(
        f"The store at {parts.scheme}://{parts.netloc} would be spoken to without TLS: name an https:// address, or "
        "set KINOSCRIBE_STORE_ALLOW_HTTP=true if nobody else is on the way to it."
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Missing(FileNotFoundError):
    """An object is not there, though the bucket is."""


def _check_bucket(error: BaseException) -> None:
    """Where there is no bucket nothing can be said of its objects."""
    if "NoSuchBucket" in str(error):
        raise error


@contextmanager
def _our_errors(doing: str) -> Iterator[None]:
    """What goes wrong on the way becomes an error that passes; the log says all of it, the client no word."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        _log.error("store_refuses", doing=doing, reason=_told(error))
        raise StoreUnavailable from error
    except _Missing:
        raise
    except (BaseError, FileNotFoundError, TimeoutError, ConnectionError) as error:
        _log.error("store_unavailable", doing=doing, reason=_told(error))
        raise StoreUnavailable from error


def _told(error: BaseException) -> str:
    return " ".join(str(error).partition("Debug source:")[0].split())[:300]
