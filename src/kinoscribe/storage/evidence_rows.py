"""Keeps which videos' evidence is wanted, who collects it and how far that is, for waiters and workers alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, delete, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kinoscribe.contract.errors import ApiError, EngineFailed, ServiceUnavailable, StorageFull
from kinoscribe.contract.video import VideoFacts
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import evidence_jobs as jobs
from kinoscribe.storage.wake import CHANNEL

_INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
Steps = tuple[tuple[float, str, float], ...]
"""Seconds of work, stage, share done; in the order in which they happened."""

_LEASES_AHEAD = 4
# How long a failure is told to those who ask how a job stands, before it is begun anew for them; one that may be
# over soon not for so long. Who waits for the job begins it anew at once.
FAILURE_KEPT = 300.0
_PASSING_KEPT = 5.0
_DIED = "the process that perceives the video ended each time before it was done."


@dataclass(frozen=True, slots=True)
class EvidenceJob:
    """One video to perceive, as a worker gets it. `waited` says whether somebody waits for it right now."""

    key: str
    content: str
    path: str
    facts: VideoFacts
    waited: bool


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """How a job stands: shares (0..1) by stage, its error as code and message, the seconds it is wanted for, and how
    it came to where it is.
    """

    stages: dict[str, float]
    error: tuple[str, str] | None
    wanted: float
    steps: Steps = ()


class EvidenceRows:
    """Jobs by the key of the notes they make. A row lives until its notes are kept or nobody wants them.

    A job is done for those who wait, or `pinned`: then also without anybody. A worker holds it for `lease` seconds
    at a time, and one whose worker vanished for the `attempts`-th time has failed.
    """

    def __init__(self, database: Database, *, lease: float = 30.0, attempts: int = 2) -> None:
        self._database = database
        self._now = database.now
        self._lease = lease
        self._attempts = attempts

    def want(
        self,
        key: str,
        *,
        content: str,
        path: str,
        facts: VideoFacts,
        seconds: float = 0.0,
        pinned: bool = False,
    ) -> None:
        """Asks for a job, for `seconds` from now or `pinned`: a new one, the one that is there, a failed one anew."""
        new = {
            "key": key,
            "content": content,
            "path": path,
            "facts": msgspec.to_builtins(facts),
            "pinned": pinned,
            "created_at": self._now(),
            "wanted_until": self._now(seconds),
            "attempt": 0,
            "stages": {},
        }
        with self._database.writing() as db:
            asked = _INSERT[db.dialect.name](jobs).values(**new)
            given, failed = asked.excluded, jobs.c.error_code.is_not(None)
            later = given.wanted_until > jobs.c.wanted_until
            joined = {
                "wanted_until": case((or_(failed, later), given.wanted_until), else_=jobs.c.wanted_until),
                "pinned": or_(jobs.c.pinned, given.pinned),
                "path": case((or_(failed, given.pinned), given.path), else_=jobs.c.path),
                "attempt": case((failed, 0), else_=jobs.c.attempt),
                "error_code": None,
                "error_message": None,
            }
            db.execute(asked.on_conflict_do_update(index_elements=[jobs.c.key], set_=joined))
        with suppress(ApiError):
            self._database.notify(CHANNEL)

    def renew(self, key: str, seconds: float) -> None:
        """Says that somebody still waits, for `seconds` from now. Does nothing to a job that is gone."""
        until = self._now(seconds)
        with self._database.writing() as db:
            here = update(jobs).where(jobs.c.key == key, jobs.c.wanted_until < until)
            db.execute(here.values(wanted_until=until))

    def leave(self, key: str, seconds: float) -> None:
        """Says that one of those who waited has left: unless another renews it, it is wanted for `seconds` only."""
        until = self._now(seconds)
        with self._database.writing() as db:
            here = update(jobs).where(
                jobs.c.key == key, jobs.c.wanted_until > until, jobs.c.error_code.is_(None)
            )
            db.execute(here.values(wanted_until=until))

    def look(self, key: str) -> EvidenceView | None:
        """How a job stands; None when it has ended with notes, was given up, or never was."""
        shown = (jobs.c.stages, jobs.c.error_code, jobs.c.error_message, jobs.c.wanted_until, jobs.c.steps)
        with self._database.asking() as db:
            query = select(*shown, self._now().label("now")).where(jobs.c.key == key)
            row = db.execute(query).one_or_none()
        if row is None:
            return None
        error = None if row.error_code is None else (row.error_code, row.error_message)
        wanted = (row.wanted_until - row.now).total_seconds()
        return EvidenceView(dict(row.stages), error, wanted, msgspec.convert(row.steps, Steps))

    def claim(self, owner: str, free: int, *, early: bool) -> tuple[EvidenceJob, ...]:
        """Takes up to `free` jobs, the oldest first; `early` also those that nobody waits for, after the others.

        Jobs of vanished workers go back or fail first, and those that nobody wants are dropped. An idle call
        only reads.
        """
        due = or_(self._expired(), self._forgotten())
        if free > 0:
            due = or_(due, self._free(early=early))
        with self._database.asking() as db:
            if db.execute(select(jobs.c.key).where(due).limit(1)).first() is None:
                return ()
        with self._database.writing() as db:
            self._reap(db)
            db.execute(delete(jobs).where(self._forgotten()))
            oldest = (self._waited().desc(), jobs.c.created_at, jobs.c.key)
            chosen = select(jobs.c.key).where(self._free(early=early)).order_by(*oldest).limit(max(0, free))
            keys = db.execute(chosen.with_for_update(skip_locked=True)).scalars().all()
            taken = (
                update(jobs)
                .where(jobs.c.key.in_(keys))
                .values(**self._held(owner), attempt=jobs.c.attempt + 1)
            )
            shown = (jobs.c.key, jobs.c.content, jobs.c.path, jobs.c.facts, self._waited().label("waited"))
            found = {row.key: row for row in db.execute(taken.returning(*shown))}
        return tuple(_job(found[key]) for key in keys)

    def held(self, owner: str) -> dict[str, bool]:
        """The jobs of this owner that somebody wants, and whether somebody waits for each right now."""
        with self._database.reading() as db:
            return self._wanted(db, owner)

    def beat(
        self,
        owner: str,
        stages: Mapping[str, Mapping[str, float]],
        steps: Mapping[str, Sequence[tuple[float, str, float]]] | None = None,
    ) -> dict[str, bool]:
        """Holds the jobs of this owner for another lease, keeps how far they are and how they came there, and answers
        as `held` does.
        """
        with self._database.writing() as db:
            for key, done in stages.items():
                mine = update(jobs).where(*_owned(key, owner))
                came = {} if steps is None or key not in steps else {"steps": list(steps[key])}
                db.execute(mine.values(**self._held(owner), stages=dict(done), **came))
            return self._wanted(db, owner)

    def done(self, key: str, owner: str) -> None:
        """The notes are kept: the job ends."""
        with self._database.writing() as db:
            db.execute(delete(jobs).where(*_owned(key, owner)))

    def gone(self, key: str, owner: str, path: str) -> None:
        """The file is no longer there: the job ends, or goes back when it has been given another file meanwhile."""
        with self._database.writing() as db:
            db.execute(delete(jobs).where(*_owned(key, owner), jobs.c.path == path))
            db.execute(update(jobs).where(*_owned(key, owner)).values(**_BACK))

    def failed(self, key: str, owner: str, error: ApiError) -> None:
        """Keeps the error for those who wait, and a while longer for those who look now and then."""
        with self._database.writing() as db:
            db.execute(update(jobs).where(*_owned(key, owner)).values(**self._failure(error)))

    def put_back(self, key: str, owner: str) -> None:
        """Another may go on with it; the attempt does not count."""
        with self._database.writing() as db:
            db.execute(update(jobs).where(*_owned(key, owner)).values(**_BACK))

    def release(self, owner: str) -> int:
        """Puts all jobs of an owner back; says how many there were."""
        with self._database.writing() as db:
            return db.execute(update(jobs).where(jobs.c.owner == owner).values(**_BACK)).rowcount

    def _held(self, owner: str) -> dict[str, Any]:
        return {"owner": owner, "lease_until": self._now(self._lease)}

    def _waited(self) -> ColumnElement[bool]:
        return jobs.c.wanted_until > self._now()

    def _free(self, *, early: bool) -> ColumnElement[bool]:
        wanted = or_(self._waited(), jobs.c.pinned) if early else self._waited()
        return and_(jobs.c.owner.is_(None), jobs.c.error_code.is_(None), wanted)

    def _forgotten(self) -> ColumnElement[bool]:
        return and_(jobs.c.owner.is_(None), jobs.c.pinned.is_(False), not_(self._waited()))

    def _expired(self) -> ColumnElement[bool]:
        """A lease that lies too far ahead is left from before the clock was set back."""
        far = self._now(_LEASES_AHEAD * self._lease)
        return and_(
            jobs.c.owner.is_not(None), or_(jobs.c.lease_until <= self._now(), jobs.c.lease_until > far)
        )

    def _reap(self, db: Connection) -> None:
        too_often = update(jobs).where(self._expired(), jobs.c.attempt >= self._attempts)
        db.execute(too_often.values(**self._failure(EngineFailed(reason=_DIED))))
        db.execute(update(jobs).where(self._expired()).values(owner=None, lease_until=None))

    def _failure(self, error: ApiError) -> dict[str, Any]:
        kept = FAILURE_KEPT if not isinstance(error, ServiceUnavailable | StorageFull) else _PASSING_KEPT
        until = self._now(kept)
        later = case((until > jobs.c.wanted_until, until), else_=jobs.c.wanted_until)
        told = {"error_code": error.code, "error_message": error.message, "wanted_until": later}
        return {"owner": None, "lease_until": None, "pinned": False, **told}

    def _wanted(self, db: Connection, owner: str) -> dict[str, bool]:
        wanted = or_(self._waited(), jobs.c.pinned)
        mine = select(jobs.c.key, self._waited().label("waited")).where(jobs.c.owner == owner, wanted)
        return {row.key: bool(row.waited) for row in db.execute(mine)}


_BACK: dict[str, Any] = {"owner": None, "lease_until": None, "attempt": jobs.c.attempt - 1}


def _owned(key: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.key == key, jobs.c.owner == owner


def _job(row: Any) -> EvidenceJob:
    facts = msgspec.convert(row.facts, VideoFacts)
    return EvidenceJob(row.key, row.content, row.path, facts, bool(row.waited))
