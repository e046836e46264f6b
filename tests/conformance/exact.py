"""A strict reading of the wire: no key too many, none too few, no loose types. Knows nothing of the product's code."""

import json
import re
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx2
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
Name = Annotated[str, StringConstraints(min_length=1)]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Count = Annotated[int, Field(ge=0)]


class Exact(BaseModel):
    """A key that may be left out is left out: it is never sent as null, unless `null_allowed` names it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    null_allowed: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _no_null(self) -> Self:
        nulls = {name for name in self.model_fields_set if getattr(self, name) is None}
        assert nulls <= self.null_allowed, f"sent as null: {sorted(nulls - self.null_allowed)}"
        return self


class FlatError(Exact):
    code: Name
    message: Name
    docs_url: str | None = None


class InnerError(Exact):
    code: Name
    message: Name
    details: dict[str, Any] | None = None


class BothError(Exact):
    """The errors under /analyze/tasks and /analyze/batches: flat and nested at once."""

    code: Name
    message: Name
    error: InnerError
    docs_url: str | None = None

    @model_validator(mode="after")
    def _equal(self) -> Self:
        assert (self.code, self.message) == (self.error.code, self.error.message)
        return self


class Warned(Exact):
    message: Name
    code: Name | None = None


class Usage(Exact):
    output_tokens: Count
    input_tokens: Count


class Answer(Exact):
    """A finished answer of `POST /analyze` without a stream."""

    id: Name
    data: str
    finish_reason: Literal["stop", "length"]
    usage: Usage
    error: Warned | None = None

    @model_validator(mode="after")
    def _warned_when_cut(self) -> Self:
        assert (self.error is not None) == (self.finish_reason == "length")
        return self


class StartMetadata(Exact):
    generation_id: Name


class EndMetadata(Exact):
    generation_id: Name
    usage: Usage


class StreamStart(Exact):
    event_type: Literal["stream_start"]
    metadata: StartMetadata


class TextGeneration(Exact):
    event_type: Literal["text_generation"]
    text: Name


class StreamEnd(Exact):
    null_allowed = frozenset({"finish_reason"})

    event_type: Literal["stream_end"]
    finish_reason: Literal["stop", "length"] | None
    metadata: EndMetadata
    error: Warned | None = None

    @model_validator(mode="after")
    def _error_unless_stop(self) -> Self:
        assert (self.error is None) == (self.finish_reason == "stop")
        return self


Event = Annotated[StreamStart | TextGeneration | StreamEnd, Field(discriminator="event_type")]
_EVENT: TypeAdapter[StreamStart | TextGeneration | StreamEnd] = TypeAdapter(Event)


class Stream(BaseModel):
    """A whole stream: one start, texts, one end, and how many empty lines stood between them."""

    start: StreamStart
    texts: list[TextGeneration]
    end: StreamEnd
    empty_lines: int

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.texts)


def read_line(line: bytes) -> StreamStart | TextGeneration | StreamEnd:
    assert line.isascii()
    return _EVENT.validate_json(line)


def read_stream(body: bytes) -> Stream:
    """Reads an NDJSON body; every departure from the grammar is an assertion error."""
    assert body.isascii(), "a stream is ASCII"
    assert body.endswith(b"\n"), "the last line ends like every other"
    assert b"\r" not in body
    lines = body[:-1].split(b"\n")
    first, *middle, last = [read_line(line) for line in lines if line]
    assert isinstance(first, StreamStart)
    assert isinstance(last, StreamEnd)
    texts = [part for part in middle if isinstance(part, TextGeneration)]
    assert len(texts) == len(middle), "one start, one end"
    assert lines[-1], "nothing follows the end"
    assert first.metadata.generation_id == last.metadata.generation_id
    return Stream(start=first, texts=texts, end=last, empty_lines=lines.count(b""))


Scalar = str | bool | int | float | list[str]


class TechnicalMetadata(Exact):
    file_size_bytes: Count | None = None
    file_mime_type: str | None = None
    file_container_format: str | None = None
    video_codec: str | None = None
    video_width: Count | None = None
    video_height: Count | None = None
    video_fps: float | None = None
    video_duration_seconds: float | None = None
    video_bitrate_bps: Count | None = None
    audio_codec: str | None = None
    audio_sample_rate: Count | None = None
    audio_channels: Count | None = None
    audio_duration_seconds: float | None = None
    has_audio: bool | None = None
    total_video_streams: Count | None = None
    total_audio_streams: Count | None = None
    image_width: Count | None = None
    image_height: Count | None = None


class Thumbnail(Exact):
    representative_url: Name
    status: Literal["ready"]


class AssetFailure(Exact):
    message: Name


class Asset(Exact):
    id: Id = Field(alias="_id")
    method: Literal["direct", "url", "multipart"]
    status: Literal["processing", "ready", "failed"]
    filename: Name
    file_type: str
    created_at: Time
    user_metadata: dict[str, Scalar] | None = None
    size: Count | None = None
    duration: float | None = None
    technical_metadata: TechnicalMetadata | None = None
    thumbnail: Thumbnail | None = None
    error: AssetFailure | None = None

    @model_validator(mode="after")
    def _fits_its_status(self) -> Self:
        assert (self.error is not None) == (self.status == "failed")
        if self.status == "ready":
            assert self.size is not None
        return self


class PageInfo(Exact):
    limit_per_page: Annotated[int, Field(ge=1, le=50)]
    page: Annotated[int, Field(ge=1)]
    total_page: Count
    total_results: Count

    @model_validator(mode="after")
    def _pages(self) -> Self:
        assert self.total_page == -(-self.total_results // self.limit_per_page)
        return self


class AssetPage(Exact):
    data: list[Asset]
    page_info: PageInfo


def is_json(response: httpx2.Response) -> bool:
    return bool(re.fullmatch(r"application/json(; *charset=utf-8)?", response.headers["content-type"], re.I))


def refusal(response: httpx2.Response, status: int, code: str, *named: str) -> FlatError:
    """Checks that `response` is exactly this refusal in the flat form and that its message names each of `named`."""
    assert response.status_code == status, response.text
    assert is_json(response)
    assert response.headers["x-api-version"] == "v1.3"
    error = FlatError.model_validate(json.loads(response.content))
    assert error.code == code, error
    for name in named:
        assert name in error.message, error
    _says_nothing_of_our_insides(error.message)
    return error


def both_shapes(response: httpx2.Response, status: int, code: str) -> BothError:
    """The same for the routes whose errors are flat and nested at once."""
    assert response.status_code == status, response.text
    assert is_json(response)
    assert response.headers["x-api-version"] == "v1.3"
    error = BothError.model_validate(json.loads(response.content))
    assert error.code == code, error
    return error


def answer(response: httpx2.Response) -> Answer:
    assert response.status_code == 200, response.text
    assert is_json(response)
    assert response.headers["x-api-version"] == "v1.3"
    return Answer.model_validate_json(response.content)


def stream(response: httpx2.Response) -> Stream:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].split(";")[0] == "application/x-ndjson"
    assert response.headers["x-api-version"] == "v1.3"
    return read_stream(response.content)


def _says_nothing_of_our_insides(message: str) -> None:
    for inside in ("Traceback", 'File "', "site-packages", "/src/", "kinoscribe.", "sqlalchemy", "pydantic"):
        assert inside not in message, message
