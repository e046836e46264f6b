"""Sets up structured logs: lines of JSON on a server, readable lines on a terminal."""

import io
import logging
import sys
from typing import TextIO, cast

import structlog

_chosen: list[str] = []


class _StandardError(io.TextIOBase):
    """Whatever standard error is at the moment of writing: it may be replaced while loggers live on."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_up(level: str = "info", *, as_json: bool = True) -> None:
    """Sends all logs of the process to standard error at `level` (debug, info, warning, error)."""
    _chosen[:] = [level, "json" if as_json else "text"]
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Plain tracebacks: the pretty ones show the values of variables, and those are keys and prompts.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else _keep,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)


def chosen() -> list[str]:
    """What `set_up_as` needs in another process; empty when nothing was set up in this one."""
    return list(_chosen)


def set_up_as(chosen: list[str]) -> None:
    """Logs as the process does that chose so."""
    if chosen:
        set_up(chosen[0], as_json=chosen[1] == "json")


def _keep(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    return event
