from typing import Any

import pytest
from starlette.requests import Request

from kinoscribe.api.address import reached_by

FORWARDED = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "films.example",
    "x-forwarded-prefix": "/kino/",
}


def request(peer: str | None = "10.0.0.5", **headers: str) -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "root_path": "",
        "server": ("127.0.0.1", 8080),
        "client": None if peer is None else (peer, 5000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    return Request(scope)


def test_the_address_of_the_operator_wins() -> None:
    asked = request(host="a.example", **FORWARDED)
    assert reached_by(asked, "https://b.example/kino/", ["10.0.0.0/8"]) == "https://b.example/kino"


@pytest.mark.parametrize("host", ["a.example", "a.example:8443", "[::1]:8080", "192.168.1.5"])
def test_else_it_is_that_of_the_request(host: str) -> None:
    assert reached_by(request(host=host), None, []) == f"http://{host}"


@pytest.mark.parametrize("peer", ["10.0.0.5", None, "testclient"])
def test_nobody_is_believed_who_is_no_proxy_of_ours(peer: str | None) -> None:
    asked = request(peer, host="a.example", **FORWARDED)
    assert reached_by(asked, None, []) == "http://a.example"
    assert reached_by(asked, None, ["10.0.1.0/24"]) == "http://a.example"


def test_a_proxy_of_ours_is_believed() -> None:
    asked = request(host="inside:8080", **FORWARDED)
    assert reached_by(asked, None, ["10.0.0.0/24"]) == "https://films.example/kino"
    assert reached_by(request(host="inside:8080"), None, ["10.0.0.5"]) == "http://inside:8080"


def test_of_several_proxies_the_first_is_told() -> None:
    asked = request(host="x", **{**FORWARDED, "x-forwarded-host": "outer.example, inner"})
    assert reached_by(asked, None, ["10.0.0.5"]) == "https://outer.example/kino"


@pytest.mark.parametrize("host", ['a"b', "a b", "", "a/b", "<x>", "a@b", "é", "x" * 300, "a\\b"])
def test_a_host_that_is_none_gives_way_to_where_the_connection_came_in(host: str) -> None:
    assert reached_by(request(host=host), None, []) == "http://127.0.0.1:8080"


@pytest.mark.parametrize("prefix", ["/../x", "x", "//evil.example", "/a b", "/<x>", "/a" * 20])
def test_a_prefix_that_is_none_is_left_out(prefix: str) -> None:
    asked = request(host="x", **{**FORWARDED, "x-forwarded-prefix": prefix})
    assert reached_by(asked, None, ["10.0.0.5"]) == "https://films.example"


def test_a_scheme_that_is_none_is_the_requests_own() -> None:
    asked = request(host="x", **{**FORWARDED, "x-forwarded-proto": "javascript"})
    assert reached_by(asked, None, ["10.0.0.5"]).startswith("http://")
