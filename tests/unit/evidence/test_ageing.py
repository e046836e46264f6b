import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import pytest
from tests.object_store import Bucket

from kinoscribe import clock
from kinoscribe.evidence.ageing import Aged, Ageing
from kinoscribe.evidence.keep import NotesFolder, key_of
from kinoscribe.evidence.on_disk import clear_evidence, evidence_on_disk
from kinoscribe.notes import Notes

DAY = 86_400.0
OLD, YOUNG, NEEDED = ("a" * 64, "b" * 64, "c" * 64)
MANY = 10**12


def notes(content: str) -> Notes:
    return Notes(content=content, start=0.0, end=1.0)


def lay(folder: Path, content: str, days: float, away: object = None) -> NotesFolder:
    files = NotesFolder(folder, away)  # type: ignore[arg-type]
    for version in ("shots 1", "shots 2"):
        files.save(key_of(content, (version,)), notes(content))
    (folder / content[:2] / f"{content}-facts-1.json").write_text("{}")
    then = clock.now().timestamp() - days * DAY
    for file in folder.glob(f"*/{content}*"):
        os.utime(file, (then, then))
    return files


def left(folder: Path) -> set[str]:
    return {file.name[:64] for file in folder.rglob("*") if file.is_file()}


def test_evidence_that_nobody_uses_or_needs_goes(tmp_path: Path) -> None:
    for content, days in ((OLD, 31), (YOUNG, 29), (NEEDED, 31)):
        lay(tmp_path, content, days)
    ageing = Ageing(tmp_path)
    would = ageing.sweep({NEEDED}, unused=30 * DAY, most=MANY, dry=True)
    assert left(tmp_path) == {OLD, YOUNG, NEEDED}
    assert ageing.sweep({NEEDED}, unused=30 * DAY, most=MANY, dry=False) == would
    assert would.videos == 1
    assert would.bytes > 0
    assert left(tmp_path) == {YOUNG, NEEDED}


def test_evidence_that_was_read_is_used(tmp_path: Path) -> None:
    lay(tmp_path, OLD, 31).load(key_of(OLD, ("shots 1",)))
    assert Ageing(tmp_path).sweep((), unused=30 * DAY, most=MANY, dry=False) == Aged(0, 0)


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(tmp_path: Path) -> None:
    for content, days in ((NEEDED, 3), (YOUNG, 1), (OLD, 2)):
        lay(tmp_path, content, days)
    one = sum(file.stat().st_size for file in tmp_path.glob(f"*/{YOUNG}*"))
    assert Ageing(tmp_path).sweep({NEEDED}, unused=30 * DAY, most=2 * one, dry=False).videos == 1
    assert left(tmp_path) == {OLD, YOUNG}
    Ageing(tmp_path).sweep({NEEDED}, unused=30 * DAY, most=0, dry=False)
    assert left(tmp_path) == set()


def test_files_that_are_no_evidence_stay(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    other = tmp_path / "ab" / "something else"
    other.write_text("x")
    os.utime(other, (0, 0))
    Ageing(tmp_path).sweep((), unused=1.0, most=0, dry=False)
    assert other.exists()


def test_want_of_room_on_one_machine_takes_nothing_from_others(tmp_path: Path, bucket: Bucket) -> None:
    lay(tmp_path / "here", NEEDED, 2, bucket.objects())
    Ageing(tmp_path / "here", bucket.objects()).sweep({NEEDED}, unused=30 * DAY, most=0, dry=False)
    assert left(tmp_path / "here") == set()
    assert NotesFolder(tmp_path / "there", bucket.objects()).load(key_of(NEEDED, ("shots 1",))) is not None


def test_evidence_in_the_bucket_goes_by_the_time_it_was_put_there(tmp_path: Path, bucket: Bucket) -> None:
    lay(tmp_path / "there", OLD, 0, bucket.objects())
    here = Ageing(tmp_path / "here", bucket.objects())
    here.sweep((), unused=30 * DAY, most=MANY, dry=False)
    assert len(bucket.names()) == 2
    here.sweep({OLD}, unused=-60.0, most=MANY, dry=False)
    assert len(bucket.names()) == 2
    would = here.sweep((), unused=-60.0, most=MANY, dry=True)
    assert (would.videos, len(bucket.names())) == (1, 2)
    assert here.sweep((), unused=-60.0, most=MANY, dry=False) == would
    assert bucket.names() == []


@pytest.mark.parametrize(("days", "stays"), [(1, False), (0, True)])
def test_copies_of_what_another_machine_has_removed_go(
    tmp_path: Path, bucket: Bucket, days: float, stays: bool
) -> None:
    lay(tmp_path / "here", OLD, days, bucket.objects())
    NotesFolder(tmp_path / "there", bucket.objects()).forget(OLD)
    ageing = Ageing(tmp_path / "here", bucket.objects())
    would = ageing.sweep((), unused=30 * DAY, most=MANY, dry=True)
    assert left(tmp_path / "here") == {OLD}
    assert ageing.sweep((), unused=30 * DAY, most=MANY, dry=False) == would
    assert (left(tmp_path / "here") == {OLD}) is stays
    assert would.videos == (0 if stays else 1)


@pytest.mark.parametrize(
    "look",
    [
        lambda folder: Ageing(folder).sweep((), unused=30 * DAY, most=MANY, dry=False),
        lambda folder: NotesFolder(folder).forget_here(OLD),
        evidence_on_disk,
        clear_evidence,
    ],
)
def test_looking_at_evidence_while_another_process_clears_it_is_never_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Callable[[Path], object]
) -> None:
    """Whatever a folder is listed by, all that is in it is gone before anybody looks there."""
    folder, gone = tmp_path / "evidence", tmp_path / "gone"

    def others_clear() -> None:
        for content in (OLD, YOUNG):
            with suppress(FileNotFoundError):
                os.rename(folder / content[:2], gone / content[:2])

    def listed(path: Path) -> list[str]:
        found = listdir(path)
        others_clear()
        return found

    def scanned(path: Path) -> AbstractContextManager[list[os.DirEntry[str]]]:
        with scandir(path) as entries:
            found = list(entries)
        others_clear()
        return nullcontext(found)

    listdir, scandir = os.listdir, os.scandir
    gone.mkdir()
    lay(folder, OLD, 31)
    lay(folder, YOUNG, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", listed)
        patched.setattr(os, "scandir", scanned)
        look(folder)
    assert left(gone) >= {OLD}
