"""A task is taken in whole or not at all, and what can be seen to fail is refused at once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.analysis.pretended import FACTS
from tests.unit.sources.hostile import answer, hostile, says
from tests.unit.tasks.workplace import ACCOUNT, VIDEO, Workplace, at, by_asset, examined_video, inline

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ParameterInvalid,
    QueueFull,
    ResourceNotExist,
    ServiceUnavailable,
    StorageFull,
    VideoFileBroken,
    VideoResolutionTooLow,
    VideoTooLong,
)
from kinoscribe.contract.sources import UrlSource
from kinoscribe.contract.task_request import read_stored
from kinoscribe.contract.video import VideoFacts
from kinoscribe.storage.asset_rows import Examined
from kinoscribe.storage.blobs import Incoming
from kinoscribe.storage.idempotency_rows import Once
from kinoscribe.storage.task_record import Task
from kinoscribe.tasks.submit import submit

PROMPT = "What is said at the very beginning?"


def test_a_task_keeps_what_was_asked_and_what_is_shown_of_it(place: Workplace) -> None:
    task = place.submit(at("https://a.example/v.mp4"), prompt=PROMPT, custom_id="mine", temperature=0.5)
    assert (task.account, task.status, task.custom_id) == (ACCOUNT, "queued", "mine")
    assert (task.analysis_mode, task.model_name) == ("general", "pegasus1.5")
    assert (task.video_url, task.asset_id, task.video_id) == ("https://a.example/v.mp4", None, None)
    assert task.params["prompt"] == PROMPT
    assert task.params["temperature"] == 0.5
    assert task.source == {"type": "url", "url": "https://a.example/v.mp4"}
    assert task.duration is None
    again = read_stored(task.request).request
    assert (again.prompt, again.temperature) == (PROMPT, 0.5)


def test_a_video_inside_the_body_is_kept_as_a_file_and_nowhere_else(place: Workplace) -> None:
    task = place.submit(inline())
    (file,) = place.rows.files(task.id)
    assert (file.name, file.bytes) == ("video", len(VIDEO))
    assert place.blobs.path(file.content).read_bytes() == VIDEO
    assert inline()["base64_string"] not in task.request + json.dumps(task.params) + json.dumps(task.source)
    assert file.content in task.request
    assert task.duration == 20.0
    assert place.left() == []


def test_an_asset_brings_its_length_and_its_file_stays_for_the_task(place: Workplace) -> None:
    asset = place.asset()
    task = place.submit(by_asset(asset.id))
    assert (task.asset_id, task.duration) == (asset.id, 20.0)
    assert [file.name for file in place.rows.files(task.id)] == ["video"]
    processing = place.submit(by_asset(place.asset(processing=True).id))
    assert processing.duration is None


def test_an_asset_that_can_never_be_analysed_is_refused(place: Workplace) -> None:
    assert isinstance(place.refusal(by_asset("f" * 24)), ResourceNotExist)
    picture = place.asset(Examined("image", "image/png"))
    assert isinstance(place.refusal(by_asset(picture.id)), ParameterInvalid)
    failed = place.asset(processing=True)
    place.assets.failed(failed.id, "Its index is missing.")
    refusal = place.refusal(by_asset(failed.id))
    assert isinstance(refusal, ParameterInvalid)
    assert "failed" in refusal.message
    assert place.submit(by_asset(place.asset(examined_video(7000)).id)).duration == 7000, "more than an hour"
    too_long = place.asset(examined_video(8000))
    assert isinstance(place.refusal(by_asset(too_long.id)), VideoTooLong)
    assert len(place.tasks()) == 1


REFUSED: dict[str, tuple[bytes, dict[str, Any], type[Exception]]] = {
    "no video": (b"a poem", {}, VideoFileBroken),
    "a window outside": (VIDEO, {"start_time": 30.0}, ParameterInvalid),
    "a window too short": (VIDEO, {"start_time": 1.0, "end_time": 2.0}, ParameterInvalid),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_video_inside_the_body_is_looked_at_at_once(place: Workplace, name: str) -> None:
    content, more, kind = REFUSED[name]
    assert isinstance(place.refusal(inline(content), **more), kind)
    assert place.tasks() == ()
    assert list(place.blobs.kept()) == []


def test_base64_that_is_none_is_refused(place: Workplace) -> None:
    refusal = place.refusal({"type": "base64_string", "base64_string": "no base64!"})
    assert isinstance(refusal, ParameterInvalid)
    assert "video.base64_string" in refusal.message


def test_a_picture_that_is_too_small_is_refused(place: Workplace) -> None:
    place.facts.facts = replace(FACTS, width=320, height=240)
    assert isinstance(place.refusal(inline()), VideoResolutionTooLow)


def test_where_no_decoder_starts_the_task_is_taken_all_the_same(place: Workplace) -> None:
    place.facts.error = ServiceUnavailable(reason="No decoder.")
    assert place.submit(inline()).duration is None


def test_a_video_of_the_classic_flow_names_nothing_here(place: Workplace) -> None:
    refusal = place.refusal({"type": "video_id", "video_id": "f" * 24}, model_name="pegasus1.2")
    assert isinstance(refusal, ResourceNotExist)


def test_a_url_is_glanced_at(place: Workplace) -> None:
    place.settings = place.settings.model_copy(update={"glance_seconds": 5.0})
    with hostile(says(answer(VIDEO))) as server:
        assert place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")).duration == 20.0
    with hostile(says(answer(b"a page"))) as server:
        assert isinstance(place.refusal(at(f"http://127.0.0.1:{server.port}/v.mp4")), VideoFileBroken)
    with hostile(says(answer(b"", status=b"404 No"))) as server:
        assert isinstance(place.refusal(at(f"http://127.0.0.1:{server.port}/v.mp4")), ParameterInvalid)
    assert isinstance(place.refusal(at("http://10.0.0.1/v.mp4")), ParameterInvalid)
    assert place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")).duration is None, "it may come back"


def test_a_glance_ends_when_its_time_is_over(place: Workplace) -> None:
    place.settings = place.settings.model_copy(update={"glance_seconds": 0.3})
    never = Cancel()
    with hostile(lambda *_: never.wait(10)) as server:
        assert place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")).duration is None
        never.throw()


def test_a_file_that_takes_long_to_look_into_is_left_to_the_worker(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.settings = place.settings.model_copy(update={"glance_seconds": 1.0})

    def slow(_path: Path, _content: str, cancel: Cancel, *, account: str) -> VideoFacts:
        assert account == ACCOUNT
        assert cancel.wait(20)
        raise Canceled

    monkeypatch.setattr(place.facts, "of", slow)
    with hostile(says(answer(VIDEO))) as server:
        assert place.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")).duration is None
    assert place.left() == []


def test_the_length_that_is_known_is_reserved_and_may_be_refused(place: Workplace) -> None:
    seen: list[float] = []
    submit(
        place.request(inline(), start_time=2.0, end_time=12.0),
        ACCOUNT,
        place.tools,
        Cancel(),
        reserve=seen.append,
    )
    assert seen == [10.0]

    def refuse(_seconds: float) -> None:
        raise ServiceUnavailable(reason="No.")

    with pytest.raises(ServiceUnavailable):
        submit(place.request(inline()), ACCOUNT, place.tools, Cancel(), reserve=refuse)
    assert len(place.tasks()) == 1


def test_a_full_disk_leaves_neither_task_nor_file(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_incoming: Incoming, _data: bytes) -> None:
        raise StorageFull

    monkeypatch.setattr(Incoming, "write", full)
    assert isinstance(place.refusal(inline()), StorageFull)
    assert place.tasks() == ()


def test_a_full_queue_leaves_no_file(place: Workplace) -> None:
    place.settings = place.settings.model_copy(update={"queue_most": 1})
    place.submit(at("https://a.example/v.mp4"))
    assert isinstance(place.refusal(inline()), QueueFull)
    assert list(place.blobs.kept()) == []


def test_nothing_is_taken_in_for_a_client_that_has_gone(place: Workplace) -> None:
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled):
        submit(place.request(inline()), ACCOUNT, place.tools, cancel)
    assert place.tasks() == ()
    assert place.left() == []


def test_the_same_request_twice_is_one_task(place: Workplace) -> None:
    once: Once[Task] = Once("POST /analyze/tasks", "key", "digest", 202, lambda task: {"task_id": task.id})
    first = submit(place.request(inline()), ACCOUNT, place.tools, Cancel(), once=once)
    second = submit(place.request(inline()), ACCOUNT, place.tools, Cancel(), once=once)
    assert (first.replayed, second.replayed) == (False, True)
    assert (first.status, first.body) == (second.status, second.body)
    assert len(place.tasks()) == 1
    assert place.left() == []
    assert place.bell.rings == 1, "workers hear of new tasks only"


def test_many_pictures_behind_slow_urls_have_the_time_of_one(place: Workplace) -> None:
    asked: list[str] = []

    class Slow:
        def read(self, source: UrlSource, *rest: Any) -> None:
            asked.append(source.url)
            assert rest[-1].wait(20)
            raise Canceled

    place.settings = place.settings.model_copy(update={"glance_seconds": 0.3})
    sources = [
        {"name": f"p{n}", "media_type": "image", "url": f"https://example.com/{n}.png"} for n in range(4)
    ]
    mentions = " ".join(f"<@p{n}>" for n in range(4))
    request = place.request(prompt=None, prompt_v2={"input_text": mentions, "media_sources": sources})
    tools: Any = place.tools
    tools.pictures = Slow()
    assert submit(request, ACCOUNT, tools, Cancel()).task is not None
    assert asked == ["https://example.com/0.png"]
