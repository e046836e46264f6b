from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.tasks.workplace import Workplace, a_workplace

from kinoscribe.storage.database import Database


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Workplace]:
    """Once on SQLite and once on PostgreSQL."""
    with a_workplace(database, tmp_path) as made:
        yield made
