"""The application without a network: one call at a time, with the messages of ASGI in plain sight."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import unquote

from anyio import CapacityLimiter
from starlette.types import ASGIApp
from tests.unit.analysis.pretended import Parts

from kinoscribe.api.application import make_application
from kinoscribe.api.auth import Keys
from kinoscribe.api.door import READERS, House
from kinoscribe.api.first_look import FirstLook
from kinoscribe.api.places import Slots
from kinoscribe.contract.errors import ApiKeyInvalid
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import Account

Send = Callable[[Any], Awaitable[None]]


class KnownKeys:
    """Knows the keys `one` and `two`, each of an account of its own."""

    lacks: tuple[str, ...] = ()

    async def account_of(self, key: str | None) -> Account:
        if key not in ("one", "two"):
            raise ApiKeyInvalid
        return cast("Account", SimpleNamespace(name=key))

    async def let_in(
        self, key: str | None, count: Callable[[Account], Any] | None = None
    ) -> tuple[Account, Any]:
        account = await self.account_of(key)
        return account, None if count is None else count(account)

    def missing(self) -> list[str]:
        return list(self.lacks)


@dataclass
class Answer:
    """What was sent in return. `whole` says that the body was properly ended."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    starts: int = 0
    whole: bool = False

    def json(self) -> Any:
        return json.loads(self.body)

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.starts += 1
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.whole = not message.get("more_body", False)


def make_house(parts: Parts, *, slots: int = 2, keys: KnownKeys | None = None) -> House:
    tools = parts.tools
    tools.settings = Settings(data_dir="unused", heartbeat_seconds=30)  # type: ignore[misc, arg-type]
    return House(
        tools=tools,
        keys=cast("Keys", keys or KnownKeys()),
        first_look=cast("FirstLook", None),
        slots=Slots(slots),
        analyses=CapacityLimiter(slots + READERS),
    )


def make_app(house: House) -> ASGIApp:
    async def nothing() -> None:
        return None

    return make_application(house, nothing, nothing)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    body: bytes | dict[str, Any] = b"",
    *,
    key: str | None = "one",
    leave: asyncio.Event | None = None,
    send: Send | None = None,
) -> Answer:
    """One call. The client goes away when `leave` is set."""
    answer, left = Answer(), leave or asyncio.Event()
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    where, _, query = path.partition("?")
    headers = [(b"host", b"a.example")] + ([] if key is None else [(b"x-api-key", key.encode())])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(where),
        "raw_path": where.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    await asyncio.wait_for(app(scope, receive, cast("Any", send or answer.take)), 30)
    return answer


def ask(app: ASGIApp, method: str, path: str, body: bytes | dict[str, Any] = b"", **more: Any) -> Answer:
    """One call, for tests that are not asynchronous themselves."""
    return asyncio.run(call(app, method, path, body, **more))
