"""No thread outlives its call, and what a thread has kept is told even when the server ends."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from anyio import CapacityLimiter

from kinoscribe.api.threads import in_thread, in_thread_to_the_end
from kinoscribe.cancel import Cancel, Canceled

Runs = Callable[[Callable[[], str], Cancel, CapacityLimiter], Awaitable[str]]


@pytest.mark.parametrize("run", [in_thread, in_thread_to_the_end])
def test_the_result_and_the_error_come_through(run: Runs) -> None:
    def fails() -> str:
        raise ZeroDivisionError

    async def both() -> str:
        with pytest.raises(ZeroDivisionError):
            await run(fails, Cancel(), CapacityLimiter(1))
        return await run(lambda: "done", Cancel(), CapacityLimiter(1))

    assert asyncio.run(both()) == "done"


def given_up(run: Runs, work: Callable[[Cancel], str]) -> tuple[str | BaseException, bool]:
    """What comes of a call that is given up while `work` goes on, and whether `work` has ended by then."""
    begun, ended = threading.Event(), threading.Event()

    async def main() -> str | BaseException:
        cancel = Cancel()

        def in_the_thread() -> str:
            begun.set()
            try:
                return work(cancel)
            finally:
                ended.set()

        async def whole() -> str:
            return await run(in_the_thread, cancel, CapacityLimiter(1))

        task = asyncio.ensure_future(whole())
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        (told,) = await asyncio.gather(task, return_exceptions=True)
        return told

    return asyncio.run(main()), ended.is_set()


def heeds(cancel: Cancel) -> str:
    if cancel.wait(20):
        raise Canceled
    raise AssertionError("nobody threw the switch")


def keeps(cancel: Cancel) -> str:
    assert cancel.wait(20)
    return "kept all the same"


@pytest.mark.parametrize("run", [in_thread, in_thread_to_the_end])
def test_a_call_given_up_throws_the_switch_and_waits_for_its_thread(run: Runs) -> None:
    told, ended = given_up(run, heeds)
    assert isinstance(told, asyncio.CancelledError)
    assert ended


def test_what_was_kept_is_told_when_the_call_is_given_up() -> None:
    assert given_up(in_thread_to_the_end, keeps) == ("kept all the same", True)


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    told, ended = given_up(in_thread, keeps)
    assert isinstance(told, asyncio.CancelledError)
    assert ended
