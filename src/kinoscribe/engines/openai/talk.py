"""Asks a model server short questions and gives back what it says as plain values, whatever it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from kinoscribe.cancel import Cancel
from kinoscribe.engines.openai.config import Waits
from kinoscribe.engines.openai.connection import Body, Broken, Pool, Unreached
from kinoscribe.engines.openai.patience import GaveUp, Patience

_MOST_BYTES = 2 * 1024 * 1024
_WAITS = Waits(connect=5.0, first_token=120.0, idle=60.0, total=180.0)
_SHORT = Waits(connect=3.0, first_token=5.0, idle=5.0, total=8.0)


class Unanswered(Exception):
    """No answer came; the message says why, as the end of a sentence. `late`: one might have come later."""

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, its words and what they say as JSON, None where they are none."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300

    @property
    def value(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class Talk:
    """One server, by the URL that ends where `/chat/completions` is added."""

    def __init__(self, url: str, api_key: str | None, cancel: Cancel) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "kinoscribe"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._cancel = cancel
        self._pool = Pool()

    @property
    def root(self) -> str:
        """Where servers have addresses of their own, outside of the protocol."""
        return self.url.removesuffix("/v1")

    def get(self, url: str) -> Told:
        """Raises `Unanswered` and `Canceled`."""
        return self._send("GET", url, None, _SHORT)

    def chat(self, body: Mapping[str, Any]) -> Told:
        """Raises `Unanswered` and `Canceled`."""
        return self._send("POST", f"{self.url}/chat/completions", msgspec.json.encode(body), _WAITS)

    def close(self) -> None:
        self._pool.close()

    def _send(self, method: Literal["GET", "POST"], url: str, body: bytes | None, waits: Waits) -> Told:
        patience = Patience(waits, _MOST_BYTES, self._cancel)
        sent = None if body is None else Body(body)
        try:
            with self._pool.ask(method, url, patience, headers=self._headers, body=sent) as answer:
                return Told(answer.status, b"".join(answer.body()), answer.headers)
        except Unreached as error:
            reason = "does not answer in time" if error.late else "cannot be reached"
            raise Unanswered(reason) from error
        except (Broken, GaveUp) as error:
            late = isinstance(error, GaveUp)
            raise Unanswered(str(error) if late else "broke the connection off", late=late) from error


def number(value: Any, most: int = 100_000_000) -> int | None:
    """A whole number that may be a count of tokens."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < most:
        return value
    return None


def text(value: Any, most: int = 200) -> str:
    """A short text of one line, empty for anything else."""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        return ""
    return value.strip()


def part(value: Any, *names: str) -> Any:
    """What stands at the end of a path of names; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
