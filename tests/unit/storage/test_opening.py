"""A database that cannot be opened is a sentence for the operator, and never tells the password."""

from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from kinoscribe.storage.data_folder import DatabaseUnusable, DataFolder
from kinoscribe.storage.opening import open_database, shown_address


def test_the_database_lies_in_the_data_folder_unless_another_is_named(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with closing(open_database(None, folder)) as database:
        assert database.is_sqlite
    assert (folder.path / "kinoscribe.db").exists()
    named = tmp_path / "named.db"
    with closing(open_database(SecretStr(f"sqlite:///{named}"), folder)):
        assert named.exists()


def test_an_open_database_has_all_its_tables(tmp_path: Path, postgresql_url: str) -> None:
    with (
        closing(open_database(SecretStr(postgresql_url), DataFolder(tmp_path))) as database,
        database.reading() as db,
    ):
        assert db.execute(text("SELECT count(*) FROM tasks")).scalar_one() == 0


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://someone:very-secret@127.0.0.1:1/name", "127.0.0.1:1"),
        ("postgresql+psycopg://someone:very-secret@127.0.0.1:1/name", "someone:***"),
        ("mysql://someone:very-secret@127.0.0.1/name", "mysql"),
        ("very-secret", "postgresql+psycopg://"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence_without_the_password(
    address: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        open_database(SecretStr(address), DataFolder(tmp_path))
    assert said in str(caught.value)
    printed = capsys.readouterr()
    assert "very-secret" not in str(caught.value) + printed.out + printed.err


def test_a_database_of_a_newer_version_is_named_as_such(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with closing(open_database(None, folder)) as database, database.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="another version"):
        open_database(None, folder)


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    (tmp_path / "kinoscribe.db").write_text("This is no database. " * 100)
    with pytest.raises(DatabaseUnusable, match="cannot be used"):
        open_database(None, folder)


def test_an_address_is_shown_without_its_password() -> None:
    assert "secret" not in shown_address("postgresql://me:secret@host/name")
