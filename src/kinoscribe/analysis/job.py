"""A request that nothing can refuse any more, with all that its answer needs."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from kinoscribe.analysis.receipt import Looked, Stopwatch
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.events import Usage
from kinoscribe.sources.resolve import Content


@dataclass(slots=True)
class Spent:
    """Tokens used so far. They stay used when the answer breaks off."""

    input_tokens: int
    output_tokens: int = 0

    def usage(self) -> Usage:
        return Usage(output_tokens=self.output_tokens, input_tokens=self.input_tokens)


@dataclass(frozen=True, slots=True)
class Job:
    """`held` keeps temporary files; whoever prepared the job closes it, with `close()`."""

    generation_id: str
    account: str
    request: AnalyzeRequest
    content: Content
    looked: Looked
    spent: Spent
    cancel: Cancel
    held: ExitStack
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def close(self) -> None:
        self.held.close()
