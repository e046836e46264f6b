"""Turns the `Idempotency-Key` of a request and its body into what two equal requests share (contract 1.7)."""

from collections.abc import Iterable


def read_idempotency_key(text: str | None) -> str | None:
    """The key: 1 to 255 printable ASCII characters, else `ParameterInvalid`; None when there is no header."""
    raise NotImplementedError


def digest_json(body: bytes) -> str:
    """SHA-256 over the meaning of a JSON object: white space, order of keys and absent values make no difference.

    Raises `BodyInvalid` for bytes that are no JSON object.
    """
    raise NotImplementedError


def digest_form(texts: Iterable[tuple[str, str]], file: str | None) -> str:
    """SHA-256 over the fields of a form in any order, and over the SHA-256 of its file."""
    raise NotImplementedError
