"""Turns forms, queries and metadata of the asset routes into checked values, and an asset into its object."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic_core import from_json, to_json

from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.limits import METADATA_BYTES
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import check_asset_id, check_url
from kinoscribe.contract.times import rfc3339, seconds_number
from kinoscribe.contract.video import VideoFacts

Method = Literal["direct", "url"]
Status = Literal["processing", "ready", "failed"]
Metadata = dict[str, str | float | bool | list[str]]

ASSET_TYPES = ("image", "video", "audio", "document")

# A boolean as forms and queries tell it.
FLAGS = {"true": True, "1": True, "false": False, "0": False}
_FORM = ("method", "file", "url", "filename", "enable_hls", "enable_thumbnail", "user_metadata")
_METADATA = "user_metadata"
# Larger numbers do not survive the readers of JSON that clients are written in.
_LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class AssetForm:
    """What `POST /assets` asks for. `url` is set for the method of that name; `filename` overrides every other name."""

    method: Method
    url: str | None
    filename: str | None
    user_metadata: Metadata
    enable_thumbnail: bool = False


@dataclass(frozen=True, slots=True)
class AssetQuery:
    """Which assets a list shows; what is empty or None does not narrow it."""

    asset_ids: tuple[str, ...] = ()
    asset_types: tuple[str, ...] = ()
    filename: str | None = None


def read_asset_form(texts: Mapping[str, str], *, has_file: bool) -> AssetForm:
    """The parts of an upload form but its file. An empty text counts as absent. Raises what section 12.1 says."""
    fields = Fields({name: text or None for name, text in texts.items()})
    fields.refuse_unknown(_FORM)
    fields.required("method")
    direct = fields.choice("method", ("direct", "url")) == "direct"
    if direct and not has_file:
        raise ParameterNotProvided(p="file")
    if not direct:
        fields.required("url")
    if (direct and fields.has("url")) or (not direct and has_file):
        extra, method = ("url", "direct") if direct else ("file", "url")
        raise ParameterInvalid(p=extra, reason=f"It is not accepted with the method {method}.")
    url = fields.text("url")
    if url is not None:
        check_url(url, "url")
    filename = fields.text("filename")
    read_flag(fields.text("enable_hls"), "enable_hls")
    thumbnail = read_flag(fields.text("enable_thumbnail"), "enable_thumbnail")
    metadata = read_metadata_text(fields.text(_METADATA))
    return AssetForm("direct" if direct else "url", url, filename, metadata, thumbnail)


def read_asset_query(pairs: Iterable[tuple[str, str]]) -> AssetQuery:
    """The filters of `GET /assets`; keys may be repeated. Raises `ParameterInvalid`."""
    asset_ids: list[str] = []
    asset_types: list[str] = []
    filename: str | None = None
    for name, text in pairs:
        match name.removesuffix("[]"):
            case "asset_ids":
                asset_ids.append(check_asset_id(text, name))
            case "asset_types":
                Fields({name: text}).choice(name, ASSET_TYPES)
                asset_types.append(text)
            case "filename":
                if "\x00" in text:
                    raise ParameterInvalid(p=name, reason="No file name holds the character NUL.")
                filename = text or None
    return AssetQuery(tuple(dict.fromkeys(asset_ids)), tuple(dict.fromkeys(asset_types)), filename)


def read_flag(text: str | None, name: str) -> bool:
    """A boolean of a form or a query; absent is false. Raises `ParameterInvalid` naming it."""
    flag = FLAGS.get((text or "false").lower())
    if flag is None:
        raise ParameterInvalid(p=name, reason=f"{show(text)} was given; true or false is accepted.")
    return flag


def read_metadata_change(body: bytes) -> dict[str, Any]:
    """The body of `PATCH` and `PUT user-metadata`, as it was sent: None deletes a key. Raises an `ApiError`."""
    fields = read_object(body)
    fields.refuse_unknown((_METADATA,))
    fields.required(_METADATA)
    given = fields.raw(_METADATA)
    return check_metadata(given)


def merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> Metadata:
    """Metadata after a `PATCH`; with nothing old, also after a `PUT`. Raises `ParameterInvalid` when it is too much."""
    return kept({**old, **change})


def kept(metadata: Mapping[str, Any]) -> Metadata:
    """Metadata without the values that stand for nothing. Raises `ParameterInvalid` when it is too much."""
    left = {name: value for name, value in metadata.items() if value is not None and value not in ("", [])}
    size = len(to_json(left))
    if size > METADATA_BYTES:
        reason = f"It would come to {size} bytes of JSON; at most {METADATA_BYTES} are kept."
        raise ParameterInvalid(p=_METADATA, reason=reason)
    return left


def technical_metadata(facts: VideoFacts) -> dict[str, Any]:
    """What a ready video says about its file; what is not known is left out."""
    length = facts.duration
    known = {
        "file_size_bytes": facts.bytes,
        "file_mime_type": facts.mime_type,
        "file_container_format": facts.container,
        "video_codec": facts.video_codec,
        "video_width": facts.width,
        "video_height": facts.height,
        "video_fps": None if facts.fps is None else round(facts.fps, 3),
        "video_duration_seconds": seconds_number(length),
        "video_bitrate_bps": round(facts.bytes * 8 / length) if length > 0 else None,
        "audio_codec": facts.audio_codec,
        "audio_sample_rate": facts.audio_sample_rate,
        "audio_channels": facts.audio_channels,
        "audio_duration_seconds": seconds_number(length) if facts.has_audio else None,
        "has_audio": facts.has_audio,
        "total_video_streams": facts.video_streams,
        "total_audio_streams": facts.audio_streams,
    }
    return {name: value for name, value in known.items() if value is not None}


def asset_object(
    *,
    asset_id: str,
    method: str,
    status: Status,
    filename: str,
    file_type: str,
    created_at: datetime,
    user_metadata: Mapping[str, Any] | None = None,
    size: int | None = None,
    duration: float | None = None,
    technical: Mapping[str, Any] | None = None,
    error: str | None = None,
    thumbnail_url: str | None = None,
) -> dict[str, Any]:
    """The object of section 12.2: what is not known, or has no place in this status, is absent and never null."""
    shown: dict[str, Any] = {
        "_id": asset_id,
        "method": method,
        "status": status,
        "filename": filename,
        "file_type": file_type,
        "created_at": rfc3339(created_at),
    }
    if user_metadata:
        shown[_METADATA] = dict(user_metadata)
    if status == "failed":
        shown["error"] = {"message": error or "The file could not be read."}
    if status != "ready":
        return shown
    if size is not None:
        shown["size"] = size
    if duration is not None:
        shown["duration"] = seconds_number(duration)
    if technical:
        shown["technical_metadata"] = dict(technical)
    if thumbnail_url is not None:
        shown["thumbnail"] = {"representative_url": thumbnail_url, "status": "ready"}
    return shown


def read_metadata_text(text: str | None) -> Metadata:
    """The `user_metadata` of a form, JSON text of an object; absent is empty. Raises `ParameterInvalid`."""
    if text is None:
        return {}
    try:
        given = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ParameterInvalid(p=_METADATA, reason=f"It is not valid JSON: {error}.") from error
    return kept(check_metadata(given))


def check_metadata(given: Any) -> dict[str, Any]:
    """Metadata as it was sent, when it has the form of some. Raises `ParameterInvalid`."""
    if not isinstance(given, dict):
        raise ParameterInvalid(p=_METADATA, reason=f"{show(given)} was given; an object is accepted.")
    for name, value in given.items():
        if not _is_metadata(value):
            reason = (
                f"{show(name)} has {show(value)}; a string, number, boolean or list of strings is accepted."
            )
            raise ParameterInvalid(p=_METADATA, reason=reason)
    return given


def _is_metadata(value: Any) -> bool:
    match value:
        case None | str() | bool():
            return True
        case int() | float():
            return -_LARGEST <= value <= _LARGEST
        case list():
            return all(isinstance(part, str) for part in value)
    return False
