"""Says in JSON Schema what the routes of indexes, their videos and their tasks take and give."""

from typing import Any

from kinoscribe.api.shapes import FORM, METADATA, PAGE, TIME, Json, Shape, by_text, by_texts, listed
from kinoscribe.contract.indexes import FAMILIES, MODEL_OPTIONS
from kinoscribe.contract.limits import INDEX_ADDONS, INDEX_MODELS, INDEX_NAME
from kinoscribe.contract.transcription import PARTS
from kinoscribe.contract.videos import STATUSES

_ID: Json = {"type": "string"}
_NAME: Json = {"type": "string", "minLength": 1, "maxLength": INDEX_NAME}
_MODEL: Json = {
    "type": "object",
    "required": ["model_name", "model_options"],
    "properties": {
        "model_name": {"type": "string", "pattern": "^(pegasus1\\.2|marengo.*)$"},
        "model_options": {"type": "array", "items": {"enum": list(MODEL_OPTIONS)}, "minItems": 1},
    },
}
_INDEX_BODY: Json = {
    "type": "object",
    "required": ["index_name", "models"],
    "additionalProperties": False,
    "properties": {
        "index_name": _NAME,
        "models": {"type": "array", "items": _MODEL, "minItems": 1, "maxItems": INDEX_MODELS},
        "addons": {"type": "array", "items": {"type": "string"}, "maxItems": INDEX_ADDONS},
    },
}
_RENAMED: Json = {
    "type": "object",
    "required": ["index_name"],
    "additionalProperties": False,
    "properties": {"index_name": _NAME},
}
_INDEX: Json = {
    "type": "object",
    "required": [
        "_id",
        "index_name",
        "models",
        "addons",
        "video_count",
        "total_duration",
        "created_at",
        "updated_at",
        "expires_at",
    ],
    "properties": {
        "_id": _ID,
        "index_name": {"type": "string"},
        "models": {"type": "array", "items": _MODEL},
        "addons": {"type": "array", "items": {"type": "string"}},
        "video_count": {"type": "integer", "minimum": 0},
        "total_duration": {"type": "number", "minimum": 0},
        "created_at": TIME,
        "updated_at": TIME,
        "expires_at": {"type": "null"},
    },
}
_SYSTEM: Json = {
    "type": "object",
    "required": ["filename"],
    "properties": {
        "filename": {"type": "string"},
        "duration": {"type": "number"},
        "fps": {"type": "number"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "size": {"type": "integer"},
    },
}
_VIDEO: Json = {
    "type": "object",
    "required": ["_id", "asset_id", "created_at", "updated_at", "system_metadata"],
    "properties": {
        "_id": _ID,
        "asset_id": _ID,
        "created_at": TIME,
        "updated_at": TIME,
        "indexed_at": TIME,
        "system_metadata": _SYSTEM,
        "user_metadata": {"type": "object"},
    },
}
_ERROR: Json = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
_INDEXED: Json = {
    **_VIDEO,
    "required": [*_VIDEO["required"], "status"],
    "properties": {**_VIDEO["properties"], "status": {"enum": list(STATUSES)}, "error": _ERROR},
}
_TASK: Json = {
    "type": "object",
    "required": ["_id", "video_id", "index_id", "status", "created_at", "updated_at", "system_metadata"],
    "properties": {
        "_id": _ID,
        "video_id": _ID,
        "index_id": _ID,
        "status": {"enum": list(STATUSES)},
        "created_at": TIME,
        "updated_at": TIME,
        "system_metadata": _SYSTEM,
        "error": _ERROR,
    },
}
_TASK_FORM: Json = {
    "type": "object",
    "required": ["index_id"],
    "properties": {
        "index_id": _ID,
        "video_file": {"type": "string", "format": "binary"},
        "video_url": {"type": "string"},
        "enable_video_stream": {"type": "string", "enum": ["true", "false"]},
        "user_metadata": {"type": "string"},
    },
}
_ASSET_BODY: Json = {
    "type": "object",
    "required": ["asset_id"],
    "additionalProperties": False,
    "properties": {"asset_id": _ID, "enable_video_stream": {"type": "boolean"}},
}
_WHERE: Json = {
    "type": "object",
    "required": ["_id", "index"],
    "properties": {
        "_id": _ID,
        "index": {
            "type": "object",
            "required": ["_id", "name"],
            "properties": {"_id": _ID, "name": {"type": "string"}},
        },
    },
}


_SAID: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["start", "end", "value"],
        "properties": {
            "start": {"type": "number"},
            "end": {"type": "number"},
            "value": {"type": "string"},
        },
    },
}
_TRANSCRIPTION: Json = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["pending", "processing", "ready", "failed"]},
        **dict.fromkeys(PARTS, _SAID),
        "error": _ERROR,
    },
}


def _made(*names: str) -> Json:
    """An answer of ids alone."""
    return {"type": "object", "required": list(names), "properties": dict.fromkeys(names, _ID)}


def _number(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "number", "minimum": 0}}


_SORTING = [
    by_text("sort_by", enum=["created_at", "updated_at"]),
    by_text("sort_option", enum=["asc", "desc"]),
    by_text("created_at", format="date-time"),
    by_text("updated_at", format="date-time"),
]
_INDEX_QUERY = [
    *PAGE,
    *_SORTING,
    by_text("index_name"),
    by_text("model_family", enum=list(FAMILIES)),
    by_text("model_options"),
]
_RANGES = [
    _number(f"{name}[{end}]")
    for name in ("duration", "fps", "width", "height", "size")
    for end in ("gte", "lte")
]
_VIDEO_QUERY = [*PAGE, *_SORTING, by_text("filename"), *_RANGES]
_TASK_QUERY = [
    *PAGE,
    *_SORTING,
    by_text("index_id"),
    by_texts("status"),
    by_text("filename"),
    *(_number(name) for name in ("duration", "width", "height")),
]
_ONE: dict[str, Any] = {"status": "204"}

INDEX_SHAPES: dict[tuple[str, str], Shape] = {
    ("POST", "/indexes"): Shape(_made("_id"), "201", _INDEX_BODY),
    ("GET", "/indexes"): Shape(listed(_INDEX), query=_INDEX_QUERY),
    ("GET", "/indexes/{index_id}"): Shape(_INDEX),
    ("PUT", "/indexes/{index_id}"): Shape(**_ONE, body=_RENAMED),
    ("DELETE", "/indexes/{index_id}"): Shape(**_ONE),
    ("POST", "/indexes/{index_id}/indexed-assets"): Shape(_made("_id", "asset_id"), "202", _ASSET_BODY),
    ("GET", "/indexes/{index_id}/indexed-assets"): Shape(
        listed(_INDEXED), query=[*_VIDEO_QUERY, by_texts("status")]
    ),
    ("GET", "/indexes/{index_id}/indexed-assets/{indexed_asset_id}"): Shape(_INDEXED),
    ("PATCH", "/indexes/{index_id}/indexed-assets/{indexed_asset_id}"): Shape(**_ONE, body=METADATA),
    ("DELETE", "/indexes/{index_id}/indexed-assets/{indexed_asset_id}"): Shape(**_ONE),
    ("GET", "/indexes/{index_id}/videos"): Shape(listed(_VIDEO), query=_VIDEO_QUERY),
    ("GET", "/indexes/{index_id}/videos/{video_id}"): Shape(_VIDEO),
    ("PATCH", "/indexes/{index_id}/videos/{video_id}"): Shape(**_ONE, body=METADATA),
    ("DELETE", "/indexes/{index_id}/videos/{video_id}"): Shape(**_ONE),
    ("GET", "/assets/{asset_id}/transcription"): Shape(_TRANSCRIPTION, query=[by_texts("include")]),
    ("GET", "/assets/{asset_id}/thumbnail"): Shape(
        {"type": "string", "format": "binary"},
        query=[by_text("expires"), by_text("signature")],
        answer_type="image/jpeg",
    ),
    ("GET", "/assets/{asset_id}/indexed-assets"): Shape(listed(_WHERE), query=list(PAGE)),
    ("POST", "/tasks"): Shape(_made("_id", "video_id"), "200", _TASK_FORM, FORM, takes_key=True),
    ("GET", "/tasks"): Shape(listed(_TASK), query=_TASK_QUERY),
    ("GET", "/tasks/{task_id}"): Shape(_TASK),
    ("DELETE", "/tasks/{task_id}"): Shape(**_ONE),
}
