"""A request that nothing can refuse any more, with all that its answer needs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from kinoscribe.analysis.ledger import Ledger
from kinoscribe.analysis.pictures import Reference
from kinoscribe.analysis.receipt import Looked, Stopwatch
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.events import Usage
from kinoscribe.engines.engine import Engine
from kinoscribe.sources.resolve import Content


class Kept(Protocol):
    """Finished parts of an analysis by name: an attempt that follows one that broke off begins with them."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, body: str) -> None:
        """Raises `Canceled` when the analysis belongs to somebody else by now."""
        ...


class KeptHere:
    """Parts that nobody needs once the analysis has ended."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self._bodies.get(key)

    def put(self, key: str, body: str) -> None:
        self._bodies[key] = body


@dataclass(slots=True)
class Spent:
    """Tokens used so far. They stay used when the answer breaks off.

    `counting` counts those of the answer while it is said: whoever wants to know them meanwhile asks it.
    """

    input_tokens: int
    output_tokens: int = 0
    counting: Callable[[], int] | None = None

    def usage(self) -> Usage:
        counting = self.counting
        said = self.output_tokens if counting is None else counting()
        return Usage(output_tokens=said, input_tokens=self.input_tokens)


@dataclass(frozen=True, slots=True)
class Job:
    """`held` keeps temporary files; whoever prepared the job closes it, with `close()`.

    `engine` is the one that answers: chosen once, so that all of an answer is by the same. `words` are the tokens of
    the client's words.
    """

    generation_id: str
    account: str
    request: AnalyzeRequest
    content: Content
    looked: Looked
    words: int
    spent: Spent
    cancel: Cancel
    held: ExitStack
    engine: Engine
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    ledger: Ledger = field(default_factory=Ledger)
    kept: Kept = field(default_factory=KeptHere)
    pictures: tuple[Reference, ...] = ()

    def part(self, cancel: Cancel) -> Self:
        """The same analysis with books of its own, for what is done beside other parts; `take_in` adds them up."""
        return replace(self, cancel=cancel, spent=Spent(0), ledger=Ledger(), stopwatch=Stopwatch())

    def take_in(self, parts: Sequence["Job"]) -> None:
        """Adds what was done side by side to the books: all that was looked at and spent, and the time it took."""
        for part in parts:
            self.ledger.add(part.ledger)
            self.spent.input_tokens += part.spent.input_tokens
        self.stopwatch.share([part.stopwatch for part in parts])

    def close(self) -> None:
        self.held.close()
