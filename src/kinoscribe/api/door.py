"""Lets a call in: key, account, headers that every answer carries, and an error body for everything that goes wrong."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinoscribe.analysis.tools import Tools
from kinoscribe.api.address import reached_by
from kinoscribe.api.auth import Keys
from kinoscribe.api.chunk_urls import ChunkUrls
from kinoscribe.api.first_look import FirstLook
from kinoscribe.api.places import Slots
from kinoscribe.api.rate_limit import RateLimits, Spending
from kinoscribe.api.request_body import Body
from kinoscribe.api.thumbnail_urls import ThumbnailUrls
from kinoscribe.contract.analyze import default_model_for
from kinoscribe.contract.errors import ApiError, ServerEnding, error_body
from kinoscribe.contract.limits import API_VERSION
from kinoscribe.contract.rate_limits import Category
from kinoscribe.storage.api_key_rows import Account

NESTED_ERRORS = ("/analyze/tasks", "/analyze/batches")
BASE_PATH = f"/{API_VERSION}"

# Whoever comes by a signed URL. No account has this name.
_NOBODY = Account("")

# Threads in which questions are read and refused while all others are taken by analyses.
READERS = 40

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What handlers share: the tools, the keys, and the threads set aside for each kind of work.

    `slots` are places for synchronous analyses, each of which takes one of the `analyses` threads; there are some more
    of these, to refuse what finds no place. `bodies` are places for large bodies that are read into memory.
    `creations` may wait for the host of a URL, so that they have threads of their own.
    """

    tools: Tools
    keys: Keys
    first_look: FirstLook
    slots: Slots
    analyses: CapacityLimiter
    limits: RateLimits | None = None
    thumbnail_urls: ThumbnailUrls = field(default_factory=lambda: ThumbnailUrls(secrets.token_bytes(32)))
    chunk_urls: ChunkUrls = field(default_factory=lambda: ChunkUrls(secrets.token_bytes(32), 3600.0))
    bodies: Slots = field(default_factory=lambda: Slots(8, "large bodies"))
    creations: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(64))
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(16))
    small: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(40))


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in. `spending` is what its limits leave it."""

    request: Request
    account: Account
    house: House
    request_id: str
    spending: Spending = field(default_factory=Spending)

    @property
    def base_url(self) -> str:
        """Scheme, host and base path by which this client reaches the server."""
        settings = self.house.tools.settings
        return reached_by(self.request, settings.public_url, settings.proxies) + BASE_PATH

    @property
    def default_model(self) -> str:
        """The rule set of a body that names none."""
        chosen = self.house.tools.settings.default_model
        return default_model_for(self.request.headers, None if chosen == "auto" else chosen)


Handler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def bare_path(path: str) -> str:
    """The path without the version in front: every route answers with it and without it."""
    if path == BASE_PATH or path.startswith(BASE_PATH + "/"):
        return path[len(BASE_PATH) :] or "/"
    return path


def guarded(
    handler: Handler, house: House, limited: Category | None = None, *, keyless: bool = False
) -> Endpoint:
    """An endpoint that asks for a key, and counts the call where it is limited, before it calls the handler.

    A `keyless` one is entered by a URL that the handler can tell to be one of ours.
    """

    async def endpoint(request: Request) -> Response:
        request_id = request.scope["kinoscribe.request_id"]
        account, spending = _NOBODY, Spending()
        if not keyless:
            count = None if limited is None or house.limits is None else partial(house.limits.enter, limited)
            account, spent = await house.keys.let_in(request.headers.get("x-api-key"), count)
            if spent is not None:
                spending = request.scope["kinoscribe.spending"] = spent
                await _let_in(spending, request)
        return await handler(Call(request, account, house, request_id, spending))

    return endpoint


async def _let_in(spending: Spending, request: Request) -> None:
    """Raises `TooManyRequests`, after the client has been heard out for a while so that it comes to read it."""
    try:
        spending.check()
    except ApiError:
        await Body(request).drain()
        raise


def error_response(path: str, error: ApiError) -> Response:
    """The error as the client of this path expects it (contract 1.5)."""
    nested = bare_path(path).startswith(NESTED_ERRORS)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.receipt is not None:
        headers["X-Receipt"] = f"{BASE_PATH}/receipts/{error.receipt}"
    return JSONResponse(error_body(error, nested=nested), status_code=error.status, headers=headers)


def own_headers(request_id: str) -> list[tuple[bytes, bytes]]:
    """What every answer carries."""
    return [
        (b"x-api-version", API_VERSION.encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]


def _limit_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What is left of the limits as the answer begins, whatever the answer is."""
    spending: Spending | None = scope.get("kinoscribe.spending")
    told = {} if spending is None else spending.headers()
    return [(name.lower().encode(), value.encode()) for name, value in told.items()]


class Door:
    """The outermost layer: a request id, the version header on every answer, and no exception that gets away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope["kinoscribe.request_id"] = request_id
        begun = False

        async def stamped(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [
                    *message.get("headers", []),
                    *own_headers(request_id),
                    *_limit_headers(scope),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, stamped)
            except ClientDisconnect:
                _log.info("client_left", path=scope["path"])
            except asyncio.CancelledError:
                _log.info("given_up_at_shutdown", path=scope["path"])
                if not begun:
                    await error_response(scope["path"], ServerEnding())(scope, receive, stamped)
            except Exception as error:  # noqa: BLE001  the edge: logged in full, told in general
                known = error if isinstance(error, ApiError) else ApiError()
                if not isinstance(error, ApiError):
                    _log.exception("unexpected", path=scope["path"], method=scope["method"])
                if not begun:
                    await error_response(scope["path"], known)(scope, receive, stamped)
