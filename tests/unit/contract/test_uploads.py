import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.uploads import (
    Cut,
    ReportedChunk,
    chunk_object,
    cut_for,
    read_report,
    read_upload,
    read_url_range,
    report_object,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CUT = Cut(2500, 1000)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(st.integers(1, 10**11), st.integers(1024, 64 << 20))
def test_every_byte_lies_in_one_chunk_and_the_chunks_can_be_counted(total: int, wished: int) -> None:
    cut = cut_for(total, wished)
    assert cut.total_chunks <= 10_000
    assert cut.chunk_size >= wished
    assert cut.chunk_size == wished or cut.chunk_size % (1 << 20) == 0
    last = cut.total_chunks
    assert (last - 1) * cut.chunk_size + cut.size_of(last) == total
    assert 1 <= cut.size_of(last) <= cut.chunk_size
    assert cut.size_of(1) == min(total, cut.chunk_size)


def test_an_upload_says_what_its_file_is() -> None:
    wanted = read_upload(
        body(
            {
                "filename": "a.mp4",
                "type": "video",
                "total_size": 5.0,
                "enable_thumbnail": True,
                "enable_hls": None,
                "user_metadata": {"a": 1, "b": "", "c": None},
            }
        ),
        most=5,
    )
    assert (wanted.filename, wanted.type, wanted.total_size) == ("a.mp4", "video", 5)
    assert (wanted.user_metadata, wanted.enable_thumbnail) == ({"a": 1}, True)


@pytest.mark.parametrize(
    ("change", "kind", "name"),
    [
        ({"total_size": 0}, ParameterInvalid, "total_size"),
        ({"total_size": 101}, ParameterInvalid, "1 to 100 bytes for the type video"),
        ({"total_size": None}, ParameterNotProvided, "total_size"),
        ({"type": "film"}, ParameterInvalid, "video, audio, image"),
        ({"filename": "  "}, ParameterInvalid, "filename"),
        ({"user_metadata": []}, ParameterInvalid, "user_metadata"),
        ({"parts": 5}, ParameterUnknown, "parts"),
    ],
)
def test_an_upload_out_of_its_form_is_refused(change: Any, kind: type[ApiError], name: str) -> None:
    with pytest.raises(kind, match=name):
        read_upload(body({"filename": "a", "type": "video", "total_size": 5, **change}), most=100)


def test_a_picture_has_a_bound_of_its_own() -> None:
    picture = {"filename": "a", "type": "image", "total_size": 32_000_001}
    with pytest.raises(ParameterInvalid, match="32000000 bytes for the type image"):
        read_upload(body(picture), most=10**10)
    read_upload(body({**picture, "total_size": 32_000_000}), most=10**10)
    with pytest.raises(ParameterInvalid, match="total_size"):
        read_upload(body({**picture, "total_size": 11}), most=10)


@pytest.mark.parametrize(("start", "count"), [(1, 3), (3, 1), (2, 2)])
def test_urls_may_be_asked_for_up_to_the_last_chunk(start: int, count: int) -> None:
    wanted = read_url_range(body({"start": start, "count": count}), 3)
    assert list(wanted.numbers) == list(range(start, start + count))


@pytest.mark.parametrize(
    ("start", "count", "name"),
    [(0, 1, "start"), (4, 1, "start"), (3, 2, "count"), (1, 0, "count"), (1, 51, "count")],
)
def test_urls_of_chunks_that_there_are_not_are_refused(start: int, count: int, name: str) -> None:
    with pytest.raises(ParameterInvalid, match=f"The {name} parameter"):
        read_url_range(body({"start": start, "count": count}), 3)


def entry(**change: Any) -> dict[str, Any]:
    return {"chunk_index": 3, "proof": '"ABC"', "proof_type": "etag", "chunk_size": 500, **change}


@pytest.mark.parametrize("proof", ["abc", '"abc"', '"ABC"', ' W/"abc" '])
def test_a_proof_is_read_without_its_quotes(proof: str) -> None:
    (found,) = read_report(body({"completed_chunks": [entry(proof=proof)]}), CUT)
    assert found == ReportedChunk(3, "abc", 500, "completed_chunks[0]")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chunk_index": 4}, "chunk_index"),
        ({"chunk_index": 0}, "chunk_index"),
        ({"chunk_size": 501}, "chunk_size"),
        ({"chunk_index": 1}, "chunk_size"),
        ({"proof_type": "sha256"}, "proof_type"),
        ({"proof": ""}, "proof"),
        ({"proof": None}, "proof"),
    ],
)
def test_a_report_out_of_its_form_is_refused_by_its_place(change: Any, name: str) -> None:
    with pytest.raises(ApiError, match=rf"completed_chunks\[1\]\.{name}"):
        read_report(body({"completed_chunks": [entry(), entry(**change)]}), CUT)


@pytest.mark.parametrize("given", [[], {}, "x", None, [5], 5])
def test_a_report_names_chunks(given: Any) -> None:
    with pytest.raises(ApiError, match="completed_chunks"):
        read_report(body({"completed_chunks": given}), CUT)


def test_only_a_whole_upload_tells_where_its_asset_is() -> None:
    told = {"asset_id": "a", "processed": 1, "duplicates": 0, "completed": 1}
    assert "url" not in report_object(**told, url=None)  # type: ignore[arg-type]
    assert report_object(**told, url="https://x")["url"] == "https://x"  # type: ignore[arg-type]


def test_a_chunk_that_was_not_reported_was_not_uploaded_at_any_time() -> None:
    shown = chunk_object(number=1, status="pending", uploaded_at=None, updated_at=NOON)
    assert shown == {
        "index": 1,
        "status": "pending",
        "uploaded_at": None,
        "updated_at": "2026-05-01T12:00:00.000Z",
    }
