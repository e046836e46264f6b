"""Answers a question about a video from its evidence alone, in a process of its own, without a language model."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children, ChildSpec
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.engines.embedded.asked import encoded
from kinoscribe.engines.embedded.worker import Config
from kinoscribe.engines.engine import Ask, EngineState, Finished, Piece, Sight, Text

_TARGET = "kinoscribe.engines.embedded.worker:serve"
_SILENCE = 60.0
_log = structlog.get_logger(__name__)


class EmbeddedEngine:
    """The composer. `minilm` is the file of the sentence encoder's weights; without it, words alone decide."""

    name = "embedded"
    model = "kinoscribe-composer"
    version = "1"
    context_tokens = 10_000_000
    sees_pictures = False
    sight: Sight | None = None

    def __init__(self, *, minilm: Path | None = None, processes: int = 1) -> None:
        self._minilm = minilm if minilm is not None and minilm.is_file() else None
        config = msgspec.msgpack.encode(Config(str(self._minilm) if self._minilm else None))
        self._children = Children(ChildSpec(_TARGET, config, silence=_SILENCE), most=processes)

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        """Raises `EngineFailed` when the process dies or fails, `Canceled` when the switch is thrown."""
        pieces = self._children.call(encoded(ask), cancel=cancel)
        try:
            for piece in pieces:
                yield Text(piece.decode("utf-8"))
        except ChildNotStarted as error:
            # Why is for the log: it may name files of this machine.
            _log.error("composer_not_started", reason=error.reason)
            raise EngineFailed(reason="its process could not be started.") from error
        except ChildDied as error:
            _log.warning("composer_died", reason=error.reason)
            raise EngineFailed(reason=f"its process {error.reason}.") from error
        except ChildFailed as error:
            _log.error("composer_failed", kind=error.kind, reason=error.reason)
            raise EngineFailed(reason=f"{error.kind} in its process") from error
        finally:
            pieces.close()
        encoder = "all-MiniLM-L6-v2" if self._minilm else "none"
        # Evidence knows its times to the frame: no boundary need be moved to a cut near it.
        yield Finished(notes={"sentence_encoder": encoder, "times": "exact"})

    def state(self) -> EngineState:
        if self._minilm is None:
            return EngineState(True, "Works without the sentence encoder's weights, only less well.")
        return EngineState(True)

    def warm(self) -> None:
        """Starts one process and waits until it is ready."""
        try:
            self._children.warm()
        except ChildDied as error:
            raise EngineFailed(reason=f"its process {error.reason}") from error

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the idle processes, for people who watch or test."""
        return self._children.pids

    def close(self) -> None:
        self._children.close()
