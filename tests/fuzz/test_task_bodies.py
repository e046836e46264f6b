"""Any body, key, id and query of the task and webhook routes gets an answer in the error form, and never a 500."""

import json
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.exact import both_shapes, refusal
from tests.fuzz.test_bodies import FIELDS, bodies, headers, texts, values

TASK_FIELDS = (*FIELDS, "min_segment_duration", "max_segment_duration")
SEGMENT_KEYS = (
    "id",
    "description",
    "fields",
    "time_ranges",
    "media_sources",
    "name",
    "type",
    "format",
    "enum",
    "items",
    "start_time",
    "end_time",
)
ANY = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SEGMENT_KEYS), inner, max_size=5)
    ),
    max_leaves=10,
)
definition = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("a") | ANY,
        "description": st.just("b") | ANY,
        **dict.fromkeys(("fields", "time_ranges", "media_sources"), ANY),
    },
)

bounded = settings(max_examples=60, deadline=None)


def _answered_well(response: httpx2.Response) -> None:
    assert 400 <= response.status_code < 500, response.text
    both_shapes(response, response.status_code, response.json()["code"])


@bounded
@given(body=bodies, more=st.fixed_dictionaries({}, optional=dict.fromkeys(TASK_FIELDS, ANY)))
def test_any_object_is_refused_in_both_shapes(
    wire: httpx2.Client, body: dict[str, Any], more: dict[str, Any]
) -> None:
    """No generated body holds a video, so none may become a task."""
    _answered_well(wire.post("analyze/tasks", content=json.dumps({**body, **more}).encode()))


@bounded
@given(content=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_in_both_shapes(wire: httpx2.Client, content: bytes) -> None:
    _answered_well(wire.post("analyze/tasks", content=content, headers={"Idempotency-Key": "one"}))


@bounded
@given(definitions=st.lists(definition, max_size=3) | ANY, style=ANY, lengths=st.tuples(ANY, ANY))
def test_any_segmentation_is_refused_in_both_shapes(
    wire: httpx2.Client, definitions: object, style: object, lengths: tuple[object, object]
) -> None:
    body = {
        "model_name": "pegasus1.5",
        "video": {"type": "asset_id", "asset_id": "0" * 24},
        "analysis_mode": "time_based_metadata",
        "min_segment_duration": lengths[0],
        "max_segment_duration": lengths[1],
        "response_format": {
            "type": "segment_definitions",
            "segment_definitions": definitions,
            "segment_time_format": style,
        },
    }
    _answered_well(wire.post("analyze/tasks", json=body))


@bounded
@given(key=headers | st.text(st.characters(min_codepoint=128, max_codepoint=255), max_size=20))
def test_any_idempotency_key_gets_an_answer(wire: httpx2.Client, key: str) -> None:
    sent: Any = [("Idempotency-Key", key.encode("latin-1"))]
    _answered_well(wire.post("analyze/tasks", content=b"{}", headers=sent))


@bounded
@given(page=texts, page_limit=texts, status=texts, video_url=texts, asset_id=texts, analysis_mode=texts)
def test_any_query_of_the_list_gets_an_answer(wire: httpx2.Client, **query: str) -> None:
    response = wire.get("analyze/tasks", params=query)
    if response.status_code != 200:
        _answered_well(response)


@bounded
@given(
    path=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), tail=st.sampled_from(("", "/cancel"))
)
def test_any_task_id_is_refused(wire: httpx2.Client, path: str, tail: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in path.encode()).encode() + tail.encode()
    method = "POST" if tail else "DELETE"
    response = wire.request(
        method, httpx2.URL(str(wire.base_url), raw_path=b"/v1.3/analyze/tasks/" + escaped)
    )
    _answered_well(response)


@bounded
@given(
    body=st.fixed_dictionaries(
        {}, optional={"url": texts | values, "events": values, "secret": values, "more": values}
    )
)
def test_any_webhook_is_refused_in_the_flat_form(wire: httpx2.Client, body: dict[str, Any]) -> None:
    response = wire.post("webhooks", content=json.dumps(body).encode())
    assert 400 <= response.status_code < 500, response.text
    refusal(response, response.status_code, response.json()["code"])
