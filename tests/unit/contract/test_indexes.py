import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.indexes import (
    IndexModel,
    IndexQuery,
    NewIndex,
    Sorting,
    read_index,
    read_index_query,
)
from kinoscribe.contract.videos import (
    IndexTaskForm,
    fault_of,
    read_index_task,
    read_index_task_query,
    read_indexed_asset,
    read_video_query,
)

ID = "0123456789abcdef01234567"
MODEL = {"model_name": "pegasus1.2", "model_options": ["visual", "audio"]}
URL = "https://example.org/a.mp4"


def body(**more: Any) -> bytes:
    return json.dumps({"index_name": "shelf", "models": [MODEL], **more}).encode()


def test_an_index_is_read_with_every_model_it_is_for() -> None:
    models = [MODEL, {"model_name": "marengo3.0", "model_options": ["visual", "visual"]}]
    assert read_index(body(models=models, addons=["thumbnail"])) == NewIndex(
        "shelf",
        (IndexModel("pegasus1.2", ("visual", "audio")), IndexModel("marengo3.0", ("visual",))),
        ("thumbnail",),
    )


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"index_name": None}, ParameterNotProvided, "index_name"),
        ({"index_name": "x" * 513}, ParameterInvalid, "index_name"),
        ({"index_name": "a\0b"}, ParameterInvalid, "index_name"),
        ({"models": [MODEL] * 9}, ParameterInvalid, "models"),
        ({"models": [{**MODEL, "model_name": "pegasus1.5"}]}, ParameterInvalid, "pegasus1.2, marengo"),
        ({"models": [{**MODEL, "model_options": []}]}, ParameterInvalid, "visual, audio"),
        ({"models": [{**MODEL, "model_options": ["Visual"]}]}, ParameterInvalid, "visual, audio"),
        ({"addons": ["x"] * 33}, ParameterInvalid, "addons"),
        ({"engines": []}, ParameterUnknown, "engines"),
    ],
)
def test_an_index_out_of_its_form_is_refused(more: dict[str, Any], kind: type[ApiError], words: str) -> None:
    with pytest.raises(kind) as caught:
        read_index(body(**more))
    assert words in caught.value.message


def test_the_filters_of_indexes_are_read() -> None:
    assert read_index_query({}) == IndexQuery()
    query = {
        "index_name": "x",
        "model_family": "marengo",
        "model_options": "visual, audio",
        "sort_option": "asc",
    }
    moment = {"sort_by": "updated_at", "created_at": "2024-08-16T16:53:59 02:00"}
    assert read_index_query({**query, **moment}) == IndexQuery(
        "x",
        "marengo",
        ("visual", "audio"),
        Sorting("updated_at", True, datetime(2024, 8, 16, 14, 53, 59, tzinfo=UTC)),
    )


def test_a_form_brings_a_file_or_a_url() -> None:
    texts = {
        "index_id": ID,
        "user_metadata": '{"a": 1, "b": null}',
        "enable_video_stream": "true",
        "video_url": "",
    }
    assert read_index_task(texts, has_file=True) == IndexTaskForm(ID, None, {"a": 1})
    assert read_index_task({"index_id": ID, "video_url": URL}, has_file=False) == IndexTaskForm(ID, URL, {})
    for texts, has_file in (({}, False), ({"video_url": URL}, True), ({"enable_video_stream": "x"}, True)):
        with pytest.raises(ApiError):
            read_index_task({"index_id": ID, **texts}, has_file=has_file)


def test_an_indexed_asset_is_named_by_its_id() -> None:
    assert read_indexed_asset(json.dumps({"asset_id": ID, "enable_video_stream": None}).encode()) == ID
    for wrong in ({}, {"asset_id": 5}, {"asset_id": "x"}, {"asset_id": ID, "enable_video_stream": "yes"}):
        with pytest.raises(ApiError):
            read_indexed_asset(json.dumps(wrong).encode())


def test_figures_narrow_a_list_exactly_or_by_their_ends() -> None:
    pairs = [("duration[gte]", "2.5"), ("width", "640"), ("fps[lte]", "30"), ("size[gte]", ""), ("x", "y")]
    assert read_video_query(pairs).ranges == {"duration": (2.5, None), "width": (640, 640), "fps": (None, 30)}
    tasks = read_index_task_query(
        [("status", "ready"), ("status", "failed"), ("width", "640"), ("filename", "a")]
    )
    assert (tasks.statuses, tasks.exact, tasks.filename) == (("ready", "failed"), {"width": 640.0}, "a")
    for name, text in (
        ("status", "x"),
        ("width", "-1"),
        ("height", "1e5"),
        ("filename", "\0"),
        ("sort_by", "id"),
    ):
        with pytest.raises(ParameterInvalid, match=name):
            read_index_task_query([(name, text)])


def test_what_is_no_video_is_a_fault() -> None:
    fault = fault_of(None, "image", None)
    assert fault is not None
    assert "image" in fault.message
    told = fault_of(None, "other", None, "It is a poem.")
    assert told is not None
    assert "poem" in told.message


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["status", "duration[gte]", "width", "filename", "created_at", "sort_by"]),
            st.text(),
        )
    )
)
def test_whatever_is_asked_for_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    for read in (read_index_task_query, read_video_query, lambda some: read_index_query(dict(some))):
        with suppress(ApiError):
            read(pairs)  # type: ignore[operator]
