"""The same strict reading of what the routes of uploads in chunks answer."""

from typing import Annotated, Literal, Self

import httpx2
from pydantic import Field, model_validator
from tests.conformance.exact import Count, Exact, Id, Name, PageInfo, Time, is_json

Number = Annotated[int, Field(ge=1)]


class ChunkUrl(Exact):
    chunk_index: Number
    url: Annotated[str, Field(pattern=r"^https?://[^/]+/.+")]
    expires_at: Time


class Opened(Exact):
    upload_id: Id
    asset_id: Id
    upload_urls: list[ChunkUrl]
    upload_headers: dict[str, str]
    chunk_size: Number
    total_chunks: Number
    expires_at: Time

    @model_validator(mode="after")
    def _starts_at_the_first(self) -> Self:
        numbers = [url.chunk_index for url in self.upload_urls]
        assert numbers == list(range(1, len(numbers) + 1))
        assert 1 <= len(numbers) <= self.total_chunks
        return self


class MoreUrls(Exact):
    upload_id: Id
    start_index: Number
    count: Annotated[int, Field(ge=1, le=50)]
    upload_urls: list[ChunkUrl]
    generated_at: Time
    expires_at: Time

    @model_validator(mode="after")
    def _are_those_asked_for(self) -> Self:
        numbers = [url.chunk_index for url in self.upload_urls]
        assert numbers == list(range(self.start_index, self.start_index + self.count))
        assert {url.expires_at for url in self.upload_urls} == {self.expires_at}
        return self


class Reported(Exact):
    asset_id: Id
    processed_chunks: Count
    duplicate_chunks: Count
    total_completed: Count
    url: Annotated[str, Field(pattern=r"^https?://[^/]+/.+")] | None = None


class ChunkState(Exact):
    null_allowed = frozenset({"uploaded_at"})

    index: Number
    status: Literal["completed", "pending", "failed"]
    uploaded_at: Time | None
    updated_at: Time
    error: Name | None = None

    @model_validator(mode="after")
    def _fits_its_status(self) -> Self:
        assert (self.uploaded_at is not None) == (self.status == "completed")
        assert (self.error is not None) == (self.status == "failed")
        return self


class UploadState(Exact):
    upload_id: Id
    status: Literal["active", "completed", "failed", "expired"]
    uploaded_chunks: list[ChunkState]
    chunks_completed: Count
    chunks_failed: Count
    chunks_pending: Count
    page_info: PageInfo
    total_size: Number
    uploaded_size: Count
    created_at: Time
    updated_at: Time

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        counted = self.chunks_completed + self.chunks_failed + self.chunks_pending
        assert counted == self.page_info.total_results
        assert self.uploaded_size <= self.total_size
        assert (self.status == "completed") == (self.chunks_completed == counted)
        assert self.updated_at >= self.created_at
        return self


class UploadSummary(Exact):
    upload_id: Id
    status: Literal["active", "completed", "failed", "expired"]
    total_size: Number
    chunk_size: Number
    total_chunks: Number
    created_at: Time
    expires_at: Time


class UploadPage(Exact):
    data: list[UploadSummary]
    page_info: PageInfo


def opened(response: httpx2.Response) -> Opened:
    assert response.status_code == 201, response.text
    assert is_json(response)
    assert response.headers["x-api-version"] == "v1.3"
    return Opened.model_validate_json(response.content)


def more_urls(response: httpx2.Response) -> MoreUrls:
    assert response.status_code == 200, response.text
    return MoreUrls.model_validate_json(response.content)


def reported(response: httpx2.Response) -> Reported:
    assert response.status_code == 200, response.text
    return Reported.model_validate_json(response.content)


def upload_state(response: httpx2.Response) -> UploadState:
    assert response.status_code == 200, response.text
    return UploadState.model_validate_json(response.content)


def upload_page(response: httpx2.Response) -> UploadPage:
    assert response.status_code == 200, response.text
    return UploadPage.model_validate_json(response.content)
