"""Turns the `Idempotency-Key` of a call into what makes it count once, and a kept answer into the response."""

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.contract.idempotency import read_idempotency_key
from kinoscribe.storage.idempotency_rows import Once

Made = TypeVar("Made")


def once_for(
    call: Call, route: str, digest: Callable[[], str], status: int, body: Callable[[Made], dict[str, Any]]
) -> Once[Made] | None:
    """None when the call carries no key. `route` is the same with and without the version in front.

    Raises `ParameterInvalid` for a key out of its form, and what `digest` raises.
    """
    key = read_idempotency_key(call.request.headers.get("idempotency-key"))
    return None if key is None else Once(route, key, digest(), status, body)


def replayed(status: int, body: dict[str, Any]) -> Response:
    """The answer that the same request has had before."""
    return JSONResponse(body, status_code=status, headers={"Idempotent-Replayed": "true"})
