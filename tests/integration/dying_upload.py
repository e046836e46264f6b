"""Sends a small file in chunks, straight to rows and disk, in a process that kills itself at the step it is told.

`python -m tests.integration.dying_upload FOLDER STEP` goes on from whatever an earlier one left in the folder.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

from kinoscribe.cancel import Cancel
from kinoscribe.contract.uploads import Cut
from kinoscribe.sources.multipart import Multipart
from kinoscribe.storage.asset_record import AssetFilter
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.upload_record import Proven, Upload, new_asset, new_upload
from kinoscribe.storage.upload_rows import UploadRows

ACCOUNT = "a"
CONTENT = bytes(range(256)) * 10
CHUNK = 1000

# Where the process may die, in the order in which a whole upload comes by.
STEPS = (
    "before begin",
    "after begin",
    "before open",
    "after open",
    "before put",
    "after put",
    "before stored",
    "after stored",
    "before report",
    "after report",
    "before assemble",
    "before keep",
    "after keep",
    "after arrived",
    "before drop",
    "after drop",
    "nowhere",
)


class Place:
    """The parts of one server on a folder, without its doors."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(folder)
        self.assets = AssetRows(self.database, self.blobs)
        self.uploads = Multipart(UploadRows(self.database, self.assets), self.blobs.parts)

    def close(self) -> None:
        self.blobs.close()
        self.database.close()

    def open_upload(self) -> Upload:
        """The session that can go on, or a new one."""
        found, _ = self.uploads.rows.page(ACCOUNT, page=1, limit=10)
        if found:
            return found[0]
        asset = new_asset(ACCOUNT, "a.mp4", "video/mp4", None, wants_thumbnail=False)
        upload = new_upload(asset, len(CONTENT), CHUNK)
        self.uploads.begin(upload)
        made = self.uploads.rows.open(asset, upload, seconds=3600, most_open=9, most_bytes=10**9)
        assert isinstance(made, Upload)
        return made

    def go_on(self) -> None:
        """Does all that is left to do, as a client and then a worker do."""
        waiting, _ = self.assets.page(ACCOUNT, AssetFilter(), page=1, limit=10)
        if not any(asset.upload_id for asset in waiting):
            upload = self.open_upload()
            self.send(upload)
        for asset in self.assets.page(ACCOUNT, AssetFilter(), page=1, limit=10)[0]:
            if asset.upload_id is not None and asset.content is None:
                with self.uploads.assembled(asset.upload_id, Cancel()) as stored:
                    assert self.assets.arrived(asset.id, stored)

    def send(self, upload: Upload) -> None:
        cut = Cut(upload.total_size, upload.chunk_size)
        for number in range(cut.total_chunks, 0, -1):
            chunk = self.uploads.rows.chunk(upload.id, number)
            if chunk is not None and chunk.reported_at is not None:
                continue
            writer = self.uploads.writer(upload, number, cut.size_of(number))
            writer.write(CONTENT[(number - 1) * CHUNK : number * CHUNK])
            etag = writer.finish()
            writer.close()
            told = self.uploads.rows.report(ACCOUNT, upload.id, [Proven(number, etag)])
            assert told is not None
            assert told.wrong is None


def die_at(place: Place, step: str) -> None:
    """Has the process end, as by a power cut, the first time it comes to `step`."""
    when, _, name = step.partition(" ")
    owners: dict[str, Any] = {
        "begin": place.blobs.parts,
        "put": place.blobs.parts,
        "assemble": place.blobs.parts,
        "drop": place.blobs.parts,
        "open": place.uploads.rows,
        "stored": place.uploads.rows,
        "report": place.uploads.rows,
        "keep": place.blobs,
        "arrived": place.assets,
    }
    if name not in owners:
        return
    work: Callable[..., Any] = getattr(owners[name], name)

    @wraps(work)
    def dying(*given: Any, **more: Any) -> Any:
        if when == "after":
            work(*given, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owners[name], name, dying)


if __name__ == "__main__":
    with closing(Place(Path(sys.argv[1]))) as here:
        die_at(here, sys.argv[2])
        here.go_on()
