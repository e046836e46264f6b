from datetime import UTC, datetime, timedelta

import pytest

from kinoscribe import clock
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import moment

LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


def test_the_time_is_the_databases_own_where_it_is_a_server(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.reading() as db:
        assert abs(moment(db) - clock.now()) < timedelta(seconds=30)
        assert moment(db) <= moment(db)
        monkeypatch.setattr(clock, "now", lambda: LONG_AGO)
        assert (moment(db) == LONG_AGO) == (db.dialect.name == "sqlite")
        assert moment(db).utcoffset() is not None


def test_a_test_may_tell_the_time_itself(database: Database) -> None:
    with database.reading() as db:
        assert moment(db, lambda: LONG_AGO) == LONG_AGO
