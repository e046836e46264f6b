"""Turns one chat request to one server into what is heard of the answer, or into why there is none."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import structlog

from kinoscribe import __version__
from kinoscribe.contract.shown import harmless
from kinoscribe.engines.openai.connection import Body, Broken, Pool, Unreached
from kinoscribe.engines.openai.patience import GaveUp, Patience
from kinoscribe.engines.openai.refusals import Refusal, read_refusal
from kinoscribe.engines.openai.response import Response
from kinoscribe.engines.openai.stream import Heard, ToldError, Unreadable, events, hear, is_done

_AGENT = f"kinoscribe/{__version__}"
_log = structlog.get_logger(__name__)


class Refused(Exception):
    """The server said no, and how."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.kind)
        self.refusal = refusal


class ServerFailed(Exception):
    """The message is a part of a sentence about the server that names neither its address nor its words.

    `unreached`: no connection was made. `again`: asking it once more may help.
    """

    def __init__(self, reason: str, *, unreached: bool = False, again: bool = True) -> None:
        super().__init__(reason)
        self.unreached = unreached
        self.again = again


class Exchange:
    """What all requests of an engine share."""

    def __init__(self, pool: Pool, api_key: str | None) -> None:
        self._pool = pool
        self._key = api_key
        own = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": _AGENT,
            **own,
        }

    def say(
        self, url: str, body: Body, headers: dict[str, str], patience: Patience
    ) -> Generator[Heard, None, bool]:
        """Yields what is heard and returns whether the server marked the end.

        Raises `Refused`, `ServerFailed` and `Canceled`. Closing it closes the connection.
        """
        sent = {**self._headers, **headers}
        with (
            self._our_errors(url),
            self._pool.ask(
                "POST", url, patience, headers=sent, body=body, path="/chat/completions"
            ) as response,
        ):
            if not response.well:
                raise self._refused(url, response)
            parts = response.body()
            if "json" in response.headers.get("content-type", ""):
                yield hear(b"".join(parts))
                return True
            for event in events(parts):
                if is_done(event):
                    return True
                heard = hear(event)
                if heard.text or heard.thought:
                    patience.begun = True
                yield heard
        return False

    def _refused(self, url: str, response: Response) -> "Refused":
        words = b"".join(response.body())
        refusal = read_refusal(response.status, words, response.headers.get("retry-after"))
        self._tell(url, words[:1_000].decode("utf-8", "replace"), status=refusal.status)
        return Refused(refusal)

    @contextmanager
    def _our_errors(self, url: str) -> Iterator[None]:
        """Turns what goes wrong into what can be told, and logs the rest."""
        try:
            yield
        except Unreached as error:
            self._tell(url, str(error))
            raise ServerFailed("could not be reached", unreached=True) from error
        except GaveUp as error:
            self._tell(url, str(error))
            raise ServerFailed(str(error), again=False) from error
        except ToldError as error:
            self._tell(url, error.words)
            refusal = read_refusal(error.status, error.words.encode("utf-8", "replace"), None)
            if refusal.kind != "broken":
                raise Refused(refusal) from error
            raise ServerFailed("told of an error in the middle of the answer") from error
        except Unreadable as error:
            self._tell(url, str(error))
            raise ServerFailed(str(error)) from error
        except Broken as error:
            self._tell(url, str(error))
            raise ServerFailed("broke off the connection, or did not answer in proper HTTP") from error

    def _tell(self, url: str, words: str, **facts: int) -> None:
        """Logs what an operator must know: the words of a server, which may repeat the key it was given."""
        told = harmless(words.replace(self._key, "…") if self._key else words)
        _log.warning("model_server_failed", url=without_password(url), reason=told, **facts)


def without_password(url: str) -> str:
    """A URL as it may be logged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
