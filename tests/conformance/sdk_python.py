"""Runs inside an environment that has the official Python SDK: lines of steps come in, lines of results go out."""

import asyncio
import json
import sys
import time
from typing import Any

import twelvelabs
from twelvelabs import AsyncTwelveLabs, TwelveLabs
from twelvelabs.types import VideoContext_AssetId, VideoContext_Base64String, VideoContext_Url


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        client = TwelveLabs(api_key=job["api_key"])
        print(json.dumps([result(client, step) for step in job["steps"]]), flush=True)


def result(client: TwelveLabs, step: dict[str, Any]) -> dict[str, Any]:
    got: list[Any] = []
    try:
        return {"value": STEPS[step.pop("do")](client, got, **step)}
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises is the result
        return {
            "raised": type(error).__name__,
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(error, "status_code", None),
            "body": plain(getattr(error, "body", None)),
            "text": str(error),
            "got": got,
        }


def plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value if isinstance(value, dict | list | str | int | float | bool | None) else repr(value)


def video(source: dict[str, Any]) -> Any:
    match source["type"]:
        case "url":
            return VideoContext_Url(url=source["url"])
        case "asset_id":
            return VideoContext_AssetId(asset_id=source["asset_id"])
        case _:
            return VideoContext_Base64String(base_64_string=source["base64_string"])


def arguments(given: dict[str, Any]) -> dict[str, Any]:
    return {name: video(value) if name == "video" else value for name, value in given.items()}


def analyze(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    return plain(client.analyze(**arguments(given)))


def analyze_stream(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    started = time.monotonic()
    for event in client.analyze_stream(**arguments(given)):
        got.append({**plain(event), "after": time.monotonic() - started})
    return got


def analyze_async(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    """The same question whole and streamed, with the asynchronous client."""

    async def ask() -> Any:
        later = AsyncTwelveLabs(api_key=client._client_wrapper.api_key)
        async for event in later.analyze_stream(**arguments(given)):
            got.append(plain(event))
        return {"events": got, "whole": plain(await later.analyze(**arguments(given)))}

    return asyncio.run(ask())


def create_asset(
    client: TwelveLabs, got: list[Any], path: str | None = None, whole: bool = False, **given: Any
) -> Any:
    if path is None:
        return plain(client.assets.create(**given))
    with open(path, "rb") as file:
        return plain(client.assets.create(file=file.read() if whole else file, **given))


def retrieve_asset(client: TwelveLabs, got: list[Any], asset_id: str) -> Any:
    return plain(client.assets.retrieve(asset_id))


def ready_asset(client: TwelveLabs, got: list[Any], asset_id: str) -> Any:
    for _ in range(150):
        asset = client.assets.retrieve(asset_id)
        if asset.status != "processing":
            return plain(asset)
        time.sleep(0.2)
    raise TimeoutError(asset_id)


def list_assets(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    return [asset.id for asset in client.assets.list(**given)]


def delete_asset(client: TwelveLabs, got: list[Any], asset_id: str, **given: Any) -> Any:
    return client.assets.delete(asset_id, **given)


def user_metadata(client: TwelveLabs, got: list[Any], how: str, asset_id: str, **given: Any) -> Any:
    return getattr(client.assets, f"{how}_user_metadata")(asset_id, **given)


def upload_file(client: TwelveLabs, got: list[Any], path: str, **given: Any) -> Any:
    """Tells of the progress that the SDK reports beside its result."""
    result = client.multipart_upload.upload_file(
        path, progress_callback=lambda progress: got.append(plain(progress)), **given
    )
    return {"result": plain(result), "progress": got}


def begin_upload(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    return plain(client.multipart_upload.create(**given))


def list_uploads(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    return [upload.upload_id for upload in client.multipart_upload.list_incomplete_uploads(**given)]


def upload_chunks(client: TwelveLabs, got: list[Any], upload_id: str, **given: Any) -> Any:
    return [plain(chunk) for chunk in client.multipart_upload.get_status(upload_id, **given)]


def wait_for_upload(client: TwelveLabs, got: list[Any], upload_id: str) -> Any:
    waited = client.multipart_upload.wait_for_upload_completion(
        upload_id, sleep_interval=0.1, max_wait_time=20
    )
    return plain(waited)


def create_task(
    client: TwelveLabs, got: list[Any], headers: dict[str, str] | None = None, **given: Any
) -> Any:
    options = {"request_options": {"additional_headers": headers}} if headers else {}
    return plain(client.analyze_async.tasks.create(**arguments(given), **options))


def retrieve_task(client: TwelveLabs, got: list[Any], task_id: str) -> Any:
    return plain(client.analyze_async.tasks.retrieve(task_id))


def finished_task(client: TwelveLabs, got: list[Any], task_id: str) -> Any:
    """Polls as the documented examples do."""
    for _ in range(300):
        task = client.analyze_async.tasks.retrieve(task_id)
        if task.status in ("ready", "failed", "canceled"):
            return plain(task)
        time.sleep(0.1)
    raise TimeoutError(task_id)


def list_tasks(client: TwelveLabs, got: list[Any], **given: Any) -> Any:
    """One page: this call is not one of those that the SDK turns into pages by itself."""
    return plain(client.analyze_async.tasks.list(**given))


def delete_task(client: TwelveLabs, got: list[Any], task_id: str) -> Any:
    return client.analyze_async.tasks.delete(task_id)


def cancel_task(client: TwelveLabs, got: list[Any], task_id: str) -> Any:
    return plain(client.analyze_async.tasks.cancel(task_id))


def patient_analyze(client: TwelveLabs, got: list[Any], max_retries: int, **given: Any) -> Any:
    """Asks again by itself when it is told to wait."""
    started = time.monotonic()
    told = client.analyze(**arguments(given), request_options={"max_retries": max_retries})
    return {"answer": plain(told), "after": time.monotonic() - started}


def version(client: TwelveLabs, got: list[Any]) -> Any:
    return twelvelabs.__version__


STEPS = {
    step.__name__: step
    for step in (
        analyze,
        analyze_stream,
        analyze_async,
        create_asset,
        retrieve_asset,
        ready_asset,
        list_assets,
        delete_asset,
        user_metadata,
        upload_file,
        begin_upload,
        list_uploads,
        upload_chunks,
        wait_for_upload,
        create_task,
        retrieve_task,
        finished_task,
        list_tasks,
        delete_task,
        cancel_task,
        patient_analyze,
        version,
    )
}

if __name__ == "__main__":
    main()
