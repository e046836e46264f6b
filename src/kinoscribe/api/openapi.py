"""Turns the table of routes into the OpenAPI document: what is accepted, and every status that is sent."""

from collections.abc import Iterable, Sequence

from kinoscribe import __version__
from kinoscribe.api.door import NESTED_ERRORS
from kinoscribe.api.index_shapes import INDEX_SHAPES
from kinoscribe.api.routes import Route
from kinoscribe.api.shapes import BOTH_ERROR, ERROR, OBJECT, SHAPES, Json, Shape
from kinoscribe.api.upload_shapes import UPLOAD_SHAPES
from kinoscribe.contract.limits import API_VERSION, IDEMPOTENCY_KEY, MODELS

_STATUSES = {
    "400": "The request or the media is refused; `message` names the parameter.",
    "401": "The key is missing, unknown or revoked.",
    "403": "The URL was not signed by this server, or is too old.",
    "404": "There is no such resource in this account.",
    "405": "The route does not take this method.",
    "409": "The state of the resource does not allow it.",
    "413": "The body is larger than this server takes.",
    "422": "The schema uses a keyword the API does not support, or the Idempotency-Key was used otherwise.",
    "429": "A rate limit is exceeded.",
    "431": "The line and the headers of the request are too large.",
    "500": "Something went wrong here.",
    "503": "Busy or not ready; try again after `Retry-After` seconds.",
    "504": "The request was given up.",
    "507": "The disk is full.",
}


_SHAPES = {**SHAPES, **UPLOAD_SHAPES, **INDEX_SHAPES}


def document(routes: Sequence[Route], server: str, models: Iterable[str] = MODELS) -> Json:
    """The document served at `/openapi.json`; `models` are the names that requests may give."""
    paths: Json = {}
    for route in routes:
        operation = _operation(route, list(models))
        paths.setdefault(f"/{API_VERSION}{route.path}", {})[route.method.lower()] = operation
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
            "schemas": {"Error": ERROR, "BothErrors": BOTH_ERROR},
        },
    }


def _operation(route: Route, models: list[str]) -> Json:
    shape = _SHAPES.get((route.method, route.path), Shape(OBJECT))
    kind = "BothErrors" if route.path.startswith(NESTED_ERRORS) else "Error"
    error = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind}"}}}
    done: Json = {"description": "Done."}
    if shape.answer is not None:
        done["content"] = {shape.answer_type: {"schema": shape.answer}}
    if shape.streams:
        done["content"]["application/x-ndjson"] = {"schema": {"type": "string"}}
    operation: Json = {
        "summary": route.summary,
        "operationId": f"{route.handler.__module__.rsplit('.', 1)[-1]}_{route.handler.__name__}",
        "parameters": _parameters(route, shape),
        "responses": {
            shape.status: done,
            **{code: {"description": text, "content": error} for code, text in _STATUSES.items()},
        },
    }
    if route.keyless:
        operation["security"] = []
    if shape.body is not None:
        content = {shape.body_type: {"schema": _with_models(shape.body, models)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _with_models(body: Json, models: list[str]) -> Json:
    """The body with the names that its `model_name` may be here."""
    named = body.get("properties", {})
    if "model_name" not in named:
        return body
    return {**body, "properties": {**named, "model_name": {**named["model_name"], "enum": models}}}


def _parameters(route: Route, shape: Shape) -> list[Json]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if shape.takes_key:
        key = {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY, "pattern": "^[ -~]*$"}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key})
    return [*found, *shape.query]
