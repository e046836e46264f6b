import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.assets import (
    AssetForm,
    AssetQuery,
    asset_object,
    merged,
    read_asset_form,
    read_asset_query,
    read_flag,
    read_metadata_change,
    technical_metadata,
)
from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.limits import METADATA_BYTES
from kinoscribe.contract.video import VideoFacts

URL = "https://example.org/a.mp4"
ID = "0123456789abcdef01234567"
MADE = datetime(2024, 9, 26, 10, 29, 19, 968_000, UTC)


def test_both_methods_are_read() -> None:
    assert read_asset_form({"method": "direct"}, has_file=True) == AssetForm("direct", None, None, {})
    texts = {"method": "url", "url": URL, "filename": "b.mp4", "enable_hls": "true", "enable_thumbnail": "0"}
    assert read_asset_form(texts, has_file=False) == AssetForm("url", URL, "b.mp4", {})


@pytest.mark.parametrize(
    ("texts", "has_file", "error", "named"),
    [
        ({}, False, ParameterNotProvided, "method"),
        ({}, True, ParameterNotProvided, "method"),
        ({"method": ""}, True, ParameterNotProvided, "method"),
        ({"method": "multipart"}, True, ParameterInvalid, "method"),
        ({"method": "direct"}, False, ParameterNotProvided, "file"),
        ({"method": "url"}, False, ParameterNotProvided, "url"),
        ({"method": "url", "url": ""}, False, ParameterNotProvided, "url"),
        ({"method": "url", "url": "ftp://a/b"}, False, ParameterInvalid, "url"),
        ({"method": "url", "url": URL}, True, ParameterInvalid, "file"),
        ({"method": "direct", "url": URL}, True, ParameterInvalid, "url"),
        ({"method": "direct", "enable_hls": "yes"}, True, ParameterInvalid, "enable_hls"),
        ({"method": "direct", "language": "en"}, True, ParameterUnknown, "language"),
        ({"method": "direct", "user_metadata": "{"}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": "[]"}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": '{"a": {}}'}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": '{"a": [1]}'}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": '{"a": 1e999}'}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": '{"a": NaN}'}, True, ParameterInvalid, "user_metadata"),
        ({"method": "direct", "user_metadata": "[" * 9999}, True, ParameterInvalid, "user_metadata"),
    ],
)
def test_a_form_that_breaks_a_rule_is_refused_by_the_name_of_its_part(
    texts: dict[str, str], has_file: bool, error: type[ApiError], named: str
) -> None:
    with pytest.raises(error) as refused:
        read_asset_form(texts, has_file=has_file)
    assert refused.value.status == 400
    assert f"The {named} parameter" in refused.value.message


def test_metadata_of_no_value_is_dropped() -> None:
    given = {"s": "x", "n": 1.5, "b": False, "zero": 0, "l": ["a", ""], "e": "", "el": [], "no": None}
    form = read_asset_form({"method": "direct", "user_metadata": json.dumps(given)}, has_file=True)
    assert form.user_metadata == {"s": "x", "n": 1.5, "b": False, "zero": 0, "l": ["a", ""]}


def test_a_patch_merges_and_null_deletes() -> None:
    change = read_metadata_change(b'{"user_metadata": {"a": null, "b": 2, "c": ""}}')
    assert merged({"a": 1, "x": "y", "c": 1}, change) == {"x": "y", "b": 2}
    assert merged({}, read_metadata_change(b'{"user_metadata": {}}')) == {}


def grown(metadata: dict[str, Any]) -> dict[str, Any]:
    return merged(metadata, {str(len(metadata)): "é" * 1000})


def test_metadata_does_not_grow_without_end() -> None:
    kept: dict[str, Any] = {}
    for _ in range(130):
        kept = grown(kept)
    assert len(json.dumps(kept, ensure_ascii=False).encode()) > METADATA_BYTES - 2500
    with pytest.raises(ParameterInvalid, match=f"user_metadata .* at most {METADATA_BYTES} are kept"):
        grown(grown(kept))
    assert merged(kept, dict.fromkeys(kept) | {"a": "b"}) == {"a": "b"}
    text = json.dumps({"a": "x" * METADATA_BYTES})
    with pytest.raises(ParameterInvalid, match="user_metadata"):
        read_asset_form({"method": "direct", "user_metadata": text}, has_file=True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "parameter_invalid"),
        (b"[]", "parameter_invalid"),
        (b"{}", "parameter_not_provided"),
        (b'{"user_metadata": null}', "parameter_not_provided"),
        (b'{"user_metadata": "x"}', "parameter_invalid"),
        (b'{"user_metadata": {"a": {"b": 1}}}', "parameter_invalid"),
        (b'{"user_metadata": {}, "b": 1}', "parameter_unknown"),
    ],
)
def test_a_change_that_is_none_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_metadata_change(body)
    assert refused.value.code == code
    assert refused.value.status == 400


@given(
    st.dictionaries(st.sampled_from(["method", "url", "filename", "user_metadata", "enable_hls"]), st.text())
)
def test_any_form_is_read_or_refused(texts: dict[str, str]) -> None:
    try:
        form = read_asset_form(texts, has_file=True)
    except ApiError:
        return
    assert form.method == "direct"


def test_repeated_filters_are_collected() -> None:
    pairs = [("asset_ids", ID), ("asset_types", "video"), ("asset_ids", ID[::-1]), ("asset_types", "image"),
             ("asset_ids", ID), ("filename", "News"), ("page", "2")]  # fmt: skip
    assert read_asset_query(pairs) == AssetQuery((ID, ID[::-1]), ("video", "image"), "News")
    assert read_asset_query([("filename", "")]) == AssetQuery()


@pytest.mark.parametrize(
    ("name", "text"), [("asset_ids", "x"), ("asset_ids", ""), ("asset_types", "song"), ("asset_types", "")]
)
def test_a_filter_that_is_none_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(ParameterInvalid, match=f"The {name} parameter"):
        read_asset_query([(name, text)])


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("1", True), ("True", True), ("false", False), ("0", False), (None, False)],
)
def test_flags_are_read(text: str | None, flag: bool) -> None:
    assert read_flag(text, "force") is flag


def test_what_is_no_flag_is_refused() -> None:
    with pytest.raises(ParameterInvalid, match="force"):
        read_flag("maybe", "force")


def test_an_asset_shows_what_its_status_allows() -> None:
    known: dict[str, Any] = {
        "asset_id": ID,
        "method": "direct",
        "filename": "a.mp4",
        "file_type": "video/mp4",
        "created_at": MADE,
        "user_metadata": {"a": 1},
        "size": 100,
        "duration": 12.00049,
        "technical": {"has_audio": False},
        "error": None,
    }
    shown = {
        "_id": ID,
        "method": "direct",
        "status": "ready",
        "filename": "a.mp4",
        "file_type": "video/mp4",
        "created_at": "2024-09-26T10:29:19.968Z",
        "user_metadata": {"a": 1},
        "size": 100,
        "duration": 12,
        "technical_metadata": {"has_audio": False},
    }
    assert asset_object(**known, status="ready") == shown
    always = {key: shown[key] for key in list(shown)[:7]}
    assert asset_object(**known, status="processing") == {**always, "status": "processing"}
    failed = asset_object(**{**known, "error": "No video.", "user_metadata": {}}, status="failed")
    assert failed["error"] == {"message": "No video."}
    assert {"size", "duration", "user_metadata"} & failed.keys() == set()
    assert asset_object(**known, status="failed")["error"]["message"]


def test_technical_metadata_says_what_is_known() -> None:
    facts = VideoFacts(
        start=3600.5, end=3612.5, width=640, height=360, fps=29.97002997, rotation=0, container="mpegts",
        mime_type="video/mp2t", video_codec="h264", audio_codec="aac", audio_sample_rate=48000, audio_channels=2,
        video_streams=1, audio_streams=1, bytes=120_000,
    )  # fmt: skip
    shown = technical_metadata(facts)
    assert shown["video_duration_seconds"] == 12
    assert shown["video_bitrate_bps"] == 80_000
    assert shown["video_fps"] == 29.97
    assert shown["has_audio"] is True
    assert None not in shown.values()
