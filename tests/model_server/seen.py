"""What the server keeps of each request."""

from dataclasses import dataclass

from tests.model_server.chat import Chat
from tests.model_server.exchange import Request


@dataclass
class Seen:
    """One request and what became of it. Times are of `time.perf_counter`, None for what has not happened."""

    number: int
    request: Request
    came_at: float
    chat: Chat | None = None
    problem: str = ""
    prompt_tokens: int = 0
    status: int | None = None
    first_at: float | None = None
    sent: int = 0
    ended_at: float | None = None
    left_early: bool = False

    @property
    def body(self) -> bytes:
        return self.request.body
