"""One sweep over everything that is kept: what goes by age, by number, by time that has passed, and what stays."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import JSON, Insert, Table, delete, insert, update

from kinoscribe import app as house
from kinoscribe import clock
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import DatabaseUnavailable, StoreUnavailable
from kinoscribe.settings import Settings
from kinoscribe.storage.asset_rows import Asset, Examined
from kinoscribe.storage.tables import (
    Instant,
    assets,
    deliveries,
    idempotency_keys,
    index_tasks,
    indexes,
    meetings,
    receipts,
    reservations,
    tasks,
    uploads,
)
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
    expected = {"assets": 1, "receipts": 1, "receipts beyond the number kept": 1}
    assert swept(retention(tools, **limits).sweep(dry=True)) == expected
    assert shown(tools, old.id).status == "ready"
    assert swept(retention(tools, **limits).sweep()) == expected
    assert tools.assets.get("a", old.id) is None
    assert list(tools.blobs.kept()) == []
    assert tools.receipts.find("a", "r1") is None
    assert retention(tools, **limits).run() == 0


def row(table: Table, moment: datetime, **values: object) -> Insert:
    """A row with something in every column that must not be empty."""
    some: dict[type, object] = {int: 0, float: 0.0, str: "x", bool: False, object: {}}
    needed = [each for each in table.columns if not each.nullable and each.server_default is None]
    filled = {
        each.name: moment
        if isinstance(each.type, Instant)
        else some[object if isinstance(each.type, JSON) else each.type.python_type]
        for each in needed
    }
    return insert(table).values(**filled | values)


def leave_one_of_every_kind(tools: Tools) -> None:
    now = clock.now()
    old = now - timedelta(days=100)
    with tools.blobs.begin() as incoming:
        incoming.write(b"lost")
        tools.blobs.keep(incoming.finish())
    passed(tools, begun(tools))
    stray = begun(tools)
    with tools.database.writing() as db:
        db.execute(delete(uploads).where(uploads.c.id == stray.id))
        for number, ended in enumerate((old, now, now)):
            name, done = str(number) * 24, {"status": "ready", "account": "a"}
            db.execute(row(tasks, ended, id=name, completed_at=ended, **done))
            db.execute(row(indexes, ended, id=name, name=name))
            db.execute(row(index_tasks, ended, id=name, index_id=name, **done))
            db.execute(row(receipts, ended, generation_id=name, account="a"))
        db.execute(row(assets, old, id="a" * 24, status="ready"))
        db.execute(row(assets, now, id="b" * 24, status="failed"))
        db.execute(row(uploads, old, asset_id="b" * 24, status="expired"))
        db.execute(row(idempotency_keys, old))
        db.execute(row(deliveries, old, ended_at=old))
        db.execute(row(meetings, old))
        db.execute(row(reservations, old))
    tools.cache.put("pictures", tools.cache.key("a", "c", "old"), b"data")
    evidence = tools.folder.path / "evidence" / "ab"
    evidence.mkdir(parents=True)
    for name in ("ab" * 32 + "-x.json", ".unfinished-x", "x.milestone", "x.making"):
        (evidence / name).write_bytes(b"data")
    (tools.folder.path / "cache" / ".new" / "unfinished").write_bytes(b"data")
    kept = (tools.folder.path / "parts" / stray.id, tools.folder.path / "cache", evidence)
    for file in (path for folder in kept for path in (folder, *folder.rglob("*"))):
        os.utime(file, (old.timestamp(), old.timestamp()))
    (tools.folder.path / "incoming" / "dead").mkdir()
    (tools.folder.path / "incoming" / "dead" / "half").write_bytes(b"data")


def test_a_dry_sweep_says_of_every_kind_what_goes_and_removes_nothing(tools: Tools) -> None:
    leave_one_of_every_kind(tools)
    keeper = retention(
        tools, asset_days=30.0, task_days=30.0, tasks_kept=1, receipt_days=30.0, receipts_kept=1
    )
    would = keeper.sweep(dry=True)
    more = {one.kind: one.count for one in would if one.count != 1}
    assert more == {"unfinished evidence": 3, "uploads": 2, "cached pictures and answers": 2}
    assert swept(would).keys() == {one.kind for one in would}
    assert keeper.sweep(dry=True) == would
    assert keeper.sweep() == would
    assert swept(keeper.sweep()) == {}


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
