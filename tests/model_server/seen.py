"""What the server keeps of each request."""

from dataclasses import dataclass

from tests.model_server.chat import Chat
from tests.model_server.exchange import Answer, Request


@dataclass
class Seen:
    """One request and what became of it. Times are of `time.perf_counter`, None for what has not happened."""

    number: int
    request: Request
    answer: Answer
    came_at: float
    chat: Chat | None = None
    problem: str = ""
    prompt_tokens: int = 0
    first_at: float | None = None
    sent: int = 0
    ended_at: float | None = None
    left_early: bool = False

    @property
    def body(self) -> bytes:
        return self.request.body

    @property
    def status(self) -> int | None:
        """Known as soon as a client can know it."""
        return self.answer.status
