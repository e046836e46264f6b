"""Turns the table of routes into the OpenAPI document: what is accepted, and every status that is sent."""

from collections.abc import Sequence
from typing import Any

from kinoscribe import __version__
from kinoscribe.api.routes import Route
from kinoscribe.contract.limits import API_VERSION, MODELS, WEBHOOK_SECRET
from kinoscribe.contract.webhooks import EVENTS

Json = dict[str, Any]

_ERROR: Json = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
_VIDEO: Json = {
    "oneOf": [
        {
            "type": "object",
            "required": ["type", field],
            "properties": {"type": {"const": kind}, field: {"type": "string", "minLength": 1}},
        }
        for kind, field in (("url", "url"), ("asset_id", "asset_id"), ("base64_string", "base64_string"))
    ]
}
_ANALYZE: Json = {
    "type": "object",
    "required": ["video"],
    "additionalProperties": False,
    "properties": {
        "model_name": {"type": "string", "enum": list(MODELS)},
        "video": _VIDEO,
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
_USAGE: Json = {
    "type": "object",
    "required": ["output_tokens", "input_tokens"],
    "properties": {"output_tokens": {"type": "integer"}, "input_tokens": {"type": "integer"}},
}
_ANSWER: Json = {
    "type": "object",
    "required": ["id", "data", "finish_reason", "usage"],
    "properties": {
        "id": {"type": "string"},
        "data": {"type": "string"},
        "finish_reason": {"type": "string", "enum": ["stop", "length"]},
        "usage": _USAGE,
        "error": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}},
    },
}
_ASSET: Json = {
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
_UPLOAD: Json = {
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
_PAGED: Json = {
    "type": "object",
    "required": ["data", "page_info"],
    "properties": {
        "data": {"type": "array", "items": _ASSET},
        "page_info": {
            "type": "object",
            "required": ["limit_per_page", "page", "total_page", "total_results"],
            "additionalProperties": {"type": "integer"},
        },
    },
}
_METADATA: Json = {
    "type": "object",
    "required": ["user_metadata"],
    "properties": {"user_metadata": {"type": "object"}},
}
_WEBHOOK: Json = {
    "type": "object",
    "required": ["id", "url", "events", "created_at"],
    "properties": {
        "id": {"type": "string"},
        "url": {"type": "string"},
        "events": {"type": "array", "items": {"type": "string", "enum": list(EVENTS)}},
        "created_at": {"type": "string", "format": "date-time"},
        "secret": {"type": "string", "description": "Only in the answer to the creation."},
    },
}
_NEW_WEBHOOK: Json = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "minLength": 1},
        "events": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(EVENTS)}},
        "secret": {"type": "string", "minLength": WEBHOOK_SECRET[0], "maxLength": WEBHOOK_SECRET[1]},
    },
}
_DELIVERY: Json = {
    "type": "object",
    "required": ["id", "event_id", "type", "webhook_id", "created_at", "delivered", "attempts"],
}
_OBJECT: Json = {"type": "object"}
_PAGE_QUERY = [
    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
    {
        "name": "page_limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
    },
    {"name": "asset_ids", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
    {"name": "asset_types", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
    {"name": "filename", "in": "query", "schema": {"type": "string"}},
]
# What each route takes and gives when all is well: (request body, its type, status, answer, its type).
_SHAPES: dict[tuple[str, str], tuple[Json | None, str, str, Json | None, str]] = {
    ("POST", "/analyze"): (_ANALYZE, "application/json", "200", _ANSWER, "application/json"),
    ("POST", "/assets"): (_UPLOAD, "multipart/form-data", "201", _ASSET, "application/json"),
    ("GET", "/assets"): (None, "", "200", _PAGED, "application/json"),
    ("GET", "/assets/{asset_id}"): (None, "", "200", _ASSET, "application/json"),
    ("DELETE", "/assets/{asset_id}"): (None, "", "204", None, ""),
    ("PATCH", "/assets/{asset_id}/user-metadata"): (_METADATA, "application/json", "204", None, ""),
    ("PUT", "/assets/{asset_id}/user-metadata"): (_METADATA, "application/json", "204", None, ""),
    ("DELETE", "/assets/{asset_id}/user-metadata"): (None, "", "204", None, ""),
    ("POST", "/webhooks"): (_NEW_WEBHOOK, "application/json", "201", _WEBHOOK, "application/json"),
    ("GET", "/webhooks/{webhook_id}"): (None, "", "200", _WEBHOOK, "application/json"),
    ("DELETE", "/webhooks/{webhook_id}"): (None, "", "204", None, ""),
    ("POST", "/webhooks/{webhook_id}/test"): (None, "", "202", _DELIVERY, "application/json"),
}
_STATUSES = {
    "400": "The request or the media is refused; `message` names the parameter.",
    "401": "The key is missing, unknown or revoked.",
    "404": "There is no such resource in this account.",
    "405": "The route does not take this method.",
    "409": "The resource is in use.",
    "413": "The body is larger than this server takes.",
    "422": "The schema uses a keyword the API does not support.",
    "429": "A rate limit is exceeded.",
    "500": "Something went wrong here.",
    "503": "Busy or not ready; try again after `Retry-After` seconds.",
    "504": "The request was given up.",
    "507": "The disk is full.",
}


def document(routes: Sequence[Route], server: str) -> Json:
    """The document served at `/openapi.json`."""
    paths: Json = {}
    for route in routes:
        paths.setdefault(f"/{API_VERSION}{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kinoscribe",
            "version": __version__,
            "description": "Answers questions about video. Compatible with the TwelveLabs Analyze API; not affiliated.",
        },
        "servers": [{"url": server}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(route: Route) -> Json:
    body, body_type, status, answer, answer_type = _SHAPES.get(
        (route.method, route.path), (None, "", "200", _OBJECT, "application/json")
    )
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    done: Json = {"description": "Done."}
    if answer is not None:
        done["content"] = {answer_type: {"schema": answer}}
    if route.path == "/analyze":
        done["content"]["application/x-ndjson"] = {"schema": {"type": "string"}}
    operation: Json = {
        "summary": route.summary,
        "operationId": f"{route.handler.__module__.rsplit('.', 1)[-1]}_{route.handler.__name__}",
        "parameters": _parameters(route),
        "responses": {
            status: done,
            **{code: {"description": text, "content": error} for code, text in _STATUSES.items()},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {body_type: {"schema": body}}}
    return operation


def _parameters(route: Route) -> list[Json]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if (route.method, route.path) == ("GET", "/assets"):
        found += _PAGE_QUERY
    return found
