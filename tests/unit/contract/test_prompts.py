import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import BASE64_IMAGE_BYTES
from kinoscribe.contract.prompts import MediaSource, PromptV2, read_media_sources, read_prompt
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource

URL = "https://example.org/tiger.png"
ID = "0123456789abcdef01234567"


def read(prompt_v2: object, *, allow_http: bool = False) -> str | PromptV2:
    fields = Fields({"prompt_v2": prompt_v2})
    return read_prompt(fields, "pegasus1.5", lambda text: len(text.split()), allow_http_images=allow_http)


def source(**changed: Any) -> dict[str, Any]:
    return {"name": "tiger-1", "media_type": "image", "url": URL, **changed}


def refusal(sources: list[Any], text: str = "Where?") -> ApiError:
    with pytest.raises(ApiError) as refused:
        read({"input_text": text, "media_sources": sources})
    assert refused.value.status == 400
    return refused.value


@pytest.mark.parametrize("sources", [None, []])
def test_words_without_pictures_are_a_prompt(sources: object) -> None:
    assert read({"input_text": " Who? ", "media_sources": sources, "extra": 1}) == PromptV2(" Who? ")


@pytest.mark.parametrize(
    ("prompt_v2", "error", "named"),
    [
        ("x", ParameterInvalid, "prompt_v2"),
        ([], ParameterInvalid, "prompt_v2"),
        ({}, ParameterNotProvided, "prompt_v2.input_text"),
        ({"input_text": ""}, ParameterInvalid, "prompt_v2.input_text"),
        ({"input_text": "\t "}, ParameterInvalid, "prompt_v2.input_text"),
        ({"input_text": 5}, ParameterInvalid, "prompt_v2.input_text"),
        ({"input_text": "<@x>"}, ParameterInvalid, "prompt_v2.input_text"),
        ({"input_text": "a", "media_sources": {}}, ParameterInvalid, "prompt_v2.media_sources"),
        ({"input_text": "a", "media_sources": ["b"]}, ParameterInvalid, "prompt_v2.media_sources[0]"),
    ],
)
def test_what_is_no_prompt_is_refused_by_its_path(
    prompt_v2: object, error: type[ApiError], named: str
) -> None:
    with pytest.raises(error) as refused:
        read(prompt_v2)
    assert f"The {named} parameter" in refused.value.message


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": None}, "media_sources[0].name"),
        ({"name": ""}, "media_sources[0].name"),
        ({"name": "a b"}, "media_sources[0].name"),
        ({"name": "é"}, "media_sources[0].name"),
        ({"name": "a\n"}, "media_sources[0].name"),
        ({"name": "a" * 65}, "media_sources[0].name"),
        ({"media_type": None}, "media_sources[0].media_type"),
        ({"media_type": "video"}, "media_sources[0].media_type"),
        ({"url": None}, "media_sources[0]"),
        ({"asset_id": ID}, "media_sources[0]"),
        ({"url": "http://example.org/a.png"}, "media_sources[0].url"),
        ({"url": "file:///a.png"}, "media_sources[0].url"),
        ({"url": None, "asset_id": "x"}, "media_sources[0].asset_id"),
        ({"url": None, "base64_string": "!"}, "media_sources[0].base64_string"),
        ({"url": None, "base64_string": ""}, "media_sources[0].base64_string"),
        ({"url": None, "base64_string": "A" * (BASE64_IMAGE_BYTES // 3 * 4 + 4)}, "media_sources[0].base64_string"),
    ],
)  # fmt: skip
def test_what_is_no_reference_picture_is_refused_by_its_path(changed: dict[str, Any], named: str) -> None:
    message = refusal([source(**changed)]).message
    assert f"The prompt_v2.{named} parameter" in message


def test_four_pictures_of_different_names_are_the_most() -> None:
    with pytest.raises(ParameterInvalid, match="5 were given; at most 4"):
        read({"input_text": "a", "media_sources": [source(name=str(n)) for n in range(5)]})
    assert r"media_sources[1].name" in refusal([source(), source()]).message


def test_words_that_point_at_no_picture_are_refused() -> None:
    message = refusal([source()], "<@tiger-1> and <@lion>").message
    assert 'The prompt_v2.input_text parameter is invalid. "<@lion>"' in message


def test_words_may_point_at_pictures_and_need_not() -> None:
    both = [source(), source(name="b")]
    for text in ("Where is <@tiger-1>, <@tiger-1>?", "Where is it?"):
        pictures = (MediaSource("tiger-1", UrlSource(URL)), MediaSource("b", UrlSource(URL)))
        assert read({"input_text": text, "media_sources": both}) == PromptV2(text, pictures)


def test_each_kind_of_picture_is_read() -> None:
    given = [
        source(),
        source(name="b", url=None, asset_id=ID),
        source(name="c", url=None, base64_string="QUJD"),
    ]
    fields = Fields({"media_sources": given})
    assert read_media_sources(fields, allow_http=False) == (
        MediaSource("tiger-1", UrlSource(URL)),
        MediaSource("b", AssetSource(ID)),
        MediaSource("c", Base64Source("QUJD")),
    )
    plain = Fields({"media_sources": [source(url="http://nas.example/a.png")]})
    assert read_media_sources(plain, allow_http=True)[0].source == UrlSource("http://nas.example/a.png")


@given(st.text("<@>ab -é"))
def test_angle_brackets_alone_point_at_nothing(text: str) -> None:
    with contextlib.suppress(ParameterInvalid):
        assert read({"input_text": text}) == PromptV2(text)
