"""On a machine without Node.js or curl the examples that need them are left out, and the summary says so."""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NEEDS = {"test_javascript_examples_work": ("node", "npm"), "test_curl_examples_work": ("curl",)}
_left_out = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = {name: [p for p in programs if shutil.which(p) is None] for name, programs in NEEDS.items()}
    away = [item for item in items if item.path.parent == HERE and lacking.get(_function(item))]
    if not away:
        return
    config.stash[_left_out] = [f"{item.name}: {lacking[_function(item)]} is not here" for item in away]
    config.hook.pytest_deselected(items=away)
    items[:] = [item for item in items if item not in away]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_left_out, []):
        terminalreporter.write_line(f"left out {line}")


def _function(item: pytest.Item) -> str:
    return item.name.partition("[")[0]
