"""Turns the settings of the store into the place where contents lie: a folder of this machine, or a bucket."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from kinoscribe.contract.errors import StoreUnavailable
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import PEPPER_BYTES
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.data_folder import DataFolder, StoreUnusable, private_file
from kinoscribe.storage.database import Database

if TYPE_CHECKING:
    from kinoscribe.storage.objects import Objects

_KEPT_AS = "pepper"
_WHOSE = "pepper.store"


def is_shared(settings: Settings) -> bool:
    """Whether several machines can have the store in common."""
    return settings.store_url is not None and not settings.store_url.startswith("file:")


def open_folder(settings: Settings) -> DataFolder:
    """The data folder, with the one secret that all machines of a shared store have.

    Raises `DataFolderUnusable` and `StoreUnusable`. The store is asked at the first time only.
    """
    folder = DataFolder(settings.data_dir)
    if is_shared(settings):
        _share_secret(settings, folder.path)
    return folder


def open_blobs(settings: Settings, folder: DataFolder, database: Database, *, tidy: bool = True) -> Blobs:
    """Where contents lie. Raises `DataFolderUnusable` and `StoreUnusable`; a bucket is not asked yet.

    With `tidy`, what dead processes left on this machine goes.
    """
    if is_shared(settings):
        from kinoscribe.storage.object_blobs import ObjectBlobs

        objects, quota = open_objects(settings), settings.store_cache_bytes
        return ObjectBlobs(folder.path, objects, database, quota, tidy=tidy)
    if settings.store_url is not None:
        return Blobs(DataFolder(_read_file_url(settings.store_url)).path, tidy=tidy)
    return Blobs(folder.path, tidy=tidy)


def open_objects(settings: Settings) -> Objects:
    """The bucket. Its library is loaded here: who has none need not wait for it. Raises `StoreUnusable`."""
    from kinoscribe.storage.objects import ObjectOptions, Objects

    options = ObjectOptions(
        endpoint=settings.store_endpoint,
        region=settings.store_region,
        host_style=settings.store_host_style,
        allow_http=settings.store_allow_http,
    )
    return Objects(settings.store_url or "", options)


def _read_file_url(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in {"", "localhost"} or not path.is_absolute() or parts.query or parts.fragment:
        raise StoreUnusable("KINOSCRIBE_STORE_URL names no folder: it has the form file:///path/to/folder.")
    return path


def _share_secret(settings: Settings, folder: Path) -> None:
    """Keys and signed URLs are good on every machine only if all have one secret: that of the first one."""
    place, whose = folder / _KEPT_AS, folder / _WHOSE
    store = hashlib.sha256(f"{settings.store_endpoint} {settings.store_url}".encode()).hexdigest().encode()
    with suppress(FileNotFoundError):
        if whose.read_bytes() == store and place.exists():
            return
    own = place.read_bytes() if place.exists() else None
    try:
        common = open_objects(settings).create(_KEPT_AS, own or secrets.token_bytes(PEPPER_BYTES))
    except StoreUnavailable as error:
        raise StoreUnusable(f"The store {settings.store_url} cannot be used: {_told(error)}") from error
    if own is not None and own != common:
        raise StoreUnusable(
            f"The data folder {folder} has a secret of its own, and the store {settings.store_url} has another: keys "
            "of one are not good for the other. Choose a new data folder with KINOSCRIBE_DATA_DIR."
        )
    private_file(place, common)
    whose.unlink(missing_ok=True)
    private_file(whose, store)


def _told(error: StoreUnavailable) -> str:
    """What the store said, without what its library says of itself."""
    return " ".join(str(error.__cause__).partition("Debug source:")[0].split())[:300]
