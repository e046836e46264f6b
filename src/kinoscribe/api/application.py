"""Turns the table of routes into the ASGI application that a server runs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as AnyRoute
from starlette.types import ASGIApp

from kinoscribe import __version__
from kinoscribe.api import health
from kinoscribe.api.door import BASE_PATH, Door, Endpoint, House, error_response, guarded
from kinoscribe.api.openapi import document
from kinoscribe.api.routes import LEFT_OUT, ROUTES, Route
from kinoscribe.contract.errors import ApiError, EndpointNotSupported, MethodNotAllowed, RouteUnknown

_ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PREFIXES = (BASE_PATH, "")

Hook = Callable[[], Awaitable[None]]


def make_application(house: House, start: Hook, stop: Hook) -> ASGIApp:
    """The application. `start` and `stop` run once, before the first and after the last request."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await start()
        try:
            yield
        finally:
            await stop()

    app = FastAPIOffline(
        title="Kinoscribe",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url="/docs",
        redoc_url=None,
    )
    app.openapi = lambda: document(  # type: ignore[method-assign]
        ROUTES, str(house.tools.settings.public_url or "/"), house.tools.engines.names
    )
    _add_health(app, house)
    exact = [route for route in ROUTES if "{" not in route.path]
    _add(app, house, exact)
    _add_left_out(app, house)
    _add(app, house, [route for route in ROUTES if "{" in route.path])
    _add_errors(app, house)
    return Door(app)


def _add(app: FastAPI, house: House, routes: Sequence[Route]) -> None:
    """Routes are looked at one after another, so that the most asked for stand in front."""
    for prefix in _PREFIXES:
        for route in routes:
            endpoint = guarded(route.handler, house, route.limited, keyless=route.keyless)
            _answer(app, prefix + route.path, endpoint, _methods(route.method))


def _add_health(app: FastAPI, house: House) -> None:
    async def readyz(request: Request) -> Response:
        return await health.readyz(request, house)

    for prefix in _PREFIXES:
        for path, endpoint in (("/healthz", health.healthz), ("/readyz", readyz)):
            _answer(app, prefix + path, endpoint, _methods("GET"))


def _add_left_out(app: FastAPI, house: House) -> None:
    async def left_out(request: Request) -> Response:
        await house.keys.account_of(request.headers.get("x-api-key"))
        raise EndpointNotSupported(path=request.url.path)

    for prefix in _PREFIXES:
        for path in LEFT_OUT:
            for full in (prefix + path, prefix + path + "/{rest:path}"):
                _answer(app, full, left_out, _ANY_METHOD)


def _answer(app: FastAPI, path: str, endpoint: Endpoint, methods: list[str]) -> None:
    """The endpoint reads the request itself: what FastAPI would make of its parameters is not needed."""
    app.add_route(path, endpoint, methods=methods, include_in_schema=False)


def _add_errors(app: FastAPI, house: House) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return error_response(request.url.path, error)

    async def unrouted(request: Request, error: Exception) -> Response:
        """Key before route: a stranger does not learn which routes there are (contract 1.5)."""
        assert isinstance(error, HTTPException)
        path = request.url.path
        known: ApiError
        try:
            await house.keys.account_of(request.headers.get("x-api-key"))
        except ApiError as stranger:
            known = stranger
        else:
            if error.status_code == 405:
                known = MethodNotAllowed(method=request.method, path=path)
                response = error_response(path, known)
                response.headers["Allow"] = ", ".join(_allowed(app, request.scope["path"]))
                return response
            known = RouteUnknown(path=path)
        return error_response(path, known)

    async def broken(request: Request, _error: Exception) -> Response:
        return error_response(request.url.path, ApiError())

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, broken)  # the door logs it


def _methods(method: str) -> list[str]:
    """Whoever may GET may ask for the headers alone."""
    return ["GET", "HEAD"] if method == "GET" else [method]


def _allowed(app: FastAPI, path: str) -> list[str]:
    """The methods of every route that fits the path: several routes may share it."""
    fitting = (route for route in app.routes if isinstance(route, AnyRoute) and route.path_regex.match(path))
    return sorted({method for route in fitting for method in route.methods or ()})
