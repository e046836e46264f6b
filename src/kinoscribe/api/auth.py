"""Turns the `x-api-key` header of a call into the account it speaks for."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from kinoscribe.contract.errors import ApiKeyInvalid
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows

T = TypeVar("T")


class Keys:
    """Looks keys up and counts calls in threads of its own: letting one in never waits for work on another."""

    def __init__(self, rows: ApiKeyRows) -> None:
        self._rows = rows
        self._threads: CapacityLimiter | None = None

    async def account_of(self, key: str | None) -> Account:
        """Raises `ApiKeyInvalid` for a key that is missing, empty, unknown, expired or revoked."""
        account, _ = await self.let_in(key)
        return account

    async def let_in(
        self, key: str | None, count: Callable[[Account], T] | None = None
    ) -> tuple[Account, T | None]:
        """The account, and what `count` returns of it in the same thread. Raises what `account_of` does."""
        if not key:
            raise ApiKeyInvalid
        if self._threads is None:
            self._threads = CapacityLimiter(16)
        return await to_thread.run_sync(self._let_in, key, count, limiter=self._threads)

    def _let_in(self, key: str, count: Callable[[Account], T] | None) -> tuple[Account, T | None]:
        account = self._rows.account_of(key)
        if account is None:
            raise ApiKeyInvalid
        return account, None if count is None else count(account)

    def missing(self) -> list[str]:
        """What keeps callers out, in sentences. Reads the database: call it in a thread."""
        if self._rows.any_valid():
            return []
        return ["There is no valid API key: make one with `kinoscribe keys create`."]
