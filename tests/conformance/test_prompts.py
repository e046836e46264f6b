"""Rules C160 to C164: structured prompts and the rules of the pictures they bring."""

import base64

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import answer, refusal
from tests.conformance.wire import Json, without

PICTURE = base64.b64encode(clip("orange.png").read_bytes()).decode()
NOBODY = "0123456789abcdef01234567"


def source(name: str, **given: object) -> Json:
    return {"name": name, "media_type": "image", **(given or {"base64_string": PICTURE})}


def ask(wire: httpx2.Client, body: Json, prompt_v2: object) -> httpx2.Response:
    return wire.post("analyze", json={**without(body, "prompt"), "prompt_v2": prompt_v2})


@pytest.mark.rule("C160")
@pytest.mark.parametrize("model", ["pegasus1.5", "pegasus1.6"])
def test_a_structured_prompt_without_pictures_is_a_prompt(
    wire: httpx2.Client, body: Json, model: str
) -> None:
    newer = {**body, "model_name": model, "temperature": 0}
    plain = answer(wire.post("analyze", json={**newer, "prompt": "What is seen?"}))
    for prompt_v2 in (
        {"input_text": "What is seen?"},
        {"input_text": "What is seen?", "media_sources": []},
        {"input_text": "What is seen?", "media_sources": None},
    ):
        assert answer(ask(wire, newer, prompt_v2)).data == plain.data


@pytest.mark.rule("C160")
@pytest.mark.parametrize(
    "prompt_v2", [{}, {"input_text": None}, {"input_text": ""}, {"input_text": " \n"}, {"input_text": 5}]
)
def test_a_structured_prompt_says_something(wire: httpx2.Client, body: Json, prompt_v2: Json) -> None:
    response = ask(wire, body, prompt_v2)
    refusal(response, 400, response.json()["code"], "prompt_v2")


@pytest.mark.rule("C161")
@pytest.mark.parametrize(
    "prompt_v2",
    [
        {"input_text": "Is <@tiger-1> seen?"},
        {"input_text": "Is <@tiger-1> seen?", "media_sources": []},
        {"input_text": "Is <@a> or <@b> seen?", "media_sources": [source("a")]},
    ],
    ids=["no sources", "empty sources", "another source"],
)
def test_a_placeholder_has_a_source(wire: httpx2.Client, body: Json, prompt_v2: Json) -> None:
    refusal(ask(wire, body, prompt_v2), 400, "parameter_invalid", "prompt_v2.input_text")


@pytest.mark.rule("C161")
def test_there_are_four_sources_at_most_and_each_has_its_name(wire: httpx2.Client, body: Json) -> None:
    five = {"input_text": "Look.", "media_sources": [source(f"p{number}") for number in range(5)]}
    refusal(ask(wire, body, five), 400, "parameter_invalid", "prompt_v2.media_sources")
    twice = {"input_text": "Look at <@a>.", "media_sources": [source("a"), source("a")]}
    refusal(ask(wire, body, twice), 400, "parameter_invalid", "prompt_v2.media_sources")
    wrong = {"input_text": "Look.", "media_sources": "a"}
    refusal(ask(wire, body, wrong), 400, "parameter_invalid", "prompt_v2.media_sources")


@pytest.mark.rule("C162")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a", "media_type": "image"},
        {"name": "a", "media_type": "image", "base64_string": PICTURE, "asset_id": NOBODY},
        {"name": "a", "media_type": "video", "base64_string": PICTURE},
        {"name": "a", "base64_string": PICTURE},
        {"media_type": "image", "base64_string": PICTURE},
        {"name": "", "media_type": "image", "base64_string": PICTURE},
        {"name": "a b", "media_type": "image", "base64_string": PICTURE},
        {"name": "x" * 65, "media_type": "image", "base64_string": PICTURE},
        {"name": "a", "media_type": "image", "base64_string": "!!!"},
        "a",
        None,
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_source_is_one_named_picture(wire: httpx2.Client, body: Json, wrong: object) -> None:
    response = ask(wire, body, {"input_text": "Look.", "media_sources": [source("ok"), wrong]})
    refusal(response, 400, response.json()["code"], "prompt_v2.media_sources")


@pytest.mark.rule("C164")
def test_a_picture_by_plain_http_is_refused(wire: httpx2.Client, body: Json) -> None:
    prompt_v2 = {
        "input_text": "Is <@logo> seen?",
        "media_sources": [source("logo", url="http://example.com/a.png")],
    }
    refusal(ask(wire, body, prompt_v2), 400, "parameter_invalid", "media_sources")
