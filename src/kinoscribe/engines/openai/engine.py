"""Answers Asks through any server that speaks the OpenAI protocol."""

from collections.abc import Iterator
from typing import Protocol

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ContextTooLong, EngineFailed, ServiceUnavailable
from kinoscribe.engines.engine import Ask, EngineState, Piece, Sight
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.connection import Pool
from kinoscribe.engines.openai.exchange import Exchange
from kinoscribe.engines.openai.generation import Generation
from kinoscribe.engines.openai.servers import Servers
from kinoscribe.engines.openai.wording import VERSION


class Known(Protocol):
    """What is known of the servers by now: the operator's configuration with what was found, and whether they work."""

    @property
    def config(self) -> OpenAIConfig:
        """What holds whichever server is asked."""
        ...

    def config_of(self, url: str) -> OpenAIConfig:
        """What holds when the server of this URL is asked."""
        ...

    @property
    def unwell(self) -> frozenset[str]:
        """The URLs at which nobody can answer."""
        ...

    def state(self) -> EngineState: ...

    def failed(self) -> None:
        """A server failed an ask."""
        ...

    def answered(self) -> None:
        """A server answered an ask."""
        ...

    def close(self) -> None: ...


class OpenAIEngine:
    """Answers through servers that speak the OpenAI protocol. May be used by many threads at once.

    Without `known` the configuration is taken at its word, and the servers are taken to be there.
    """

    def __init__(self, config: OpenAIConfig, known: Known | None = None) -> None:
        self.name = config.name
        self._known = known or _Believed(config)
        self._pool = Pool()
        self._exchange = Exchange(self._pool, config.api_key)
        self._servers = Servers(config.urls, self._known.failed)

    @property
    def config(self) -> OpenAIConfig:
        return self._known.config

    @property
    def model(self) -> str:
        return self.config.model

    @property
    def version(self) -> str:
        """Of the words that ask, and of all else that answers depend on: what is kept was made by the same."""
        return "-".join(filter(None, (VERSION, self.config.ways)))

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
            known = self._known
            order = self._servers.order(ask.content, known.unwell, self._blind(ask))
            yield from Generation(ask, cancel, known.config_of, self._exchange, self._servers, order).run()
            self._known.answered()
        except (EngineFailed, ServiceUnavailable) as error:
            if not isinstance(error, ContextTooLong):
                self._known.failed()
            raise

    def _blind(self, ask: Ask) -> frozenset[str]:
        """The servers that would have to do without the pictures of this ask."""
        config = self.config
        if len(config.urls) < 2 or not config.sees or not (ask.frames or ask.images):
            return frozenset()
        return frozenset(url for url in config.urls if not self._known.config_of(url).sees)

    def state(self) -> EngineState:
        return self._known.state()

    def close(self) -> None:
        self._known.close()
        self._pool.close()


class _Believed:
    unwell: frozenset[str] = frozenset()

    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config

    def config_of(self, _url: str) -> OpenAIConfig:
        return self.config

    def state(self) -> EngineState:
        return EngineState(ready=True)

    def failed(self) -> None:
        """Nothing is asked, so nothing is asked again."""

    def answered(self) -> None:
        """Nobody doubted it."""

    def close(self) -> None:
        """Nothing is held."""
