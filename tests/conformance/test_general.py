"""Rules C001 to C015: what holds on every route."""

import json
import re
import time

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, answer, both_shapes, is_json, refusal
from tests.conformance.served import Served
from tests.conformance.wire import Json, connect, head, new_key, upload, without

NOBODY = "0123456789abcdef01234567"


@pytest.mark.rule("C001")
@pytest.mark.parametrize("prefix", ["/v1.3", ""])
def test_every_route_answers_under_the_version_and_at_the_root(
    served: Served, asset: Asset, body: Json, prefix: str
) -> None:
    with served.client(prefix=prefix) as client:
        receipt = answer(client.post("analyze", json=body)).id
        assert client.get("assets").status_code == 200
        assert client.get(f"assets/{asset.id}").status_code == 200
        assert client.get("models").status_code == 200
        assert client.get(f"receipts/{receipt}").status_code == 200
        assert client.put(f"assets/{asset.id}/user-metadata", json={"user_metadata": {}}).status_code == 204
        assert client.patch(f"assets/{asset.id}/user-metadata", json={"user_metadata": {}}).status_code == 204
        assert client.delete(f"assets/{asset.id}/user-metadata").status_code == 204
        made = upload(client, clip("plain.mp4"))
        assert made.status_code == 201
        assert client.delete(f"assets/{made.json()['_id']}").status_code == 204
        assert client.get("healthz").status_code == 200


ROUTES = [
    ("POST", "analyze"),
    ("GET", "assets"),
    ("POST", "assets"),
    ("GET", f"assets/{NOBODY}"),
    ("DELETE", f"assets/{NOBODY}"),
    ("PATCH", f"assets/{NOBODY}/user-metadata"),
    ("GET", "models"),
    ("GET", f"receipts/{NOBODY}"),
    ("GET", f"indexes/{NOBODY}"),
    ("GET", "no-such-route"),
]


@pytest.mark.rule("C002")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_every_route_answers_401(served: Served, method: str, path: str) -> None:
    with httpx2.Client(base_url=served.url + "/v1.3/", trust_env=False) as client:
        refusal(client.request(method, path), 401, "api_key_invalid")


@pytest.mark.rule("C002", "C009")
def test_without_a_key_task_routes_answer_401_in_both_shapes(served: Served) -> None:
    with httpx2.Client(base_url=served.url + "/v1.3/", trust_env=False) as client:
        both_shapes(client.get(f"analyze/tasks/{NOBODY}"), 401, "api_key_invalid")
        both_shapes(client.post("analyze/tasks", json={}), 401, "api_key_invalid")


@pytest.mark.rule("C003")
@pytest.mark.parametrize("key", ["", "wrong", "x" * 5000, "tlk_ABCDEFGH"])
def test_a_wrong_key_is_401(served: Served, key: str) -> None:
    with served.client(key) as client:
        refusal(client.get("assets"), 401, "api_key_invalid")


@pytest.mark.rule("C003")
def test_a_revoked_key_is_401(served: Served) -> None:
    key = new_key(served, "short-lived")
    with served.client(key) as client:
        assert client.get("assets").status_code == 200
        (listed,) = json.loads(served.command("keys", "list", "--account", "short-lived", "--json"))
        served.command("keys", "revoke", listed["id"])
        until = time.monotonic() + 10
        while client.get("assets").status_code == 200 and time.monotonic() < until:
            time.sleep(0.2)
        refusal(client.get("assets"), 401, "api_key_invalid")


@pytest.mark.rule("C003")
def test_key_comes_before_every_other_check(served: Served) -> None:
    with served.client("wrong") as client:
        refusal(client.post("analyze", content=b"{"), 401, "api_key_invalid")
        refusal(client.post("assets", content=b""), 401, "api_key_invalid")
        refusal(client.put("analyze"), 401, "api_key_invalid")


@pytest.mark.rule("C004")
def test_what_belongs_to_another_account_does_not_exist(
    wire: httpx2.Client, stranger: httpx2.Client, asset: Asset, body: Json
) -> None:
    refusal(stranger.get(f"assets/{asset.id}"), 404, "resource_not_exist", asset.id)
    refusal(stranger.delete(f"assets/{asset.id}"), 404, "resource_not_exist", asset.id)
    metadata = {"user_metadata": {"mine": "no"}}
    refusal(
        stranger.patch(f"assets/{asset.id}/user-metadata", json=metadata), 404, "resource_not_exist", asset.id
    )
    refusal(
        stranger.put(f"assets/{asset.id}/user-metadata", json=metadata), 404, "resource_not_exist", asset.id
    )
    refusal(stranger.delete(f"assets/{asset.id}/user-metadata"), 404, "resource_not_exist", asset.id)
    video = {"type": "asset_id", "asset_id": asset.id}
    refusal(stranger.post("analyze", json={**body, "video": video}), 404, "resource_not_exist", asset.id)
    assert asset.id not in stranger.get("assets", params={"page_limit": 50}).text
    assert stranger.get("assets", params={"asset_ids": asset.id}).json()["page_info"]["total_results"] == 0
    receipt = answer(wire.post("analyze", json=body)).id
    refusal(stranger.get(f"receipts/{receipt}"), 404, "resource_not_exist", receipt)
    assert wire.get(f"assets/{asset.id}").status_code == 200


@pytest.mark.rule("C005")
def test_every_response_names_the_version(wire: httpx2.Client, served: Served, body: Json) -> None:
    responses = [
        wire.post("analyze", json=body),
        wire.post("analyze", json={**body, "stream": True}),
        wire.post("analyze", json={}),
        wire.get("assets"),
        wire.get("no-such-route"),
        wire.put("analyze"),
        wire.get(f"assets/{NOBODY}"),
        httpx2.get(f"{served.url}/v1.3/assets", trust_env=False),
        httpx2.get(f"{served.url}/healthz", trust_env=False),
        httpx2.get(f"{served.url}/readyz", trust_env=False),
    ]
    assert {response.headers.get("x-api-version") for response in responses} == {"v1.3"}


NOT_OBJECTS = [
    b"",
    b" ",
    b"{",
    b'{"prompt": "x",}',
    b"[]",
    b"[1, 2]",
    b"null",
    b"12",
    b'"text"',
    b"prompt=x",
    b"\xff\xfe",
    b'{"prompt": "\xff"}',
    b'{"prompt": "x"} {"prompt": "y"}',
    b"{'prompt': 'x'}",
    b'{"temperature": NaN}',
    b'{"temperature": Infinity}',
    b'{"temperature": -Infinity}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"[" * 100_000,
    b'\xef\xbb\xbf{"prompt"',
]


@pytest.mark.rule("C006")
@pytest.mark.parametrize("content", NOT_OBJECTS, ids=lambda content: repr(content[:30]))
def test_a_body_that_is_not_a_json_object_is_refused(wire: httpx2.Client, content: bytes) -> None:
    refusal(
        wire.post("analyze", content=content, headers={"content-type": "application/json"}),
        400,
        "parameter_invalid",
    )


@pytest.mark.rule("C006")
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_the_content_type_does_not_matter_when_the_body_parses(
    wire: httpx2.Client, body: Json, kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer(wire.post("analyze", content=json.dumps(body).encode(), headers=headers))


@pytest.mark.rule("C007")
@pytest.mark.parametrize("name", ["custom_id", "foo", "Prompt", "max_segment_duration", "x" * 300, "videos"])
def test_an_unknown_key_is_refused_by_name(wire: httpx2.Client, body: Json, name: str) -> None:
    refusal(wire.post("analyze", json={**body, name: "x"}), 400, "parameter_unknown", name[:20])


@pytest.mark.rule("C007")
def test_an_unknown_key_that_is_null_is_ignored(wire: httpx2.Client, body: Json) -> None:
    answer(wire.post("analyze", json={**body, "foo": None, "custom_id": None}))


@pytest.mark.rule("C007")
def test_unknown_query_parameters_and_nested_keys_are_ignored(wire: httpx2.Client, body: Json) -> None:
    video = {**body["video"], "note": "x"}
    answer(wire.post("analyze", params={"foo": "1"}, json={**body, "video": video}))


OPTIONAL = [
    "model_name",
    "video_id",
    "image",
    "prompt_v2",
    "temperature",
    "response_format",
    "max_tokens",
    "start_time",
    "end_time",
    "analysis_mode",
]


@pytest.mark.rule("C008")
def test_every_optional_field_may_be_null(wire: httpx2.Client, body: Json) -> None:
    absent = answer(wire.post("analyze", json=without(body, *OPTIONAL)))
    nulls = answer(wire.post("analyze", json={**body, **dict.fromkeys(OPTIONAL)}))
    assert nulls.data == absent.data


@pytest.mark.rule("C008")
def test_a_null_in_place_of_what_is_required_counts_as_missing(wire: httpx2.Client, body: Json) -> None:
    refusal(wire.post("analyze", json={**body, "video": None}), 400, "parameter_not_provided", "video")
    refusal(wire.post("analyze", json={**body, "prompt": None}), 400, "parameter_not_provided", "prompt")


@pytest.mark.rule("C008")
def test_null_sources_beside_the_named_one_are_absent(wire: httpx2.Client, body: Json) -> None:
    video = {**body["video"], "asset_id": None, "base64_string": None}
    answer(wire.post("analyze", json={**body, "video": video}))


@pytest.mark.rule("C009")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"analyze/tasks/{NOBODY}"),
        ("DELETE", f"analyze/tasks/{NOBODY}"),
        ("GET", f"analyze/batches/{NOBODY}"),
    ],
)
def test_errors_under_tasks_are_flat_and_nested_at_once(wire: httpx2.Client, method: str, path: str) -> None:
    response = wire.request(method, path)
    both_shapes(response, 404, response.json()["code"])


@pytest.mark.rule("C010")
@pytest.mark.parametrize("path", [f"assets/{NOBODY}", f"indexes/{NOBODY}", f"tasks/{NOBODY}"])
def test_errors_elsewhere_are_flat(wire: httpx2.Client, path: str) -> None:
    response = wire.get(path)
    refusal(response, 404, response.json()["code"])


@pytest.mark.rule("C011")
def test_an_unknown_route_is_404_and_a_wrong_method_405(wire: httpx2.Client) -> None:
    for path in ("no-such-route", "analyze/x", "assets/a/b/c", "%00", "..%2f..%2fetc%2fpasswd"):
        response = wire.get(path)
        assert response.status_code == 404
        refusal(response, 404, response.json()["code"])
    for method, path in (
        ("GET", "analyze"),
        ("PUT", "assets"),
        ("POST", f"assets/{NOBODY}"),
        ("DELETE", "models"),
    ):
        response = wire.request(method, path)
        assert response.status_code == 405
        refusal(response, 405, response.json()["code"])


@pytest.mark.rule("C011")
@pytest.mark.parametrize("path", ["search", "embed", "generate", "gist", "summarize", "entity-collections"])
def test_a_left_out_route_says_so(wire: httpx2.Client, path: str) -> None:
    refusal(wire.post(path, json={}), 404, "endpoint_not_supported")


@pytest.mark.rule("C011")
def test_a_body_that_is_too_large_is_refused_in_json(narrow_wire: httpx2.Client, whole_body: Json) -> None:
    large = {**whole_body, "prompt": "x" * 1_500_000}
    response = narrow_wire.post("analyze", json=large)
    assert response.status_code in {400, 413}
    refusal(response, response.status_code, response.json()["code"])


@pytest.mark.rule("C011")
def test_a_chunked_body_that_is_too_large_is_refused_in_json(narrow_wire: httpx2.Client) -> None:
    response = narrow_wire.post("analyze", content=(b"[" * 65536 for _ in range(32)))
    assert response.status_code in {400, 413}
    refusal(response, response.status_code, response.json()["code"])


@pytest.mark.rule("C011")
def test_a_claimed_length_beyond_all_bounds_is_refused_before_it_is_read(served: Served) -> None:
    with connect(served) as raw:
        raw.send(head(served, "POST", "/v1.3/analyze", 10**12))
        got = raw.receive_until(b"}")
    assert re.match(rb"HTTP/1.1 4(00|13) ", got)
    assert b"application/json" in got.lower()


@pytest.mark.rule("C011", "C015")
def test_a_failure_of_ours_is_500_in_json_without_our_insides(wire: httpx2.Client, body: Json) -> None:
    response = wire.post("analyze", json={**body, "prompt": "Play a death at once, please."})
    refusal(response, 500, "internal_server_error")


WRONG_TYPES = [
    ("temperature", "0.5"),
    ("temperature", True),
    ("temperature", []),
    ("max_tokens", "1000"),
    ("max_tokens", True),
    ("max_tokens", {}),
    ("start_time", "1"),
    ("start_time", False),
    ("end_time", "5"),
    ("end_time", [5]),
    ("stream", 1),
    ("stream", "false"),
    ("prompt", 5),
    ("prompt", ["x"]),
    ("prompt", True),
    ("model_name", 1.5),
    ("model_name", []),
    ("video", "http://example.com/a.mp4"),
    ("video", []),
    ("video", True),
    ("video_id", 5),
    ("response_format", "json_schema"),
    ("response_format", []),
    ("prompt_v2", "x"),
]


@pytest.mark.rule("C012")
@pytest.mark.parametrize(("name", "value"), WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_refused(
    wire: httpx2.Client, body: Json, name: str, value: object
) -> None:
    base = without(body, "prompt") if name == "prompt_v2" else body
    refusal(wire.post("analyze", json={**base, name: value}), 400, "parameter_invalid", name)


@pytest.mark.rule("C012")
@pytest.mark.parametrize("number", ["1" * 400, "-" + "1" * 400, "1e400", "0." + "1" * 400, "1e-400"])
def test_numbers_of_any_length_get_an_answer(wire: httpx2.Client, body: Json, number: str) -> None:
    for name in ("temperature", "max_tokens", "start_time"):
        text = json.dumps({**body, name: 7777}).replace("7777", number)
        response = wire.post("analyze", content=text.encode())
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 400:
            refusal(response, 400, "parameter_invalid")


@pytest.mark.rule("C012")
def test_a_whole_number_may_be_written_with_a_point(wire: httpx2.Client, body: Json) -> None:
    answer(
        wire.post("analyze", content=json.dumps({**body, "max_tokens": 600}).replace("600", "600.0").encode())
    )


@pytest.mark.rule("C013", "C014")
def test_times_and_ids_have_their_form(wire: httpx2.Client, asset: Asset) -> None:
    Asset.model_validate_json(wire.get(f"assets/{asset.id}").content)
    page = wire.get("assets").json()
    for item in page["data"]:
        Asset.model_validate_json(json.dumps(item))


@pytest.mark.rule("C011")
def test_errors_have_a_json_content_type_also_when_html_is_asked_for(wire: httpx2.Client) -> None:
    response = wire.get("no-such-route", headers={"accept": "text/html"})
    assert response.status_code == 404
    assert is_json(response)


@pytest.mark.rule("C011")
def test_a_body_that_is_cut_off_harms_nobody(served: Served, wire: httpx2.Client) -> None:
    with connect(served) as raw:
        raw.send(head(served, "POST", "/v1.3/analyze", 1000) + b'{"prompt": ')
    assert wire.get("assets").status_code == 200
