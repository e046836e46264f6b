"""Everything is swept at the start and then again and again, whatever one of the sweeps meets."""

import threading

import pytest

from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.tasks.sweeper import Sweeper


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), OSError("The disk is gone.")])
def test_every_sweep_is_made_again_and_again_also_after_a_failure(failure: Exception) -> None:
    swept = threading.Semaphore(0)

    def away() -> int:
        raise failure

    def sweep() -> int:
        swept.release()
        return 1

    sweeper = Sweeper(away, sweep, every=0.01)
    sweeper.start()
    for _ in range(3):
        assert swept.acquire(timeout=10)
    sweeper.stop()


def test_one_that_was_never_started_can_be_stopped() -> None:
    Sweeper(lambda: 0).stop()
