"""Says in JSON Schema what the routes take and give, for the OpenAPI document."""

from dataclasses import dataclass, field
from typing import Any

from kinoscribe.contract.analyze import ANALYSIS_MODES
from kinoscribe.contract.limits import DEFAULT_PAGE_LIMIT, MODELS, PAGE_LIMIT
from kinoscribe.contract.tasks import STATUSES
from kinoscribe.contract.webhooks import EVENTS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a route takes and gives when all is well. `takes_key` says that it heeds an `Idempotency-Key`."""

    answer: Json | None = None
    status: str = "200"
    body: Json | None = None
    body_type: str = "application/json"
    answer_type: str = "application/json"
    query: list[Json] = field(default_factory=list)
    takes_key: bool = False
    streams: bool = False


ERROR: Json = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
BOTH_ERROR: Json = {
    "type": "object",
    "required": ["code", "message", "error"],
    "properties": {**ERROR["properties"], "error": ERROR},
}
VIDEO: Json = {
    "oneOf": [
        {
            "type": "object",
            "required": ["type", field],
            "properties": {"type": {"const": kind}, field: {"type": "string", "minLength": 1}},
        }
        for kind, field in (("url", "url"), ("asset_id", "asset_id"), ("base64_string", "base64_string"))
    ]
}
ANALYZE: Json = {
    "type": "object",
    "anyOf": [{"required": ["video"]}, {"required": ["video_id"]}],
    "additionalProperties": False,
    "properties": {
        "model_name": {"type": "string", "enum": list(MODELS)},
        "video": VIDEO,
        "video_id": {"type": "string", "minLength": 1},
        "prompt": {"type": "string", "minLength": 1},
        "prompt_v2": {
            "type": "object",
            "required": ["input_text"],
            "properties": {"input_text": {"type": "string", "minLength": 1}},
        },
        "temperature": {"type": "number", "minimum": 0, "maximum": 1},
        "stream": {"type": "boolean", "default": True},
        "response_format": {
            "type": "object",
            "required": ["type", "json_schema"],
            "properties": {"type": {"const": "json_schema"}, "json_schema": {"type": "object"}},
        },
        "max_tokens": {"type": "integer", "minimum": 1},
        "start_time": {"type": "number", "minimum": 0},
        "end_time": {"type": "number", "minimum": 0},
    },
}
TASK_BODY: Json = {
    "type": "object",
    "anyOf": ANALYZE["anyOf"],
    "additionalProperties": False,
    "properties": {
        **{name: part for name, part in ANALYZE["properties"].items() if name != "stream"},
        "custom_id": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
        "analysis_mode": {"type": "string", "enum": list(ANALYSIS_MODES), "default": "general"},
        "max_tokens": {"oneOf": [{"type": "integer", "minimum": 1}, {"const": "unlimited"}]},
        "response_format": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["json_schema", "segment_definitions"]},
                "json_schema": {"type": "object"},
                "segment_definitions": {"type": "array", "items": {"type": "object"}},
                "segment_time_format": {"enum": ["seconds", "hh:mm:ss", "hh:mm:ss.fff"]},
            },
        },
        "min_segment_duration": {"type": "number", "minimum": 2},
        "max_segment_duration": {"type": "number", "minimum": 2},
    },
}
USAGE: Json = {
    "type": "object",
    "required": ["output_tokens", "input_tokens"],
    "properties": {"output_tokens": {"type": "integer"}, "input_tokens": {"type": "integer"}},
}
ANSWER: Json = {
    "type": "object",
    "required": ["id", "data", "finish_reason", "usage"],
    "properties": {
        "id": {"type": "string"},
        "data": {"type": "string"},
        "finish_reason": {"type": "string", "enum": ["stop", "length"]},
        "usage": USAGE,
        "error": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}},
    },
}
ASSET: Json = {
    "type": "object",
    "required": ["_id", "method", "status", "filename", "file_type", "created_at"],
    "properties": {
        "_id": {"type": "string"},
        "method": {"enum": ["direct", "url", "multipart"]},
        "status": {"enum": ["processing", "ready", "failed"]},
        "filename": {"type": "string"},
        "file_type": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
    },
}
UPLOAD: Json = {
    "type": "object",
    "required": ["method"],
    "properties": {
        "method": {"type": "string", "enum": ["direct", "url"]},
        "file": {"type": "string", "format": "binary"},
        "url": {"type": "string"},
        "filename": {"type": "string"},
        "user_metadata": {"type": "string"},
        "enable_hls": {"type": "string", "enum": ["true", "false"]},
        "enable_thumbnail": {"type": "string", "enum": ["true", "false"]},
    },
}
TIME: Json = {"type": "string", "format": "date-time"}
_MESSAGE: Json = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
}
CREATED: Json = {
    "type": "object",
    "required": ["task_id", "status"],
    "additionalProperties": False,
    "properties": {"task_id": {"type": "string"}, "status": {"const": "queued"}},
}
CANCELED: Json = {
    "type": "object",
    "required": ["task_id", "status"],
    "additionalProperties": False,
    "properties": {"task_id": {"type": "string"}, "status": {"const": "canceled"}},
}
TASK: Json = {
    "type": "object",
    "required": ["task_id", "custom_id", "status", "created_at", "request_params"],
    "properties": {
        "task_id": {"type": "string"},
        "custom_id": {"type": ["string", "null"]},
        "status": {"enum": list(STATUSES)},
        "created_at": TIME,
        "completed_at": TIME,
        "video_source": {"type": "object", "required": ["type"]},
        "request_params": {
            "type": "object",
            "required": ["analysis_mode", "temperature", "max_tokens"],
        },
        "result": {
            "type": "object",
            "required": ["generation_id", "data", "finish_reason", "usage"],
            "properties": {
                "generation_id": {"type": "string"},
                "data": {"type": "string"},
                "finish_reason": {"enum": ["stop", "length"]},
                "usage": USAGE,
            },
        },
        "error": _MESSAGE,
        "webhooks": {
            "type": "array",
            "items": {"type": "object", "required": ["url", "delivered", "attempts"]},
        },
        "progress": {
            "type": "object",
            "description": "Not part of the original API: how far a task at work is.",
            "required": ["stage", "fraction", "attempt"],
            "properties": {
                "stage": {"type": "string"},
                "fraction": {"type": "number", "minimum": 0, "maximum": 1},
                "attempt": {"type": "integer", "minimum": 1},
            },
        },
    },
}
WEBHOOK: Json = {
    "type": "object",
    "required": ["id", "url", "events", "created_at"],
    "properties": {
        "id": {"type": "string"},
        "url": {"type": "string"},
        "events": {"type": "array", "items": {"enum": list(EVENTS)}},
        "created_at": TIME,
        "secret": {"type": "string", "description": "Only in the answer to its creation."},
    },
}
WEBHOOK_BODY: Json = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "minLength": 1},
        "events": {"type": "array", "items": {"enum": list(EVENTS)}, "minItems": 1},
        "secret": {"type": "string", "minLength": 1},
    },
}
DELIVERY: Json = {
    "type": "object",
    "required": ["id", "event_id", "type", "webhook_id", "created_at", "delivered", "attempts"],
    "properties": {
        "id": {"type": "string"},
        "event_id": {"type": "string"},
        "type": {"type": "string"},
        "webhook_id": {"type": "string"},
        "task_id": {"type": "string"},
        "created_at": TIME,
        "delivered": {"type": "boolean"},
        "last_error": {"type": "string"},
        "next_attempt_at": TIME,
        "attempts": {
            "type": "array",
            "items": {"type": "object", "required": ["attempt", "at", "seconds"]},
        },
    },
}
METADATA: Json = {
    "type": "object",
    "required": ["user_metadata"],
    "properties": {"user_metadata": {"type": "object"}},
}
OBJECT: Json = {"type": "object"}


def listed(item: Json, *, paged: bool = True) -> Json:
    """A list of `item` as the routes give it."""
    data: Json = {"data": {"type": "array", "items": item}}
    if not paged:
        return {"type": "object", "required": ["data"], "properties": data}
    info = {
        "type": "object",
        "required": ["limit_per_page", "page", "total_page", "total_results"],
        "additionalProperties": {"type": "integer"},
    }
    return {"type": "object", "required": ["data", "page_info"], "properties": {**data, "page_info": info}}


def by_text(name: str, **more: Any) -> Json:
    """A parameter of a query."""
    return {"name": name, "in": "query", "schema": {"type": "string", **more}}


def by_texts(name: str) -> Json:
    """A parameter of a query that may be repeated."""
    return {"name": name, "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}


PAGE = [
    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
    {
        "name": "page_limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": DEFAULT_PAGE_LIMIT},
    },
]
_ASSET_QUERY = [*PAGE, by_texts("asset_ids"), by_texts("asset_types"), by_text("filename")]
_TASK_QUERY = [
    *PAGE,
    by_text("status", enum=list(STATUSES)),
    by_text("video_url"),
    by_text("asset_id"),
    by_text("video_id"),
    by_text("analysis_mode", enum=list(ANALYSIS_MODES)),
]
FORM = "multipart/form-data"

SHAPES: dict[tuple[str, str], Shape] = {
    ("POST", "/analyze"): Shape(ANSWER, body=ANALYZE, streams=True),
    ("POST", "/analyze/tasks"): Shape(CREATED, "202", TASK_BODY, takes_key=True),
    ("GET", "/analyze/tasks"): Shape(listed(TASK), query=_TASK_QUERY),
    ("GET", "/analyze/tasks/{task_id}"): Shape(TASK),
    ("DELETE", "/analyze/tasks/{task_id}"): Shape(status="204"),
    ("POST", "/analyze/tasks/{task_id}/cancel"): Shape(CANCELED),
    ("POST", "/assets"): Shape(ASSET, "201", UPLOAD, FORM, takes_key=True),
    ("GET", "/assets"): Shape(listed(ASSET), query=_ASSET_QUERY),
    ("GET", "/assets/{asset_id}"): Shape(ASSET),
    ("DELETE", "/assets/{asset_id}"): Shape(status="204", query=[by_text("force", enum=["true", "false"])]),
    ("PATCH", "/assets/{asset_id}/user-metadata"): Shape(status="204", body=METADATA),
    ("PUT", "/assets/{asset_id}/user-metadata"): Shape(status="204", body=METADATA),
    ("DELETE", "/assets/{asset_id}/user-metadata"): Shape(status="204"),
    ("POST", "/webhooks"): Shape(WEBHOOK, "201", WEBHOOK_BODY),
    ("GET", "/webhooks"): Shape(listed(WEBHOOK, paged=False)),
    ("GET", "/webhooks/{webhook_id}"): Shape(WEBHOOK),
    ("DELETE", "/webhooks/{webhook_id}"): Shape(status="204"),
    ("POST", "/webhooks/{webhook_id}/test"): Shape(DELIVERY, "202"),
    ("GET", "/webhooks/{webhook_id}/deliveries"): Shape(listed(DELIVERY), query=list(PAGE)),
}
