"""A process is killed at every step of keeping a file: what it leaves is a whole asset or nothing, and is swept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.integration import dying_keeper
from tests.integration.dying_keeper import DATA, PART, UPLOAD
from tests.object_store import REGION, Bucket

from kinoscribe.cancel import Cancel
from kinoscribe.storage import object_blobs as object_blobs_module
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.object_blobs import ObjectBlobs
from kinoscribe.storage.parts import PartsGone, PartStored
from kinoscribe.storage.tables import assets

WHOLE = hashlib.sha256(DATA).hexdigest()
LOCAL = (
    "before it is shipped",
    "before the row of the content",
    "before the file has its place",
    "after the file has its place",
    "before the commit",
    "after the commit",
)
AWAY = (
    "before it is shipped",
    "before the row of the content",
    "before the object's row",
    "before the commit",
    "after the object's commit",
)


class Place:
    """What the dead process leaves, seen by the next one."""

    def __init__(self, folder: Path, bucket: Bucket | None) -> None:
        self.folder = folder / "data"
        self.folder.mkdir()
        self.bucket = bucket
        self.address = f"sqlite:///{folder / 'rows.db'}"
        self.database = Database(self.address)
        self.database.migrate()

    def dies(self, what: str, step: str) -> None:
        away = () if self.bucket is None else (self.bucket.endpoint, self.bucket.url, REGION)
        words = [sys.executable, dying_keeper.__file__, str(self.folder), self.address, what, step, *away]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == -9, done.stderr

    def next_one(self) -> Blobs:
        if self.bucket is None:
            return Blobs(self.folder)
        return ObjectBlobs(self.folder, self.bucket.objects(), self.database, 10**9)

    def contents(self) -> list[str | None]:
        with self.database.reading() as db:
            return list(db.execute(select(assets.c.content)).scalars())

    def swept(self, blobs: Blobs) -> None:
        Contents(self.database, blobs).sweep()
        blobs.sweep()

    def check_whole_or_nothing(self, blobs: Blobs) -> None:
        self.swept(blobs)
        kept = {content for content in self.contents() if content is not None}
        assert kept <= {WHOLE}
        assert set(blobs.kept()) == kept
        if kept:
            with blobs.borrow(WHOLE) as path:
                assert path.read_bytes() == DATA
        elif self.bucket is not None:
            assert [name for name in self.bucket.names() if not name.startswith("parts/")] == []
        left = [path for path in (self.folder / "incoming").rglob("*") if path.is_file()]
        assert [path.name for path in left if "lock" not in path.name] == []

    def close(self) -> None:
        self.database.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Place]:
    with closing(Place(tmp_path, None)) as place:
        yield place


@pytest.fixture
def away(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(object_blobs_module, "_LEFT", timedelta(seconds=-60))
    with closing(Place(tmp_path, bucket)) as place:
        yield place


def assemble_again(place: Place, blobs: Blobs) -> None:
    """What the worker that gets the asset next does."""
    rows = AssetRows(place.database, blobs)
    with place.database.reading() as db:
        asset_id, content = db.execute(select(assets.c.id, assets.c.content)).one()
    if content is None:
        with blobs.parts.assemble(UPLOAD, list(parts()), Cancel()) as made:
            assert rows.arrived(asset_id, made)
    blobs.parts.drop(UPLOAD)
    assert place.contents() == [WHOLE]


def parts() -> Iterator[PartStored]:
    for number, at in enumerate(range(0, len(DATA), PART), 1):
        data = DATA[at : at + PART]
        yield PartStored(number, hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parametrize("step", ["before the file is on disk", "before the transaction", *LOCAL])
def test_a_file_is_kept_whole_or_not_at_all(local: Place, step: str) -> None:
    local.dies("single", step)
    with closing(local.next_one()) as blobs:
        local.check_whole_or_nothing(blobs)
        assert (local.contents() == [WHOLE]) is (step == "after the commit")


@pytest.mark.parametrize(
    "step", ["before the transaction", "before the object is sent", "after the object is sent", *AWAY]
)
def test_a_file_is_in_the_bucket_whole_or_not_at_all(away: Place, step: str) -> None:
    away.dies("single", step)
    with closing(away.next_one()) as blobs:
        away.check_whole_or_nothing(blobs)
        assert (away.contents() == [WHOLE]) is (step == "after the object's commit")


@pytest.mark.parametrize("step", [*LOCAL, "before the parts are dropped"])
def test_parts_are_put_together_by_the_next_one(local: Place, step: str) -> None:
    local.dies("parts", step)
    with closing(local.next_one()) as blobs:
        local.swept(blobs)
        assemble_again(local, blobs)
        local.check_whole_or_nothing(blobs)
        assert list((local.folder / "parts").iterdir()) == []
        with pytest.raises(PartsGone), blobs.parts.assemble(UPLOAD, list(parts()), Cancel()):
            raise AssertionError


@pytest.mark.parametrize("step", [*AWAY, "before the parts are dropped"])
def test_parts_in_the_bucket_are_put_together_by_the_next_one(away: Place, step: str) -> None:
    away.dies("parts", step)
    assert away.bucket is not None
    with closing(away.next_one()) as blobs:
        away.swept(blobs)
        assemble_again(away, blobs)
        away.check_whole_or_nothing(blobs)
        assert len(away.bucket.names()) == 3
        with away.database.reading() as db:
            asset_id = db.execute(select(assets.c.id)).scalar_one()
        AssetRows(away.database, blobs).remove("a", asset_id)
        assert away.bucket.names() == []
