"""One sweep over everything that is kept: what goes by age, by number, by time that has passed, and what stays."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from kinoscribe import app as house
from kinoscribe import clock
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import DatabaseUnavailable, StoreUnavailable
from kinoscribe.settings import Settings
from kinoscribe.storage.asset_rows import Asset, Examined
from kinoscribe.storage.tables import assets, receipts, uploads
from kinoscribe.storage.upload_record import Proven, Upload, new_asset, new_upload
from kinoscribe.tasks.retention import Retention, Swept


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    settings = Settings(data_dir=tmp_path, engine="scripted", asset_bytes_account=1000)
    with closing(house.build_tools(settings, queued=True)) as tools:
        yield tools


def retention(tools: Tools, **settings: object) -> Retention:
    return house.build_retention(replace(tools, settings=tools.settings.model_copy(update=settings)))


def swept(found: tuple[Swept, ...]) -> dict[str, int]:
    return {one.kind: one.count for one in found if one.count}


def begun(tools: Tools, size: int = 20) -> Upload:
    asset = new_asset("a", "v.mp4", "video/mp4", None, wants_thumbnail=False)
    upload = new_upload(asset, size, 10)
    tools.uploads.begin(upload)
    opened = tools.uploads.rows.open(asset, upload, seconds=3600, most_open=9, most_bytes=10**9)
    assert isinstance(opened, Upload)
    writer = tools.uploads.writer(opened, 1, 10)
    writer.write(b"0123456789")
    writer.finish()
    writer.close()
    return opened


def passed(tools: Tools, upload: Upload) -> None:
    with tools.database.writing() as db:
        then = clock.now() - timedelta(seconds=1)
        db.execute(update(uploads).where(uploads.c.id == upload.id).values(expires_at=then))


def shown(tools: Tools, asset_id: str) -> Asset:
    asset = tools.assets.get("a", asset_id)
    assert asset is not None
    return asset


def chunks(tools: Tools) -> int:
    return sum(path.stat().st_size for path in (tools.folder.path / "parts").rglob("*") if path.is_file())


def test_an_upload_whose_time_has_passed_ends_with_all_that_it_held(tools: Tools) -> None:
    late, going = begun(tools), begun(tools)
    passed(tools, late)
    assert chunks(tools) > 0
    assert swept(retention(tools).sweep())["uploads"] == 1
    failed = shown(tools, late.asset_id)
    assert (failed.status, failed.error) == ("failed", "The upload was not finished before it expired.")
    told = tools.uploads.rows.get("a", late.id)
    assert told is not None
    assert told.status == "expired"
    assert tools.assets.room.left("a") == 980
    assert shown(tools, going.asset_id).status == "processing"
    assert tools.uploads.rows.chunk(going.id, 1) is not None
    before = chunks(tools)
    tools.uploads.drop(going.id)
    assert chunks(tools) < before, "the other's chunk was still there"
    assert chunks(tools) == 0
    assert swept(retention(tools).sweep()) == {}


def test_expiring_is_done_once_and_says_so(tools: Tools) -> None:
    late = begun(tools)
    assert tools.uploads.expire() == 0
    passed(tools, late)
    assert tools.uploads.expire() == 1
    assert tools.uploads.expire() == 0
    assert chunks(tools) == 0


def test_an_upload_that_was_completed_in_time_does_not_expire(tools: Tools) -> None:
    whole = begun(tools, size=10)
    chunk = tools.uploads.rows.chunk(whole.id, 1)
    assert chunk is not None
    assert chunk.etag is not None
    tools.uploads.rows.report("a", whole.id, [Proven(1, chunk.etag)])
    passed(tools, whole)
    before = chunks(tools)
    assert "uploads" not in swept(retention(tools).sweep())
    assert shown(tools, whole.asset_id).status == "processing"
    assert chunks(tools) == before > 10


def test_what_is_too_old_or_too_many_goes_and_a_dry_sweep_only_says_so(tools: Tools) -> None:
    with tools.blobs.begin() as incoming:
        incoming.write(b"data")
        old = tools.assets.add(
            "a", method="direct", filename="v", file_type="video/mp4", stored=incoming.finish()
        )
    tools.assets.ready(old.id, Examined("video", "video/mp4"))
    for name in ("r1", "r2", "r3"):
        tools.receipts.keep("a", name, {})
    then = clock.now() - timedelta(days=5)
    with tools.database.writing() as db:
        db.execute(update(assets).values(created_at=then))
        db.execute(update(receipts).where(receipts.c.generation_id == "r1").values(created_at=then))
    limits = {"asset_days": 2.0, "receipt_days": 3.0, "receipts_kept": 1}
    expected = {"assets": 1, "receipts": 1, "receipts beyond the number kept": 2}
    assert swept(retention(tools, **limits).sweep(dry=True)) == expected
    assert shown(tools, old.id).status == "ready"
    assert swept(retention(tools, **limits).sweep()) == expected | {"receipts beyond the number kept": 1}
    assert tools.assets.get("a", old.id) is None
    assert list(tools.blobs.kept()) == []
    assert tools.receipts.find("a", "r1") is None
    assert retention(tools, **limits).run() == 0


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), StoreUnavailable(), OSError(5, "Broken")])
def test_a_kind_that_cannot_be_looked_at_keeps_no_other_from_it(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def broken() -> int:
        raise failure

    monkeypatch.setattr(tools.blobs, "kept", broken)
    passed(tools, begun(tools))
    found = retention(tools).sweep()
    assert swept(found) == {"uploads": 1}
    (wrong,) = [one for one in found if one.error]
    assert wrong.kind == "media that nothing refers to"
    assert wrong.error == ("Broken" if isinstance(failure, OSError) else failure.message)  # type: ignore[attr-defined]


def test_the_worker_says_how_much_went_in_all(tools: Tools) -> None:
    for _ in range(2):
        passed(tools, begun(tools))
    assert retention(tools).run() == 2
