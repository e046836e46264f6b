"""The server and the clients that the fuzz tests share."""

from collections.abc import Iterator

import httpx2
import pytest
from tests.conformance.served import Served, serve


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that fetches from nowhere but public addresses, and gives up soon."""
    data = tmp_path_factory.mktemp("fuzzed") / "data"
    with serve(data, fetch_seconds=2, decode_seconds=20, log_level="warning") as started:
        yield started
        log = started.log.read_text(errors="replace")
        assert started.process.poll() is None, f"the server died:\n{log[-4000:]}"


@pytest.fixture(scope="session")
def wire(fuzzed: Served) -> Iterator[httpx2.Client]:
    with fuzzed.client() as client:
        yield client
