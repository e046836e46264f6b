"""The words in which a test says what the server is like, how it answers and what goes wrong on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.model_server.chat import Chat

Broken = Literal["json", "bytes", "half_line", "no_data", "html", "wrong_shape"]
Usage = Literal["honest", "missing", "tenfold", "zero", "negative", "words"]


@dataclass(frozen=True)
class Script:
    """One answer. Times are seconds; counts are tokens of the answer that are sent before the thing happens.

    `text` None lets the server make the smallest answer that was asked for. `first` is the time before the first token,
    `between` that between two tokens; either may be worked out from the request. `status` other than 200 is an error
    with `message` in the words of the family. `cut` resets the connection, `hang` falls silent until the client goes,
    `fail` tells an error inside the stream, `broken` sends what is no event stream, `unfinished` ends politely without
    a reason and without `[DONE]`. `endless` says the text over and over, whatever `max_tokens` is.
    `thinking` is said before the answer in the field that the family has for it, or in the text within `<think>`.
    """

    text: str | Callable[[Chat], str] | None = None
    first: float | Callable[[Chat], float] = 0.0
    between: float = 0.0
    status: int = 200
    message: str = "the model fell over"
    retry_after: str | None = None
    body: bytes | None = None
    cut: int | None = None
    hang: int | None = None
    fail: int | None = None
    broken: tuple[Broken, int] | None = None
    unfinished: int | None = None
    endless: bool = False
    thinking: str = ""
    thinks_aloud: bool = False
    finish: str | None = None
    """The reason told at the end, instead of the true one."""


@dataclass
class Nature:
    """What a server is, whatever it is asked. A test changes it while the server runs.

    `context` is in tokens. `constrains` False ignores `response_format`. `reachable` False closes every connection
    at once. `models_status` is that of `/v1/models`. `most_pictures` is what one request may hold.
    """

    context: int = 32_768
    tells_context: bool = True
    constrains: bool = True
    sees: bool = True
    usage: Usage = "honest"
    most_pictures: int = 10_000
    models: tuple[str, ...] = ("scripted-vl",)
    models_status: int = 200
    reachable: bool = True
    key: str | None = None
    older: bool = False
    """Has the addresses of earlier versions, where those have changed."""
    pings: bool = False
