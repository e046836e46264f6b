"""Keeps a file, or puts parts together, and kills itself at a named step: a process of its own that dies for real.

python dying_keeper.py FOLDER DATABASE single|parts STEP [ENDPOINT URL REGION]
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinoscribe.cancel import Cancel
from kinoscribe.storage import blobs as blobs_module
from kinoscribe.storage import files
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.object_blobs import ObjectBlobs
from kinoscribe.storage.object_parts import ObjectParts
from kinoscribe.storage.objects import ObjectOptions, Objects
from kinoscribe.storage.parts import PartFolder

UPLOAD = "0123456789abcdef01234567"
DATA = bytes(range(256)) * 40
PART = 4096


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Dies in place of the call."""
    _patch(owner, name, lambda _called, *_args, **_more: die())


def after(owner: Any, name: str) -> None:
    """Dies when the call has done its work."""

    def then(called: Callable[..., Any], *args: Any, **more: Any) -> None:
        called(*args, **more)
        die()

    _patch(owner, name, then)


def _patch(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    called = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: instead(called, *args, **more))


def type_of_parts() -> type:
    return ObjectParts if len(sys.argv) > 5 else PartFolder


STEPS: dict[str, Callable[[], None]] = {
    "before the file is on disk": lambda: before(files.os, "fsync"),
    "before it is shipped": lambda: before(ObjectBlobs if len(sys.argv) > 5 else Blobs, "ship"),
    "before the transaction": lambda: before(AssetRows, "insert"),
    "before the row of the content": lambda: before(Contents, "hold"),
    "before the file has its place": lambda: before(blobs_module.os, "replace"),
    "after the file has its place": lambda: after(blobs_module.os, "replace"),
    "before the commit": lambda: after(Contents, "keep"),
    "after the commit": lambda: before(Blobs, "landed"),
    "before the object is sent": lambda: before(Objects, "put_file"),
    "after the object is sent": lambda: after(Objects, "put_file"),
    "before the object's row": lambda: before(ObjectBlobs, "keep_in"),
    "after the object's commit": lambda: before(ObjectBlobs, "landed"),
    "before the parts are dropped": lambda: before(type_of_parts(), "drop"),
}


def main() -> None:
    folder, address, what, step, *bucket = sys.argv[1:]
    database = Database(address)
    if bucket:
        endpoint, url, region = bucket
        blobs: Blobs = ObjectBlobs(
            Path(folder), Objects(url, ObjectOptions(endpoint=endpoint, region=region)), database, 10**9
        )
    else:
        blobs = Blobs(Path(folder))
    rows = AssetRows(database, blobs)
    if what == "single":
        with blobs.begin() as incoming:
            incoming.write(DATA)
            STEPS[step]()
            stored = incoming.finish()
            rows.add("a", method="direct", filename="f", file_type="video/mp4", stored=stored)
        return
    asset = rows.add("a", method="multipart", filename="f", file_type="video/mp4")
    blobs.parts.begin(UPLOAD, len(DATA), PART)
    stored_parts = []
    for number, at in enumerate(range(0, len(DATA), PART), 1):
        data = DATA[at : at + PART]
        with blobs.parts.put(UPLOAD, number, len(data)) as part:
            part.write(data)
            stored_parts.append(part.finish())
    STEPS[step]()
    with blobs.parts.assemble(UPLOAD, stored_parts, Cancel()) as made:
        rows.arrived(asset.id, made)
    blobs.parts.drop(UPLOAD)


if __name__ == "__main__":
    main()
