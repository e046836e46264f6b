"""Turns `kinoscribe work` into a process that does tasks, collects evidence and delivers webhooks."""

import signal
import threading
from contextlib import ExitStack, closing
from typing import Annotated

import typer

from kinoscribe import __version__, log
from kinoscribe import app as house
from kinoscribe.cli import lifeline as supervisor
from kinoscribe.cli.exits import INTERRUPTED, Exit
from kinoscribe.cli.options import DataDir, EngineName, Lifeline
from kinoscribe.cli.serve import logs_as_json, say, say_unknown_variables
from kinoscribe.cli.settings import read_settings
from kinoscribe.cli.signals import Signals
from kinoscribe.tasks.worker import Worker


def work(
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks that are done at once.")] = None,
    data_dir: DataDir = None,
    engine: EngineName = None,
    lifeline: Lifeline = None,
) -> None:
    """Do tasks, collect evidence, deliver webhooks. Any number of these may share one database and data folder."""
    settings = read_settings(worker_slots=slots, data_dir=data_dir, engine=engine)
    log.set_up(settings.log_level, as_json=logs_as_json(settings))
    signals = Signals(signal.SIGTERM, signal.SIGINT)
    if lifeline is None:
        say_unknown_variables()
    else:
        supervisor.wait(lifeline)
    with ExitStack() as held:
        tools = held.enter_context(closing(house.build_tools(settings)))
        worker = house.build_worker(tools)
        listener = _Listener(signals, worker)
        if lifeline is None:
            say(
                f"A worker of Kinoscribe {__version__} with {settings.worker_slots} places does what is queued."
            )
        else:
            supervisor.watch(lifeline, listener.hurry)
        held.enter_context(house.presence(tools, "worker", settings.worker_slots))
        worker.run()
    if listener.interrupted:
        raise Exit(INTERRUPTED)


class _Listener:
    """Stops the worker when a signal comes. SIGINT after another signal hurries: Ctrl-C twice, or a supervisor's."""

    def __init__(self, signals: Signals, worker: Worker) -> None:
        self.interrupted = False
        self._signals = signals
        self._worker = worker
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def hurry(self) -> None:
        """Lets no work go on: what is held is given back at once."""
        self._worker.stop()
        self._worker.stop()

    def _listen(self) -> None:
        seen: list[int] = []
        while True:
            for number in self._signals.next():
                seen.append(number)
                if len(seen) == 1:
                    self.interrupted = number == signal.SIGINT
                    self._worker.stop()
                elif signal.SIGINT in seen:  # signals that come at the same moment come in any order
                    self.hurry()
