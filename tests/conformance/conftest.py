"""The servers, clients and SDKs that the conformance tests share.

Tests that need Node.js or the weights are left out where those are not there, and the summary says so.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset
from tests.conformance.file_server import FileServer, start_file_server
from tests.conformance.scripted import write_scripts
from tests.conformance.sdk_environments import CLASSIC_SDKS, JAVASCRIPT_SDKS, PYTHON_SDKS, Sdk, node
from tests.conformance.served import Served, serve, weights_folder
from tests.conformance.wire import PROMPT, Json, base64_video, new_key, ready_asset, without

HERE = Path(__file__).resolve().parent
NO_NODE = "Node.js and npm are not on this machine: {} tests of the JavaScript SDK were left out."
NO_WEIGHTS = "There are no weights, `make models` brings them: {} tests of the wire with the embedded engine were left out."
_left_out = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*numbers): the conformance rules that a test checks")
    config.stash[_left_out] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    if node() is None:
        _leave_out(config, items, [item for item in ours if "javascript-" in item.name], NO_NODE)
    if not weights_folder().is_dir():
        _leave_out(config, items, [item for item in ours if item.get_closest_marker("models")], NO_WEIGHTS)


def _leave_out(config: pytest.Config, items: list[pytest.Item], away: list[pytest.Item], line: str) -> None:
    left = [item for item in away if item in items]
    if left:
        config.stash[_left_out].append(line.format(len(left)))
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_left_out]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def files() -> Iterator[FileServer]:
    started = start_file_server()
    yield started
    started.close()


@pytest.fixture(scope="session")
def hidden(files: FileServer) -> Iterator[FileServer]:
    """The same on an address that no server here may fetch from; not every system has a second loopback address."""
    try:
        started = start_file_server("127.0.0.2")
    except OSError:
        yield files
        return
    yield started
    started.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server most tests share: clips by URL from this machine, prepared answers, quick heartbeats and repeats."""
    folder = tmp_path_factory.mktemp("served")
    with serve(
        folder / "data",
        scripted_file=write_scripts(folder),
        heartbeat_seconds=0.4,
        url_allow="127.0.0.1",
        url_ports=0,
        sync_slots=16,
        worker_slots=8,
        task_attempts=2,
        retry_seconds=0.2,
        webhook_waits="0,0.4,0.4",
        webhook_seconds=1.5,
        upload_chunk_bytes=2048,
    ) as started:
        yield started


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that allows little: one analysis at once, small bodies, small files, short fetches."""
    folder = tmp_path_factory.mktemp("narrow")
    with serve(
        folder / "data",
        scripted_file=write_scripts(folder),
        sync_slots=1,
        max_body_bytes=1024 * 1024,
        max_upload_bytes=200_000,
        max_url_bytes=200_000,
        fetch_seconds=2,
        url_allow="127.0.0.1",
        url_ports=0,
        default_model="pegasus1.5",
    ) as started:
        yield started


@pytest.fixture(scope="session")
def wire(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="session")
def narrow_wire(narrow: Served) -> Iterator[httpx2.Client]:
    with narrow.client() as client:
        yield client


@pytest.fixture(scope="session")
def closed_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a server that fetches from public addresses only, as every server does unless told otherwise."""
    data = tmp_path_factory.mktemp("closed") / "data"
    with serve(data, url_ports=0) as started, started.client() as client:
        yield client


@pytest.fixture(scope="session")
def stranger(served: Served) -> Iterator[httpx2.Client]:
    """A client of the same server with a good key of another account."""
    with served.client(new_key(served, "elsewhere")) as client:
        yield client


@pytest.fixture(scope="session")
def asset(wire: httpx2.Client) -> Asset:
    """A ready video asset that no test deletes."""
    return ready_asset(wire, "plain.mp4")


@pytest.fixture(scope="session")
def picture(wire: httpx2.Client) -> Asset:
    """A ready image asset that no test deletes."""
    return ready_asset(wire, "orange.png")


@pytest.fixture(scope="session")
def open_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a server that also takes reference pictures by plain http."""
    data = tmp_path_factory.mktemp("open") / "data"
    settings = {"allow_http_images": True, "url_allow": "127.0.0.1", "url_ports": 0}
    with serve(data, **settings) as started, started.client() as client:
        yield client


@pytest.fixture(scope="session")
def open_picture(open_wire: httpx2.Client) -> Asset:
    return ready_asset(open_wire, "orange.png")


@pytest.fixture(scope="session")
def open_body(whole_body: Json) -> Json:
    return whole_body


@pytest.fixture(scope="session")
def body(files: FileServer) -> Json:
    """A good body of `POST /analyze`; tests change a copy."""
    return {
        "model_name": "pegasus1.5",
        "video": {"type": "url", "url": files.url("plain.mp4")},
        "prompt": PROMPT,
        "stream": False,
    }


@pytest.fixture(scope="session")
def task_body(body: Json) -> Json:
    """A good body of `POST /analyze/tasks`."""
    return without(body, "stream")


@pytest.fixture(scope="session")
def whole_body(body: Json) -> Json:
    """The same with the video inside, for servers that may not fetch from this machine."""
    return {**body, "video": base64_video(clip("plain.mp4"))}


@pytest.fixture(scope="module", autouse=True)
def sdks_are_closed() -> Iterator[None]:
    yield
    for sdk in (*PYTHON_SDKS, *CLASSIC_SDKS, *JAVASCRIPT_SDKS):
        sdk.close()


@pytest.fixture(params=PYTHON_SDKS, ids=repr)
def python_sdk(request: pytest.FixtureRequest) -> Sdk:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[*PYTHON_SDKS, JAVASCRIPT_SDKS[-1]], ids=repr)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[*PYTHON_SDKS, *JAVASCRIPT_SDKS], ids=repr)
def any_sdk(request: pytest.FixtureRequest) -> Sdk:
    """Also the older JavaScript SDK, for whole programs."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[PYTHON_SDKS[-1], JAVASCRIPT_SDKS[-1]], ids=repr)
def newest_sdk(request: pytest.FixtureRequest) -> Sdk:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=CLASSIC_SDKS, ids=repr)
def classic_sdk(request: pytest.FixtureRequest) -> Sdk:
    """The SDKs that know indexes and `video_id`."""
    return request.param  # type: ignore[no-any-return]
