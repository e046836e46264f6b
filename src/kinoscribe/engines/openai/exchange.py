"""Turns one chat request to one server into what is heard of the answer, or into why there is none."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import httpcore2
import httpx2
import structlog
from openai import APIStatusError, Omit, OpenAI, OpenAIError, Stream

from kinoscribe import __version__
from kinoscribe.contract.shown import harmless
from kinoscribe.engines.openai.connection import Body, client
from kinoscribe.engines.openai.patience import GaveUp, Patience
from kinoscribe.engines.openai.refusals import Refusal, read_refusal
from kinoscribe.engines.openai.stream import Heard, ToldError, Unreadable, events, hear, is_done

_AGENT = f"kinoscribe/{__version__}"
_UNUSED_KEY = "unused"
_BROKEN = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    OpenAIError,
    httpx2.InvalidURL,
    UnicodeError,
)
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

    def __init__(self, pool: httpcore2.ConnectionPool, api_key: str | None) -> None:
        self._pool = pool
        self._key = api_key

    def say(
        self, url: str, body: Body, headers: dict[str, str], patience: Patience
    ) -> Generator[Heard, None, bool]:
        """Yields what is heard and returns whether the server marked the end.

        Raises `Refused`, `ServerFailed` and `Canceled`. Closing it closes the connection.
        """
        with self._our_errors(url), closing(self._open(url, body, headers, patience)) as response:
            if "json" in response.headers.get("content-type", ""):
                yield hear(b"".join(response.iter_raw()))
                return True
            for event in events(response.iter_raw()):
                if is_done(event):
                    return True
                heard = hear(event)
                patience.begun = patience.begun or bool(heard.text) or heard.thought
                yield heard
        return False

    def _open(self, url: str, body: Body, headers: dict[str, str], patience: Patience) -> httpx2.Response:
        # Said here as well, the environment has no say in it.
        own = {"Authorization": Omit() if self._key is None else f"Bearer {self._key}", "User-Agent": _AGENT}
        server = OpenAI(
            api_key=self._key or _UNUSED_KEY,
            base_url=url,
            max_retries=0,
            default_headers=cast("dict[str, str]", own),
            http_client=client(self._pool, patience),
        )
        sent = {
            **headers,
            **own,
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Content-Length": str(body.size),
        }
        response: object = server.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=body,
            options={"headers": sent},
            stream=True,
            stream_cls=Stream[object],
        )
        assert isinstance(response, httpx2.Response)
        return response

    @contextmanager
    def _our_errors(self, url: str) -> Iterator[None]:
        """Turns what goes wrong into what can be told, and logs the rest."""
        try:
            yield
        except APIStatusError as error:
            answer = error.response
            refusal = read_refusal(answer.status_code, answer.content, answer.headers.get("retry-after"))
            self._tell(url, answer.content[:1_000].decode("utf-8", "replace"), status=refusal.status)
            raise Refused(refusal) from error
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
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
        except _BROKEN as error:
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
