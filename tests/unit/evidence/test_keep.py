"""Notes are in the store whole or not at all, and come back as they were."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest
from tests.object_store import Bucket, Trouble, Way

from kinoscribe.contract.errors import StorageFull, StoreUnavailable
from kinoscribe.evidence import keep
from kinoscribe.evidence.keep import NotesFolder, key_of, write_whole
from kinoscribe.evidence.shelf import Found, Shelf
from kinoscribe.notes import (
    Box,
    CollectorReport,
    ColourShare,
    Look,
    Notes,
    ScreenText,
    Sentence,
    Shot,
    Tag,
    Word,
)

NOTES = Notes(
    content="c" * 64,
    start=1.5,
    end=9.0,
    has_sound=True,
    language="fr",
    shots=(Shot(1.5, 4.0, "start"), Shot(4.0, 9.0, "dissolve")),
    speech=(Sentence(2.0, 3.0, "Ça va ?", (Word(2.0, 2.5, "Ça", 0.9), Word(2.5, 3.0, "va ?")), "fr", 0.9),),
    screen_text=(ScreenText(2.0, 4.0, "東京", "headline", Box(0.1, 0.2, 0.3, 0.4), 0.99),),
    tags=(Tag(2.0, 4.0, "cat", 0.9, 2, 3, "brown"),),
    looks=(Look(1.5, 4.0, (ColourShare("grey", 0.5),), 0.4, True, 0.1),),
    reports=(CollectorReport("speech", "1", "done", 1.25, 1),),
    pictures_read=(2.0, 3.0),
    warnings=("The file breaks off; what came before was used.",),
)
KEY = key_of(NOTES.content, ("shots 1",))


def test_notes_come_back_as_they_were(tmp_path: Path) -> None:
    store = NotesFolder(tmp_path)
    assert store.load(KEY) is None
    store.save(KEY, NOTES)
    assert store.load(KEY) == NOTES
    assert NotesFolder(tmp_path).load(KEY) == NOTES


@pytest.mark.parametrize("spoiled", [b"", b"{", b'{"content": 5}', b"\xff" * 100])
def test_notes_that_were_spoiled_count_as_not_kept(tmp_path: Path, spoiled: bytes) -> None:
    store = NotesFolder(tmp_path)
    store.save(KEY, NOTES)
    store.place(KEY).write_bytes(spoiled)
    assert store.load(KEY) is None


def test_a_disk_without_room_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        NotesFolder(tmp_path).save(KEY, NOTES)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_leftovers_of_killed_processes_are_swept_after_a_day(tmp_path: Path) -> None:
    store = NotesFolder(tmp_path)
    store.save(KEY, NOTES)
    old, fresh = (store.place(KEY).parent / f".unfinished-{name}" for name in ("old", "fresh"))
    old.write_text("half")
    fresh.write_text("half")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    store.sweep()
    assert not old.exists()
    assert fresh.exists()
    assert store.load(KEY) == NOTES


def test_a_key_names_content_and_versions() -> None:
    keys = {key_of(c, v) for c in ("a", "b") for v in (("x 1",), ("x 2",), ("x 1", "y 1"))}
    assert len(keys) == 6


def test_notes_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    store = NotesFolder(tmp_path)
    store.save(KEY, NOTES)
    assert stat.S_IMODE(store.place(KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(store.place(KEY).parent.stat().st_mode) == 0o700


def test_another_content_or_another_version_is_another_key() -> None:
    parts: list[tuple[str, ...]] = [("shots 1",), ("shots 2",), ("shots 1", "looks 1"), ()]
    assert len({key_of(content, version) for content in ("a", "b") for version in parts}) == 8


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_notes_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = NotesFolder(tmp_path)
    store.save(KEY, NOTES)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keep.tempfile if step == "mkstemp" else keep.os, step, full)
    with pytest.raises(StorageFull):
        store.save(KEY, Notes("d" * 64, 0.0, 1.0))
    monkeypatch.undo()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.place(KEY)]
    assert store.load(KEY) == NOTES


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keep.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "ab" / "x", b"body")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_made_of_a_content_goes_together(tmp_path: Path) -> None:
    store = NotesFolder(tmp_path)
    other = "d" * 64
    newer = key_of(NOTES.content, ("shots 2",))
    for key in (KEY, newer, key_of(other, ("shots 1",))):
        store.save(key, NOTES)
    store.save_milestone(newer, b"half")
    (store.place(KEY).parent / f"{NOTES.content}-facts-1.json").write_text("{}")
    store.forget(NOTES.content)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [
        store.place(key_of(other, ("shots 1",))).name
    ]


class Machines:
    """Folders of machines that have nothing in common but a bucket."""

    def __init__(self, folder: Path, bucket: Bucket) -> None:
        self.here = NotesFolder(folder / "here", bucket.objects())
        self.there = NotesFolder(folder / "there", bucket.objects())


def test_notes_of_one_machine_are_found_on_another(tmp_path: Path, bucket: Bucket) -> None:
    machines = Machines(tmp_path, bucket)
    assert machines.there.load(KEY) is None
    assert not machines.there.has(KEY)
    machines.here.save(KEY, NOTES)
    assert machines.there.has(KEY)
    assert machines.there.load(KEY) == NOTES
    assert machines.there.place(KEY).exists(), "the next time nothing is brought"


def test_flawed_notes_of_one_machine_are_found_on_another_for_a_while(tmp_path: Path, bucket: Bucket) -> None:
    machines = Machines(tmp_path, bucket)
    machines.here.save_flawed(KEY, NOTES)
    assert machines.there.load(KEY) is None
    assert machines.there.load_flawed(KEY, 60.0) == NOTES
    assert machines.there.load_flawed(KEY, -60.0) is None


def test_what_is_forgotten_is_forgotten_in_the_bucket(tmp_path: Path, bucket: Bucket) -> None:
    machines = Machines(tmp_path, bucket)
    machines.here.save(KEY, NOTES)
    machines.here.forget(NOTES.content)
    assert bucket.names() == []
    assert machines.there.load(KEY) is None


def test_a_bucket_that_is_away_costs_no_more_than_the_keeping(
    tmp_path: Path, bucket: Bucket, way: Way
) -> None:
    here = NotesFolder(tmp_path, bucket.objects(way.endpoint))
    way.trouble = Trouble("500")
    here.save(KEY, NOTES)
    assert here.load(KEY) == NOTES
    assert here.load(key_of(NOTES.content, ("other",))) is None
    with pytest.raises(StoreUnavailable):
        here.has(KEY)
    way.trouble = None
    assert not here.has(KEY), "workers take it for not done, and do it again"


def test_notes_that_were_spoilt_on_the_way_are_none(tmp_path: Path, bucket: Bucket) -> None:
    machines = Machines(tmp_path, bucket)
    machines.here.save(KEY, NOTES)
    bucket.spoil(bucket.names()[0], b'{"content":')
    assert machines.there.load(KEY) is None


def test_notes_that_another_process_has_forgotten_are_not_remembered(tmp_path: Path) -> None:
    here, other = (Shelf(tmp_path, ("shots 1",)) for _ in range(2))
    here.keep(KEY, NOTES)
    assert here.find(NOTES.content) == Found(NOTES, None)
    other.forget(NOTES.content)
    assert here.find(NOTES.content) is None
    assert not here.share(NOTES.content)


def test_notes_that_only_this_process_has_are_kept_anew_for_others(
    tmp_path: Path, bucket: Bucket, way: Way
) -> None:
    here = Shelf(tmp_path / "here", ("shots 1",), bucket.objects(way.endpoint))
    there = Shelf(tmp_path / "there", ("shots 1",), bucket.objects())
    way.trouble = Trouble("500")
    here.keep(KEY, NOTES)
    assert there.find(NOTES.content) is None
    way.trouble = None
    assert here.share(NOTES.content)
    assert there.find(NOTES.content) == Found(NOTES, None)
