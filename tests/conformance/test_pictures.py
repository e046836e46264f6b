"""Rules C156, C163 to C165: pictures in a request reach the model, and pictures alone can be asked about."""

import base64
import hashlib

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, answer, both_shapes, refusal
from tests.conformance.file_server import FileServer
from tests.conformance.wire import Json, ended_task, make_task, without

BYTES = clip("orange.png").read_bytes()
PICTURE = base64.b64encode(BYTES).decode()
SEEN = f"has {len(BYTES)} bytes, SHA-256 {hashlib.sha256(BYTES).hexdigest()[:16]}"


def source(name: str, **given: object) -> Json:
    return {"name": name, "media_type": "image", **(given or {"base64_string": PICTURE})}


def with_pictures(body: Json, *sources: Json, text: str = "Is <@logo> seen?") -> Json:
    return {**without(body, "prompt"), "prompt_v2": {"input_text": text, "media_sources": list(sources)}}


@pytest.mark.rule("C163", "C164")
def test_a_picture_reaches_the_model_from_every_source(
    open_wire: httpx2.Client, open_body: Json, open_picture: Asset, files: FileServer
) -> None:
    """The engine names each picture it got, with its length and digest. Plain http is allowed on this server."""
    for given in (
        {"base64_string": PICTURE},
        {"asset_id": open_picture.id},
        {"url": files.url("orange.png")},
    ):
        found = answer(open_wire.post("analyze", json=with_pictures(open_body, source("logo", **given))))
        assert f"The image logo {SEEN}" in found.data


@pytest.mark.rule("C156", "C163")
def test_pictures_of_a_task_reach_the_model_and_are_never_echoed(
    wire: httpx2.Client, body: Json, picture: Asset
) -> None:
    four = [source(f"p{n}") for n in range(3)] + [source("logo", asset_id=picture.id)]
    asked = without(with_pictures(body, *four, text="Are <@p0> and <@logo> seen?"), "stream")
    found = ended_task(wire, make_task(wire, asked))
    assert found.result is not None, found.error
    assert all(f"The image {name} {SEEN}" in found.result.data for name in ("p0", "p1", "p2", "logo"))
    shown = found.request_params.prompt_v2
    assert shown is not None
    assert shown.media_sources is not None
    assert [one.asset_id for one in shown.media_sources] == [None, None, None, picture.id]
    definition = {"id": "d", "description": "While <@p0> is seen.", "media_sources": four}
    cut = {
        **without(body, "prompt", "stream"),
        "analysis_mode": "time_based_metadata",
        "response_format": {"type": "segment_definitions", "segment_definitions": [definition]},
    }
    assert ended_task(wire, make_task(wire, cut)).status == "ready"
    definition["media_sources"] = [*four, source("fifth")]
    error = both_shapes(wire.post("analyze/tasks", json=cut), 400, "parameter_invalid")
    assert "media_sources" in error.message


@pytest.mark.rule("C163")
@pytest.mark.parametrize(
    "wrong",
    [
        {"base64_string": base64.b64encode(b"no picture at all").decode()},
        {"base64_string": base64.b64encode(BYTES[:40]).decode()},
        {"url": "https://127.0.0.2:9/a.png"},
        {"url": "https://name.invalid/a.png"},
    ],
    ids=["text", "cut", "private", "nowhere"],
)
def test_a_picture_that_cannot_be_had_is_named(wire: httpx2.Client, body: Json, wrong: Json) -> None:
    asked = with_pictures(body, source("ok"), source("logo", **wrong))
    refusal(wire.post("analyze", json=asked), 400, "parameter_invalid", "prompt_v2.media_sources[1]")


@pytest.mark.rule("C163")
def test_a_picture_of_nobody_or_of_another_kind_is_refused(
    wire: httpx2.Client, body: Json, asset: Asset
) -> None:
    unknown = with_pictures(body, source("logo", asset_id="0123456789abcdef01234567"))
    refusal(wire.post("analyze", json=unknown), 404, "resource_not_exist")
    video = with_pictures(body, source("logo", asset_id=asset.id))
    refusal(wire.post("analyze", json=video), 400, "parameter_invalid", "prompt_v2.media_sources[0]")


@pytest.mark.rule("C165")
def test_pictures_alone_are_asked_about_with_the_newest_model(wire: httpx2.Client, body: Json) -> None:
    images = [{"name": "door", "base64_string": PICTURE}, {"name": "card", "base64_string": PICTURE}]
    alone = {**without(body, "video"), "model_name": "pegasus1.6", "image": images}
    assert f"The image door {SEEN}" in answer(wire.post("analyze", json=alone)).data
    task = ended_task(wire, make_task(wire, without(alone, "stream")))
    assert task.status == "ready", task.error
    assert task.video_source is None
    assert [one.name for one in task.request_params.image or []] == ["door", "card"]
    for wrong in (
        {**alone, "model_name": "pegasus1.5"},
        {**alone, "model_name": "pegasus1.2"},
        {**alone, "video": body["video"]},
        {**alone, "image": []},
        {**alone, "image": [{"name": f"p{n}", "base64_string": PICTURE} for n in range(21)]},
        {**alone, "prompt": "Only <@door> is mentioned."},
        {**alone, "image": [*images, images[0]]},
        {**alone, "image": [{"name": "a-b", "base64_string": PICTURE}]},
    ):
        response = wire.post("analyze", json=wrong)
        refusal(response, 400, response.json()["code"])
