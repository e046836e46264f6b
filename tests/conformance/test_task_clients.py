"""Rules C199, C200 and C203 for tasks: programs on the official SDKs, unchanged but for the server's address."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact_tasks import task_page
from tests.conformance.file_server import FileServer
from tests.conformance.scripted import ODD_TEXT, prompt, write_scripts
from tests.conformance.sdk_environments import JAVASCRIPT_SDKS, PYTHON_SDKS, Sdk
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, base64_video, ended_task, make_task, new_key, task_in, without

pytestmark = pytest.mark.sdk
NOBODY = "0123456789abcdef01234567"
NEWEST_PYTHON, NEWEST_JAVASCRIPT = PYTHON_SDKS[-1], JAVASCRIPT_SDKS[-1]


def named(sdk: Sdk, name: str) -> str:
    """The key in an SDK's result: Python keeps the wire's names, JavaScript writes them in its own way."""
    if sdk.language == "python":
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def wire_words(sdk: Sdk, value: Any) -> Any:
    """A nested argument as this SDK wants it."""
    if isinstance(value, dict):
        return {named(sdk, key): wire_words(sdk, part) for key, part in value.items()}
    return [wire_words(sdk, part) for part in value] if isinstance(value, list) else value


@pytest.mark.rule("C199", "C201", "C091", "C093", "C096", "C102", "C104")
@pytest.mark.parametrize("path", ["/v1.3", ""])
def test_a_program_makes_a_task_polls_it_and_clears_up(
    served: Served, files: FileServer, any_sdk: Sdk, path: str
) -> None:
    sdk = any_sdk
    url, key = served.url + path, new_key(served, f"polls-{sdk}-{path}".replace(".", "-").replace("/", ""))
    sources: list[Json] = [{"type": "url", "url": files.url("plain.mp4")}, base64_video(clip("plain.mp4"))]
    steps = [
        {"do": "create_task", "model_name": "pegasus1.5", "video": video, "prompt": prompt("odd text")}
        for video in sources
    ]
    steps[0]["custom_id"] = "video-1"
    made = sdk.values(url, key, *steps)
    ids = [answer[named(sdk, "task_id")] for answer in made]
    assert [answer["status"] for answer in made] == ["queued", "queued"]
    ended = sdk.values(url, key, *({"do": "finished_task", "task_id": task_id} for task_id in ids))
    for answer in ended:
        assert answer["status"] == "ready"
        assert answer["result"]["data"] == ODD_TEXT
        assert answer["result"][named(sdk, "finish_reason")] == "stop"
        assert answer["result"]["usage"][named(sdk, "output_tokens")] > 0
    assert ended[0][named(sdk, "custom_id")] == "video-1"
    assert ended[0][named(sdk, "video_source")]["url"] == files.url("plain.mp4")
    listed, filtered, gone, missing = sdk.run(
        url,
        key,
        {"do": "list_tasks", "page": 1, "page_limit": 10},
        {"do": "list_tasks", "status": "ready", "video_url": files.url("plain.mp4")},
        {"do": "delete_task", "task_id": ids[0]},
        {"do": "retrieve_task", "task_id": ids[0]},
    )
    assert [row[named(sdk, "task_id")] for row in listed["value"]["data"]] == ids[::-1]
    assert listed["value"][named(sdk, "page_info")][named(sdk, "total_results")] == 2
    assert [row[named(sdk, "task_id")] for row in filtered["value"]["data"]] == ids[:1]
    assert gone["value"] is None
    assert (missing["status"], missing["raised"]) == (404, "NotFoundError")


@pytest.mark.rule("C199", "C101")
def test_a_program_asks_for_json_and_for_segments(served: Served, files: FileServer, any_sdk: Sdk) -> None:
    sdk = any_sdk
    video = {"type": "url", "url": files.url("twelve.mp4")}
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    definition = {"id": "scenes", "description": "Every scene of the video."}
    steps: list[Json] = [
        {
            "prompt": "What is seen?",
            "response_format": {
                "type": "json_schema",
                named(sdk, "json_schema"): schema,
            },
        },
        {
            "analysis_mode": "time_based_metadata",
            "response_format": wire_words(
                sdk, {"type": "segment_definitions", "segment_definitions": [definition]}
            ),
            "min_segment_duration": 2,
        },
    ]
    made = sdk.values(
        served.url,
        served.key,
        *({"do": "create_task", "model_name": "pegasus1.5", "video": video, **step} for step in steps),
    )
    ids = [answer[named(sdk, "task_id")] for answer in made]
    told, segments = sdk.values(
        served.url, served.key, *({"do": "finished_task", "task_id": task_id} for task_id in ids)
    )
    assert told["result"]["data"].startswith('{"title":')
    assert (segments["status"], segments["result"]["data"][:10]) == ("ready", '{"scenes":')
    params = segments[named(sdk, "request_params")]
    assert params[named(sdk, "analysis_mode")] == "time_based_metadata"
    assert params[named(sdk, "max_tokens")] == 32_768


@pytest.mark.rule("C199", "C107")
def test_the_newest_program_cancels(served: Served, files: FileServer) -> None:
    sdk = NEWEST_PYTHON
    video = {"type": "url", "url": files.url("plain.mp4")}
    (made,) = sdk.values(
        served.url, served.key, {"do": "create_task", "video": video, "prompt": prompt("long work")}
    )
    step = {"do": "cancel_task", "task_id": made["task_id"]}
    stopped, again, shown = sdk.values(
        served.url, served.key, {**step}, {**step}, {"do": "retrieve_task", "task_id": made["task_id"]}
    )
    assert stopped == again == {"task_id": made["task_id"], "status": "canceled"}
    assert (shown["status"], shown["error"]["code"]) == ("canceled", "user_canceled")
    unknown, wrong_key = (
        sdk.run(served.url, key, {"do": "cancel_task", "task_id": NOBODY})[0] for key in (served.key, "wrong")
    )
    assert (unknown["status"], unknown["raised"]) == (404, "NotFoundError")
    assert (wrong_key["status"], wrong_key["body"]["code"]) == (401, "api_key_invalid")


@pytest.mark.rule("C200", "C105", "C106")
def test_refusals_of_tasks_raise_the_typed_errors(
    served: Served, wire: httpx2.Client, task_body: Json, files: FileServer, sdk: Sdk
) -> None:
    working = make_task(wire, {**task_body, "prompt": prompt("long work")})
    task_in(wire, working, "processing")
    video = {"type": "url", "url": files.url("plain.mp4")}
    steps: list[Json] = [
        {"do": "create_task", "video": video, "prompt": "x", "temperature": 5},
        {"do": "retrieve_task", "task_id": NOBODY},
        {"do": "delete_task", "task_id": NOBODY},
        {"do": "delete_task", "task_id": working},
    ]
    expected = [
        ("BadRequestError", 400),
        ("NotFoundError", 404),
        ("NotFoundError", 404),
        ("ConflictError", 409),
    ]
    for result, (kind, status) in zip(sdk.run(served.url, served.key, *steps), expected, strict=True):
        assert (result["raised"], result["status"]) == (kind, status), result
        assert result["body"]["code"] == result["body"]["error"]["code"]
    assert wire.post(f"analyze/tasks/{working}/cancel").status_code == 200


@dataclass
class Between:
    """Stands between a program and the server; `seen` are the statuses that went through, `first_503` is called once."""

    url: str
    first_503: Callable[[], None]
    seen: list[int] = field(default_factory=list)


@contextmanager
def between(served: Served) -> Iterator[Between]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {n: self.headers[n] for n in ("x-api-key", "content-type") if n in self.headers}
            answer = httpx2.post(served.url + self.path, content=body, headers=headers, trust_env=False)
            middle.seen.append(answer.status_code)
            if middle.seen == [503]:
                middle.first_503()
            self.send_response(answer.status_code)
            for name in ("content-type", "retry-after"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """The test reads `seen`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    middle = Between(f"http://127.0.0.1:{server.server_port}/v1.3", lambda: None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield middle
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.rule("C203")
@pytest.mark.parametrize("javascript", JAVASCRIPT_SDKS, ids=repr)
def test_a_repeat_by_the_javascript_sdk_makes_one_task(
    tmp_path: Path, task_body: Json, files: FileServer, javascript: Sdk
) -> None:
    """The first try finds the queue full; as soon as that answer is on its way, there is room."""
    settings = {"scripted_file": write_scripts(tmp_path), "queue_most": 1, "worker_slots": 1}
    with (
        serve(tmp_path / "data", url_allow="127.0.0.1", url_ports=0, **settings) as full,
        full.client() as client,
        between(full) as middle,
    ):
        blocking = make_task(client, {**task_body, "prompt": prompt("long work")})

        def make_room() -> None:
            assert client.post(f"analyze/tasks/{blocking}/cancel").status_code == 200

        middle.first_503 = make_room
        step = {"do": "create_task", **without(task_body, "model_name"), "model_name": "pegasus1.5"}
        (made,) = javascript.values(middle.url, full.key, step)
        assert middle.seen == [503, 202]
        assert [row.task_id for row in task_page(client.get("analyze/tasks")).data] == [
            made["taskId"],
            blocking,
        ]
        assert ended_task(client, made["taskId"]).status == "ready"
