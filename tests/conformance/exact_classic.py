"""The strict reading of indexes, their videos and their tasks."""

import json
from typing import Any, ClassVar, Literal, Self, TypeVar

import httpx2
from pydantic import Field, model_validator
from tests.conformance.exact import Count, Exact, Id, Name, PageInfo, Scalar, Time, Warned

Model = Literal["visual", "audio"]
T = TypeVar("T", bound=Exact)
State = Literal["uploading", "validating", "pending", "queued", "indexing", "ready", "failed"]


class IndexModel(Exact):
    model_name: Name
    model_options: list[Model] = Field(min_length=1)


class Index(Exact):
    null_allowed: ClassVar[frozenset[str]] = frozenset({"expires_at"})

    id: Id = Field(alias="_id")
    index_name: Name
    models: list[IndexModel] = Field(min_length=1)
    addons: list[str]
    video_count: Count
    total_duration: float = Field(ge=0)
    created_at: Time
    updated_at: Time
    expires_at: None


class TaskSystem(Exact):
    filename: Name
    duration: float | None = None
    width: Count | None = None
    height: Count | None = None


class VideoSystem(TaskSystem):
    fps: float | None = None
    size: Count | None = None


class IndexTask(Exact):
    id: Id = Field(alias="_id")
    video_id: Id
    index_id: Id
    status: State
    created_at: Time
    updated_at: Time
    system_metadata: TaskSystem
    error: Warned | None = None

    @model_validator(mode="after")
    def _fits_its_status(self) -> Self:
        assert (self.error is not None) == (self.status == "failed")
        assert self.status != "ready" or self.system_metadata.duration is not None
        return self


class Video(Exact):
    id: Id = Field(alias="_id")
    asset_id: Id
    created_at: Time
    updated_at: Time
    indexed_at: Time | None = None
    system_metadata: VideoSystem
    user_metadata: dict[str, Scalar] | None = None


class IndexedAsset(Video):
    status: State
    error: Warned | None = None

    @model_validator(mode="after")
    def _fits_its_status(self) -> Self:
        assert (self.error is not None) == (self.status == "failed")
        assert (self.indexed_at is not None) == (self.status == "ready")
        return self


class MadeTask(Exact):
    id: Id = Field(alias="_id")
    video_id: Id


class MadeIndexed(Exact):
    id: Id = Field(alias="_id")
    asset_id: Id


class Where(Exact):
    class Named(Exact):
        id: Id = Field(alias="_id")
        name: Name

    id: Id = Field(alias="_id")
    index: Named


class IndexPage(Exact):
    data: list[Index]
    page_info: PageInfo


class IndexTaskPage(Exact):
    data: list[IndexTask]
    page_info: PageInfo


class VideoPage(Exact):
    data: list[Video]
    page_info: PageInfo


class IndexedAssetPage(Exact):
    data: list[IndexedAsset]
    page_info: PageInfo


class WherePage(Exact):
    data: list[Where]
    page_info: PageInfo


class EventModel(Exact):
    name: Name
    options: list[Model]


class EventMetadata(Exact):
    duration: float | None = None


class IndexEventData(Exact):
    id: Id
    metadata: EventMetadata
    status: Literal["ready", "failed"]
    models: list[EventModel]
    tags: list[Any] = Field(max_length=0)


class IndexEvent(Exact):
    id: str = Field(pattern=r"^whe_[0-9a-zA-Z]{32}$")
    created_at: Time
    type: Literal["index.task.ready", "index.task.failed"]
    data: IndexEventData

    @model_validator(mode="after")
    def _fits(self) -> Self:
        assert self.type.endswith(self.data.status)
        return self


def read(kind: type[T], response: httpx2.Response, status: int = 200) -> T:
    """The body of an answer with this status, strictly read."""
    assert response.status_code == status, response.text
    return kind.model_validate(json.loads(response.content))
