"""Every route answers with the version and without it, and what is no route is refused after the key."""

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp
from tests.unit.analysis.pretended import Parts
from tests.unit.api.asgi import ask, make_app, make_house

from kinoscribe.api.application import make_application
from kinoscribe.api.routes import LEFT_OUT


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    return make_app(make_house(Parts()))


@pytest.mark.parametrize("prefix", ["", "/v1.3"])
def test_routes_answer_with_and_without_the_version(app: ASGIApp, prefix: str) -> None:
    assert ask(app, "GET", f"{prefix}/models").status == 200
    assert ask(app, "GET", f"{prefix}/healthz", key=None).status == 200


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1.3/nowhere", "/assets/", "//assets", "/v1.3", "/", "/v1.4/assets"]
)
def test_an_unknown_route_is_a_404_for_those_with_a_key_only(app: ASGIApp, path: str) -> None:
    stranger = ask(app, "GET", path, key=None)
    assert (stranger.status, stranger.json()["code"]) == (401, "api_key_invalid")
    known = ask(app, "GET", path)
    assert (known.status, known.json()["code"]) == (404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1.3/assets", "GET, HEAD, POST"),
        ("GET", "/analyze", "POST"),
        ("POST", "/v1.3/assets/" + "0" * 24, "DELETE, GET, HEAD"),
        ("OPTIONS", "/v1.3/models", "GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_all_right_ones(
    app: ASGIApp, method: str, path: str, allowed: str
) -> None:
    answer = ask(app, method, path)
    assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert ask(app, method, path, key="nobody").status == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1.3/models"])
def test_the_headers_can_be_asked_for_alone(app: ASGIApp, path: str) -> None:
    assert ask(app, "HEAD", path).status == 200


@pytest.mark.parametrize("path", LEFT_OUT)
@pytest.mark.parametrize("rest", ["", "/", "/0123/deep"])
def test_routes_that_are_left_out_say_so(app: ASGIApp, path: str, rest: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = ask(app, method, f"/v1.3{path}{rest}")
        assert (answer.status, answer.json()["code"]) == (404, "endpoint_not_supported")
        assert ("error" in answer.json()) is path.startswith("/analyze/")
    assert ask(app, "GET", path, key=None).status == 401


@pytest.mark.parametrize(
    "path", ["/%00", "/v1.3/%ff%fe", "/v1.3/%0d%0aX-Evil:%201", "/a%2Fb", "/" + "x" * 20_000]
)
def test_odd_paths_are_refused_in_the_error_form(app: ASGIApp, path: str) -> None:
    answer = ask(app, "GET", path)
    assert (answer.status, answer.json()["code"]) == (404, "route_not_found")
    assert len(answer.body) < 5_000


def test_start_and_stop_run_once_around_everything() -> None:
    seen: list[str] = []

    async def start() -> None:
        seen.append("start")

    async def stop() -> None:
        seen.append("stop")

    app = make_application(make_house(Parts()), start, stop)

    async def live() -> None:
        told: asyncio.Queue[Any] = asyncio.Queue()
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message["type"])

        await told.put({"type": "lifespan.startup"})
        await told.put({"type": "lifespan.shutdown"})
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, told.get, send)
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(live())
    assert seen == ["start", "stop"]
