"""Every route of the server in one table: method, path, who handles it, what it is for."""

from dataclasses import dataclass
from typing import Literal

from kinoscribe.api import (
    analyze,
    asset_views,
    assets,
    health,
    index_tasks,
    indexes,
    multipart,
    receipts,
    tasks,
    videos,
    webhooks,
)
from kinoscribe.api.door import Handler
from kinoscribe.contract.rate_limits import Category


@dataclass(frozen=True, slots=True)
class Route:
    """`limited` names the category that an operator may limit (contract 1.6); a `keyless` route lets in by its URL."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    summary: str
    limited: Category | None = None
    keyless: bool = False


_UPLOADS = "/assets/multipart-uploads"
_UPLOAD = _UPLOADS + "/{upload_id}"
_INDEX = "/indexes/{index_id}"
_INDEXED = _INDEX + "/indexed-assets/{indexed_asset_id}"
_VIDEO = _INDEX + "/videos/{video_id}"

ROUTES = (
    Route("POST", "/analyze", analyze.create, "Analyse a video and answer a prompt", "analyze"),
    Route("POST", "/analyze/tasks", tasks.create, "Have a video analysed in the background", "analyze"),
    Route("GET", "/analyze/tasks", tasks.find, "List analysis tasks, newest first"),
    Route("GET", "/analyze/tasks/{task_id}", tasks.retrieve, "Retrieve an analysis task"),
    Route("DELETE", "/analyze/tasks/{task_id}", tasks.delete, "Delete an analysis task"),
    Route("POST", "/analyze/tasks/{task_id}/cancel", tasks.cancel, "Cancel an analysis task"),
    Route("POST", "/assets", assets.create, "Upload a file, or have it fetched from a URL", "upload"),
    Route("GET", "/assets", assets.find, "List assets, newest first"),
    Route("POST", _UPLOADS, multipart.create, "Begin an upload in chunks", "upload"),
    Route("GET", _UPLOADS, multipart.find, "List uploads that can go on, newest first"),
    Route("GET", _UPLOAD, multipart.retrieve, "Retrieve an upload and its chunks"),
    Route("POST", _UPLOAD, multipart.report, "Report chunks that were sent"),
    Route("POST", f"{_UPLOAD}/presigned-urls", multipart.more_urls, "Get fresh URLs of chunks"),
    Route("PUT", f"{_UPLOAD}/chunks/{{number}}", multipart.put_chunk, "Send a chunk", keyless=True),
    Route("GET", "/assets/{asset_id}", assets.retrieve, "Retrieve an asset"),
    Route("DELETE", "/assets/{asset_id}", assets.delete, "Delete an asset"),
    Route("PATCH", "/assets/{asset_id}/user-metadata", assets.merge_metadata, "Merge user metadata"),
    Route("PUT", "/assets/{asset_id}/user-metadata", assets.replace_metadata, "Replace user metadata"),
    Route("DELETE", "/assets/{asset_id}/user-metadata", assets.clear_metadata, "Clear user metadata"),
    Route("GET", "/assets/{asset_id}/transcription", asset_views.transcription, "Retrieve what is said"),
    Route(
        "GET",
        "/assets/{asset_id}/thumbnail",
        asset_views.thumbnail,
        "Get the picture of an asset",
        keyless=True,
    ),
    Route("GET", "/assets/{asset_id}/indexed-assets", videos.of_asset, "List where an asset is indexed"),
    Route("POST", "/indexes", indexes.create, "Create an index"),
    Route("GET", "/indexes", indexes.find, "List indexes"),
    Route("GET", _INDEX, indexes.retrieve, "Retrieve an index"),
    Route("PUT", _INDEX, indexes.rename, "Rename an index"),
    Route("DELETE", _INDEX, indexes.delete, "Delete an index and its videos"),
    Route("POST", f"{_INDEX}/indexed-assets", videos.index_asset, "Put an asset into an index", "index"),
    Route("GET", f"{_INDEX}/indexed-assets", videos.find_indexed, "List the assets of an index"),
    Route("GET", _INDEXED, videos.retrieve_indexed, "Retrieve an asset of an index"),
    Route("PATCH", _INDEXED, videos.change_indexed, "Merge user metadata of an indexed asset"),
    Route("DELETE", _INDEXED, videos.delete_indexed, "Take an asset out of an index"),
    Route("GET", f"{_INDEX}/videos", videos.find, "List the ready videos of an index"),
    Route("GET", _VIDEO, videos.retrieve, "Retrieve a video of an index"),
    Route("PATCH", _VIDEO, videos.change, "Merge user metadata of a video"),
    Route("DELETE", _VIDEO, videos.delete, "Delete a video of an index"),
    Route("POST", "/tasks", index_tasks.create, "Upload a video into an index", "index"),
    Route("GET", "/tasks", index_tasks.find, "List the tasks that bring videos into indexes"),
    Route("GET", "/tasks/{task_id}", index_tasks.retrieve, "Retrieve such a task"),
    Route("DELETE", "/tasks/{task_id}", index_tasks.delete, "Delete such a task"),
    Route("GET", "/models", health.models, "List the model names and what answers to them"),
    Route("POST", "/webhooks", webhooks.create, "Have the ends of tasks told to a URL"),
    Route("GET", "/webhooks", webhooks.find, "List webhooks, oldest first"),
    Route("GET", "/webhooks/{webhook_id}", webhooks.retrieve, "Retrieve a webhook"),
    Route("DELETE", "/webhooks/{webhook_id}", webhooks.delete, "Remove a webhook"),
    Route("POST", "/webhooks/{webhook_id}/test", webhooks.test, "Send a test event to a webhook"),
    Route("GET", "/webhooks/{webhook_id}/deliveries", webhooks.deliveries, "List what a webhook was sent"),
    Route("GET", "/receipts/{generation_id}", receipts.retrieve, "Retrieve the receipt of an answer"),
)

# Routes of the original API that this version leaves out (contract 16): they answer 404 `endpoint_not_supported`.
LEFT_OUT = (
    "/analyze/batches",
    "/tasks/transfers",
    "/search",
    "/embed",
    "/embed-v2",
    "/generate",
    "/gist",
    "/summarize",
    "/entity-collections",
    "/knowledge-stores",
)
