"""Turns the `x-api-key` header of a call into the account it speaks for."""

from anyio import CapacityLimiter, to_thread

from kinoscribe.contract.errors import ApiKeyInvalid
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows


class Keys:
    """Looks keys up in threads of its own, so that letting a call in never waits for work on another call."""

    def __init__(self, rows: ApiKeyRows) -> None:
        self._rows = rows
        self._threads: CapacityLimiter | None = None

    async def account_of(self, key: str | None) -> Account:
        """Raises `ApiKeyInvalid` for a key that is missing, empty, unknown, expired or revoked."""
        if not key:
            raise ApiKeyInvalid
        if self._threads is None:
            self._threads = CapacityLimiter(16)
        account = await to_thread.run_sync(self._rows.account_of, key, limiter=self._threads)
        if account is None:
            raise ApiKeyInvalid
        return account

    def missing(self) -> list[str]:
        """What keeps callers out, in sentences. Reads the database: call it in a thread."""
        if self._rows.any_valid():
            return []
        return ["There is no valid API key: make one with `kinoscribe keys create`."]
