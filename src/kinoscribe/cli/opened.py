"""Opens the database that the settings name for one command, and closes it again."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinoscribe.cli.settings import read_settings
from kinoscribe.settings import Settings
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.opening import open_database, shown_address
from kinoscribe.storage.store import open_folder


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works on. `shown` is the database's address without a password."""

    settings: Settings
    folder: DataFolder
    database: Database
    shown: str


@contextmanager
def opened(data_dir: Path | None = None) -> Iterator[Opened]:
    """The tables are in their newest form. Raises `DatabaseUnusable`, `DataFolderUnusable`, `StoreUnusable`."""
    settings = read_settings(data_dir=data_dir)
    folder = open_folder(settings)
    given = settings.database_url
    shown = shown_address(folder.database_url if given is None else given.get_secret_value())
    with closing(open_database(given, folder)) as database:
        yield Opened(settings, folder, database, shown)
