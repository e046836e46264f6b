"""What all tests share: databases, and that tests are left out where the shared clips are not beside the checkout."""

import hypothesis
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
from tests.object_store import bucket, s3, way

__all__ = (
    "bucket",
    "database",
    "database_url",
    "migrated_sqlite",
    "postgresql",
    "postgresql_url",
    "s3",
    "sqlite_url",
    "way",
)

# A machine that does something else for a moment is no failure of what is tested.
hypothesis.settings.register_profile("kinoscribe", deadline=None)
hypothesis.settings.load_profile("kinoscribe")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CASES.exists():
        return
    away = [item for item in items if item.get_closest_marker("shared") is not None]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item.get_closest_marker("shared") is None]
