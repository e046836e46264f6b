"""Brings one Ask to the model servers of an engine, until one of them answers or none can.

What a server refuses is made less where that helps; before its first word a failed server is followed by another one.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    EngineRefused,
    ServiceUnavailable,
)
from kinoscribe.engines.engine import Ask, Finished, Missed, Piece
from kinoscribe.engines.openai.answer import HeldBack, pieces
from kinoscribe.engines.openai.chat_request import chat_request
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.connection import Body
from kinoscribe.engines.openai.dress import Dress
from kinoscribe.engines.openai.exchange import Exchange, Refused, ServerFailed
from kinoscribe.engines.openai.messages import shown_frames
from kinoscribe.engines.openai.patience import Patience
from kinoscribe.engines.openai.refusals import Refusal
from kinoscribe.engines.openai.servers import Course, Miss, Servers

_LEAST_ANSWER = 64
_FITS = 3
_SEQUENCE, _OBJECTS, _PICTURES = "sequence", "objects", "pictures"
_FIELDS = ("max_tokens", "temperature")
_UNREACHED = "No model server can be reached at the moment. Please try again later."


class Generation:
    """One Ask on its way through the servers. `_dress`, `_most` and `_config` become less where a server wants less.

    `configs` is what is known of each server, `_base` that of the one which is asked.
    """

    def __init__(
        self,
        ask: Ask,
        cancel: Cancel,
        configs: Callable[[str], OpenAIConfig],
        exchange: Exchange,
        servers: Servers,
        order: tuple[str, ...],
    ) -> None:
        self._ask = ask
        self._cancel = cancel
        self._configs = configs
        self._base = self._config = self._config_of(order[0])
        self._exchange = exchange
        self._servers = servers
        self._course = Course(order, self._config.waits.busy)
        self._dress = Dress.FULL
        self._unwanted: set[str] = set()
        self._fits = 0
        self._waited = 0.0
        self._request = chat_request(ask, self._config)
        self._most = self._request.max_tokens
        self._dress_for(self._course.url)

    def run(self) -> Generator[Piece, None, None]:
        while True:
            url = self._course.url
            begun = False
            try:
                with closing(self._pieces(url)) as said:
                    for piece in said:
                        self._cancel.check()
                        if not begun:
                            begun = True
                            self._ask.begun(str(self._servers.number(url)))
                        yield self._noted(piece, url) if isinstance(piece, Finished) else piece
                self._well(url)
                return
            except Refused as refused:
                with self._told(url, str(refused.refusal)):
                    if begun:
                        reason = "its model server told of an error in the middle of the answer."
                        raise EngineFailed(reason=reason) from refused
                    self._after_refusal(refused.refusal, url)
            except HeldBack as held:
                with self._told(url, "holds the answer back by rules of its own"):
                    reason = "its model server holds the answer back by rules of its own."
                    raise EngineRefused(reason=reason) from held
            except ServerFailed as failed:
                with self._told(url, str(failed)):
                    self._servers.failed(url)
                    if begun:
                        raise EngineFailed(reason=f"its model server {failed}.") from failed
                    self._go_on(Miss(url, failed.again), _error(failed))

    @contextmanager
    def _told(self, url: str, reason: str) -> Iterator[None]:
        """Tells whoever asked that a server was asked in vain, and whether the block found another way."""
        self._waited = 0.0
        missed = Missed(str(self._servers.number(url)), reason)
        try:
            yield
            missed = replace(missed, again=True)
        finally:
            self._ask.missed(replace(missed, wait=self._waited))

    def _pieces(self, url: str) -> Generator[Piece, None, None]:
        patience = Patience(self._config.waits, self._config.max_bytes, self._cancel)
        with closing(self._exchange.say(url, self._body(), self._request.headers, patience)) as heard:
            yield from pieces(
                heard,
                whole=bool(self._request.schema),
                thinks=self._config.thinks,
                sent=self._request.tokens,
                max_tokens=self._most,
            )

    def _body(self) -> Body:
        """The bytes to send. They are kept by whoever sends them, and made anew should they be wanted again."""
        if not self._request.head:
            self._request = chat_request(self._ask, self._config, self._dress)
        body = Body(*self._request.body(self._most, self._unwanted))
        self._request = replace(self._request, head=b"")
        return body

    def _noted(self, finished: Finished, url: str) -> Finished:
        notes = {"server": str(self._servers.number(url))}
        less = [] if self._dress.extras else ["without salt and counts"]
        if self._request.schema and self._dress.shape != "schema":
            less.append("not held to the schema")
        if less:
            notes["request"] = f"{', and '.join(less)}, which the server refuses"
        if "temperature" in self._unwanted:
            notes["temperature"] = "the server takes none, and uses its own"
        sent = shown_frames(self._ask, self._config)
        if len(sent) < len(self._ask.frames) and not self._ask.stills:
            notes["pictures"] = f"the server takes {len(sent)} of {len(self._ask.frames)}"
            notes["shown"] = " ".join(f"{frame.time:.3f}" for frame in sent)
        return replace(finished, notes={**finished.notes, **notes})

    def _well(self, url: str) -> None:
        self._servers.answered(url)
        self._servers.learn_extras(url, taken=self._dress.extras)
        if self._request.schema and self._dress.shape != "schema":
            self._servers.learn(url, self._request.schema)
            if not self._dress.shape:
                self._servers.learn(url, _OBJECTS)
        if self._base.sees and not self._config.sees:
            self._servers.learn(url, _PICTURES)
        for field in self._unwanted:
            self._servers.learn(url, field)

    def _config_of(self, url: str) -> OpenAIConfig:
        """What is known of a server. One without eyes is shown the client's own pictures all the same: it says so."""
        config = self._configs(url)
        return config if config.sees or not self._ask.images else replace(config, sees=True)

    def _turn_to(self, url: str) -> None:
        """What is sent to the next server fits that one."""
        base = self._config_of(url)
        if base != self._base:
            self._base = self._config = base
            self._request = chat_request(self._ask, base, self._dress)
            self._most = self._request.max_tokens
        self._dress_for(url)

    def _dress_for(self, url: str) -> None:
        """As much as the server is not known to refuse."""
        dress = Dress.first(
            extras=self._servers.takes_extras(url),
            schema=not self._request.schema or not self._servers.refuses(url, self._request.schema),
            objects=not self._servers.refuses(url, _OBJECTS),
        )
        self._unwanted = {field for field in _FIELDS if self._servers.refuses(url, field)}
        sees = self._base.sees and not (self._blind_will_do and self._servers.refuses(url, _PICTURES))
        self._wear(dress, sequence=not self._servers.refuses(url, _SEQUENCE), sees=sees)

    @property
    def _blind_will_do(self) -> bool:
        """Whether the evidence alone can answer: not where the question is about pictures of the client's own."""
        return not self._ask.images and not self._ask.stills

    def _wear(self, dress: Dress, *, sequence: bool = True, sees: bool | None = None) -> None:
        sequence = sequence and self._config.sequence
        sees = self._config.sees if sees is None else sees
        if (dress, sequence, sees) != (self._dress, self._config.sequence, self._config.sees):
            self._dress = dress
            self._config = replace(self._config, sequence=sequence, sees=sees)
            self._request = chat_request(self._ask, self._config, dress)

    def _after_refusal(self, refusal: Refusal, url: str) -> None:
        """Makes the request fit, or goes on to another server, or raises."""
        match refusal.kind:
            case "context":
                self._fit_context(refusal)
            case "pictures":
                self._fit_pictures(refusal, url)
            case "request" if refusal.unwanted and refusal.unwanted not in self._unwanted:
                self._unwanted.add(refusal.unwanted)
            case "request" if self._request.sequence:
                self._servers.learn(url, _SEQUENCE)
                self._wear(self._dress, sequence=False)
            case "request":
                self._wear_less(url)
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

    def _wear_less(self, url: str) -> None:
        dress = self._dress.less(
            extras=self._servers.takes_extras(url),
            objects=not self._servers.refuses(url, _OBJECTS),
            shaped=bool(self._request.schema),
        )
        if dress is None:
            error = EngineRefused(reason="its model server does not take the request.")
            self._go_on(Miss(url, False), error)
            return
        self._wear(dress)

    def _fit_context(self, refusal: Refusal) -> None:
        """Where only the room for the answer is too large, it is made smaller."""
        room = smaller_room(refusal, self._most)
        if self._fits == _FITS or not _LEAST_ANSWER <= room < self._most:
            raise ContextTooLong(most=refusal.most, prompt=refusal.prompt)
        self._fits += 1
        self._most = room

    def _fit_pictures(self, refusal: Refusal, url: str) -> None:
        """Where a server takes fewer pictures, it gets fewer; where it takes none, the evidence alone has to do."""
        sent = len(shown_frames(self._ask, self._config))
        most = sent // 2 if refusal.most is None else refusal.most
        if not most and sent and self._blind_will_do:
            self._wear(self._dress, sees=False)
            return
        if not most or most >= self._config.sight.most:
            error = EngineRefused(reason="its model server takes no pictures, or not so many.")
            self._go_on(Miss(url, False), error)
            return
        self._config = replace(self._config, most_pictures=most)
        self._request = chat_request(self._ask, self._config, self._dress)

    def _go_on(self, miss: Miss, error: ApiError | None) -> None:
        """Waits until the next server may be asked. Raises the error when there is none, or `EngineBusy`."""
        wait = self._course.after(miss)
        if wait is None:
            if error is not None:
                raise error
            raise EngineBusy(seconds=self._course.come_back)
        self._waited = wait
        if wait and self._cancel.wait(wait):
            raise Canceled
        self._turn_to(self._course.url)


def _error(failed: ServerFailed) -> ApiError:
    if failed.unreached:
        return ServiceUnavailable(reason=_UNREACHED)
    return EngineFailed(reason=f"its model server {failed}.")


def smaller_room(refusal: Refusal, most: int) -> int:
    """The tokens an answer may have after `most` were too many; 0 where that is not to blame.

    Some servers count a prompt only as far as it would fit: what they tell then is one token too many, whatever it is.
    """
    context, prompt = refusal.most, refusal.prompt
    if context is None:
        return 0
    if prompt is None:
        return context // 2 if most >= context else 0
    if prompt == context - most + 1:
        return most // 4
    return max(0, context - prompt)
