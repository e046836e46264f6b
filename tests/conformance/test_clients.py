"""Rules C199 to C201: whole programs on the official SDKs, unchanged but for the server's address."""

from pathlib import Path
from typing import Any

import pytest
from tests.conformance.clips import clip
from tests.conformance.file_server import FileServer
from tests.conformance.scripted import prompt
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served
from tests.conformance.wire import base64_video

pytestmark = pytest.mark.sdk
NOBODY = "0123456789abcdef01234567"


def named(sdk: Sdk, name: str) -> str:
    """The key in an SDK's result: Python keeps the wire's names, JavaScript writes them in its own way."""
    name = name.removeprefix("_")
    if sdk.language == "python":
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@pytest.mark.rule("C199", "C201")
@pytest.mark.parametrize("path", ["/v1.3", ""])
def test_a_program_uploads_asks_reads_and_clears_up(
    served: Served, files: FileServer, any_sdk: Sdk, path: str
) -> None:
    sdk = any_sdk
    steps: list[dict[str, Any]] = [
        {"do": "create_asset", "method": "url", "url": files.url("plain.mp4"), "filename": "mine.mp4"},
        {"do": "create_asset", "method": "direct", "path": str(clip("plain.mp4"))},
    ]
    made = sdk.values(served.url + path, served.key, *steps)
    ids = [asset[named(sdk, "_id")] for asset in made]
    by_asset = {"type": "asset_id", "asset_id": ids[1]}
    questions: list[dict[str, Any]] = [
        {"do": "ready_asset", "asset_id": ids[0]},
        {"do": "ready_asset", "asset_id": ids[1]},
        {"do": "analyze", "video": by_asset, "prompt": "Summarise the video.", "temperature": 0.2},
        {"do": "analyze", "video": {"type": "url", "url": files.url("plain.mp4")}, "prompt": "What is seen?"},
        {"do": "analyze", "video": base64_video(clip("plain.mp4")), "prompt": "What is seen?"},
        {
            "do": "analyze_stream",
            "model_name": "pegasus1.5",
            "video": by_asset,
            "prompt": "What is seen?",
            "max_tokens": 1000,
            "start_time": 1.0,
            "end_time": 5.5,
        },
        {"do": "retrieve_asset", "asset_id": ids[0]},
        {"do": "list_assets", "asset_ids": ids},
        {"do": "delete_asset", "asset_id": ids[0]},
        {"do": "delete_asset", "asset_id": ids[1]},
    ]
    ready, other, summary, seen, inline, events, kept, listed, *gone = sdk.values(
        served.url + path, served.key, *questions
    )
    assert (ready["status"], other["status"]) == ("ready", "ready")
    assert "Summarise the video." in summary["data"]
    assert seen["data"] == inline["data"]
    assert [event.get("event_type", event.get("eventType")) for event in (events[0], events[-1])] == [
        "stream_start",
        "stream_end",
    ]
    assert events[-1][named(sdk, "finish_reason")] == "stop"
    assert kept["filename"] == "mine.mp4"
    assert kept["duration"] == pytest.approx(6.0, abs=0.1)
    assert sorted(listed) == sorted(ids)
    assert gone == [None, None]


@pytest.mark.rule("C199")
def test_a_program_asks_for_json(served: Served, files: FileServer, sdk: Sdk) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    kind, shape = ("type", "jsonSchema") if sdk.language == "javascript" else ("type", "json_schema")
    (told,) = sdk.values(
        served.url + "/v1.3",
        served.key,
        {
            "do": "analyze",
            "model_name": "pegasus1.5",
            "video": {"type": "url", "url": files.url("plain.mp4")},
            "prompt": "What is seen?",
            "response_format": {kind: "json_schema", shape: schema},
        },
    )
    assert told["data"].startswith('{"title":')


@pytest.mark.rule("C199")
def test_a_program_reads_the_warning_of_a_cut_answer(
    served: Served, files: FileServer, python_sdk: Sdk
) -> None:
    model = (
        {"model_name": "pegasus1.2", "max_tokens": 5}
        if python_sdk.version == "1.2.4"
        else {"max_tokens": 512}
    )
    step = {
        "do": "analyze_stream",
        "video": {"type": "url", "url": files.url("plain.mp4")},
        "prompt": prompt("long text") if "model_name" in model else prompt("longer text"),
        **model,
    }
    (events,) = python_sdk.values(served.url + "/v1.3", served.key, step)
    assert events[-1]["finish_reason"] == "length"
    assert events[-1]["error"]["message"].startswith("output truncated:")


def _kinds(sdk: Sdk, error: str) -> str:
    return error if sdk.language == "python" or error != "ApiError" else "TwelvelabsApiError"


@pytest.mark.rule("C200")
def test_refusals_raise_the_typed_errors(served: Served, files: FileServer, sdk: Sdk) -> None:
    video = {"type": "url", "url": files.url("plain.mp4")}
    unknown = {"type": "asset_id", "asset_id": NOBODY}
    steps: list[dict[str, Any]] = [
        {"do": "analyze", "video": video, "prompt": "x", "temperature": 5},
        {"do": "analyze", "video": unknown, "prompt": "x"},
        {"do": "analyze_stream", "video": video, "prompt": "x", "temperature": 5},
        {"do": "analyze_stream", "video": unknown, "prompt": "x"},
        {"do": "retrieve_asset", "asset_id": NOBODY},
        {"do": "delete_asset", "asset_id": NOBODY},
        {"do": "create_asset", "method": "url"},
    ]
    expected = [
        ("BadRequestError", 400),
        ("NotFoundError", 404),
        ("BadRequestError", 400),
        ("NotFoundError", 404),
        ("NotFoundError", 404),
        ("NotFoundError", 404),
        ("BadRequestError", 400),
    ]
    results = sdk.run(served.url + "/v1.3", served.key, *steps)
    for step, result, (kind, status) in zip(steps, results, expected, strict=True):
        assert "raised" in result, (step, result)
        assert result["status"] == status, (step, result)
        assert kind in result["kinds"] or _kinds(sdk, "ApiError") in result["kinds"], (step, result)
        if step["do"].startswith("analyze"):
            assert result["raised"] == kind, (step, result)
        if result["body"] and not (sdk.language == "javascript" and step["do"] == "analyze_stream"):
            assert result["body"]["code"]
            assert result["body"]["message"]


@pytest.mark.rule("C200")
def test_a_wrong_key_raises_an_error_with_its_status(served: Served, sdk: Sdk) -> None:
    steps: list[dict[str, Any]] = [
        {"do": "retrieve_asset", "asset_id": NOBODY},
        {"do": "analyze", "video": {"type": "asset_id", "asset_id": NOBODY}, "prompt": "x"},
    ]
    for result in sdk.run(served.url + "/v1.3", "wrong", *steps):
        assert result["status"] == 401, result
        assert result["body"]["code"] == "api_key_invalid"


@pytest.mark.rule("C173", "C199")
def test_a_program_changes_metadata(served: Served, newest_sdk: Sdk) -> None:
    sdk = newest_sdk
    steps: list[dict[str, Any]] = [
        {
            "do": "create_asset",
            "method": "direct",
            "path": str(clip("orange.png")),
            "user_metadata": '{"a": "1"}',
        }
    ]
    (made,) = sdk.values(served.url, served.key, *steps)
    asset_id = made[named(sdk, "_id")]
    *_, kept, _ = sdk.values(
        served.url,
        served.key,
        {"do": "user_metadata", "how": "update", "asset_id": asset_id, "user_metadata": {"b": 2}},
        {"do": "user_metadata", "how": "replace", "asset_id": asset_id, "user_metadata": {"c": True}},
        {"do": "retrieve_asset", "asset_id": asset_id},
        {"do": "user_metadata", "how": "delete", "asset_id": asset_id},
    )
    assert kept[named(sdk, "user_metadata")] == {"c": True}


@pytest.mark.rule("C199", "C201")
def test_the_asynchronous_python_client_works_the_same(
    served: Served, files: FileServer, python_sdk: Sdk
) -> None:
    video = {"type": "url", "url": files.url("plain.mp4")}
    step = {"do": "analyze_async", "model_name": "pegasus1.5", "video": video, "prompt": "What is seen?"}
    (told,) = python_sdk.values(served.url + "/v1.3", served.key, step)
    kinds = [event["event_type"] for event in told["events"]]
    assert (kinds[0], kinds[-1]) == ("stream_start", "stream_end")
    assert "".join(event.get("text", "") for event in told["events"]) == told["whole"]["data"]


@pytest.mark.rule("C200")
def test_a_program_reads_why_its_large_upload_is_refused(
    narrow: Served, newest_sdk: Sdk, tmp_path: Path
) -> None:
    """The refusal comes while the file is still on its way; it must not be lost in a broken connection."""
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(120 * 1024 * 1024)
    step = {"do": "create_asset", "method": "direct", "path": str(large)}
    (stranger,) = newest_sdk.run(narrow.url, "wrong", {**step})
    assert (stranger["status"], stranger["body"]["code"]) == (401, "api_key_invalid")
    (refused,) = newest_sdk.run(narrow.url, narrow.key, {**step})
    assert (refused["status"], refused["body"]["code"]) == (400, "video_filesize_too_large")
    assert "BadRequestError" in refused["kinds"]
