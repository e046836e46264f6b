"""Leaves these tests out unless they are asked for with `-m servers`, and starts each real server once."""

from collections.abc import Callable, Iterator

import pytest
from tests.real_servers import servers
from tests.real_servers.servers import RealServer

KINDS = {"vllm": servers.vllm, "llamacpp": servers.llama}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked_for = "servers" in str(config.getoption("markexpr"))
    away = [item for item in items if _is_away(item, asked_for=asked_for)]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in away]


def _is_away(item: pytest.Item, *, asked_for: bool) -> bool:
    """llama.cpp has to be compiled: it is tested where somebody has done that."""
    if item.get_closest_marker("servers") is None:
        return False
    call = getattr(item, "callspec", None)
    kind = None if call is None else call.params.get("server")
    return not asked_for or (kind == "llamacpp" and not servers.LLAMA.exists())


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    log = tmp_path_factory.mktemp("server") / f"{request.param}.log"
    with KINDS[request.param](log) as started:
        yield started


@pytest.fixture(scope="session")
def another(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], object]:
    """Starts one more vLLM, for a test that ends it."""
    return lambda: servers.vllm(tmp_path_factory.mktemp("another") / "vllm.log")
