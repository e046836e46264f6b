"""Does one kind of work on several items at once, each in a thread, and hands over what has ended."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from types import TracebackType
from typing import Generic, Self, TypeVar

from kinoscribe.cancel import Cancel

_T = TypeVar("_T")
_R = TypeVar("_R")


class SideBySide(Generic[_T, _R]):
    """At most `most` items at a time.

    `cancel` is thrown with the one it was made from, and when the `with` block is left: what is still under way then
    ends, and is waited for.
    """

    def __init__(self, work: Callable[[_T], _R], most: int, cancel: Cancel) -> None:
        self.cancel = cancel.part()
        self._work = work
        self._pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="window")
        self._running: dict[Future[_R], _T] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    def begin(self, item: _T) -> None:
        self._running[self._pool.submit(copy_context().run, self._work, item)] = item

    def ended(self) -> list[tuple[_T, Future[_R]]]:
        """Waits until some work has ended; gives all that has, in the order it was begun, its errors in the futures."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        found = [(item, future) for future, item in self._running.items() if future in done]
        for _, future in found:
            del self._running[future]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cancel.throw()
        self._pool.shutdown(wait=True, cancel_futures=True)


class Streak:
    """Counts failures in a row, of work that is done side by side.

    A server that goes down for a moment fails all that is under way: that is one failure. After one, nothing is begun
    beside anything else until something goes well.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._row = 0
        self._counted = 0

    @property
    def begun(self) -> int:
        """When work is begun, as `failed` wants to know it."""
        return self._counted

    def at_once(self, most: int) -> int:
        return 1 if self._row else most

    def failed(self, begun: int) -> bool:
        """Whether that was one failure too many."""
        if begun == self._counted:
            self._counted += 1
            self._row += 1
        return self._row >= self._patience

    def went_well(self) -> None:
        self._row = 0
