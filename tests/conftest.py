"""What all tests share: tests that need the shared clips are left out where those are not beside the checkout."""

import pytest
from tests.media_truth import CASES


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CASES.exists():
        return
    away = [item for item in items if item.get_closest_marker("shared") is not None]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item.get_closest_marker("shared") is None]
