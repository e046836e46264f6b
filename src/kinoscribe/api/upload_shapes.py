"""Says in JSON Schema what the routes of uploads in chunks take and give."""

from kinoscribe.api.shapes import PAGE, TIME, Json, Shape, listed
from kinoscribe.contract.limits import UPLOAD_URLS
from kinoscribe.contract.uploads import CHUNK_STATUSES, STATUSES, UPLOAD_TYPES

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer", "minimum": 1}
_COUNT: Json = {"type": "integer", "minimum": 0}
_URLS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["chunk_index", "url", "expires_at"],
        "properties": {"chunk_index": _NUMBER, "url": _TEXT, "expires_at": TIME},
    },
}
_NEW: Json = {
    "type": "object",
    "required": ["filename", "type", "total_size"],
    "additionalProperties": False,
    "properties": {
        "filename": {"type": "string", "minLength": 1},
        "type": {"enum": list(UPLOAD_TYPES)},
        "total_size": _NUMBER,
        "enable_hls": {"type": "boolean"},
        "enable_thumbnail": {"type": "boolean"},
        "user_metadata": {"type": "object"},
    },
}
_OPENED: Json = {
    "type": "object",
    "required": [
        "upload_id",
        "asset_id",
        "upload_urls",
        "upload_headers",
        "chunk_size",
        "total_chunks",
        "expires_at",
    ],
    "properties": {
        "upload_id": _TEXT,
        "asset_id": _TEXT,
        "upload_urls": _URLS,
        "upload_headers": {"type": "object", "additionalProperties": _TEXT},
        "chunk_size": _NUMBER,
        "total_chunks": _NUMBER,
        "expires_at": TIME,
    },
}
_SUMMARY: Json = {
    "type": "object",
    "required": [
        "upload_id",
        "status",
        "total_size",
        "chunk_size",
        "total_chunks",
        "created_at",
        "expires_at",
    ],
    "properties": {
        "upload_id": _TEXT,
        "status": {"enum": list(STATUSES)},
        "total_size": _NUMBER,
        "chunk_size": _NUMBER,
        "total_chunks": _NUMBER,
        "created_at": TIME,
        "expires_at": TIME,
    },
}
_CHUNK: Json = {
    "type": "object",
    "required": ["index", "status", "uploaded_at", "updated_at"],
    "properties": {
        "index": _NUMBER,
        "status": {"enum": list(CHUNK_STATUSES)},
        "uploaded_at": {"type": ["string", "null"], "format": "date-time"},
        "updated_at": TIME,
        "error": _TEXT,
    },
}
_COUNTS = ("chunks_completed", "chunks_failed", "chunks_pending", "uploaded_size")
_STATE: Json = {
    "type": "object",
    "required": [
        "upload_id",
        "status",
        "uploaded_chunks",
        *_COUNTS,
        "page_info",
        "total_size",
        "created_at",
        "updated_at",
    ],
    "properties": {
        "upload_id": _TEXT,
        "status": {"enum": list(STATUSES)},
        "uploaded_chunks": {"type": "array", "items": _CHUNK},
        **dict.fromkeys(_COUNTS, _COUNT),
        "page_info": listed(_CHUNK)["properties"]["page_info"],
        "total_size": _NUMBER,
        "created_at": TIME,
        "updated_at": TIME,
    },
}
_REPORT: Json = {
    "type": "object",
    "required": ["completed_chunks"],
    "additionalProperties": False,
    "properties": {
        "completed_chunks": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["chunk_index", "proof", "proof_type", "chunk_size"],
                "properties": {
                    "chunk_index": _NUMBER,
                    "proof": {"type": "string", "minLength": 1},
                    "proof_type": {"const": "etag"},
                    "chunk_size": _NUMBER,
                },
            },
        }
    },
}
_REPORTED: Json = {
    "type": "object",
    "required": ["asset_id", "processed_chunks", "duplicate_chunks", "total_completed"],
    "properties": {
        "asset_id": _TEXT,
        "processed_chunks": _COUNT,
        "duplicate_chunks": _COUNT,
        "total_completed": _COUNT,
        "url": {"type": "string", "description": "Only when all chunks are in."},
    },
}
_WANTED: Json = {
    "type": "object",
    "required": ["start", "count"],
    "additionalProperties": False,
    "properties": {"start": _NUMBER, "count": {**_NUMBER, "maximum": UPLOAD_URLS}},
}
_MORE: Json = {
    "type": "object",
    "required": ["upload_id", "start_index", "count", "upload_urls", "generated_at", "expires_at"],
    "properties": {
        "upload_id": _TEXT,
        "start_index": _NUMBER,
        "count": _NUMBER,
        "upload_urls": _URLS,
        "generated_at": TIME,
        "expires_at": TIME,
    },
}
_SIGNED: list[Json] = [
    {"name": name, "in": "query", "required": True, "schema": _TEXT} for name in ("expires", "signature")
]
_UPLOADS = "/assets/multipart-uploads"
_UPLOAD = _UPLOADS + "/{upload_id}"

UPLOAD_SHAPES: dict[tuple[str, str], Shape] = {
    ("POST", _UPLOADS): Shape(_OPENED, "201", _NEW, takes_key=True),
    ("GET", _UPLOADS): Shape(listed(_SUMMARY), query=list(PAGE)),
    ("GET", _UPLOAD): Shape(_STATE, query=list(PAGE)),
    ("POST", _UPLOAD): Shape(_REPORTED, body=_REPORT),
    ("POST", f"{_UPLOAD}/presigned-urls"): Shape(_MORE, body=_WANTED),
    ("PUT", f"{_UPLOAD}/chunks/{{number}}"): Shape(
        body={"type": "string", "format": "binary"}, body_type="application/octet-stream", query=_SIGNED
    ),
}
