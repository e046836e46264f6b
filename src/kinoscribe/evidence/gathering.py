"""Names what an analysis asks evidence of, whichever process collects it."""

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.notes import Notes


class Gathers(Protocol):
    """Evidence by content hash; safe to share between threads."""

    def missing(self) -> list[str]:
        """What has to be fetched before anything can be collected, in sentences."""
        ...

    def kept(self, content: str) -> Notes | None:
        """The notes of a content that was perceived before; nothing is decoded."""
        ...

    def kept_for(self, account: str, content: str) -> Notes | None:
        """The same, as far as this account may know of them. Raises `DatabaseUnavailable`."""
        ...

    def failure(self, account: str, content: str) -> ApiError | None:
        """Why there are no notes, when their making failed a short while ago. Raises `DatabaseUnavailable`."""
        ...

    def gather(
        self, path: Path, content: str, facts: VideoFacts, cancel: Cancel, *, account: str | None = None
    ) -> Generator[Progress, None, Notes]:
        """Yields how far the collectors are and returns the notes, to an `account` at its pace.

        Raises `VideoFileBroken` when nothing decodes, `ServiceUnavailable` when weights are missing,
        `EngineFailed` when the perception process dies twice, `DatabaseUnavailable`, `ServerEnding` or `Canceled`.
        """
        ...

    def start(self, path: Path, content: str, facts: VideoFacts, account: str | None = None) -> None:
        """Has the notes collected in the background, before the account asks."""
        ...

    def forget(self, content: str) -> None:
        """Removes all that is known of a content. Raises `StoreUnavailable`."""
        ...

    def close(self) -> None:
        """Ends what runs. Nothing works afterwards."""
        ...
