"""Says which database is used, how many workers are seen, how much waits for them and how much is kept."""

from collections.abc import Iterator
from contextlib import closing

from kinoscribe.cli.machine import Finding
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import pepper_of
from kinoscribe.storage.asset_room import AssetRoom, Held
from kinoscribe.storage.data_folder import DatabaseUnusable, DataFolderUnusable, StoreUnusable
from kinoscribe.storage.opening import open_database, shown_address
from kinoscribe.storage.process_rows import Process, ProcessRows
from kinoscribe.storage.store import open_blobs, open_folder
from kinoscribe.storage.task_rows import Backlog, TaskRows

_GB = 1_000_000_000
_NEARLY = 0.9  # the part of a limit from which on it is worth a word


def database_and_queue(settings: Settings) -> Iterator[Finding]:
    """Makes no database where there is none yet."""
    given = settings.database_url
    if given is None and not (settings.data_dir.expanduser() / "kinoscribe.db").exists():
        yield Finding("ok", "Database", "SQLite in the data folder, will be made at the first use.")
        return
    try:
        folder = open_folder(settings)
        database = open_database(given, folder)
    except StoreUnusable as error:
        yield Finding("wrong", "Store", str(error), "Mend the settings KINOSCRIBE_STORE_*.")
        return
    except (DatabaseUnusable, DataFolderUnusable) as error:
        advice = "Mend KINOSCRIBE_DATABASE_URL, or start the database." if given is not None else ""
        yield Finding("wrong", "Database", str(error), advice)
        return
    where = "SQLite in the data folder" if given is None else shown_address(given.get_secret_value())
    yield Finding("ok", "Database", f"{where}.")
    with closing(database), closing(open_blobs(settings, folder, database)) as blobs:
        found = ProcessRows(database, pepper_of(folder.path)).live()
        yield _processes(found)
        yield _backlog(TaskRows(database, blobs).backlog(), settings.queue_most)
        yield assets_held(AssetRoom(database).held(), settings.asset_bytes, settings.asset_bytes_account)


def _processes(found: tuple[Process, ...]) -> Finding:
    workers = [process for process in found if process.kind == "worker"]
    apis = len(found) - len(workers)
    if not workers and not apis:
        return Finding("ok", "Processes", "No server runs on this database.")
    places = sum(worker.slots for worker in workers)
    hosts = ", ".join(sorted({process.host for process in found}))
    sentence = f"{_count(apis, 'api process', 'api processes')}, {_count(len(workers), 'worker', 'workers')}"
    sentence += f" with {_count(places, 'place', 'places')} for tasks, on {hosts}."
    if not workers:
        return Finding("lacks", "Processes", sentence, "Tasks wait: start a worker with `kinoscribe work`.")
    lacking = sorted((worker.missing for worker in workers), key=len)[0]
    if lacking:
        return Finding("lacks", "Processes", sentence, " ".join(lacking))
    return Finding("ok", "Processes", sentence)


def _backlog(backlog: Backlog, most: int) -> Finding:
    sentence = f"{_count(backlog.waiting, 'task waits', 'tasks wait')}, {backlog.running} at work."
    if backlog.waiting + backlog.running >= most:
        return Finding("wrong", "Queue", sentence, f"It is full: KINOSCRIBE_QUEUE_MOST is {most}.")
    return Finding("ok", "Queue", sentence)


def assets_held(held: tuple[Held, ...], most: int | None, most_account: int | None) -> Finding:
    """How much the assets of all accounts come to, and whose limit is near."""
    here, promised = sum(one.bytes for one in held), sum(one.promised for one in held)
    sentence = f"{_count(sum(one.assets for one in held), 'file', 'files')} of {here / _GB:.1f} GB"
    sentence += f", {_count(len(held), 'account', 'accounts')}"
    sentence += f"; uploads may bring {promised / _GB:.1f} GB more." if promised else "."
    full = [
        one.account for one in held if most_account and one.bytes + one.promised >= _NEARLY * most_account
    ]
    if most and here + promised >= _NEARLY * most:
        return Finding("slow", "Assets", sentence, f"They may come to {most} bytes: KINOSCRIBE_ASSET_BYTES.")
    if full:
        advice = f"Nearly all that an account may have: {', '.join(full)} (KINOSCRIBE_ASSET_BYTES_ACCOUNT)."
        return Finding("slow", "Assets", sentence, advice)
    return Finding("ok", "Assets", sentence)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
