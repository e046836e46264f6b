"""Rules C091 to C115 and what tasks share with the rest: creating them, reading them, the list, what is refused."""

import base64
import json
import time

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, both_shapes, refusal
from tests.conformance.exact_tasks import Task, canceled, created, task, task_page
from tests.conformance.file_server import FileServer
from tests.conformance.scripted import ODD_TEXT, prompt
from tests.conformance.served import Served
from tests.conformance.wire import (
    Json,
    base64_video,
    ended_task,
    finished,
    make_task,
    new_key,
    ready_asset,
    task_in,
    without,
)

NOBODY = "0123456789abcdef01234567"
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
SEGMENTS: Json = {
    "model_name": "pegasus1.5",
    "analysis_mode": "time_based_metadata",
    "response_format": {
        "type": "segment_definitions",
        "segment_definitions": [
            {"id": "parts", "description": "Every part of the video."},
            {"id": "rest", "description": "Whatever else there is."},
        ],
    },
}


@pytest.fixture(scope="module")
def ready(wire: httpx2.Client, task_body: Json) -> Task:
    """A task that ended well; no test deletes it."""
    return ended_task(wire, make_task(wire, {**task_body, "custom_id": "a-ready_1"}))


@pytest.mark.rule("C001", "C091", "C092", "C093", "C095", "C098", "C099", "C114", "C013", "C014")
@pytest.mark.parametrize("prefix", ["/v1.3", ""])
def test_a_task_is_made_goes_its_way_and_ends(served: Served, task_body: Json, prefix: str) -> None:
    with served.client(prefix=prefix) as client:
        task_id = make_task(client, task_body)
        ended = ended_task(client, task_id)
        assert ended.status == "ready"
        assert ended.result is not None
        assert ended.result.finish_reason == "stop"
        assert ended.webhooks is None
        assert task_body["prompt"] in ended.result.data
        assert task_id in {found.task_id for found in task_page(client.get("analyze/tasks")).data}
        receipt = client.get(f"receipts/{ended.result.generation_id}")
        assert receipt.status_code == 200
        time.sleep(0.3)
        assert task(client.get(f"analyze/tasks/{task_id}")) == ended, "a final state stays"
        assert client.delete(f"analyze/tasks/{task_id}").status_code == 204


@pytest.mark.rule("C091", "C098")
def test_a_task_gives_the_same_text_as_the_direct_answer(
    wire: httpx2.Client, body: Json, task_body: Json
) -> None:
    whole = wire.post("analyze", json={**body, "temperature": 0}).json()
    ended = ended_task(wire, make_task(wire, {**task_body, "temperature": 0}))
    assert ended.result is not None
    assert ended.result.data == whole["data"]
    assert ended.result.usage.model_dump() == whole["usage"]


@pytest.mark.rule("C098")
def test_json_is_a_text_within_the_result(wire: httpx2.Client, task_body: Json) -> None:
    asked = {**task_body, "response_format": {"type": "json_schema", "json_schema": SCHEMA}}
    ended = ended_task(wire, make_task(wire, asked))
    assert ended.result is not None
    assert set(json.loads(ended.result.data)) == {"title"}
    assert ended.request_params.response_format is not None
    assert ended.request_params.response_format.json_schema == SCHEMA


@pytest.mark.rule("C098")
def test_characters_of_every_kind_arrive_unharmed(wire: httpx2.Client, task_body: Json) -> None:
    ended = ended_task(wire, make_task(wire, {**task_body, "prompt": prompt("odd text")}))
    assert ended.result is not None
    assert ended.result.data == ODD_TEXT


@pytest.mark.rule("C099", "C093")
def test_a_cut_answer_is_ready_with_a_warning(wire: httpx2.Client, task_body: Json) -> None:
    short = {**task_body, "model_name": "pegasus1.2", "max_tokens": 5, "prompt": prompt("long text")}
    ended = ended_task(wire, make_task(wire, short))
    assert (ended.status, ended.error is not None) == ("ready", True)
    assert ended.result is not None
    assert ended.result.finish_reason == "length"
    assert ended.result.usage.output_tokens <= 5


@pytest.mark.rule("C094", "C092")
def test_a_task_whose_engine_dies_each_time_fails_with_a_sentence(
    wire: httpx2.Client, task_body: Json
) -> None:
    ended = ended_task(wire, make_task(wire, {**task_body, "prompt": prompt("a death")}))
    assert ended.status == "failed"
    assert ended.error is not None
    assert "engine" in ended.error.message
    assert ended.video_source.system_metadata is not None


@pytest.mark.rule("C095")
def test_before_its_end_a_task_shows_neither_result_nor_error(wire: httpx2.Client, task_body: Json) -> None:
    task_id = make_task(wire, {**task_body, "prompt": prompt("a while")})
    body = wire.get(f"analyze/tasks/{task_id}").json()
    assert not {"result", "error", "completed_at", "webhooks"} & set(body)
    working = task_in(wire, task_id, "processing")
    assert working.progress is not None
    assert ended_task(wire, task_id).status == "ready"


@pytest.mark.rule("C096")
def test_a_custom_id_is_echoed_and_null_when_unset(wire: httpx2.Client, task_body: Json, ready: Task) -> None:
    assert ready.custom_id == "a-ready_1"
    plain_id = make_task(wire, task_body)
    for response in (wire.get(f"analyze/tasks/{plain_id}"), wire.get("analyze/tasks?page_limit=50")):
        shown = response.json()
        rows = shown.get("data", [shown])
        (row,) = [row for row in rows if row["task_id"] == plain_id]
        assert "custom_id" in row
        assert row["custom_id"] is None
    listed = task_page(wire.get("analyze/tasks", params={"page_limit": 50})).data
    assert {found.custom_id for found in listed if found.task_id == ready.task_id} == {"a-ready_1"}
    ended_task(wire, plain_id)


@pytest.mark.rule("C097", "C009")
@pytest.mark.parametrize("custom_id", ["", "x" * 65, "a b", "é", "a.b", 5, True, ["a"], "a\n"])
def test_a_custom_id_out_of_its_form_is_refused(
    wire: httpx2.Client, task_body: Json, custom_id: object
) -> None:
    before = _total(wire)
    error = both_shapes(
        wire.post("analyze/tasks", json={**task_body, "custom_id": custom_id}), 400, "parameter_invalid"
    )
    assert "custom_id" in error.message
    assert _total(wire) == before, "nothing was created"


@pytest.mark.rule("C097", "C026")
def test_a_long_custom_id_may_be_used_twice(wire: httpx2.Client, task_body: Json) -> None:
    named = {**task_body, "custom_id": "aZ09_-" * 10 + "abcd"}
    first, second = make_task(wire, named), make_task(wire, named)
    assert first != second
    assert ended_task(wire, first).custom_id == ended_task(wire, second).custom_id == named["custom_id"]


@pytest.mark.rule("C100")
def test_the_source_is_named_by_its_kind(
    wire: httpx2.Client, task_body: Json, asset: Asset, files: FileServer
) -> None:
    by_url = ended_task(wire, make_task(wire, task_body)).video_source
    assert (by_url.type, by_url.url) == ("url", files.url("plain.mp4"))
    by_asset = {**task_body, "video": {"type": "asset_id", "asset_id": asset.id}}
    named = ended_task(wire, make_task(wire, by_asset)).video_source
    assert (named.type, named.asset_id) == ("asset_id", asset.id)
    inline = base64_video(clip("silent.mp4"))
    task_id = make_task(wire, {**task_body, "video": inline})
    ended = ended_task(wire, task_id)
    assert ended.video_source.type == "base64_string"
    for source in (by_url, named, ended.video_source):
        assert source.system_metadata is not None
        assert source.system_metadata.duration == pytest.approx(6.0, abs=0.1)
    for path in (f"analyze/tasks/{task_id}", "analyze/tasks"):
        assert inline["base64_string"][:60] not in wire.get(path).text


@pytest.mark.rule("C101", "C008")
def test_the_parameters_are_shown_as_they_take_effect(wire: httpx2.Client, task_body: Json) -> None:
    plain = ended_task(wire, make_task(wire, without(task_body, "model_name"))).request_params
    assert plain.model_dump(exclude_none=True) == {
        "analysis_mode": "general",
        "prompt": task_body["prompt"],
        "temperature": 0.2,
        "max_tokens": 4096,
    }
    v2 = {"input_text": "What is seen from one to five?"}
    chosen = {"prompt_v2": v2, "temperature": 1, "max_tokens": 600, "start_time": 1, "end_time": 5.5}
    nulls = {"prompt": None, "response_format": None, "min_segment_duration": None, "custom_id": None}
    shown = ended_task(wire, make_task(wire, {**task_body, **nulls, **chosen})).request_params
    assert shown.model_dump(exclude_none=True) == {"analysis_mode": "general", **chosen}


@pytest.mark.rule("C102")
def test_the_list_is_newest_first_and_shortened(served: Served, task_body: Json, files: FileServer) -> None:
    with served.client(new_key(served, "lister")) as client:
        long = "é" * 29 + "漢" + "and much more of it"
        bodies: list[Json] = [
            {**task_body, "prompt": long},
            {**without(task_body, "prompt"), "prompt_v2": {"input_text": long}},
            {**task_body, "response_format": {"type": "json_schema", "json_schema": SCHEMA}},
            {**without(task_body, "prompt"), **SEGMENTS},
        ]
        made = [make_task(client, asked) for asked in bodies]
        page = task_page(client.get("analyze/tasks"))
        assert [found.task_id for found in page.data] == made[::-1]
        segments, schema, second, first = (found.request_params for found in page.data)
        assert first.prompt == long[:30]
        assert second.prompt_v2 is not None
        assert second.prompt_v2.input_text == long[:30]
        assert schema.response_format is not None
        assert schema.response_format.type == "json_schema"
        assert segments.response_format is not None
        assert segments.response_format.segment_definitions is not None
        assert [d["id"] for d in segments.response_format.segment_definitions] == ["parts"]
        whole = ended_task(client, made[0]).request_params
        assert whole.prompt == long
        for task_id in made:
            ended_task(client, task_id)


@pytest.mark.rule("C103", "C027", "C028", "C029", "C004")
def test_the_filters_and_pages_of_the_list(served: Served, task_body: Json, files: FileServer) -> None:
    with served.client(new_key(served, "filterer")) as client:
        asset = ready_asset(client, "plain.mp4")
        other = {**task_body, "video": {"type": "url", "url": files.url("silent.mp4")}}
        by_asset = {**task_body, "video": {"type": "asset_id", "asset_id": asset.id}}
        segments = {**without(task_body, "prompt"), **SEGMENTS}
        made = [make_task(client, asked) for asked in (task_body, other, by_asset, segments)]
        for task_id in made:
            ended_task(client, task_id)

        def ids(**query: object) -> list[str]:
            page = task_page(client.get("analyze/tasks", params=query))
            assert page.page_info.total_results == len(page.data)
            return [found.task_id for found in page.data]

        first, second, third, fourth = made
        assert ids() == made[::-1]
        assert ids(video_url=files.url("silent.mp4")) == [second]
        assert ids(video_url=files.url("silent.mp4"), status="failed") == []
        assert ids(asset_id=asset.id) == [third]
        assert ids(analysis_mode="time_based_metadata") == [fourth]
        assert ids(analysis_mode="general", video_url=files.url("plain.mp4")) == [first]
        assert ids(video_id="nothing") == []
        assert set(ids(status="ready")) >= {first, second, third}
        assert ids(status="queued") == []
        page = task_page(client.get("analyze/tasks", params={"page": 2, "page_limit": 3}))
        assert [found.task_id for found in page.data] == [first]
        assert page.page_info.model_dump() == {
            "limit_per_page": 3,
            "page": 2,
            "total_page": 2,
            "total_results": 4,
        }
        past = task_page(client.get("analyze/tasks", params={"page": 9}))
        assert (past.data, past.page_info.total_results, past.page_info.limit_per_page) == ([], 4, 10)
        assert task_page(client.get("analyze/tasks", params={"page_limit": 50})).page_info.page == 1


@pytest.mark.rule("C103", "C027")
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("status=done", "status"),
        ("status=", "status"),
        ("analysis_mode=x", "analysis_mode"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page_limit=0", "page_limit"),
        ("page_limit=51", "page_limit"),
        ("page_limit=-1", "page_limit"),
        ("page_limit=x", "page_limit"),
    ],
)
def test_a_bad_query_of_the_list_is_refused(wire: httpx2.Client, query: str, named: str) -> None:
    assert named in both_shapes(wire.get(f"analyze/tasks?{query}"), 400, "parameter_invalid").message


@pytest.mark.rule("C104", "C106")
def test_a_task_that_ended_can_be_deleted_once(wire: httpx2.Client, task_body: Json) -> None:
    dying = ended_task(wire, make_task(wire, {**task_body, "prompt": prompt("a death at once")}))
    assert dying.status == "failed"
    well = ended_task(wire, make_task(wire, task_body))
    for task_id in (dying.task_id, well.task_id):
        gone = wire.delete(f"analyze/tasks/{task_id}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert gone.headers["x-api-version"] == "v1.3"
        both_shapes(wire.get(f"analyze/tasks/{task_id}"), 404, "resource_not_exist")
        both_shapes(wire.delete(f"analyze/tasks/{task_id}"), 404, "resource_not_exist")
        assert task_id not in wire.get("analyze/tasks?page_limit=50").text


@pytest.mark.rule("C106", "C009")
@pytest.mark.parametrize("task_id", [NOBODY, "x", "0123456789ABCDEF01234567", "é", "0" * 400, "%00"])
def test_an_unknown_or_malformed_id_is_404_in_both_shapes(wire: httpx2.Client, task_id: str) -> None:
    for method in ("GET", "DELETE"):
        both_shapes(wire.request(method, f"analyze/tasks/{task_id}"), 404, "resource_not_exist")


@pytest.mark.rule("C106", "C004", "C107")
def test_a_task_of_another_account_is_not_there(
    wire: httpx2.Client, stranger: httpx2.Client, ready: Task
) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
        both_shapes(
            stranger.request(method, f"analyze/tasks/{ready.task_id}{path}"), 404, "resource_not_exist"
        )
    assert ready.task_id not in stranger.get("analyze/tasks?page_limit=50").text
    assert task(wire.get(f"analyze/tasks/{ready.task_id}")) == ready


@pytest.mark.rule("C107", "C009")
def test_what_cannot_be_canceled_says_why(wire: httpx2.Client, task_body: Json, ready: Task) -> None:
    both_shapes(wire.post(f"analyze/tasks/{NOBODY}/cancel"), 404, "resource_not_exist")
    both_shapes(wire.post("analyze/tasks/x/cancel"), 400, "parameter_invalid")
    both_shapes(wire.post(f"analyze/tasks/{ready.task_id}/cancel"), 409, "task_cannot_be_canceled")
    failed = ended_task(wire, make_task(wire, {**task_body, "prompt": prompt("a death at once")}))
    both_shapes(wire.post(f"analyze/tasks/{failed.task_id}/cancel"), 409, "task_cannot_be_canceled")
    assert task(wire.get(f"analyze/tasks/{ready.task_id}")) == ready


@pytest.mark.rule("C107", "C108", "C105", "C092")
def test_work_is_kept_from_deletion_and_ends_when_it_is_canceled(
    wire: httpx2.Client, task_body: Json
) -> None:
    task_id = make_task(wire, {**task_body, "prompt": prompt("long work"), "custom_id": "long"})
    task_in(wire, task_id, "processing")
    both_shapes(wire.delete(f"analyze/tasks/{task_id}"), 409, "task_cannot_be_deleted")
    assert task(wire.get(f"analyze/tasks/{task_id}")).status == "processing"
    assert canceled(wire.post(f"analyze/tasks/{task_id}/cancel")).task_id == task_id
    first = task(wire.get(f"analyze/tasks/{task_id}"))
    assert (first.status, first.error is not None and first.error.code) == ("canceled", "user_canceled")
    assert canceled(wire.post(f"analyze/tasks/{task_id}/cancel")).task_id == task_id
    assert task(wire.get(f"analyze/tasks/{task_id}")) == first, "canceling again changes nothing"
    assert wire.delete(f"analyze/tasks/{task_id}").status_code == 204


@pytest.mark.rule("C111")
def test_a_url_that_is_wrong_from_the_start_is_refused_or_fails(
    wire: httpx2.Client, task_body: Json, files: FileServer
) -> None:
    for path in ("nothing.mp4", "page", "text.mp4"):
        asked = {**task_body, "video": {"type": "url", "url": files.url(path)}}
        response = wire.post("analyze/tasks", json=asked)
        assert response.status_code == 400, response.text
        both_shapes(response, 400, response.json()["code"])


@pytest.mark.rule("C112", "C009")
def test_general_mode_needs_a_prompt(wire: httpx2.Client, task_body: Json) -> None:
    for mode in ({}, {"analysis_mode": "general"}):
        response = wire.post("analyze/tasks", json={**without(task_body, "prompt"), **mode})
        assert "prompt" in both_shapes(response, 400, "parameter_not_provided").message
    both_shapes(wire.post("analyze/tasks", json={**task_body, "prompt": " "}), 400, "parameter_invalid")


@pytest.mark.rule("C113", "C009", "C012")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"analysis_mode": "fast"}, "parameter_invalid", "analysis_mode"),
        ({"analysis_mode": 1}, "parameter_invalid", "analysis_mode"),
        ({"stream": True}, "parameter_unknown", "stream"),
        ({"prompts": "x"}, "parameter_unknown", "prompts"),
        ({"model_name": "pegasus9"}, "parameter_invalid", "pegasus1.5"),
        ({"video": None}, "parameter_not_provided", "video"),
        ({"video": {"type": "url", "url": "ftp://a.example/b"}}, "parameter_invalid", "video.url"),
        ({"temperature": "0.5"}, "parameter_invalid", "temperature"),
        ({"max_tokens": 511}, "parameter_invalid", "512"),
        ({"max_tokens": "unlimited"}, "parameter_invalid", "max_tokens"),
        ({"min_segment_duration": 3}, "parameter_invalid", "min_segment_duration"),
        ({"max_segment_duration": 3}, "parameter_invalid", "max_segment_duration"),
        ({"video_id": "x"}, "parameter_invalid", "video"),
        ({"start_time": 5, "end_time": 1}, "parameter_invalid", "start_time"),
        ({"prompt_v2": {"input_text": "x"}}, "parameter_invalid", "prompt"),
    ],
    ids=str,
)
def test_a_body_that_breaks_a_rule_creates_nothing(
    wire: httpx2.Client, task_body: Json, change: Json, code: str, named: str
) -> None:
    before = _total(wire)
    error = both_shapes(wire.post("analyze/tasks", json={**task_body, **change}), 400, code)
    assert named in error.message
    assert _total(wire) == before


@pytest.mark.rule("C006", "C009")
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"], ids=repr)
def test_a_body_that_is_no_object_is_refused(wire: httpx2.Client, content: bytes) -> None:
    both_shapes(wire.post("analyze/tasks", content=content), 400, "parameter_invalid")


@pytest.mark.rule("C009", "C011")
def test_the_wrong_method_and_what_is_left_out_answer_in_both_shapes(wire: httpx2.Client) -> None:
    assert "GET" in wire.put("analyze/tasks").headers["allow"]
    both_shapes(wire.put("analyze/tasks"), 405, "method_not_allowed")
    both_shapes(wire.patch(f"analyze/tasks/{NOBODY}"), 405, "method_not_allowed")
    both_shapes(wire.get(f"analyze/tasks/{NOBODY}/cancel"), 405, "method_not_allowed")
    for path in ("analyze/batches", f"analyze/batches/{NOBODY}", f"analyze/batches/{NOBODY}/results"):
        both_shapes(wire.get(path), 404, "endpoint_not_supported")


@pytest.mark.rule("C041", "C042", "C009")
def test_an_asset_that_cannot_be_used_is_refused_at_once(
    wire: httpx2.Client, task_body: Json, picture: Asset
) -> None:
    def with_asset(asset_id: str) -> httpx2.Response:
        video = {"type": "asset_id", "asset_id": asset_id}
        return wire.post("analyze/tasks", json={**task_body, "video": video})

    both_shapes(with_asset(NOBODY), 404, "resource_not_exist")
    both_shapes(with_asset("x"), 400, "parameter_invalid")
    assert "video.asset_id" in both_shapes(with_asset(picture.id), 400, "parameter_invalid").message


@pytest.mark.rule("C043", "C092")
def test_a_task_waits_for_an_asset_that_is_still_processing(
    wire: httpx2.Client, task_body: Json, files: FileServer
) -> None:
    files.go.clear()
    made = wire.post("assets", files={"method": (None, "url"), "url": (None, files.url("later/twelve.mp4"))})
    assert (made.status_code, made.json()["status"]) == (201, "processing")
    asset_id = made.json()["_id"]
    video = {"type": "asset_id", "asset_id": asset_id}
    task_id = make_task(wire, {**task_body, "video": video})
    waiting = task_in(wire, task_id, "pending")
    assert waiting.video_source.asset_id == asset_id
    files.go.set()
    assert finished(wire, asset_id).status == "ready"
    ended = ended_task(wire, task_id)
    assert ended.status == "ready"
    assert ended.video_source.system_metadata is not None
    assert ended.video_source.system_metadata.duration == pytest.approx(12, abs=0.2)


@pytest.mark.rule("C047", "C046", "C009")
def test_a_task_takes_two_hours_and_no_more(wire: httpx2.Client, task_body: Json) -> None:
    hour = ready_asset(wire, "over_an_hour.mp4")
    video = {"type": "asset_id", "asset_id": hour.id}
    ended = ended_task(wire, make_task(wire, {**task_body, "video": video}))
    assert ended.status == "ready"
    two_hours = ready_asset(wire, "over_two_hours.mp4")
    response = wire.post(
        "analyze/tasks", json={**task_body, "video": {"type": "asset_id", "asset_id": two_hours.id}}
    )
    both_shapes(response, 400, "video_duration_too_long")
    short = {**task_body, "video": base64_video(clip("3.9s.mp4"))}
    both_shapes(wire.post("analyze/tasks", json=short), 400, "video_duration_too_short")
    text = {"type": "base64_string", "base64_string": base64.b64encode(b"no video").decode()}
    both_shapes(wire.post("analyze/tasks", json={**task_body, "video": text}), 400, "video_file_broken")


@pytest.mark.rule("C115", "C104")
def test_deleting_the_asset_leaves_tasks_whole(wire: httpx2.Client, task_body: Json) -> None:
    asset = ready_asset(wire, "silent.mp4")
    asked = {**task_body, "video": {"type": "asset_id", "asset_id": asset.id}}
    done = ended_task(wire, make_task(wire, asked))
    at_work = make_task(wire, {**asked, "prompt": prompt("a while")})
    task_in(wire, at_work, "processing")
    assert wire.delete(f"assets/{asset.id}").status_code == 204
    assert ended_task(wire, at_work).status == "ready"
    assert task(wire.get(f"analyze/tasks/{done.task_id}")) == done


@pytest.mark.rule("C005", "C093")
def test_a_ready_task_names_its_receipt(wire: httpx2.Client, ready: Task) -> None:
    response = wire.get(f"analyze/tasks/{ready.task_id}")
    assert ready.result is not None
    assert response.headers["x-receipt"] == f"/v1.3/receipts/{ready.result.generation_id}"
    receipt = wire.get(response.headers["x-receipt"].removeprefix("/v1.3/"))
    assert receipt.status_code == 200


@pytest.mark.rule("C009")
def test_a_body_that_is_too_large_is_refused_in_both_shapes(
    narrow_wire: httpx2.Client, task_body: Json
) -> None:
    both_shapes(
        narrow_wire.post("analyze/tasks", json={**task_body, "prompt": "x" * 1_100_000}),
        413,
        "body_too_large",
    )


@pytest.mark.rule("C010")
def test_the_direct_route_stays_flat(wire: httpx2.Client, task_body: Json) -> None:
    refusal(wire.post("analyze", json={**task_body, "temperature": 5}), 400, "parameter_invalid")


def _total(wire: httpx2.Client) -> int:
    return task_page(wire.get("analyze/tasks?page_limit=1")).page_info.total_results


@pytest.mark.rule("C031", "C030")
def test_the_default_model_follows_the_sdk_for_tasks_too(wire: httpx2.Client, task_body: Json) -> None:
    small = {**without(task_body, "model_name"), "max_tokens": 100}
    newer = {"X-Fern-SDK-Name": "twelvelabs", "X-Fern-SDK-Version": "1.3.6"}
    assert created(wire.post("analyze/tasks", json=small))
    both_shapes(wire.post("analyze/tasks", json=small, headers=newer), 400, "parameter_invalid")
