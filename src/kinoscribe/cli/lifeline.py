"""A pipe between a supervisor and its child: a byte tells the child to begin, the end of the pipe tells it to end."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

_BEGIN = b"\1"
_HUNG_UP = select.POLLHUP | select.POLLERR
_LAST_SECONDS = 3.0


class Lifeline:
    """The supervisor's side. It closes by itself when the supervisor dies, however it dies."""

    def __init__(self) -> None:
        self.childs_end, self._own_end = os.pipe()

    def handed_over(self) -> None:
        """The child has been started and holds its end."""
        os.close(self.childs_end)

    def begin(self) -> None:
        """Lets the child begin. Does nothing when it is gone already."""
        try:
            os.write(self._own_end, _BEGIN)
        except BrokenPipeError:
            return

    def close(self) -> None:
        os.close(self._own_end)


def wait(descriptor: int) -> None:
    """The child's side: waits until it may begin. The process ends here when the supervisor is gone before."""
    if os.read(descriptor, 1) != _BEGIN:
        os._exit(0)


def watch(descriptor: int, end: Callable[[], None]) -> None:
    """The child's side: calls `end` in a thread once the supervisor is gone.

    What has not ended three seconds later is ended: nothing may serve on without a supervisor.
    """
    threading.Thread(target=_watch, args=(descriptor, end), name="lifeline", daemon=True).start()


def _watch(descriptor: int, end: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(descriptor, _HUNG_UP)
    poll.poll()
    last = threading.Timer(_LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    end()
