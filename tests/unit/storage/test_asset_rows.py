import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from kinoscribe import clock
from kinoscribe.contract.errors import IdempotencyKeyReused, StorageFull
from kinoscribe.contract.video import VideoFacts
from kinoscribe.ids import is_object_id
from kinoscribe.storage.asset_rows import Asset, AssetFilter, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import Once, Replay
from kinoscribe.storage.tables import assets

FACTS = VideoFacts(
    start=0.5,
    end=12.25,
    width=640,
    height=360,
    fps=None,
    rotation=90,
    container="mov,mp4",
    mime_type="video/mp4",
    video_codec="h264",
    audio_codec=None,
    audio_sample_rate=None,
    audio_channels=None,
    video_streams=1,
    audio_streams=0,
    bytes=4,
    warnings=("odd",),
)
VIDEO = Examined("video", "video/mp4", 11.75, {"video_codec": "h264"}, FACTS)
EVERYTHING = AssetFilter()


class Shelf:
    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.database = Database(url or f"sqlite:///{folder / 'rows.db'}")
        self.database.migrate()
        self.blobs = Blobs(folder)
        self.rows = AssetRows(self.database, self.blobs)

    def add(self, account: str = "a", data: bytes | None = b"data", **more: object) -> Asset:
        said: dict[str, object] = {
            "method": "direct",
            "filename": "clip.mp4",
            "file_type": "video/mp4",
            **more,
        }
        if data is None:
            return self.rows.add(account, **said)  # type: ignore[arg-type]
        with self.blobs.begin() as incoming:
            incoming.write(data)
            return self.rows.add(account, stored=incoming.finish(), **said)  # type: ignore[arg-type]

    def ids(
        self, wanted: AssetFilter = EVERYTHING, account: str = "a", page: int = 1, limit: int = 50
    ) -> list[str]:
        return [asset.id for asset in self.rows.page(account, wanted, page=page, limit=limit)[0]]

    def close(self) -> None:
        self.database.close()
        self.blobs.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


def test_a_new_asset_is_processing_and_its_file_is_kept(shelf: Shelf) -> None:
    asset = shelf.add(user_metadata={"n": 1, "tags": ["x"]})
    assert is_object_id(asset.id)
    assert (asset.status, asset.size, asset.kind) == ("processing", 4, None)
    assert asset.content is not None
    assert shelf.blobs.path(asset.content).read_bytes() == b"data"
    assert shelf.rows.get("a", asset.id) == asset


def test_another_accounts_asset_is_not_there_for_anything(shelf: Shelf) -> None:
    asset = shelf.add("a")
    assert shelf.rows.get("b", asset.id) is None
    assert shelf.ids(account="b") == []
    assert shelf.ids(AssetFilter(asset_ids=(asset.id,)), account="b") == []
    assert not shelf.rows.remove("b", asset.id)
    assert shelf.rows.change_metadata("b", asset.id, lambda _: {"x": 1}) is None
    assert shelf.rows.get("a", asset.id) == asset


def test_an_asset_becomes_ready_once_and_says_what_it_is(shelf: Shelf) -> None:
    asset = shelf.add()
    ready = shelf.rows.ready(asset.id, VIDEO)
    assert ready is not None
    assert (ready.status, ready.kind, ready.duration, ready.facts) == ("ready", "video", 11.75, FACTS)
    assert ready.technical == {"video_codec": "h264"}
    assert shelf.rows.get("a", asset.id) == ready
    assert shelf.rows.ready(asset.id, VIDEO) is None
    assert shelf.rows.failed(asset.id, "late") is None
    assert shelf.rows.get("a", asset.id) == ready


def test_a_failed_asset_says_why_and_its_file_is_not_kept(shelf: Shelf) -> None:
    asset = shelf.add()
    failed = shelf.rows.failed(asset.id, "It is no video.")
    assert failed is not None
    assert (failed.status, failed.error, failed.content, failed.size) == (
        "failed",
        "It is no video.",
        None,
        4,
    )
    assert list(shelf.blobs.kept()) == []
    assert shelf.rows.ready(asset.id, VIDEO) is None


def test_a_file_goes_when_the_last_asset_that_has_it_goes(shelf: Shelf) -> None:
    first, second, third = shelf.add("a"), shelf.add("b"), shelf.add("a", b"other")
    assert first.content is not None
    shelf.rows.remove("a", first.id)
    assert shelf.blobs.path(first.content).exists()
    shelf.rows.failed(second.id, "broken")
    assert list(shelf.blobs.kept()) == [third.content]
    assert not shelf.rows.remove("a", first.id)


def test_an_asset_by_url_gets_its_file_later(shelf: Shelf) -> None:
    asset = shelf.add(data=None, method="url", url="https://example.com/v.mp4")
    assert (asset.content, asset.size, asset.url) == (None, None, "https://example.com/v.mp4")
    with shelf.blobs.begin() as incoming:
        incoming.write(b"12345")
        assert shelf.rows.arrived(asset.id, incoming.finish())
    found = shelf.rows.get("a", asset.id)
    assert found is not None
    assert found.size == 5
    assert list(shelf.blobs.kept()) == [found.content]


def test_a_file_that_arrives_for_a_deleted_asset_is_not_kept(shelf: Shelf) -> None:
    asset = shelf.add(data=None, method="url", url="https://example.com/v.mp4")
    shelf.rows.remove("a", asset.id)
    with shelf.blobs.begin() as incoming:
        assert not shelf.rows.arrived(asset.id, incoming.finish())
    assert list(shelf.blobs.kept()) == []
    assert shelf.rows.ready(asset.id, VIDEO) is None
    assert shelf.rows.failed(asset.id, "x") is None


def test_of_two_processes_that_fetch_an_asset_the_first_to_be_done_gives_it_its_file(shelf: Shelf) -> None:
    asset = shelf.add(data=None, method="url", url="https://example.com/v.mp4")
    contents = []
    for body, first in ((b"one", True), (b"another", False)):
        with shelf.blobs.begin() as incoming:
            incoming.write(body)
            stored = incoming.finish()
            contents.append(stored.sha256)
            assert shelf.rows.arrived(asset.id, stored) is first
    assert list(shelf.blobs.kept()) == contents[:1]
    ready = shelf.rows.ready(asset.id, VIDEO)
    assert ready is not None
    assert ready.content == contents[0]


def test_pages_are_newest_first_and_do_not_overlap(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    made = []
    for seconds in (3, 1, 2, 2, 5):
        monkeypatch.setattr(clock, "now", lambda seconds=seconds: noon + timedelta(seconds=seconds))
        made.append(shelf.add(data=None))
    expected = [a.id for a in sorted(made, key=lambda a: (a.created_at, a.id), reverse=True)]
    assert shelf.ids() == expected
    assert shelf.ids(page=1, limit=2) + shelf.ids(page=2, limit=2) + shelf.ids(page=3, limit=2) == expected
    assert shelf.ids(page=4, limit=2) == []
    assert shelf.rows.page("a", EVERYTHING, page=9, limit=2) == ((), 5)


def test_lists_can_be_narrowed(shelf: Shelf) -> None:
    video = shelf.add(filename="Große Ferien.MP4")
    image = shelf.add(data=b"png", filename="100%_logo.png")
    waiting = shelf.add(data=b"w", filename="waiting")
    shelf.rows.ready(video.id, VIDEO)
    shelf.rows.ready(image.id, Examined("image", "image/png"))
    assert shelf.ids(AssetFilter(kinds=("video",))) == [video.id]
    assert set(shelf.ids(AssetFilter(kinds=("video", "image")))) == {video.id, image.id}
    assert shelf.ids(AssetFilter(kinds=("document",))) == []
    assert set(shelf.ids(AssetFilter(asset_ids=(image.id, waiting.id, "f" * 24)))) == {image.id, waiting.id}
    for part, found in (("grosse", video), ("FERIEN", video), ("%", image), ("0%_L", image), ("_", image)):
        assert shelf.ids(AssetFilter(filename=part)) == [found.id], part
    assert shelf.ids(AssetFilter(filename="' OR 1=1 --")) == []
    assert shelf.ids(AssetFilter(asset_ids=(video.id,), filename="logo")) == []


def test_metadata_is_changed_whole_and_cleared_when_empty(shelf: Shelf) -> None:
    asset = shelf.add(user_metadata={"a": 1})
    changed = shelf.rows.change_metadata("a", asset.id, lambda old: {**old, "b": ["x", "ü"]})
    assert changed is not None
    assert changed.user_metadata == {"a": 1, "b": ["x", "ü"]}
    cleared = shelf.rows.change_metadata("a", asset.id, lambda _: {})
    assert cleared is not None
    assert cleared.user_metadata is None
    assert shelf.rows.change_metadata("a", "f" * 24, lambda old: old) is None


def test_changes_at_the_same_time_do_not_lose_each_other(shelf: Shelf) -> None:
    asset = shelf.add()

    def put(number: int) -> None:
        shelf.rows.change_metadata("a", asset.id, lambda old: {**old, str(number): number})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(40)))
    found = shelf.rows.get("a", asset.id)
    assert found is not None
    assert found.user_metadata == {str(n): n for n in range(40)}


def test_the_same_content_added_and_removed_at_once_is_there_exactly_when_somebody_has_it(
    shelf: Shelf,
) -> None:
    def come_and_go(number: int) -> None:
        asset = shelf.add(f"account{number % 3}", b"the same")
        if number % 4:
            shelf.rows.remove(asset.account, asset.id)
        else:
            assert asset.content is not None
            assert shelf.blobs.path(asset.content).read_bytes() == b"the same"

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(come_and_go, range(80)))
    assert len(list(shelf.blobs.kept())) == 1


def test_contents_without_an_asset_are_swept(shelf: Shelf) -> None:
    asset = shelf.add()
    with shelf.blobs.begin() as incoming:
        incoming.write(b"orphan")
        shelf.blobs.keep(incoming.finish())
    assert shelf.rows.sweep() == 1
    assert list(shelf.blobs.kept()) == [asset.content]
    assert shelf.rows.sweep() == 0


def test_an_asset_whose_file_cannot_be_kept_is_not_added(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_stored: object) -> None:
        raise StorageFull

    monkeypatch.setattr(shelf.blobs, "keep", full)
    with pytest.raises(StorageFull):
        shelf.add()
    assert shelf.ids() == []
    assert list(shelf.blobs.kept()) == []


def test_facts_of_an_older_form_are_as_good_as_none(shelf: Shelf) -> None:
    asset = shelf.add()
    shelf.rows.ready(asset.id, VIDEO)
    with shelf.database.writing() as db:
        db.execute(update(assets).values(facts={"start": "zero"}))
    found = shelf.rows.get("a", asset.id)
    assert found is not None
    assert found.facts is None


def test_the_same_upload_sent_many_times_at_once_makes_one_asset(database_url: str, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, database_url)
    once: Once[Asset] = Once("POST /assets", "k", "digest", 201, lambda asset: {"_id": asset.id})
    together = Barrier(6)

    def post(number: int) -> Asset | Replay:
        with shelf.blobs.begin() as incoming:
            incoming.write(b"%d" % number)
            stored = incoming.finish()
            together.wait()
            return shelf.rows.add_once(
                "a", once, method="direct", filename="x", file_type="video/mp4", stored=stored
            )

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(post, range(6)))
    (made,) = [answer for answer in answers if isinstance(answer, Asset)]
    assert [answer for answer in answers if answer != made] == [Replay(201, {"_id": made.id})] * 5
    assert shelf.ids() == [made.id]
    assert list(shelf.blobs.kept()) == [made.content]
    with pytest.raises(IdempotencyKeyReused):
        shelf.rows.add_once("a", replace(once, digest="other"), method="url", filename="x", file_type="x")
    shelf.close()


def test_names_and_changes_are_kept_alike_on_both_databases(database_url: str, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, database_url)
    odd = shelf.add(filename="a\0b\ud83dGroße.MP4", user_metadata={"\0": "\ud83d \0"})
    assert shelf.ids(AssetFilter(filename="GROSSE.mp4")) == [odd.id]
    assert shelf.ids(AssetFilter(asset_ids=("\0", "f" * 500))) == []
    found = shelf.rows.get("a", odd.id)
    assert found is not None
    assert found.user_metadata == {"\0": "\ud83d \0"}

    def put(number: int) -> None:
        shelf.rows.change_metadata("a", odd.id, lambda old: {**old, str(number): number})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(12)))
    found = shelf.rows.get("a", odd.id)
    assert found is not None
    assert found.user_metadata is not None
    assert len(found.user_metadata) == 13
    assert shelf.rows.remove("a", odd.id)
    assert list(shelf.blobs.kept()) == []
    shelf.close()


def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    asset = shelf.add()
    shelf.close()
    again = Shelf(tmp_path)
    assert again.rows.get("a", asset.id) == asset
    assert asset.content is not None
    assert again.blobs.path(asset.content).read_bytes() == b"data"
    again.close()
    with sqlite3.connect(tmp_path / "rows.db") as db:
        assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    db.close()


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    yield shelf
    shelf.close()


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(name=WORDS, part=WORDS)
def test_a_name_is_found_by_any_part_in_any_case_and_by_nothing_else(
    long_lived: Shelf, name: str, part: str
) -> None:
    asset = long_lived.add(data=None, filename=name)
    found = long_lived.ids(AssetFilter(filename=part))
    assert (asset.id in found) == (part.casefold() in name.casefold())
    long_lived.rows.remove("a", asset.id)
