"""Turns API keys into accounts; a key itself is never kept, only its HMAC under a secret of this server."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from kinoscribe import clock, ids
from kinoscribe.contract.errors import ApiKeyInvalid, DatabaseUnavailable, StorageFull
from kinoscribe.storage.data_folder import private_file
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import api_keys

PREFIX = "ksk_"
DEFAULT_ACCOUNT = "default"

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COARSE = timedelta(minutes=10)
_LONGEST_KEY = 500
PEPPER_BYTES = 32


@dataclass(frozen=True, slots=True)
class Account:
    """Whoever sent a key. Keys of one account see the same assets and receipts; no other account does.

    `key_id` is the id of the key that was sent; a preset key has none.
    """

    name: str
    key_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. `ending` is its last four characters, `last_used_at` is right to ten minutes."""

    id: str
    account: str
    ending: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def valid(self, moment: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or moment < self.expires_at)


def is_account(name: str) -> bool:
    """Whether `name` can name an account: 1 to 64 letters, digits, dots, dashes and underscores."""
    return _ACCOUNT.fullmatch(name) is not None


def pepper_of(folder: Path) -> bytes:
    """The secret of this server, made when it is first needed, in a file that only its owner may read."""
    return private_file(folder / "pepper", secrets.token_bytes(PEPPER_BYTES))


class ApiKeyRows:
    """The keys of all accounts. `preset` is a key that is valid as long as the settings name it."""

    def __init__(self, database: Database, pepper: bytes, preset: str | None = None) -> None:
        self._database = database
        self._pepper = pepper
        self._preset = self._digest(preset) if preset else None

    def account_of(self, key: str) -> Account | None:
        """The account `key` speaks for, or `None` when it is unknown, expired or revoked."""
        if not key or len(key) > _LONGEST_KEY:
            return None
        digest = self._digest(key)
        if self._preset is not None and hmac.compare_digest(digest, self._preset):
            return Account(DEFAULT_ACCOUNT)
        with self._database.asking() as db:
            rows, _ = self._database.run(db, _VALID, {"digest": digest})
        now = clock.now()
        if not rows:
            return None
        found = ApiKey(**dict(zip(_NAMES, rows[0], strict=True)))
        if not found.valid(now):
            return None
        if found.last_used_at is None or now - found.last_used_at >= _COARSE:
            self._used(found.id, now)
        return Account(found.account, found.id)

    def create(self, account: str, *, days: float | None = None) -> tuple[str, ApiKey]:
        """A new key for `account`: the key itself, which cannot be had again, and what is kept of it."""
        if not is_account(account):
            raise ValueError(f"{account!r} cannot name an account")
        key = PREFIX + secrets.token_urlsafe(32)
        now = clock.now()
        made = ApiKey(
            id=ids.new_object_id(),
            account=account,
            ending=key[-4:],
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            last_used_at=None,
            revoked_at=None,
        )
        with self._database.writing() as db:
            db.execute(
                insert(api_keys).values(
                    id=made.id,
                    account=account,
                    digest=self._digest(key),
                    ending=made.ending,
                    created_at=now,
                    expires_at=made.expires_at,
                )
            )
        return key, made

    def list(self, account: str | None = None) -> tuple[ApiKey, ...]:
        """All keys, of one account or of every one, oldest first."""
        query = select(*_SHOWN).order_by(api_keys.c.created_at, api_keys.c.id)
        if account is not None:
            query = query.where(api_keys.c.account == account)
        with self._database.reading() as db:
            return tuple(ApiKey(**row._mapping) for row in db.execute(query))

    def revoke(self, key_id: str) -> bool:
        """Ends a key at once. False when there is no such key or it was revoked before."""
        end = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with self._database.writing() as db:
            return db.execute(end.values(revoked_at=clock.now())).rowcount == 1

    def any_valid(self) -> bool:
        """Whether anybody can be let in: a preset key or one that is neither expired nor revoked."""
        if self._preset is not None:
            return True
        lives = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > clock.now())
        query = select(api_keys.c.id).where(and_(api_keys.c.revoked_at.is_(None), lives)).limit(1)
        with self._database.reading() as db:
            return db.execute(query).first() is not None

    def _used(self, key_id: str, moment: datetime) -> None:
        """Nobody is kept out because a full disk cannot take this note."""
        with suppress(StorageFull, DatabaseUnavailable), self._database.writing() as db:
            db.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=moment))

    def _digest(self, key: str) -> str:
        return hmac.new(self._pepper, key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def hold_key(db: Connection, key_id: str | None) -> None:
    """Has the key with this id not end before this transaction does. A preset key has no id, and needs no hold.

    Raises `ApiKeyInvalid` when it has ended since the call began that it let in, maybe with all of its account.
    """
    if key_id is None:
        return
    lives = select(api_keys.c.id).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    if db.execute(lives.with_for_update(read=True)).first() is None:
        raise ApiKeyInvalid


_SHOWN = tuple(column for column in api_keys.c if column.name != "digest")
_NAMES = tuple(column.name for column in _SHOWN)
# Asked for with every call.
_VALID = select(*_SHOWN).where(api_keys.c.digest == bindparam("digest"))
