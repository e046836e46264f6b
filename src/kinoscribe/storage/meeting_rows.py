"""Keeps which account has waited for the evidence of which content, so that none learns what another sent before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, String, and_, bindparam, case, delete, exists, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kinoscribe.storage.database import Database
from kinoscribe.storage.removal import remove
from kinoscribe.storage.tables import meetings

_INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Meeting:
    """What is known of an account and the notes of a content.

    `making` names the making of the notes that the account has waited out; `waited` are the seconds it has waited
    since it first asked; `others` says whether any other account has ever asked for them.
    """

    known: bool = False
    making: str | None = None
    waited: float = 0.0
    others: bool = False


class MeetingRows:
    """Rows by the key of notes and the account. All methods may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now
        self._one = self._look()

    def find(self, account: str, key: str) -> Meeting:
        """One look: the row of the account, and whether there are others'."""
        with self._database.asking() as db:
            rows, _ = self._database.run(db, self._one, {"account": account, "key": key})
        ((making, kept, early_at, now, others),) = rows
        if kept is None:
            return Meeting(others=bool(others))
        waited = float(kept)
        if early_at is not None:
            waited = max(waited, (now - early_at).total_seconds())
        return Meeting(True, making, waited, bool(others))

    def _look(self) -> Select[Any]:
        """Asked with every question about a video: made once."""
        key, account = bindparam("key", type_=String), bindparam("account", type_=String)
        own = select(meetings.c.making, meetings.c.waited, meetings.c.early_at, self._now().label("now"))
        own = own.where(meetings.c.key == key, meetings.c.account == account)
        theirs = select(meetings.c.account).where(meetings.c.key == key, meetings.c.account != account)
        mine = own.subquery()
        return select(mine, exists(theirs).label("others")).select_from(
            select(literal(1).label("one")).subquery().outerjoin(mine, literal(value=True))
        )

    def ask(self, account: str, key: str, content: str, *, early: bool = False, anew: bool = False) -> None:
        """The account asks for the notes: from now on somebody else is not the first.

        `early`: they are made for it whether it waits or not, and every second counts. `anew`: what it has waited
        for was removed since, and is made once more.
        """
        values = self._new(account, key, content) | {"early_at": self._now() if early else None}
        with self._database.writing() as db:
            asked = _INSERT[db.dialect.name](meetings).values(**values)
            given = asked.excluded
            early_at = given.early_at if anew else func.coalesce(meetings.c.early_at, given.early_at)
            changed: dict[str, Any] = {"early_at": early_at}
            if anew:
                changed |= {"waited": 0.0, "making": None, "asked_at": given.asked_at}
            where = [meetings.c.key, meetings.c.account]
            db.execute(asked.on_conflict_do_update(index_elements=where, set_=changed))

    def waited(self, account: str, key: str, seconds: float) -> None:
        """Keeps how long the account has waited in all; never less than was kept before."""
        longer = case((meetings.c.waited < seconds, seconds), else_=meetings.c.waited)
        here = update(meetings).where(and_(meetings.c.key == key, meetings.c.account == account))
        with self._database.writing() as db:
            db.execute(here.values(waited=longer))

    def meet(self, account: str, key: str, content: str, making: str) -> None:
        """The account has waited out this making of the notes: they are its own from now on."""
        values = self._new(account, key, content) | {"making": making}
        with self._database.writing() as db:
            met = _INSERT[db.dialect.name](meetings).values(**values)
            where = [meetings.c.key, meetings.c.account]
            db.execute(met.on_conflict_do_update(index_elements=where, set_={"making": met.excluded.making}))

    def _new(self, account: str, key: str, content: str) -> dict[str, Any]:
        """The row of an account that asks for the first time, and waits."""
        return {
            "key": key,
            "account": account,
            "content": content,
            "asked_at": self._now(),
            "early_at": None,
            "waited": 0.0,
            "making": None,
        }

    def forget(self, content: str) -> None:
        """The evidence of a content is gone: whoever asks next waits for it again."""
        with self._database.writing() as db:
            db.execute(delete(meetings).where(meetings.c.content == content))

    def sweep(self, seconds: float, *, dry: bool = False) -> int:
        """Removes what was asked for so long ago and never handed out; says how many rows went or would go."""
        old = (meetings.c.making.is_(None), meetings.c.asked_at < self._now(-seconds))
        return remove(self._database, meetings, *old, dry=dry)
