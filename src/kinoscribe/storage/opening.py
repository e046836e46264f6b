"""Turns the setting `database_url` into an open database with all its tables, or into a sentence that says why not."""

from __future__ import annotations

from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.data_folder import DatabaseUnusable, DataFolder
from kinoscribe.storage.database import Database


def open_database(given: SecretStr | None, folder: DataFolder) -> Database:
    """The database that was chosen, else the one in `folder`, brought to the newest form. Raises `DatabaseUnusable`."""
    address = folder.database_url if given is None else given.get_secret_value()
    database = Database(address)
    try:
        database.migrate()
    except CommandError as error:
        database.close()
        raise DatabaseUnusable(
            f"The database {shown_address(address)} was made by another version of Kinoscribe: {error}."
        ) from error
    except (ApiError, SQLAlchemyError) as error:
        database.close()
        raise DatabaseUnusable(
            f"The database {shown_address(address)} cannot be used: {_reason(error, address)}"
        ) from error
    return database


def shown_address(address: str) -> str:
    """An address as people may see it: without the password."""
    return make_url(address).render_as_string(hide_password=True)


def _reason(error: BaseException, address: str) -> str:
    """What the driver said, in one line; without the password, should it ever repeat that."""
    cause = error.__cause__ if isinstance(error, ApiError) and error.__cause__ else error
    said = " ".join(str(getattr(cause, "orig", cause)).split())
    password = make_url(address).password
    return said.replace(str(password), "***") if password else said
