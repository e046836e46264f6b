"""The same as `sdk_python`, for the classic flow: SDKs that know indexes and `video_id`, the oldest ones included."""

import json
import sys
from typing import Any

from twelvelabs import TwelveLabs
from twelvelabs.indexes import IndexesCreateRequestModelsItem


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        client = TwelveLabs(api_key=job["api_key"])
        print(json.dumps([result(client, step) for step in job["steps"]]), flush=True)


def result(client: TwelveLabs, step: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": STEPS[step.pop("do")](client, **step)}
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises is the result
        return {
            "raised": type(error).__name__,
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(error, "status_code", None),
            "body": plain(getattr(error, "body", None)),
            "text": str(error),
        }


def plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value if isinstance(value, dict | list | str | int | float | bool | None) else repr(value)


def create_index(client: TwelveLabs, name: str, model: str = "pegasus1.2") -> Any:
    """As in "Create an index"."""
    index = client.indexes.create(
        index_name=name,
        models=[IndexesCreateRequestModelsItem(model_name=model, model_options=["visual", "audio"])],
    )
    return plain(index)


def upload(client: TwelveLabs, index_id: str, path: str | None = None, url: str | None = None) -> Any:
    """As in "Upload a video": creates the task, and waits with the SDK's own loop."""
    if path is None:
        task = client.tasks.create(index_id=index_id, video_url=url)
    else:
        with open(path, "rb") as file:
            task = client.tasks.create(index_id=index_id, video_file=file)
    seen: list[str] = []
    done = client.tasks.wait_for_done(
        task_id=task.id, sleep_interval=0.1, callback=lambda one: seen.append(one.status)
    )
    return {"made": plain(task), "done": plain(done), "seen": seen}


def analyze(client: TwelveLabs, **given: Any) -> Any:
    return plain(client.analyze(**given))


def analyze_stream(client: TwelveLabs, **given: Any) -> Any:
    return [plain(event) for event in client.analyze_stream(**given)]


def lists(client: TwelveLabs, index_id: str) -> Any:
    """Everything that is listed, page by page, until the SDK stops."""
    return {
        "indexes": [index.id for index in client.indexes.list(page_limit=1)],
        "tasks": [task.id for task in client.tasks.list(page_limit=1, index_id=index_id, status=["ready"])],
        "videos": [video.id for video in client.indexes.videos.list(index_id=index_id, page_limit=1)],
    }


def retrieve(client: TwelveLabs, index_id: str, video_id: str) -> Any:
    return {
        "index": plain(client.indexes.retrieve(index_id)),
        "video": plain(client.indexes.videos.retrieve(index_id, video_id)),
    }


def change(client: TwelveLabs, index_id: str, video_id: str, name: str) -> Any:
    client.indexes.update(index_id, index_name=name)
    client.indexes.videos.update(index_id, video_id, user_metadata={"shelf": "A"})


def filtered(client: TwelveLabs, index_id: str, video_id: str) -> Any:
    """Videos by custom fields: a string, an integer, a float and a boolean, each of which is there, and others."""
    said = {"category": "nature", "batchNumber": 5, "rating": 9.3, "needsReview": True}
    client.indexes.videos.update(index_id, video_id, user_metadata=said)

    def found(**wanted: Any) -> list[Any]:
        listed = client.indexes.videos.list(index_id=index_id, page_limit=1, user_metadata=wanted)
        return [video.id for video in listed]

    others = {"category": "town", "batchNumber": 50, "rating": 9, "needsReview": False}
    return {
        "met": [one for name, value in said.items() for one in found(**{name: value})],
        "not": [one for name, value in others.items() for one in found(**{name: value})],
    }


def clear(client: TwelveLabs, index_id: str, task_id: str, video_id: str) -> Any:
    client.indexes.videos.delete(index_id, video_id)
    client.tasks.delete(task_id)
    client.indexes.delete(index_id)


def index_asset(client: TwelveLabs, index_id: str, asset_id: str) -> Any:
    """As in "Index content" of the SDKs that know assets."""
    made = client.indexes.indexed_assets.create(index_id=index_id, asset_id=asset_id)
    while (one := client.indexes.indexed_assets.retrieve(index_id, made.id)).status not in (
        "ready",
        "failed",
    ):
        pass
    said = {"category": "nature", "batchNumber": 5, "rating": 9.3, "needsReview": True}
    others = {"category": "town", "batchNumber": 50, "rating": 9, "needsReview": False}
    client.indexes.indexed_assets.update(index_id, made.id, user_metadata=said)
    asked = [{name: value} for metadata in (said, others) for name, value in metadata.items()]
    pages = [client.indexes.indexed_assets.list(index_id=index_id, user_metadata=wanted) for wanted in asked]
    return {
        "made": plain(made),
        "done": plain(one),
        "filtered": [one.id for page in pages for one in page],
        "listed": [one.id for one in client.indexes.indexed_assets.list(index_id=index_id, page_limit=1)],
        "by_asset": [one.id for one in client.indexes.indexed_assets.list_by_asset(asset_id)],
    }


STEPS = {
    step.__name__: step
    for step in (
        create_index,
        upload,
        analyze,
        analyze_stream,
        lists,
        retrieve,
        change,
        filtered,
        clear,
        index_asset,
    )
}

if __name__ == "__main__":
    main()
