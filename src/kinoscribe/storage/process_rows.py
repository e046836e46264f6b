"""Keeps a row for every api and worker process, so that each knows who else lives and what the others lack."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import delete, insert, or_, select, update

from kinoscribe.storage.data_folder import DatabaseUnusable
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.tables import processes

Kind = Literal["api", "worker"]

BEAT_SECONDS = 10.0
_GONE_AFTER = timedelta(seconds=60)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `slots`: how much it does at once; `missing`: what it cannot do and why, in sentences."""

    id: str
    kind: str
    host: str
    pid: int
    slots: int
    missing: tuple[str, ...]
    started_at: datetime
    seen_at: datetime


class ProcessRows:
    """The rows of all processes of one database. `pepper` tells one data folder, or one shared store, from another."""

    def __init__(
        self, database: Database, pepper: bytes, told: Clock | None = None, *, shared_store: bool = False
    ) -> None:
        """`shared_store`: contents do not lie in a folder of this machine."""
        self._database = database
        self._shared_store = shared_store
        self._told = told
        self._machine, self._folder = _short(_machine()), _short(b"folder" + pepper)
        self._numbers = _short(_numbers())
        self._host = socket.gethostname()[:255]

    def new_id(self) -> str:
        """An id for this process; its parts tell the machine, the data folder and who numbers its processes."""
        return f"{self._machine}-{self._folder}-{self._numbers}{secrets.token_hex(6)}"

    def beat(self, process_id: str, kind: Kind, slots: int, missing: tuple[str, ...]) -> None:
        """Says that the process lives. Rows of processes that have died are removed."""
        own = processes.c.id == process_id
        said = {"slots": slots, "missing": list(missing)}
        with self._database.writing() as db:
            now = moment(db, self._told)
            db.execute(delete(processes).where(or_(*_stale(now))))
            dead = [row.id for row in db.execute(select(*_WHERE)) if self._is_dead(row.id, row.host, row.pid)]
            if dead:
                db.execute(delete(processes).where(processes.c.id.in_(dead)))
            if db.execute(update(processes).where(own).values(seen_at=now, **said)).rowcount == 0:
                db.execute(
                    insert(processes).values(
                        id=process_id,
                        kind=kind,
                        host=self._host,
                        pid=os.getpid(),
                        started_at=now,
                        seen_at=now,
                        **said,
                    )
                )

    def leave(self, process_id: str) -> None:
        """Removes the row of a process that ends."""
        with self._database.writing() as db:
            db.execute(delete(processes).where(processes.c.id == process_id))

    def live(self, kind: Kind | None = None) -> tuple[Process, ...]:
        """The processes seen within the last minute, oldest first."""
        query = select(*processes.c).order_by(processes.c.started_at, processes.c.id)
        if kind is not None:
            query = query.where(processes.c.kind == kind)
        with self._database.reading() as db:
            now = moment(db, self._told)
            found = [_process(row._mapping) for row in db.execute(query)]
        return tuple(
            process
            for process in found
            if abs(now - process.seen_at) < _GONE_AFTER
            and not self._is_dead(process.id, process.host, process.pid)
        )

    def all_see_our_files(self, kind: Kind) -> bool:
        """Whether processes of a kind live, and all of them in this very container or machine."""
        own = f"{self._machine}-{self._folder}-{self._numbers}"
        found = self.live(kind)
        return bool(found) and all(each.host == self._host and each.id.startswith(own) for each in found)

    def refuse_strangers(self) -> None:
        """Raises `DatabaseUnusable` when living processes of another machine use what machines cannot share."""
        for process in self.live():
            machine, folder, _ = process.id.split("-")
            if machine == self._machine or process.host == self._host:
                continue
            if self._database.is_sqlite:
                raise DatabaseUnusable(
                    f"The machine {process.host} uses the same SQLite file, and SQLite cannot be shared between "
                    "machines: end the processes there, or set database_url to a PostgreSQL."
                )
            if not self._shared_store:
                raise DatabaseUnusable(
                    f"The machine {process.host} uses the same database, and videos lie in a folder of this machine, "
                    "where others do not see them. Set KINOSCRIBE_STORE_URL=s3://bucket/prefix on all machines."
                )
            if folder != self._folder:
                raise DatabaseUnusable(
                    f"The machine {process.host} uses the same database with another store. "
                    "All machines must have one KINOSCRIBE_STORE_URL."
                )

    def _is_dead(self, process_id: str, host: str, pid: int) -> bool:
        """Whether a process of this very machine is gone; of others nothing is known before a minute has passed.

        Containers of one machine may have one name and yet number their processes each for itself.
        """
        machine, _, own = process_id.split("-")
        if host != self._host or machine != self._machine or not own.startswith(self._numbers):
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


_WHERE = (processes.c.id, processes.c.host, processes.c.pid)


def _stale(now: datetime) -> tuple[Any, ...]:
    return processes.c.seen_at < now - _GONE_AFTER, processes.c.seen_at > now + _GONE_AFTER


def _process(row: Any) -> Process:
    return Process(**{**row, "missing": tuple(row["missing"])})


@cache
def _machine() -> bytes:
    """What the containers of one machine have in common, and two machines do not: its start; else its name."""
    try:
        return _BOOT.read_bytes()
    except OSError:
        return socket.gethostname().encode()


@cache
def _numbers() -> bytes:
    """What processes have in common that see each other under the same numbers."""
    try:
        return os.readlink(_NUMBERS).encode()
    except OSError:
        return b""


def _short(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:12]
