"""Makes the identifiers that appear on the wire (contract 1.4)."""

import re
import secrets
import uuid

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def new_object_id() -> str:
    """An identifier of an asset, task, upload: 24 lower-case hex characters."""
    return secrets.token_hex(12)


def is_object_id(text: str) -> bool:
    """Whether `text` has the form of an identifier; it need not exist."""
    return _OBJECT_ID.fullmatch(text) is not None


def new_generation_id() -> str:
    """An identifier of one answer: a UUID with dashes."""
    return str(uuid.uuid4())
