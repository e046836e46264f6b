"""Any body gets an answer in the error form, and never a 500."""

import json
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.exact import refusal

FIELDS = (
    "model_name",
    "analysis_mode",
    "video_id",
    "video",
    "image",
    "prompt",
    "prompt_v2",
    "temperature",
    "stream",
    "response_format",
    "max_tokens",
    "start_time",
    "end_time",
    "custom_id",
)
WORDS = (
    "pegasus1.2",
    "pegasus1.5",
    "pegasus1.6",
    "url",
    "asset_id",
    "base64_string",
    "json_schema",
    "image",
    "general",
)
KEYS = (
    *FIELDS,
    "type",
    "url",
    "asset_id",
    "base64_string",
    "input_text",
    "media_sources",
    "name",
    "media_type",
)

texts = st.text(max_size=20) | st.sampled_from(WORDS) | st.sampled_from(("http://10.0.0.1/a", "AAAA", "<@a>"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**300, 10**301)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=4)
    ),
    max_leaves=12,
)
good = {
    "model_name": st.sampled_from(WORDS[:3]),
    "video": st.just({"type": "base64_string", "base64_string": "AAAA"}),
    "prompt": st.just("What is seen?"),
    "temperature": st.just(0.5),
    "stream": st.booleans(),
    "max_tokens": st.just(1000),
}
bodies = st.fixed_dictionaries({}, optional={name: good.get(name, values) | values for name in FIELDS})

bounded = settings(max_examples=60, deadline=None)


def _answered_well(response: httpx2.Response) -> None:
    assert 400 <= response.status_code < 500, response.text
    refusal(response, response.status_code, response.json()["code"])


@bounded
@given(body=bodies)
def test_any_object_is_refused_in_the_error_form(wire: httpx2.Client, body: dict[str, Any]) -> None:
    """No generated body holds a video, so none may succeed."""
    _answered_well(wire.post("analyze", content=json.dumps(body).encode()))


@bounded
@given(content=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_in_the_error_form(wire: httpx2.Client, content: bytes) -> None:
    _answered_well(wire.post("analyze", content=content))


@bounded
@given(schema=values, model=st.sampled_from(WORDS[1:3]))
def test_any_schema_gets_an_answer(wire: httpx2.Client, schema: object, model: str) -> None:
    body = {
        "model_name": model,
        "prompt": "x",
        "video": {"type": "asset_id", "asset_id": "0" * 24},
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    _answered_well(wire.post("analyze", json=body))


SCHEMA_KEYS = (
    "type",
    "properties",
    "items",
    "required",
    "enum",
    "const",
    "anyOf",
    "$ref",
    "$defs",
    "format",
    "pattern",
)
SCHEMA_WORDS = (
    "object",
    "array",
    "string",
    "integer",
    "number",
    "null",
    "timestamp",
    "#/$defs/a",
    "date",
    "(",
    "a",
)
schemas = st.recursive(
    leaves | st.sampled_from(SCHEMA_WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from((*SCHEMA_KEYS, "a", "b")), inner, max_size=4)
    ),
    max_leaves=12,
)


@bounded
@given(schema=schemas)
def test_any_near_schema_gets_an_answer(wire: httpx2.Client, schema: object) -> None:
    body = {
        "model_name": "pegasus1.5",
        "prompt": "x",
        "video": {"type": "asset_id", "asset_id": "0" * 24},
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    _answered_well(wire.post("analyze", json=body))


@bounded
@given(
    content=st.binary(max_size=300),
    kind=st.sampled_from(
        ("multipart/form-data; boundary=edge", "multipart/form-data", "application/json", "text/x")
    ),
    wrapped=st.booleans(),
)
def test_any_form_is_refused_in_the_error_form(
    wire: httpx2.Client, content: bytes, kind: str, wrapped: bool
) -> None:
    if wrapped:
        content = b"--edge\r\nContent-Disposition: form-data; " + content + b"\r\n--edge--\r\n"
    _answered_well(wire.post("assets", content=content, headers={"content-type": kind}))


headers = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip)


@bounded
@given(key=headers, name=headers, version=headers)
def test_any_headers_get_an_answer(wire: httpx2.Client, key: str, name: str, version: str) -> None:
    sent = {"x-api-key": key, "X-Fern-SDK-Name": name, "X-Fern-SDK-Version": version}
    _answered_well(wire.post("analyze", content=b"{}", headers=sent))
    _answered_well(
        wire.post("analyze", content=b"{}", headers={**sent, "x-api-key": wire.headers["x-api-key"]})
    )


@bounded
@given(page=texts, page_limit=texts, asset_ids=texts, asset_types=texts, filename=texts)
def test_any_query_gets_an_answer(wire: httpx2.Client, **query: str) -> None:
    response = wire.get("assets", params=query)
    if response.status_code != 200:
        _answered_well(response)


@bounded
@given(path=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_asset_id_gets_an_answer(wire: httpx2.Client, path: str) -> None:
    response = wire.get(httpx2.URL(str(wire.base_url), raw_path=b"/v1.3/assets/" + _escaped(path)))
    if response.status_code != 200:
        _answered_well(response)


def _escaped(path: str) -> bytes:
    return "".join(f"%{byte:02x}" for byte in path.encode()).encode()
