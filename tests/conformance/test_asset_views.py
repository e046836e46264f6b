"""Rules C166, C171 and what lies beside an asset: its thumbnail, its transcription, and kinds that are no video."""

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, refusal
from tests.conformance.wire import finished, ready_asset, upload

NOBODY = "0123456789abcdef01234567"


def depicted(wire: httpx2.Client, name: str) -> Asset:
    response = upload(wire, clip(name), enable_thumbnail="true")
    assert response.status_code == 201, response.text
    asset = finished(wire, response.json()["_id"])
    assert asset.status == "ready"
    return asset


@pytest.mark.rule("C166")
@pytest.mark.parametrize("name", ["plain.mp4", "orange.png"])
def test_a_thumbnail_is_made_where_it_is_asked_for(wire: httpx2.Client, name: str) -> None:
    asset = depicted(wire, name)
    assert asset.thumbnail is not None
    url = asset.thumbnail.representative_url
    got = httpx2.get(url, trust_env=False, timeout=30)
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert got.headers.get_list("x-content-type-options") == ["nosniff"]
    assert got.content.startswith(b"\xff\xd8\xff")
    assert got.content.endswith(b"\xff\xd9")
    listed = wire.get("assets", params={"asset_ids": asset.id}).json()["data"][0]
    assert listed["thumbnail"]["representative_url"] == url
    assert wire.delete(f"assets/{asset.id}").status_code == 204
    refusal(httpx2.get(url, trust_env=False, timeout=30), 404, "resource_not_exist")


@pytest.mark.rule("C166")
def test_a_thumbnail_is_shown_to_nobody_without_its_url(wire: httpx2.Client) -> None:
    first, second = depicted(wire, "plain.mp4"), depicted(wire, "orange.png")
    assert first.thumbnail is not None
    url = httpx2.URL(first.thumbnail.representative_url)
    forged = (
        url.copy_with(query=None),
        url.copy_set_param("signature", "0" * 64),
        url.copy_set_param("expires", "99999999999"),
        url.copy_set_param("expires", "-1"),
        url.copy_with(path=url.path.replace(first.id, second.id)),
        url.copy_with(path=url.path.replace(first.id, "x")),
    )
    for one in forged:
        refusal(httpx2.get(one, trust_env=False, timeout=30), 404, "resource_not_exist")


@pytest.mark.rule("C166")
def test_without_the_wish_there_is_no_thumbnail(wire: httpx2.Client) -> None:
    assert ready_asset(wire, "plain.mp4").thumbnail is None
    response = upload(wire, clip("plain.mp4"), enable_thumbnail="false", enable_hls="true")
    assert finished(wire, response.json()["_id"]).thumbnail is None


@pytest.mark.rule("C166", "C171", "C042")
def test_a_sound_is_an_asset_and_no_video(wire: httpx2.Client) -> None:
    sound = ready_asset(wire, "sound.m4a")
    assert sound.file_type.startswith("audio/")
    assert sound.duration is not None
    assert sound.technical_metadata is not None
    assert sound.technical_metadata.has_audio is True
    listed = wire.get("assets", params={"asset_types": "audio", "asset_ids": sound.id}).json()
    assert listed["page_info"]["total_results"] == 1
    body = {"video": {"type": "asset_id", "asset_id": sound.id}, "prompt": "x", "stream": False}
    refused = wire.post("analyze", json=body)
    refusal(refused, 400, "parameter_invalid", "video.asset_id", "audio")


@pytest.mark.rule("C171")
def test_a_picture_tells_its_size(wire: httpx2.Client, picture: Asset) -> None:
    facts = picture.technical_metadata
    assert facts is not None
    assert (facts.image_width or 0, facts.image_height or 0) > (0, 0)


@pytest.mark.rule("C171")
def test_there_is_no_transcription_where_nothing_listens(
    wire: httpx2.Client, asset: Asset, picture: Asset
) -> None:
    """The server of these tests has no recogniser of speech."""
    for asset_id in (asset.id, picture.id, NOBODY):
        refusal(wire.get(f"assets/{asset_id}/transcription"), 404, "resource_not_exist")
    refusal(wire.get("assets/x/transcription"), 400, "parameter_invalid", "asset_id")
    bad = wire.get(f"assets/{asset.id}/transcription", params={"include": "words,letters"})
    refusal(bad, 400, "parameter_invalid", "include")
