"""Turns calls for what lies beside an asset into answers: its transcription and its thumbnail (contract 12.3)."""

from typing import Any

from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.api.indexes import small
from kinoscribe.contract.errors import ResourceNotExist, ServiceUnavailable, StorageFull
from kinoscribe.contract.sources import check_asset_id
from kinoscribe.contract.transcription import Part, read_include, transcription_object
from kinoscribe.contract.video import VideoFacts, sound_facts
from kinoscribe.ids import is_object_id
from kinoscribe.storage.asset_rows import Asset

_SPEECH = "speech"
_LOST = "The file is no longer kept."


async def transcription(call: Call) -> Response:
    """`GET /assets/{asset_id}/transcription`: from the evidence, which is collected where there is none yet."""
    asset_id = check_asset_id(call.request.path_params["asset_id"], "asset_id")
    include = read_include(call.request.query_params.multi_items())
    rows, account = call.house.tools.assets, call.account.name
    asset = await small(call, lambda: rows.get(account, asset_id))
    if asset is None:
        raise ResourceNotExist(id=asset_id, collection="assets")
    return JSONResponse(await small(call, lambda: _transcribed(call, asset, include)))


async def thumbnail(call: Call) -> Response:
    """`GET /assets/{asset_id}/thumbnail`: the JPEG, for whoever has the URL that the asset shows."""
    asset_id: str = call.request.path_params["asset_id"]
    query = call.request.query_params
    signed = call.house.thumbnail_urls.good(asset_id, query.get("expires", ""), query.get("signature", ""))
    jpeg = None
    if signed and is_object_id(asset_id):
        rows = call.house.tools.assets
        jpeg = await small(call, lambda: rows.thumbnail(asset_id))
    if jpeg is None:
        raise ResourceNotExist(id=asset_id, collection="thumbnails")
    headers = {"Cache-Control": "private, max-age=86400"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def _transcribed(call: Call, asset: Asset, include: tuple[Part, ...]) -> dict[str, Any]:
    """The transcription as far as it is there. Raises `ResourceNotExist` where there will never be one."""
    tools, none = call.house.tools, ResourceNotExist(id=asset.id, collection="transcriptions")
    if asset.status == "processing":
        return transcription_object("pending")
    facts = _heard(asset)
    if asset.content is None or facts is None:
        raise none
    if _SPEECH not in tools.settings.active_collectors:
        raise none
    notes = tools.gatherer.kept_for(asset.account, asset.content)
    if notes is None:
        failure = tools.gatherer.failure(asset.account, asset.content)
        if isinstance(failure, ServiceUnavailable | StorageFull):
            raise failure
        if failure is not None:
            return transcription_object("failed", error=failure.message)
        for lacking in tools.gatherer.missing():
            raise ServiceUnavailable(reason=lacking)
        path = tools.blobs.path(asset.content)
        if not tools.blobs.there(str(path), asset.content):
            return transcription_object("failed", error=_LOST)
        tools.gatherer.start(path, asset.content, facts, asset.account)
        tools.wake.ring()
        return transcription_object("processing")
    report = notes.report(_SPEECH)
    if report is None or report.state in ("off", "nothing") or (report.state == "done" and not notes.speech):
        raise none
    if report.state == "failed":
        return transcription_object("failed", error=report.reason)
    return transcription_object("ready", notes.speech, include)


def _heard(asset: Asset) -> VideoFacts | None:
    """The facts by which a sound, or a video with one, is listened to."""
    if asset.kind == "audio" and asset.duration is not None:
        return sound_facts(asset.file_type, asset.duration, asset.size or 0)
    return asset.facts if asset.facts is not None and asset.facts.has_audio else None
