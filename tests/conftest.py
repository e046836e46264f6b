"""What all tests share: databases, and that tests are left out where the shared clips are not beside the checkout."""

import pytest
from tests.databases import (
    database,
    database_url,
    migrated_sqlite,
    postgresql,
    postgresql_url,
    sqlite_url,
)
from tests.media_truth import CASES

__all__ = ("database", "database_url", "migrated_sqlite", "postgresql", "postgresql_url", "sqlite_url")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CASES.exists():
        return
    away = [item for item in items if item.get_closest_marker("shared") is not None]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item.get_closest_marker("shared") is None]
