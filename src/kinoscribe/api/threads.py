"""Runs plain code in threads of its kind, and lets none of it outlive the call that asked for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from kinoscribe.cancel import Cancel

T = TypeVar("T")


async def in_thread(work: Callable[[], T], cancel: Cancel, limiter: CapacityLimiter) -> T:
    """Runs `work`. When the server gives this call up, the switch is thrown and the thread ends first."""
    running = asyncio.ensure_future(to_thread.run_sync(work, limiter=limiter))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancel.throw()
        await asyncio.gather(running, return_exceptions=True)
        raise


async def in_thread_to_the_end(work: Callable[[], T], cancel: Cancel, limiter: CapacityLimiter) -> T:
    """The same for work that keeps something: what was kept is told, also when the server gives this call up.

    A client that reads 503 may then be sure that nothing was made.
    """
    running = asyncio.ensure_future(to_thread.run_sync(work, limiter=limiter))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancel.throw()
        await asyncio.wait({running})
        if running.exception() is None:
            return running.result()
        raise
