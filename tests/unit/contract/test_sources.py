import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, VideoFilesizeTooLarge
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import BASE64_VIDEO_BYTES, MODELS
from kinoscribe.contract.sources import (
    AssetSource,
    Base64Source,
    UrlSource,
    VideoIdSource,
    check_url,
    decode_base64,
    read_video,
)

URL = "https://example.org/a.mp4"
ID = "0123456789abcdef01234567"


def read(model_name: str = "pegasus1.5", **video: object) -> object:
    return read_video(Fields(video, "video"), model_name)


@pytest.mark.parametrize("typed", [True, False])
def test_each_source_is_read_with_and_without_its_type(typed: bool) -> None:
    def given(kind: str, text: str) -> object:
        return read(**{"type": kind if typed else None, kind: text})

    assert given("url", URL) == UrlSource(URL)
    assert given("asset_id", ID) == AssetSource(ID)
    assert given("base64_string", "QUJD") == Base64Source("QUJD")


def test_a_classic_video_id_is_taken_from_the_oldest_model_only() -> None:
    assert read("pegasus1.2", type="video_id", video_id="v") == VideoIdSource("v")
    assert read("pegasus1.2", video_id="v") == VideoIdSource("v")
    with pytest.raises(ParameterInvalid, match=r"video\.video_id"):
        read(video_id="v")
    with pytest.raises(ParameterInvalid, match=r"video\.type.*url, asset_id, base64_string\."):
        read(type="video_id", video_id="v")


@pytest.mark.parametrize(
    ("video", "error", "named"),
    [
        ({}, ParameterNotProvided, "video.type"),
        ({"type": "url"}, ParameterNotProvided, "video.url"),
        ({"type": "url", "url": None}, ParameterNotProvided, "video.url"),
        ({"type": "url", "asset_id": ID}, ParameterNotProvided, "video.url"),
        ({"type": "url", "url": ""}, ParameterInvalid, "video.url"),
        ({"type": "url", "url": " \n"}, ParameterInvalid, "video.url"),
        ({"type": "url", "url": 5}, ParameterInvalid, "video.url"),
        ({"type": "url", "url": ["http://x.org"]}, ParameterInvalid, "video.url"),
        ({"type": "url", "url": URL, "asset_id": ID}, ParameterInvalid, "video "),
        ({"type": "url", "url": URL, "video_id": "v"}, ParameterInvalid, "video "),
        ({"url": URL, "base64_string": "QUJD"}, ParameterInvalid, "video "),
        ({"type": "file", "url": URL}, ParameterInvalid, "video.type"),
        ({"type": 1, "url": URL}, ParameterInvalid, "video.type"),
        ({"type": "asset_id", "asset_id": "../etc"}, ParameterInvalid, "video.asset_id"),
        ({"type": "asset_id", "asset_id": ID.upper()}, ParameterInvalid, "video.asset_id"),
        ({"type": "asset_id", "asset_id": ID + "\n"}, ParameterInvalid, "video.asset_id"),
        ({"type": "base64_string", "base64_string": ""}, ParameterInvalid, "video.base64_string"),
    ],
)
def test_what_is_no_source_is_refused_by_its_path(
    video: dict[str, object], error: type[ApiError], named: str
) -> None:
    with pytest.raises(error) as refused:
        read(**video)
    assert f"The {named.strip()} parameter" in refused.value.message


def test_a_null_beside_a_source_does_not_count() -> None:
    assert read(type="url", url=URL, asset_id=None, base64_string=None) == UrlSource(URL)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.mp4",
        "file:///etc/passwd",
        "a.mp4",
        "//example.org/a.mp4",
        "http://",
        "http:///a.mp4",
        "http://[::1/a.mp4",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://exa mple.org/",
        "http://example.org/\r\nHost: x",
        "http://example.org/\x00",
        "http:\\\\example.org",
        "javascript:alert(1)",
        "data:video/mp4;base64,QUJD",
        "http://example.org/" + "a" * 9000,
        "https://exam℀ple.org/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ParameterInvalid, match=r"video\.url"):
        check_url(url, "video.url")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/a", "HTTPS://Example.org/ä?x=%20#y", "https://[2001:db8::1]:8443/"]
)
def test_web_addresses_pass_and_whether_they_may_be_fetched_is_asked_later(url: str) -> None:
    assert check_url(url, "video.url") == url


@given(st.text())
def test_any_text_is_a_web_address_or_is_refused(text: str) -> None:
    try:
        check_url("http://" + text, "video.url")
    except ParameterInvalid:
        return
    assert text


@given(st.binary(min_size=1, max_size=200), st.data())
def test_every_common_spelling_of_base64_decodes_to_the_same_bytes(data: bytes, draw: st.DataObject) -> None:
    text = draw.draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))(data).decode()
    if draw.draw(st.booleans()):
        text = text.rstrip("=")
    if draw.draw(st.booleans()):
        text = "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76)) + "\n"
    if draw.draw(st.booleans()):
        text = draw.draw(st.sampled_from(["data:video/mp4;base64,", "DATA:;base64,"])) + text
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "!!!!",
        "=",
        "QU=D",
        "é",
        "data:;base64,",
        "data:video/mp4,QUJD",
        "QUJD\x00",
        "QU JD*",
    ],
)
def test_what_is_no_base64_is_refused_by_its_path(text: str) -> None:
    with pytest.raises(ParameterInvalid, match=r"video\.base64_string"):
        decode_base64(text)


@given(st.text())
def test_any_text_is_base64_or_is_refused(text: str) -> None:
    try:
        assert decode_base64(text)
    except ParameterInvalid:
        return


def test_the_size_is_judged_before_anything_is_decoded() -> None:
    with pytest.raises(VideoFilesizeTooLarge) as refused:
        read(base64_string="!" * (BASE64_VIDEO_BYTES // 3 * 4 + 4))
    assert "36 MB" in refused.value.message
    with pytest.raises(VideoFilesizeTooLarge):
        decode_base64("A" * (BASE64_VIDEO_BYTES // 3 * 4 + 4))


def test_31_mb_are_accepted_and_so_are_36_with_prefix_and_line_breaks() -> None:
    data = os.urandom(3 * 1024) * 12
    assert decode_base64(base64.b64encode(data).decode(), most=len(data)) == data
    broken = base64.encodebytes(data).decode()
    assert decode_base64("data:video/mp4;base64," + broken, most=len(data)) == data
    with pytest.raises(VideoFilesizeTooLarge):
        decode_base64(broken, most=len(data) - 1)
    assert read(base64_string="A" * (31_000_000 // 3 * 4))


@pytest.mark.parametrize("model_name", MODELS)
def test_the_kind_of_a_source_is_the_name_of_its_field(model_name: str) -> None:
    source = read(model_name, url=URL)
    assert isinstance(source, UrlSource)
    assert source.kind == "url"
    assert "QUJD" not in repr(Base64Source("QUJD"))
