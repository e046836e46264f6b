"""Rules C033, C053, C172 and C180 to C184: indexes, the tasks that bring videos into them, and `video_id`."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, both_shapes, refusal
from tests.conformance.exact_classic import (
    Index,
    IndexedAsset,
    IndexedAssetPage,
    IndexEvent,
    IndexPage,
    IndexTask,
    IndexTaskPage,
    MadeIndexed,
    MadeTask,
    Video,
    VideoPage,
    WherePage,
    read,
)
from tests.conformance.file_server import FileServer
from tests.conformance.receiver import Receiver, start_receiver
from tests.conformance.sdk_environments import CLASSIC_SDKS, JAVASCRIPT_SDKS, Sdk
from tests.conformance.served import Served
from tests.conformance.wire import ended_task, make_task, new_key, ready_asset

NOBODY = "0123456789abcdef01234567"
PEGASUS = {"model_name": "pegasus1.2", "model_options": ["visual", "audio"]}
MARENGO = {"model_name": "marengo2.7", "model_options": ["visual"]}

T = TypeVar("T")


@pytest.fixture
def account(served: Served) -> Iterator[httpx2.Client]:
    """A client of an account of its own, which is empty."""
    with served.client(new_key(served, f"classic-{secrets.token_hex(4)}")) as client:
        yield client


def new_index(wire: httpx2.Client, *models: dict[str, Any], name: str | None = None) -> str:
    body = {"index_name": name or secrets.token_hex(6), "models": list(models) or [PEGASUS]}
    response = wire.post("indexes", json=body)
    assert response.status_code == 201, response.text
    assert set(response.json()) == {"_id"}
    made: str = response.json()["_id"]
    return made


def bring(wire: httpx2.Client, index_id: str, name: str = "plain.mp4", **fields: str) -> httpx2.Response:
    with clip(name).open("rb") as file:
        files = {"video_file": (name, file, "application/octet-stream")}
        return wire.post("tasks", data={"index_id": index_id, **fields}, files=files)


def form(wire: httpx2.Client, **fields: str) -> httpx2.Response:
    return wire.post("tasks", files={name: (None, value) for name, value in fields.items()})


def until(look: Callable[[], T], good: Callable[[T], bool], seconds: float = 60) -> T:
    end = time.monotonic() + seconds
    while not good(found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    assert good(found), found
    return found


def ended(wire: httpx2.Client, task_id: str) -> IndexTask:
    return until(
        lambda: read(IndexTask, wire.get(f"tasks/{task_id}")), lambda task: task.status in ("ready", "failed")
    )


def ready_video(wire: httpx2.Client, index_id: str, name: str = "plain.mp4") -> MadeTask:
    made = read(MadeTask, bring(wire, index_id, name))
    assert ended(wire, made.id).status == "ready"
    return made


def ask(wire: httpx2.Client, video_id: str, **more: Any) -> httpx2.Response:
    body = {"video_id": video_id, "prompt": "What is seen?", "stream": False, **more}
    return wire.post("analyze", json=body)


@pytest.mark.sdk
@pytest.mark.rule("C180", "C199")
@pytest.mark.parametrize("source", ["file", "url"])
def test_the_old_flow_works_with_the_old_sdks(
    served: Served, files: FileServer, classic_sdk: Sdk, source: str
) -> None:
    name = f"sdk-{secrets.token_hex(4)}"
    given = {"path": str(clip("plain.mp4"))} if source == "file" else {"url": files.url("plain.mp4")}

    def do(step: str, **arguments: Any) -> Any:
        (value,) = classic_sdk.values(served.url + "/v1.3", served.key, {"do": step, **arguments})
        return value

    index_id = do("create_index", name=name)["id"]
    brought = do("upload", index_id=index_id, **given)
    made, done = brought["made"], brought["done"]
    assert (done["id"], done["status"], done["index_id"]) == (made["id"], "ready", index_id)
    assert done["system_metadata"]["filename"] == "plain.mp4"
    assert set(brought["seen"]) <= {"uploading", "validating", "pending", "queued", "indexing", "ready"}
    video_id = made["video_id"]
    answer = do("analyze", video_id=video_id, prompt="What is seen?", temperature=0.2)
    assert answer["data"]
    events = do("analyze_stream", video_id=video_id, prompt="What is seen?")
    assert (events[0]["event_type"], events[-1]["event_type"]) == ("stream_start", "stream_end")
    do("change", index_id=index_id, video_id=video_id, name=f"{name}-renamed")
    shown = do("retrieve", index_id=index_id, video_id=video_id)
    assert (shown["index"]["index_name"], shown["index"]["video_count"]) == (f"{name}-renamed", 1)
    assert shown["video"]["user_metadata"] == {"shelf": "A"}
    assert shown["video"]["system_metadata"]["width"] == 640
    listed = do("lists", index_id=index_id)
    assert index_id in listed["indexes"]
    assert (listed["tasks"], listed["videos"]) == ([made["id"]], [video_id])
    assert do("filtered", index_id=index_id, video_id=video_id) == {"met": [video_id] * 4, "not": []}
    do("clear", index_id=index_id, task_id=made["id"], video_id=video_id)
    (refused,) = classic_sdk.run(
        served.url, served.key, {"do": "analyze", "video_id": video_id, "prompt": "What is seen?"}
    )
    assert (refused["status"], refused["body"]["code"]) == (404, "resource_not_exist")


@pytest.mark.sdk
@pytest.mark.rule("C180")
@pytest.mark.parametrize("old", JAVASCRIPT_SDKS[:1], ids=repr)
def test_the_old_flow_works_in_javascript(served: Served, old: Sdk) -> None:
    step = {"do": "classic", "name": f"js-{secrets.token_hex(4)}", "path": str(clip("plain.mp4"))}
    (told,) = old.values(served.url + "/v1.3", served.key, step)
    assert told["status"] == "ready"
    assert told["answer"]
    assert told["asset_id"]
    assert told["filtered"] == ["nature"]


@pytest.mark.sdk
@pytest.mark.rule("C181")
@pytest.mark.parametrize("classic_sdk", CLASSIC_SDKS[1:], ids=repr)
def test_the_sdk_that_knows_indexed_assets_uses_them(served: Served, asset: Asset, classic_sdk: Sdk) -> None:
    (index,) = classic_sdk.values(
        served.url, served.key, {"do": "create_index", "name": f"sdk-{secrets.token_hex(4)}"}
    )
    step = {"do": "index_asset", "index_id": index["id"], "asset_id": asset.id}
    (told,) = classic_sdk.values(served.url, served.key, step)
    assert (told["done"]["status"], told["done"]["asset_id"]) == ("ready", asset.id)
    assert told["listed"] == [told["made"]["id"]]
    assert told["filtered"] == [told["made"]["id"]] * 4
    assert told["made"]["id"] in told["by_asset"]


@pytest.mark.rule("C180", "C033")
def test_a_video_comes_by_file_and_is_asked_about_by_its_id(account: httpx2.Client) -> None:
    index_id = new_index(account)
    response = bring(
        account, index_id, user_metadata='{"shelf": "A", "none": null}', enable_video_stream="false"
    )
    made = read(MadeTask, response)
    task = ended(account, made.id)
    assert (task.status, task.video_id, task.index_id) == ("ready", made.video_id, index_id)
    assert task.system_metadata.duration == pytest.approx(6.0, abs=0.1)
    assert (task.system_metadata.width, task.system_metadata.height) == (640, 360)
    video = read(Video, account.get(f"indexes/{index_id}/videos/{made.video_id}"))
    assert video.user_metadata == {"shelf": "A"}
    assert video.system_metadata.size == clip("plain.mp4").stat().st_size
    assert ask(account, made.video_id).status_code == 200
    assert ask(account, made.video_id, model_name="pegasus1.2").status_code == 200
    refusal(ask(account, made.video_id, model_name="pegasus1.5"), 400, "parameter_invalid", "video_id")
    index = read(Index, account.get(f"indexes/{index_id}"))
    assert index.video_count == 1
    assert index.total_duration == pytest.approx(6.0, abs=0.1)


@pytest.mark.rule("C180")
def test_a_video_comes_by_url(account: httpx2.Client, files: FileServer) -> None:
    index_id = new_index(account)
    made = read(MadeTask, form(account, index_id=index_id, video_url=files.url("plain.mp4")))
    task = ended(account, made.id)
    assert (task.status, task.system_metadata.filename) == ("ready", "plain.mp4")
    missing = read(MadeTask, form(account, index_id=index_id, video_url=files.url("missing")))
    assert ended(account, missing.id).status == "failed"
    refused = ask(account, missing.video_id)
    refusal(refused, 400, "parameter_invalid", "video_id")
    assert "failed" in refused.json()["message"]
    assert read(VideoPage, account.get(f"indexes/{index_id}/videos")).page_info.total_results == 1


@pytest.mark.rule("C033")
def test_a_task_takes_a_video_by_its_id(account: httpx2.Client) -> None:
    index_id = new_index(account)
    made = ready_video(account, index_id)
    for body in (
        {"video_id": made.video_id, "prompt": "What is seen?"},
        {"video": {"type": "video_id", "video_id": made.video_id}, "prompt": "What is seen?"},
    ):
        task = ended_task(account, make_task(account, body))
        assert task.status == "ready"
        assert task.video_source is not None
        assert (task.video_source.video_id, task.video_source.index_id) == (made.video_id, index_id)
    unknown = account.post("analyze/tasks", json={"video_id": NOBODY, "prompt": "x"})
    both_shapes(unknown, 404, "resource_not_exist")


@pytest.mark.rule("C033", "C184")
def test_a_task_outlives_the_video_it_was_made_of(account: httpx2.Client) -> None:
    index_id = new_index(account)
    made = ready_video(account, index_id)
    task_id = make_task(account, {"video_id": made.video_id, "prompt": "What is seen?"})
    assert account.delete(f"indexes/{index_id}/videos/{made.video_id}").status_code == 204
    assert ended_task(account, task_id).status == "ready"


@pytest.mark.rule("C053")
def test_a_video_of_an_index_without_pegasus_is_refused(account: httpx2.Client) -> None:
    index_id = new_index(account, MARENGO)
    made = ready_video(account, index_id)
    refusal(ask(account, made.video_id), 400, "index_not_supported_for_generate")
    task = account.post("analyze/tasks", json={"video_id": made.video_id, "prompt": "x"})
    both_shapes(task, 400, "index_not_supported_for_generate")


@pytest.mark.rule("C180")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("320x240.mp4", "video_resolution_too_low"),
        ("text.mp4", "video_file_broken"),
        ("orange.png", "video_file_broken"),
    ],
)
def test_what_is_no_video_for_an_index_is_refused_or_fails(
    account: httpx2.Client, name: str, code: str
) -> None:
    response = bring(account, new_index(account), name)
    if response.status_code == 200:  # it took longer to see than a client is let wait
        task = ended(account, response.json()["_id"])
        assert task.status == "failed"
        return
    refusal(response, 400, code)
    assert account.get("assets").json()["page_info"]["total_results"] == 0


@pytest.mark.rule("C180")
def test_a_form_without_its_parts_is_refused(account: httpx2.Client, files: FileServer) -> None:
    index_id, url = new_index(account), files.url("plain.mp4")
    before = account.get("tasks").json()["page_info"]["total_results"]
    refusal(form(account, video_url=url), 400, "parameter_not_provided", "index_id")
    refusal(form(account, index_id=index_id), 400, "parameter_not_provided", "video_file")
    refusal(form(account, index_id=NOBODY, video_url=url), 404, "resource_not_exist", "indexes")
    refusal(form(account, index_id="x", video_url=url), 404, "resource_not_exist", "indexes")
    refusal(form(account, index_id=index_id, video_url="ftp://x/y"), 400, "parameter_invalid", "video_url")
    for bad in (
        "http://10.0.0.1/v.mp4",
        "http://[fd00::1]/",
        "http://u:p@example.com/",
        "http://2130706433/",
    ):
        refusal(form(account, index_id=index_id, video_url=bad), 400, "parameter_invalid", "video_url")
    assert account.get("tasks").json()["page_info"]["total_results"] == before, "none was made"
    refusal(bring(account, index_id, video_url=url), 400, "parameter_invalid", "video_url")
    refusal(bring(account, index_id, language="en"), 400, "parameter_unknown", "language")
    refusal(bring(account, index_id, user_metadata="[]"), 400, "parameter_invalid", "user_metadata")
    refusal(account.post("tasks", content=b""), 400, "parameter_not_provided", "index_id")


@pytest.mark.rule("C181", "C172")
def test_an_indexed_asset_serves_as_a_video(account: httpx2.Client) -> None:
    asset, index_id = ready_asset(account, "plain.mp4"), new_index(account, name="shelf")
    made = read(
        MadeIndexed, account.post(f"indexes/{index_id}/indexed-assets", json={"asset_id": asset.id}), 202
    )
    path = f"indexes/{index_id}/indexed-assets/{made.id}"
    one = until(lambda: read(IndexedAsset, account.get(path)), lambda one: one.status == "ready")
    assert one.asset_id == asset.id == made.asset_id
    assert ask(account, made.id).status_code == 200
    where = read(WherePage, account.get(f"assets/{asset.id}/indexed-assets"))
    assert [(found.id, found.index.id, found.index.name) for found in where.data] == [
        (made.id, index_id, "shelf")
    ]
    refusal(account.delete(f"assets/{asset.id}"), 409, "asset_in_use", asset.id)
    assert account.patch(path, json={"user_metadata": {"a": 1, "b": "x"}}).status_code == 204
    assert account.patch(path, json={"user_metadata": {"b": None}}).status_code == 204
    assert read(IndexedAsset, account.get(path)).user_metadata == {"a": 1}
    assert account.delete(path).status_code == 204
    refusal(account.get(path), 404, "resource_not_exist", "indexed-assets")
    refusal(ask(account, made.id), 404, "resource_not_exist", "videos")
    assert account.get(f"assets/{asset.id}").status_code == 200, "the asset was there before"
    assert account.delete(f"assets/{asset.id}").status_code == 204


@pytest.mark.rule("C172")
def test_an_asset_in_use_is_deleted_by_force_with_its_videos(account: httpx2.Client) -> None:
    index_id = new_index(account)
    made = ready_video(account, index_id)
    asset_id = read(Video, account.get(f"indexes/{index_id}/videos/{made.video_id}")).asset_id
    refusal(account.delete(f"assets/{asset_id}", params={"force": "false"}), 409, "asset_in_use")
    assert account.delete(f"assets/{asset_id}", params={"force": "true"}).status_code == 204
    refusal(account.get(f"assets/{asset_id}"), 404, "resource_not_exist")
    refusal(ask(account, made.video_id), 404, "resource_not_exist", "videos")
    assert read(Index, account.get(f"indexes/{index_id}")).video_count == 0


@pytest.mark.rule("C181")
def test_what_can_be_no_indexed_asset_is_refused(account: httpx2.Client) -> None:
    path = f"indexes/{new_index(account)}/indexed-assets"
    picture, small = ready_asset(account, "orange.png"), ready_asset(account, "320x240.mp4")
    refusal(account.post(path, json={"asset_id": picture.id}), 400, "parameter_invalid", "asset_id")
    refusal(account.post(path, json={"asset_id": small.id}), 400, "video_resolution_too_low")
    refusal(account.post(path, json={"asset_id": NOBODY}), 404, "resource_not_exist", "assets")
    refusal(account.post(path, json={"asset_id": "x"}), 400, "parameter_invalid", "asset_id")
    refusal(account.post(path, json={}), 400, "parameter_not_provided", "asset_id")
    refusal(account.post(path, json={"asset_id": picture.id, "x": 1}), 400, "parameter_unknown", "x")
    elsewhere = f"indexes/{NOBODY}/indexed-assets"
    refusal(account.post(elsewhere, json={"asset_id": small.id}), 404, "resource_not_exist", "indexes")
    assert read(IndexedAssetPage, account.get(path)).data == []


@pytest.mark.rule("C182")
def test_the_asset_of_a_video_is_asked_about_in_the_new_way(account: httpx2.Client) -> None:
    index_id = new_index(account)
    made = ready_video(account, index_id)
    video = read(Video, account.get(f"indexes/{index_id}/videos/{made.video_id}"))
    body = {
        "model_name": "pegasus1.5",
        "video": {"type": "asset_id", "asset_id": video.asset_id},
        "prompt": "What is seen?",
        "stream": False,
    }
    assert account.post("analyze", json=body).status_code == 200


@pytest.mark.rule("C183")
def test_an_index_with_a_taken_name_or_a_bad_option_is_refused(account: httpx2.Client) -> None:
    new_index(account, name="mine")
    again = {"index_name": "mine", "models": [PEGASUS]}
    refusal(account.post("indexes", json=again), 400, "index_name_already_exists", "mine")
    bad = {"index_name": "other", "models": [{**PEGASUS, "model_options": ["smell"]}]}
    refused = account.post("indexes", json=bad)
    refusal(refused, 400, "parameter_invalid", "model_options")
    assert "visual, audio" in refused.json()["message"]
    for body, code, name in (
        ({"models": [PEGASUS]}, "parameter_not_provided", "index_name"),
        ({"index_name": "x"}, "parameter_not_provided", "models"),
        ({"index_name": "x", "models": []}, "parameter_invalid", "models"),
        ({"index_name": " ", "models": [PEGASUS]}, "parameter_invalid", "index_name"),
        (
            {"index_name": "x", "models": [{**PEGASUS, "model_name": "gpt"}]},
            "parameter_invalid",
            "model_name",
        ),
        (
            {"index_name": "x", "models": [{"model_name": "pegasus1.2"}]},
            "parameter_not_provided",
            "model_options",
        ),
        ({"index_name": "x", "models": [PEGASUS], "engine": 1}, "parameter_unknown", "engine"),
        ({"index_name": "x", "models": "pegasus1.2"}, "parameter_invalid", "models"),
    ):
        refusal(account.post("indexes", json=body), 400, code, name)
    assert read(IndexPage, account.get("indexes")).page_info.total_results == 1
    other = new_index(account, name="other")
    refusal(account.put(f"indexes/{other}", json={"index_name": "mine"}), 400, "index_name_already_exists")
    assert account.put(f"indexes/{other}", json={"index_name": "other"}).status_code == 204


@pytest.mark.rule("C184")
def test_a_deleted_index_takes_its_videos_with_it(account: httpx2.Client) -> None:
    index_id = new_index(account)
    made, asset = ready_video(account, index_id), ready_asset(account, "silent.mp4")
    indexed = account.post(f"indexes/{index_id}/indexed-assets", json={"asset_id": asset.id}).json()["_id"]
    assert account.delete(f"indexes/{index_id}").status_code == 204
    for video_id in (made.video_id, indexed):
        refusal(ask(account, video_id), 404, "resource_not_exist", "videos")
    refusal(account.get(f"indexes/{index_id}"), 404, "resource_not_exist", "indexes")
    refusal(account.get(f"indexes/{index_id}/videos"), 404, "resource_not_exist", "indexes")
    refusal(account.get(f"tasks/{made.id}"), 404, "resource_not_exist", "tasks")
    refusal(account.delete(f"indexes/{index_id}"), 404, "resource_not_exist", "indexes")
    left = [asset["_id"] for asset in account.get("assets").json()["data"]]
    assert left == [asset.id], "what came with a video goes with it, what was there before stays"


@pytest.mark.rule("C180")
def test_indexes_are_listed_and_filtered(account: httpx2.Client) -> None:
    ids = [new_index(account, PEGASUS, name="a"), new_index(account, MARENGO, name="b")]
    ids.append(new_index(account, PEGASUS, MARENGO, name="c"))

    def found(**query: str) -> list[str]:
        return [index.id for index in read(IndexPage, account.get("indexes", params=query)).data]

    assert found() == ids[::-1]
    assert found(sort_option="asc") == ids
    assert found(index_name="b") == [ids[1]]
    assert found(model_family="pegasus") == [ids[2], ids[0]]
    assert found(model_family="marengo", sort_option="asc") == ids[1:]
    assert found(model_options="visual,audio") == [ids[2], ids[0]]
    assert found(page_limit="1", page="2") == [ids[1]]
    assert found(created_at="2024-08-16T16:53:59Z", updated_at="2024-08-16T16:53:59Z") == ids[::-1]
    assert found(created_at="2124-08-16T16:53:59Z") == []
    for name in ("sort_by", "sort_option", "model_family", "model_options", "created_at", "page_limit"):
        refusal(account.get("indexes", params={name: "x"}), 400, "parameter_invalid", name)


@pytest.mark.rule("C180")
def test_tasks_and_videos_are_listed_and_filtered(account: httpx2.Client) -> None:
    index_id, other = new_index(account), new_index(account)
    first, second = ready_video(account, index_id), ready_video(account, index_id, "twelve.mp4")
    ready_video(account, other, "silent.mp4")

    def tasks(**query: Any) -> list[str]:
        page = read(IndexTaskPage, account.get("tasks", params=query))
        assert page.page_info.total_results == len(page.data)
        return [task.id for task in page.data]

    assert tasks(index_id=index_id) == [second.id, first.id]
    assert tasks(index_id=index_id, sort_option="asc") == [first.id, second.id]
    assert tasks(index_id=index_id, status=["failed", "ready"], filename="PLAIN") == [first.id]
    assert tasks(status="failed") == []
    assert len(tasks(width="640", height="360")) == 3
    refusal(account.get("tasks", params={"status": "x"}), 400, "parameter_invalid", "status")
    refusal(account.get("tasks", params={"width": "x"}), 400, "parameter_invalid", "width")

    def videos(**query: Any) -> list[str]:
        page = read(VideoPage, account.get(f"indexes/{index_id}/videos", params=query))
        assert page.page_info.total_results == len(page.data)
        return [video.id for video in page.data]

    assert videos() == [second.video_id, first.video_id]
    assert videos(**{"duration[gte]": "7"}) == [second.video_id]
    assert videos(**{"duration[lte]": "7", "width": "640"}) == [first.video_id]
    assert videos(filename="twelve", **{"size[gte]": "1", "fps[gte]": "1", "height[lte]": "400"}) == [
        second.video_id
    ]
    refusal(
        account.get(f"indexes/{index_id}/videos", params={"fps[gte]": "x"}),
        400,
        "parameter_invalid",
        "fps[gte]",
    )


@pytest.mark.rule("C180")
def test_videos_are_filtered_by_their_metadata(account: httpx2.Client) -> None:
    index_id = new_index(account)
    first, second = ready_video(account, index_id), ready_video(account, index_id, "twelve.mp4")
    said = {"category": "nature", "batch": 5, "rating": 9.3, "seen": True, "tags": ["a", "b"]}
    for made, metadata in ((first, said), (second, {"category": "town", "batch": 50, "seen": False})):
        path = f"indexes/{index_id}/videos/{made.video_id}"
        assert account.patch(path, json={"user_metadata": metadata}).status_code == 204

    def videos(**query: Any) -> list[str]:
        page = read(VideoPage, account.get(f"indexes/{index_id}/videos", params=query))
        assert page.page_info.total_results == len(page.data)
        indexed = read(IndexedAssetPage, account.get(f"indexes/{index_id}/indexed-assets", params=query))
        assert [one.id for one in indexed.data] == [video.id for video in page.data]
        return [video.id for video in page.data]

    for key, text in (
        ("category", "nature"),
        ("batch", "5"),
        ("rating", "9.3"),
        ("seen", "true"),
        ("tags", "b"),
    ):
        assert videos(**{key: text}) == [first.video_id], key
        assert videos(**{f"user_metadata[{key}]": text}) == [first.video_id], key
        assert videos(**{f"user_metadata[{key}]": "x"}) == []
    assert videos(user_metadata='{"category": "nature", "batch": 5, "rating": 9.3}') == [first.video_id]
    assert videos(user_metadata='{"category": "nature", "batch": 50}') == []
    assert videos(**{"user_metadata[category]": ["nature", "town"]}) == [second.video_id, first.video_id]
    assert videos(**{"user_metadata[category]": ""}) == [second.video_id, first.video_id]
    for bad in ("nature", "[]", '{"a": {}}'):
        response = account.get(f"indexes/{index_id}/videos", params={"user_metadata": bad})
        refusal(response, 400, "parameter_invalid", "user_metadata")


@pytest.mark.rule("C180")
def test_only_a_task_that_has_ended_is_deleted(account: httpx2.Client, files: FileServer) -> None:
    index_id = new_index(account)
    made = read(MadeTask, form(account, index_id=index_id, video_url=files.url("hang")))
    refusal(account.delete(f"tasks/{made.id}"), 400, "task_cannot_be_deleted", made.id)
    refusal(ask(account, made.video_id), 400, "parameter_invalid", "video_id")
    assert account.delete(f"indexes/{index_id}/videos/{made.video_id}").status_code == 204
    assert read(IndexTask, account.get(f"tasks/{made.id}")).status == "failed"
    assert account.delete(f"tasks/{made.id}").status_code == 204
    refusal(account.get(f"tasks/{made.id}"), 404, "resource_not_exist", "tasks")


@pytest.mark.rule("C021", "C022", "C180")
def test_a_repeated_task_is_the_same_task(account: httpx2.Client, files: FileServer) -> None:
    index_id = new_index(account)
    account.headers["idempotency-key"] = "once"
    made = read(MadeTask, form(account, index_id=index_id, video_url=files.url("plain.mp4")))
    again = form(account, index_id=index_id, video_url=files.url("plain.mp4"))
    assert read(MadeTask, again) == made
    assert again.headers["idempotent-replayed"] == "true"
    refusal(form(account, index_id=index_id, video_url=files.url("page")), 422, "idempotency_key_reused")
    assert read(IndexTaskPage, account.get("tasks")).page_info.total_results == 1


@pytest.mark.rule("C004", "C180")
def test_what_belongs_to_another_account_is_not_there(
    account: httpx2.Client, stranger: httpx2.Client
) -> None:
    index_id = new_index(account)
    made = ready_video(account, index_id)
    for path in (
        f"indexes/{index_id}",
        f"indexes/{index_id}/videos",
        f"indexes/{index_id}/videos/{made.video_id}",
        f"indexes/{index_id}/indexed-assets/{made.video_id}",
        f"tasks/{made.id}",
    ):
        refusal(stranger.get(path), 404, "resource_not_exist")
    refusal(ask(stranger, made.video_id), 404, "resource_not_exist", "videos")
    refusal(bring(stranger, index_id), 404, "resource_not_exist", "indexes")
    for path in (f"indexes/{index_id}/videos/{made.video_id}", f"tasks/{made.id}", f"indexes/{index_id}"):
        refusal(stranger.delete(path), 404, "resource_not_exist")
    assert account.get(f"indexes/{index_id}/videos/{made.video_id}").status_code == 200


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = start_receiver()
    yield started
    started.close()


@pytest.mark.rule("C180", "C186")
def test_the_end_of_a_task_is_told_to_webhooks(
    account: httpx2.Client, files: FileServer, receiver: Receiver
) -> None:
    url = receiver.url("ok/index")
    secret = account.post("webhooks", json={"url": url}).json()["secret"]
    index_id = new_index(account, PEGASUS, MARENGO)
    good = read(MadeTask, bring(account, index_id))
    received = receiver.wait("ok/index", 1)
    bad = read(MadeTask, form(account, index_id=index_id, video_url=files.url("missing")))
    received = receiver.wait("ok/index", 2)
    events = []
    for one in received:
        one.signed_at(secret)
        events.append(IndexEvent.model_validate(json.loads(one.body)))
    assert [(event.type, event.data.id) for event in events] == [
        ("index.task.ready", good.id),
        ("index.task.failed", bad.id),
    ]
    assert events[0].data.metadata.duration == pytest.approx(6.0, abs=0.1)
    assert [(model.name, model.options) for model in events[0].data.models] == [
        ("pegasus1.2", ["visual", "audio"]),
        ("marengo2.7", ["visual"]),
    ]
