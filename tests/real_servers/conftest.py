"""Leaves these tests out unless they are asked for with `-m servers`, and starts each real server once."""

from collections.abc import Callable, Iterator

import pytest
from tests.real_servers import servers
from tests.real_servers.servers import RealServer

KINDS = {"vllm": servers.vllm, "llamacpp": servers.llama}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "servers" in str(config.getoption("markexpr")):
        return
    away = [item for item in items if item.get_closest_marker("servers") is not None]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in away]


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    log = tmp_path_factory.mktemp("server") / f"{request.param}.log"
    with KINDS[request.param](log) as started:
        yield started


@pytest.fixture(scope="session")
def another(server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], object]:
    """Starts one more server of the same kind, for a test that ends it."""
    return lambda: KINDS[server.kind](tmp_path_factory.mktemp("another") / f"{server.kind}.log")
