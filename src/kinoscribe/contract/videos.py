"""Turns requests about the videos of an index into checked values, and videos and their tasks into objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kinoscribe.contract.assets import Metadata, read_flag, read_metadata_text
from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, VideoFileBroken
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.indexes import Sorting, check_resource_id, read_filter, read_sorting
from kinoscribe.contract.limits import DEFAULT_MODEL
from kinoscribe.contract.metadata_filter import MetadataFilter, read_metadata_filter
from kinoscribe.contract.paging import read_number
from kinoscribe.contract.sources import check_asset_id, check_url
from kinoscribe.contract.times import rfc3339, seconds_number
from kinoscribe.contract.video import VideoFacts, check_video

IndexStatus = Literal["uploading", "validating", "pending", "queued", "indexing", "ready", "failed"]

STATUSES: tuple[IndexStatus, ...] = (
    "uploading",
    "validating",
    "pending",
    "queued",
    "indexing",
    "ready",
    "failed",
)
VIDEO_FILE = "video_file"
_FORM = ("index_id", VIDEO_FILE, "video_url", "enable_video_stream", "user_metadata")
_METADATA = "user_metadata"
_RANGES = ("duration", "fps", "width", "height", "size")
_ENDS = {"gte": 0, "lte": 1}
_STATUS = ("status", "status[]")
_SORTING = ("sort_by", "sort_option", "created_at", "updated_at")
# Whatever else a list of videos is asked for is a key of their metadata.
_NO_METADATA = frozenset(
    (
        *("page", "page_limit", "filename", *_STATUS, *_SORTING, *_RANGES),
        *(f"{name}[{end}]" for name in _RANGES for end in _ENDS),
    )
)


@dataclass(frozen=True, slots=True)
class IndexTaskForm:
    """What `POST /tasks` asks for; `url` is unset when a file came with it."""

    index_id: str
    url: str | None
    user_metadata: Metadata


@dataclass(frozen=True, slots=True)
class IndexTaskQuery:
    """Which tasks a list shows; what is empty or None does not narrow it."""

    index_id: str | None = None
    statuses: tuple[str, ...] = ()
    filename: str | None = None
    exact: Mapping[str, float] = field(default_factory=dict)
    sorting: Sorting = field(default_factory=Sorting)


@dataclass(frozen=True, slots=True)
class VideoQuery:
    """Which videos of an index a list shows. `ranges` hold the least and the most of a figure, None for no bound."""

    statuses: tuple[str, ...] = ()
    filename: str | None = None
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    sorting: Sorting = field(default_factory=Sorting)
    metadata: MetadataFilter = field(default_factory=MetadataFilter)


def read_index_task(texts: Mapping[str, str], *, has_file: bool) -> IndexTaskForm:
    """The form of `POST /tasks` but its file. An empty text counts as absent. Raises an `ApiError`."""
    fields = Fields({name: text or None for name, text in texts.items()})
    fields.refuse_unknown(_FORM)
    fields.required("index_id")
    index_id = check_resource_id(fields.needed_text("index_id"), "indexes")
    url = fields.text("video_url")
    if url is not None:
        check_url(url, "video_url")
    if url is None and not has_file:
        raise ParameterNotProvided(p=VIDEO_FILE)
    if url is not None and has_file:
        raise ParameterInvalid(p="video_url", reason=f"It is not accepted with {VIDEO_FILE}.")
    read_flag(fields.text("enable_video_stream"), "enable_video_stream")
    return IndexTaskForm(index_id, url, read_metadata_text(fields.text(_METADATA)))


def read_indexed_asset(body: bytes) -> str:
    """The asset that `POST /indexes/{index_id}/indexed-assets` names. Raises an `ApiError`."""
    fields = read_object(body)
    fields.refuse_unknown(("asset_id", "enable_video_stream"))
    fields.required("asset_id")
    asset_id = check_asset_id(fields.needed_text("asset_id"), "asset_id")
    fields.boolean("enable_video_stream")
    return asset_id


def read_index_task_query(pairs: Iterable[tuple[str, str]]) -> IndexTaskQuery:
    """The filters of `GET /tasks`; `status` may be repeated. Raises an `ApiError`."""
    fields, statuses = _read_pairs(pairs)
    index_id = fields.text("index_id")
    exact = {name: read_number(fields, name) for name in ("duration", "width", "height")}
    return IndexTaskQuery(
        index_id=None if index_id is None else check_resource_id(index_id, "indexes"),
        statuses=statuses,
        filename=read_filter(fields, "filename"),
        exact={name: number for name, number in exact.items() if number is not None},
        sorting=read_sorting(fields),
    )


def read_video_query(pairs: Iterable[tuple[str, str]]) -> VideoQuery:
    """The filters of a list of videos: figures as `duration[gte]=2`, exact without. Raises an `ApiError`."""
    pairs = tuple(pairs)
    fields, statuses = _read_pairs(pairs)
    ranges: dict[str, tuple[float | None, float | None]] = {}
    for name in _RANGES:
        exactly = read_number(fields, name)
        least, most = (read_number(fields, f"{name}[{end}]") for end in _ENDS)
        if (exactly, least, most) != (None, None, None):
            ranges[name] = (least, most) if exactly is None else (exactly, exactly)
    filename, sorting = read_filter(fields, "filename"), read_sorting(fields)
    return VideoQuery(statuses, filename, ranges, sorting, read_metadata_filter(pairs, _NO_METADATA))


def fault_of(
    facts: VideoFacts | None, kind: str | None, shortest: float | None, reason: str | None = None
) -> ApiError | None:
    """What keeps an asset of this kind from being a video of an index (contract 3.1), if anything does.

    `reason` says why a file is nothing that is known.
    """
    if facts is None:
        return VideoFileBroken(reason=reason or f"It is of type {kind}; a video is needed.")
    try:
        check_video(facts, DEFAULT_MODEL, "async", shortest)
    except ApiError as error:
        return error
    return None


def index_task_object(
    *,
    task_id: str,
    video_id: str,
    index_id: str,
    status: str,
    filename: str,
    duration: float | None,
    width: int | None,
    height: int | None,
    error: str | None,
    created_at: datetime,
    updated_at: datetime,
) -> dict[str, Any]:
    """A task that brings a video into an index; figures that are not known yet are absent."""
    system: dict[str, Any] = {"filename": filename}
    known = {
        "duration": None if duration is None else seconds_number(duration),
        "width": width,
        "height": height,
    }
    system |= {name: value for name, value in known.items() if value is not None}
    shown: dict[str, Any] = {
        "_id": task_id,
        "video_id": video_id,
        "index_id": index_id,
        "status": status,
        "created_at": rfc3339(created_at),
        "updated_at": rfc3339(updated_at),
        "system_metadata": system,
    }
    if status == "failed" and error is not None:
        shown["error"] = {"message": error}
    return shown


def video_object(
    *,
    video_id: str,
    asset_id: str,
    filename: str,
    created_at: datetime,
    updated_at: datetime,
    indexed_at: datetime | None,
    figures: Mapping[str, float | int | None],
    user_metadata: Mapping[str, Any] | None,
    status: str | None = None,
    error: str | None = None,
) -> dict[str, Any]:
    """A video of an index; as an indexed asset, it tells its `status`. What is not known yet is absent."""
    shown: dict[str, Any] = {"_id": video_id, "asset_id": asset_id}
    if status is not None:
        shown["status"] = status
    shown |= {"created_at": rfc3339(created_at), "updated_at": rfc3339(updated_at)}
    if indexed_at is not None:
        shown["indexed_at"] = rfc3339(indexed_at)
    known = {
        name: seconds_number(value) if isinstance(value, float) else value
        for name, value in figures.items()
        if value is not None
    }
    shown["system_metadata"] = {"filename": filename, **known}
    if user_metadata:
        shown[_METADATA] = dict(user_metadata)
    if status == "failed" and error is not None:
        shown["error"] = {"message": error}
    return shown


def _read_pairs(pairs: Iterable[tuple[str, str]]) -> tuple[Fields, tuple[str, ...]]:
    """All parameters as fields, empty ones absent, and the repeated `status`."""
    texts: dict[str, str | None] = {}
    statuses: list[str] = []
    for name, text in pairs:
        if name in _STATUS:
            Fields({"status": text}).choice("status", STATUSES)
            statuses.append(text)
        else:
            texts[name] = text or None
    return Fields(texts), tuple(dict.fromkeys(statuses))
