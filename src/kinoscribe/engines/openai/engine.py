"""Turns an Ask into pieces that a model server says; another server is asked when one fails before its first word."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    EngineRefused,
    ServiceUnavailable,
)
from kinoscribe.engines.engine import Ask, EngineState, Finished, Piece, Sight
from kinoscribe.engines.openai.answer import HeldBack, pieces
from kinoscribe.engines.openai.chat_request import ChatRequest, chat_request
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.connection import open_pool
from kinoscribe.engines.openai.exchange import Exchange, Refused, ServerFailed
from kinoscribe.engines.openai.patience import Patience
from kinoscribe.engines.openai.refusals import Refusal
from kinoscribe.engines.openai.servers import Course, Miss, Servers
from kinoscribe.engines.openai.wording import VERSION

_LEAST_ANSWER = 64
_UNREACHED = "No model server can be reached at the moment. Please try again later."


class Known(Protocol):
    """What is known of the servers by now: the operator's configuration with what was found, and whether they work."""

    @property
    def config(self) -> OpenAIConfig: ...

    def state(self) -> EngineState: ...

    def failed(self) -> None:
        """A server failed an ask."""
        ...

    def close(self) -> None: ...


class OpenAIEngine:
    """Answers through servers that speak the OpenAI protocol. May be used by many threads at once.

    Without `known` the configuration is taken at its word, and the servers are taken to be there.
    """

    version = VERSION

    def __init__(self, config: OpenAIConfig, known: Known | None = None) -> None:
        self.name = config.name
        self._known = known or _Believed(config)
        self._pool = open_pool()
        self._exchange = Exchange(self._pool, config.api_key)
        self._servers = Servers(config.urls)

    @property
    def config(self) -> OpenAIConfig:
        return self._known.config

    @property
    def model(self) -> str:
        return self.config.model

    @property
    def context_tokens(self) -> int:
        return self.config.context

    @property
    def sees_pictures(self) -> bool:
        return self.config.sees

    @property
    def sight(self) -> Sight:
        return self.config.sight

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        """Raises `ContextTooLong`, `EngineBusy`, `EngineRefused`, `EngineFailed`, `ServiceUnavailable`, `Canceled`.

        An answer that breaks off after its first word is an `EngineFailed`; JSON and segments come as a whole, so
        that another server can still be asked.
        """
        try:
            yield from _Generation(ask, cancel, self.config, self._exchange, self._servers).run()
        except (EngineFailed, ServiceUnavailable) as error:
            if not isinstance(error, ContextTooLong):
                self._known.failed()
            raise

    def state(self) -> EngineState:
        return self._known.state()

    def close(self) -> None:
        self._known.close()
        self._pool.close()


class _Believed:
    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config

    def state(self) -> EngineState:
        return EngineState(ready=True)

    def failed(self) -> None:
        """Nothing is asked, so nothing is asked again."""

    def close(self) -> None:
        """Nothing is held."""


class _Generation:
    def __init__(
        self, ask: Ask, cancel: Cancel, config: OpenAIConfig, exchange: Exchange, servers: Servers
    ) -> None:
        self._ask = ask
        self._cancel = cancel
        self._config = config
        self._exchange = exchange
        self._servers = servers
        self._course = Course(servers.order(ask.content), config.waits.busy)
        self._take(chat_request(ask, config))
        self._plain = False
        self._fitted = False

    def _take(self, request: ChatRequest) -> None:
        self._request = request
        self._max_tokens = request.max_tokens

    def run(self) -> Generator[Piece, None, None]:
        while True:
            url = self._course.url
            begun = False
            try:
                with closing(self._pieces(url)) as said:
                    for piece in said:
                        self._cancel.check()
                        begun = True
                        yield self._noted(piece, url) if isinstance(piece, Finished) else piece
                self._servers.answered(url)
                return
            except Refused as refused:
                self._after_refusal(refused.refusal, url)
            except HeldBack as held:
                raise EngineRefused(
                    reason="its model server holds the answer back by rules of its own."
                ) from held
            except ServerFailed as failed:
                self._servers.failed(url)
                if begun:
                    raise EngineFailed(reason=f"its model server {failed}.") from failed
                self._go_on(Miss(url, failed.again), _error(failed))

    def _pieces(self, url: str) -> Generator[Piece, None, None]:
        patience = Patience(self._config.waits, self._config.max_bytes, self._cancel)
        body = self._request.body(self._max_tokens, plain=self._plain)
        with closing(self._exchange.say(url, body, self._request.headers, patience)) as heard:
            yield from pieces(
                heard,
                whole=self._request.wants_json,
                thinks=self._config.thinks,
                max_tokens=self._max_tokens,
            )

    def _noted(self, finished: Finished, url: str) -> Finished:
        notes = {"server": str(self._servers.number(url)), "tries": str(self._course.tries)}
        if self._plain:
            notes["request"] = "without what the server did not know"
        return replace(finished, notes={**finished.notes, **notes})

    def _after_refusal(self, refusal: Refusal, url: str) -> None:
        """Makes the request fit, or goes on to another server, or raises."""
        match refusal.kind:
            case "context":
                self._fit_context(refusal)
            case "pictures":
                self._fit_pictures(refusal)
            case "request" if not self._plain:
                self._plain = True
            case "request":
                raise EngineRefused(reason="its model server does not take the request.")
            case "busy":
                self._go_on(Miss(url, True, refusal.retry_after), None)
            case "broken":
                self._servers.failed(url)
                error = EngineFailed(reason=f"its model server answered with status {refusal.status}.")
                self._go_on(Miss(url, True), error)
            case "key":
                error = EngineRefused(
                    reason="its model server refuses the API key that this server was given."
                )
                self._go_on(Miss(url, False), error)
            case "model":
                error = EngineRefused(reason="its model server does not know the model, or not the address.")
                self._go_on(Miss(url, False), error)

    def _fit_context(self, refusal: Refusal) -> None:
        """Where only the room for the answer is too large, it is made smaller, once."""
        most, prompt = refusal.most, refusal.prompt
        if not self._fitted and most is not None and prompt is not None:
            room = most - prompt
            if _LEAST_ANSWER <= room < self._max_tokens:
                self._fitted = True
                self._max_tokens = room
                return
        raise ContextTooLong(most=most, prompt=prompt)

    def _fit_pictures(self, refusal: Refusal) -> None:
        """Where a server takes fewer pictures, it gets fewer."""
        if not refusal.most or refusal.most >= self._config.sight.most:
            raise EngineRefused(reason="its model server takes no pictures.")
        self._config = replace(self._config, most_pictures=refusal.most)
        self._take(chat_request(self._ask, self._config))

    def _go_on(self, miss: Miss, error: ApiError | None) -> None:
        """Waits until the next server may be asked. Raises the error when there is none, or `EngineBusy`."""
        wait = self._course.after(miss)
        if wait is None:
            if error is not None:
                raise error
            raise EngineBusy(seconds=self._course.come_back)
        if wait and self._cancel.wait(wait):
            raise Canceled


def _error(failed: ServerFailed) -> ApiError:
    if failed.unreached:
        return ServiceUnavailable(reason=_UNREACHED)
    return EngineFailed(reason=f"its model server {failed}.")
