"""Says how long to go on waiting for a model server: its bounds in time and size, and the word "stop"."""

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.engines.openai.config import Waits

# How soon a thrown switch is seen, in seconds.
SLICE = 0.2
_LARGEST_REFUSAL = 256 * 1024
_REFUSAL_SECONDS = 5.0


class GaveUp(Exception):
    """A bound was reached; the message is a part of a sentence about the server."""


class Patience:
    """The bounds of one request. `begun` is set by whoever reads the answer, once its first token has come."""

    def __init__(self, waits: Waits, most_bytes: int, cancel: Cancel) -> None:
        now = clock.steady()
        self.connect = waits.connect
        self.begun = False
        self._waits = waits
        self._cancel = cancel
        self._until = now + waits.total
        self._first = now + waits.first_token
        self._heard = now
        self._left = most_bytes

    def slice(self) -> float:
        """Seconds to wait before asking again. Raises `Canceled` or `GaveUp`."""
        self._cancel.check()
        now = clock.steady()
        if now >= self._until:
            raise GaveUp("did not come to an end in time")
        if not self.begun and now >= self._first:
            raise GaveUp("did not begin to answer in time")
        if self.begun and now >= self._heard + self._waits.idle:
            raise GaveUp("fell silent in the middle of the answer")
        return min(SLICE, self._until - now)

    def took(self, size: int) -> None:
        """So many bytes have come. Raises `GaveUp` when they are too many."""
        self._heard = clock.steady()
        self._left -= size
        if self._left < 0:
            raise GaveUp("sent more than is read of one answer")

    def refused(self) -> None:
        """Only the reason of a refusal is still to come: that is short."""
        self._left = min(self._left, _LARGEST_REFUSAL)
        self._until = min(self._until, clock.steady() + _REFUSAL_SECONDS)
