"""Indexes, the videos in them and the tasks that bring them: settled with their assets, gone with what they hang on."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from kinoscribe import ids
from kinoscribe.contract.errors import (
    AssetInUse,
    IndexNameAlreadyExists,
    IndexTaskCannotBeDeleted,
    ParameterInvalid,
    ResourceNotExist,
    VideoTooShort,
)
from kinoscribe.contract.indexes import IndexModel, IndexQuery, NewIndex, Sorting
from kinoscribe.contract.metadata_filter import MetadataFilter
from kinoscribe.contract.video import VideoFacts
from kinoscribe.contract.videos import IndexTaskQuery, VideoQuery
from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.asset_rows import Asset, AssetFilter, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.index_rows import IndexRows
from kinoscribe.storage.index_task_rows import IndexTask, IndexTaskRows
from kinoscribe.storage.settling import EndedIndexTask, Settling
from kinoscribe.storage.tables import deliveries
from kinoscribe.storage.video_rows import Video, VideoRows
from kinoscribe.storage.webhook_rows import WebhookRows

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)
SHORT = VideoFacts(0.0, 2.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", None, None, None, 1, 0, 4)
VIDEO = Examined("video", "video/mp4", 8.0, {}, FACTS)
TOO_SHORT = Examined("video", "video/mp4", 2.0, {}, SHORT)
IMAGE = Examined("image", "image/png")
PEGASUS = IndexModel("pegasus1.2", ("visual", "audio"))
MARENGO = IndexModel("marengo2.7", ("visual",))
NOBODY = "0" * 24


class Library:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.database = database
        self.blobs = blobs
        self.told: list[EndedIndexTask] = []
        settling = Settling(lambda _db, task: self.told.append(task))
        self.assets = AssetRows(database, blobs, decided=settling.decided)
        self.indexes = IndexRows(database, blobs)
        self.videos = VideoRows(database, blobs, settling)
        self.tasks = IndexTaskRows(database, settling)
        self.queue = AssetQueue(database, self.assets)

    def index(self, name: str = "shelf", *models: IndexModel, account: str = "a") -> str:
        return self.indexes.add(account, NewIndex(name, models or (PEGASUS,)))

    def asset(self, data: bytes = b"data", **more: Any) -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(data)
            said = {"method": "direct", "filename": "Clip.mp4", "file_type": "video/mp4", **more}
            return self.assets.add("a", stored=incoming.finish(), **said)

    def bring(self, index_id: str, data: bytes = b"data", **more: Any) -> tuple[Asset, str, str]:
        """A new asset with its task and its video."""
        named = {"task_id": ids.new_object_id(), "video_id": ids.new_object_id()}
        beside = partial(self.tasks.bring, index_id=index_id, **named)
        return self.asset(data, beside=beside, **more), named["task_id"], named["video_id"]

    def task(self, task_id: str) -> IndexTask:
        found = self.tasks.get("a", task_id)
        assert found is not None
        return found

    def video(self, video_id: str) -> Video:
        found = self.videos.find("a", video_id)
        assert found is not None
        return found


@pytest.fixture
def library(database: Database, tmp_path: Path) -> Iterator[Library]:
    with closing(Blobs(tmp_path)) as blobs:
        yield Library(database, blobs)


def test_a_video_is_ready_in_the_moment_in_which_its_asset_is(library: Library) -> None:
    index_id = library.index()
    asset, task_id, video_id = library.bring(index_id, user_metadata={"a": 1})
    assert (library.task(task_id).status, library.video(video_id).status) == ("queued", "queued")
    (job,) = library.queue.claim("w", arrivals=1, looks=1)
    assert (library.task(task_id).status, library.video(video_id).status) == ("indexing", "indexing")
    library.assets.ready(job.id, VIDEO, owner="w")
    task, video = library.task(task_id), library.video(video_id)
    assert (task.status, task.duration, task.width, task.height, task.error) == ("ready", 8.0, 640, 360, None)
    assert (video.status, video.asset_id, video.answers) == ("ready", asset.id, True)
    assert (video.duration, video.fps, video.width, video.size) == (8.0, 25.0, 640, 4)
    assert (video.user_metadata, video.filename) == ({"a": 1}, "Clip.mp4")
    assert video.indexed_at is not None
    assert [(one.id, one.status, one.duration) for one in library.told] == [(task_id, "ready", 8.0)]
    index = library.indexes.get("a", index_id)
    assert index is not None
    assert (index.video_count, index.total_duration) == (1, 8.0)


@pytest.mark.parametrize(
    ("examined", "words"), [(IMAGE, "type image"), (TOO_SHORT, "too short"), (None, "It is a poem.")]
)
def test_a_video_fails_with_its_asset_and_where_the_rules_refuse_it(
    library: Library, examined: Examined | None, words: str
) -> None:
    asset, task_id, video_id = library.bring(library.index())
    if examined is None:
        library.assets.failed(asset.id, "It is a poem.")
    else:
        library.assets.ready(asset.id, examined)
    task, video = library.task(task_id), library.video(video_id)
    assert (task.status, video.status, video.indexed_at) == ("failed", "failed", None)
    assert words in str(task.error)
    assert words in str(video.error)
    assert [one.status for one in library.told] == ["failed"]


def test_a_file_on_its_way_is_uploading(library: Library) -> None:
    index_id = library.index()
    beside = partial(library.tasks.bring, index_id=index_id, task_id="1" * 24, video_id="2" * 24)
    url = {"method": "url", "filename": "v", "file_type": "video/mp4", "url": "https://x.example/v"}
    library.assets.add("a", beside=beside, **url)
    assert library.task("1" * 24).status == "uploading"
    assert library.video("2" * 24).status == "pending"


def test_nothing_is_added_to_an_index_that_is_not_there(library: Library) -> None:
    foreign = library.index(account="b")
    for index_id in (NOBODY, foreign):
        with pytest.raises(ResourceNotExist):
            library.bring(index_id)
    assert library.assets.page("a", AssetFilter(), page=1, limit=9)[1] == 0
    with pytest.raises(ResourceNotExist):
        library.videos.add("a", foreign, library.asset().id)


def test_an_asset_that_is_there_is_a_video_at_once_or_later(library: Library) -> None:
    index_id, asset = library.index(), library.asset()
    early = library.videos.add("a", index_id, asset.id)
    assert early.status == "queued"
    library.assets.ready(asset.id, VIDEO)
    assert library.video(early.id).status == "ready"
    assert library.videos.add("a", index_id, asset.id).status == "ready"
    assert library.told == [], "no task has ended"
    found, total = library.videos.of_asset("a", asset.id, page=1, limit=1)
    assert (len(found), total, found[0].index_name) == (1, 2, "shelf")


def test_what_can_be_no_video_is_refused(library: Library) -> None:
    index_id = library.index()
    picture, short, failed = (library.asset(data) for data in (b"1", b"2", b"3"))
    library.assets.ready(picture.id, IMAGE)
    library.assets.ready(short.id, TOO_SHORT)
    library.assets.failed(failed.id, "It is a poem.")
    with pytest.raises(ParameterInvalid, match="type image"):
        library.videos.add("a", index_id, picture.id)
    with pytest.raises(VideoTooShort):
        library.videos.add("a", index_id, short.id)
    with pytest.raises(ParameterInvalid, match="poem"):
        library.videos.add("a", index_id, failed.id)
    with pytest.raises(ResourceNotExist):
        library.videos.add("b", index_id, picture.id)
    assert library.videos.page("a", index_id, VideoQuery(), page=1, limit=9) == ((), 0)


def test_what_came_with_a_video_goes_with_it_and_what_was_there_stays(library: Library) -> None:
    index_id = library.index()
    brought, _, video_id = library.bring(index_id, b"1")
    there = library.asset(b"2")
    indexed = library.videos.add("a", index_id, there.id)
    assert library.videos.remove("a", index_id, video_id)
    assert library.videos.remove("a", index_id, indexed.id)
    assert not library.videos.remove("a", index_id, indexed.id)
    assert library.assets.get("a", brought.id) is None
    assert library.assets.get("a", there.id) is not None
    assert len(list(library.blobs.kept())) == 1


def test_a_brought_asset_that_is_used_elsewhere_stays(library: Library) -> None:
    first, second = library.index("1"), library.index("2")
    brought, _, video_id = library.bring(first)
    library.assets.ready(brought.id, VIDEO)
    other = library.videos.add("a", second, brought.id)
    assert library.videos.remove("a", first, video_id)
    assert library.video(other.id).status == "ready"
    assert library.assets.get("a", brought.id) is not None


def test_an_index_takes_everything_with_it(library: Library) -> None:
    index_id, kept = library.index("1"), library.asset(b"kept")
    brought, task_id, video_id = library.bring(index_id)
    library.videos.add("a", index_id, kept.id)
    assert not library.indexes.remove("b", index_id)
    assert library.indexes.remove("a", index_id)
    assert not library.indexes.remove("a", index_id)
    assert library.videos.find("a", video_id) is None
    assert library.tasks.get("a", task_id) is None
    assert library.assets.get("a", brought.id) is None
    assert library.assets.get("a", kept.id) is not None
    assert len(list(library.blobs.kept())) == 1


def test_an_asset_in_an_index_is_only_removed_by_force(library: Library) -> None:
    asset, task_id, video_id = library.bring(library.index())
    with pytest.raises(AssetInUse):
        library.assets.remove("a", asset.id)
    assert not library.assets.remove("b", asset.id, force=True)
    assert library.assets.remove("a", asset.id, force=True)
    assert library.videos.find("a", video_id) is None
    task = library.task(task_id)
    assert (task.status, "deleted" in str(task.error)) == ("failed", True)


def test_only_a_task_that_has_ended_is_removed_and_its_video_stays(library: Library) -> None:
    asset, task_id, video_id = library.bring(library.index())
    with pytest.raises(IndexTaskCannotBeDeleted, match="queued"):
        library.tasks.remove("a", task_id)
    library.assets.ready(asset.id, VIDEO)
    assert not library.tasks.remove("b", task_id)
    assert library.tasks.remove("a", task_id)
    assert not library.tasks.remove("a", task_id)
    assert library.video(video_id).status == "ready"


def test_a_name_is_taken_once_in_an_account(library: Library) -> None:
    first, second = library.index("1"), library.index("2")
    library.index("1", account="b")
    with pytest.raises(IndexNameAlreadyExists):
        library.index("1")
    with pytest.raises(IndexNameAlreadyExists):
        library.indexes.rename("a", second, "1")
    assert library.indexes.rename("a", first, "1")
    assert library.indexes.rename("a", first, "3")
    assert not library.indexes.rename("b", first, "4")
    assert library.index("1") not in {first, second}


def test_indexes_are_narrowed_and_ordered(library: Library) -> None:
    ids_ = [library.index("1"), library.index("2", MARENGO), library.index("3", PEGASUS, MARENGO)]

    def found(**more: Any) -> list[str]:
        page, total = library.indexes.page("a", IndexQuery(**more), page=1, limit=9)
        assert len(page) == total
        return [index.id for index in page]

    assert found() == ids_[::-1]
    assert found(sorting=Sorting(ascending=True)) == ids_
    assert found(sorting=Sorting("updated_at")) == ids_[::-1]
    assert found(name="2") == [ids_[1]]
    assert found(family="marengo") == [ids_[2], ids_[1]]
    assert found(options=("audio",)) == [ids_[2], ids_[0]]
    assert library.indexes.page("b", IndexQuery(), page=1, limit=9) == ((), 0)


def test_videos_and_tasks_are_narrowed(library: Library) -> None:
    index_id = library.index()
    first, first_task, first_video = library.bring(index_id, b"1", filename="Été.mp4")
    _, second_task, second_video = library.bring(index_id, b"22")
    library.assets.ready(first.id, VIDEO)

    def videos(**more: Any) -> list[str]:
        page, total = library.videos.page("a", index_id, VideoQuery(**more), page=1, limit=9)
        assert len(page) == total
        return [video.id for video in page]

    assert videos() == [second_video, first_video]
    assert videos(statuses=("ready",)) == [first_video]
    assert videos(statuses=("queued", "failed")) == [second_video]
    assert videos(filename="éTÉ") == [first_video]
    assert videos(ranges={"size": (2, None)}) == [second_video]
    assert videos(ranges={"duration": (7, 9), "width": (None, 640), "fps": (25, 25)}) == [first_video]
    only, total = library.videos.page("a", index_id, VideoQuery(), page=1, limit=9, only_ready=True)
    assert ([video.id for video in only], total) == ([first_video], 1)

    def tasks(**more: Any) -> list[str]:
        page, total = library.tasks.page("a", IndexTaskQuery(**more), page=1, limit=9)
        assert len(page) == total
        return [task.id for task in page]

    assert tasks() == [second_task, first_task]
    assert tasks(index_id=index_id, statuses=("ready", "failed")) == [first_task]
    assert tasks(statuses=("queued",)) == [second_task]
    assert tasks(filename="clip") == [second_task]
    assert tasks(exact={"width": 640, "height": 360, "duration": 8.0}) == [first_task]
    assert tasks(index_id=NOBODY) == []


def test_videos_are_narrowed_by_their_metadata_and_paged(library: Library) -> None:
    index_id, other = library.index(), library.index("other")
    said = [{"shelf": "A", "n": 1}, {"shelf": "B", "\0": "\0"}, None, {"shelf": "A", "n": 2.5, "seen": True}]
    made = [library.bring(index_id, bytes([n]), user_metadata=one)[2] for n, one in enumerate(said)]
    library.bring(other, b"other", user_metadata={"shelf": "A"})

    def found(*, page: int = 1, limit: int = 9, **wanted: str) -> tuple[list[int], int]:
        query = VideoQuery(metadata=MetadataFilter({name: (text,) for name, text in wanted.items()}))
        page_of, total = library.videos.page("a", index_id, query, page=page, limit=limit)
        return [made.index(video.id) for video in page_of], total

    assert found() == ([3, 2, 1, 0], 4)
    assert found(shelf="A") == ([3, 0], 2)
    assert found(shelf="A", page=1, limit=1) == ([3], 2)
    assert found(shelf="A", page=2, limit=1) == ([0], 2)
    assert found(shelf="A", page=3, limit=1) == ([], 2)
    assert found(shelf="A", n="2.5", seen="true") == ([3], 1)
    assert found(**{"\0": "\0"}) == ([1], 1)  # type: ignore[arg-type]
    assert found(shelf="C") == ([], 0)
    library.assets.ready(library.video(made[3]).asset_id, VIDEO)
    ready = VideoQuery(metadata=MetadataFilter({"shelf": ("A",)}))
    page, total = library.videos.page("a", index_id, ready, page=1, limit=9, only_ready=True)
    assert ([video.id for video in page], total) == ([made[3]], 1)


def test_metadata_is_changed_in_its_own_index_only(library: Library) -> None:
    index_id, other = library.index("1"), library.index("2")
    _, _, video_id = library.bring(index_id)
    assert not library.videos.change_metadata("a", other, video_id, lambda _old: {"x": 1})
    assert not library.videos.change_metadata("b", index_id, video_id, lambda _old: {"x": 1})
    assert library.videos.find("b", video_id) is None
    assert library.videos.get("b", index_id, video_id) is None
    assert library.videos.change_metadata("a", index_id, video_id, lambda old: {**old, "x": 1})
    assert library.video(video_id).user_metadata == {"x": 1}


def test_the_end_of_a_task_is_written_to_webhooks_and_gone_with_the_task(
    database: Database, tmp_path: Path
) -> None:
    waiting = DeliveryRows(database, waits=(0,), lease=30)
    WebhookRows(database).add("a", "https://hook.example/", ("index.task.ready",), "s" * 16, most=5)
    settling = Settling(waiting.announce_index)
    with closing(Blobs(tmp_path)) as blobs:
        library = Library(database, blobs)
        library.assets = AssetRows(database, blobs, decided=settling.decided)
        asset, task_id, _ = library.bring(library.index())
        library.assets.ready(asset.id, VIDEO)
        other, _, _ = library.bring(library.index("2"), b"other")
        library.assets.failed(other.id, "It is a poem.")
        with database.reading() as db:
            rows = db.execute(select(deliveries.c.type, deliveries.c.index_task_id)).all()
        assert [tuple(row) for row in rows] == [("index.task.ready", task_id)]
        assert [one.task_id for one in DeliveryLog(database).page("a", page=1, limit=9)[0]] == [task_id]
        library.tasks.remove("a", task_id)
        with database.reading() as db:
            assert db.execute(select(func.count()).select_from(deliveries)).scalar_one() == 0
