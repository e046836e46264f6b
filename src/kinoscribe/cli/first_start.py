"""Turns the data folder and the database of a server into ones that it can start on, and makes its first key."""

from contextlib import closing

from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT, ApiKeyRows, pepper_of
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.process_rows import ProcessRows
from kinoscribe.storage.store import is_shared, open_folder


def prepare(settings: Settings) -> str | None:
    """A key for whoever starts the first server on a database; None when there ever was one.

    Raises `DatabaseUnusable`, also when processes of other machines use what cannot be shared.
    """
    folder = open_folder(settings)
    with closing(open_database(settings.database_url, folder)) as database:
        pepper = pepper_of(folder.path)
        ProcessRows(database, pepper, shared_store=is_shared(settings)).refuse_strangers()
        keys = ApiKeyRows(database, pepper)
        if settings.api_key is not None or keys.list():
            return None
        key, _ = keys.create(DEFAULT_ACCOUNT)
        return key
