"""A scripted OpenAI-compatible server in a thread: it plays what a test tells it to, checks what it is asked, and keeps every request."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from tests.model_server import families
from tests.model_server.chat import Chat, Malformed, read_chat
from tests.model_server.counting import prompt_tokens
from tests.model_server.exchange import Answer, Gone, Request, listen
from tests.model_server.played import Play
from tests.model_server.script import Nature, Script
from tests.model_server.seen import Seen

_PATIENCE = 20.0


Matches = Callable[[Chat], bool]


@dataclass
class _Rule:
    matches: Matches
    scripts: list[Script]

    def take(self) -> Script:
        """The next script; the last one is played again and again."""
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]


class ModelServer:
    """`url` is what an operator would set, ending in `/v1`. `nature` may be changed at any time.

    Without a rule that matches, the server plays `otherwise`, whose text is the smallest answer that was asked for.
    """

    def __init__(self, family: str = "generic", nature: Nature | None = None, port: int = 0) -> None:
        assert family in families.NAMES, family
        self.family = family
        self.nature = nature or Nature()
        self.otherwise = Script()
        self.seen: list[Seen] = []
        self._rules: list[_Rule] = []
        self._numbers = count()
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._port = port
        self._listening: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(_PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    # What a test says beforehand.

    def on(self, matches: str | Matches, *scripts: Script) -> None:
        """Plays `scripts` in turn, the last again and again, for requests whose words hold the string, or that match.

        The rule that was made last comes first.
        """
        test = matches if callable(matches) else _holding(matches)
        self._rules.insert(0, _Rule(test, list(scripts)))

    def forget(self) -> None:
        """Drops all rules and all that was seen."""
        self._rules.clear()
        self.otherwise = Script()
        with self._news:
            self.seen.clear()

    def down(self) -> None:
        """Stops listening and cuts all connections; `up` listens again at the same address."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_PATIENCE)

    def up(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_PATIENCE)

    # What a test asks afterwards.

    def chats(self, holding: str = "") -> list[Seen]:
        """The chat completions so far, of those whose words hold the string."""
        with self._news:
            return [s for s in self.seen if s.chat is not None and holding in s.chat.text]

    def problems(self) -> list[str]:
        """What was asked that no server would have to understand."""
        with self._news:
            return [seen.problem for seen in self.seen if seen.problem]

    def wait_for(self, true: Callable[[list[Seen]], bool], seconds: float = _PATIENCE) -> None:
        """Returns as soon as it is true of the requests so far."""
        with self._news:
            assert self._news.wait_for(lambda: true(self.seen), seconds), self.seen

    def close(self) -> None:
        if not self._loop.is_closed():
            self.down()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread.

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        if self._listening is None:
            self._listening = await listen(self._take, self._port, self._talks)
            self._port = self._listening.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._listening is None:
            return
        self._listening.close()
        self._listening = None
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        if talks:
            await asyncio.wait(talks)

    async def _take(self, request: Request, answer: Answer) -> None:
        seen = Seen(next(self._numbers), request, answer, time.perf_counter())
        with self._told():
            self.seen.append(seen)
        try:
            if not self.nature.reachable:
                answer.cut()
                raise Gone
            await self._answer(seen, answer)
        except (Gone, ConnectionError, asyncio.CancelledError):
            seen.left_early = True
            raise
        finally:
            with self._told():
                seen.ended_at = time.perf_counter()

    @contextmanager
    def _told(self) -> Iterator[None]:
        with self._news:
            yield
            self._news.notify_all()

    async def _answer(self, seen: Seen, answer: Answer) -> None:
        request, nature = seen.request, self.nature
        path = request.path.partition("?")[0].rstrip("/")
        if nature.key is not None and request.headers.get("authorization") != f"Bearer {nature.key}":
            return self._refuse(answer, families.refused(self.family, 401, "Unauthorized"))
        match request.method, path:
            case "POST", "/v1/chat/completions":
                return await self._chat(seen, answer)
            case "GET", "/v1/models":
                if nature.models_status != 200:
                    refusal = families.refused(self.family, nature.models_status, "not now")
                    return self._refuse(answer, refusal)
                return answer.json(200, families.models(self.family, nature))
        body = families.aside(self.family, nature, request.method, path)
        if body is None:
            return self._refuse(answer, families.refused(self.family, 404, "Not Found"))
        return answer.json(200, body)

    async def _chat(self, seen: Seen, answer: Answer) -> None:
        nature = self.nature
        try:
            chat = read_chat(seen.body)
        except Malformed as error:
            with self._told():
                seen.problem = str(error)
            return self._refuse(answer, families.refused(self.family, 400, str(error)))
        with self._told():
            seen.chat = chat
            seen.prompt_tokens = prompt_tokens(chat)
        if self.family == "generic" and (unknown := families.unknown_fields(self.family, chat)):
            with self._told():
                seen.problem = f"fields that only other servers know: {', '.join(unknown)}"
            return self._refuse(answer, families.refused(self.family, 400, seen.problem))
        if chat.body.model not in nature.models:
            return self._refuse(
                answer, families.refused(self.family, 404, f"The model `{chat.body.model}` does not exist.")
            )
        if chat.pictures and not nature.sees:
            return self._refuse(answer, families.blind(self.family))
        if len(chat.pictures) > nature.most_pictures:
            words = f"At most {nature.most_pictures} image(s) may be provided in one prompt."
            return self._refuse(answer, families.refused(self.family, 400, words))
        refusal = families.too_long(self.family, nature, seen.prompt_tokens, chat.most_tokens)
        if refusal is not None:
            return self._refuse(answer, refusal)
        script = next((rule.take() for rule in self._rules if rule.matches(chat)), self.otherwise)
        return await Play(self.family, nature, script, chat, seen).into(answer)

    def _refuse(self, answer: Answer, refusal: families.Refusal) -> None:
        answer.json(refusal.status, refusal.body)


def _holding(words: str) -> Matches:
    return lambda chat: words in chat.text


def control(server: ModelServer, body: dict[str, Any]) -> None:
    """Changes a server in another process: `nature` and `otherwise` by their fields' names."""
    for name, value in body.get("nature", {}).items():
        assert hasattr(server.nature, name), name
        setattr(server.nature, name, tuple(value) if isinstance(value, list) else value)
    if "otherwise" in body:
        server.otherwise = Script(**body["otherwise"])
