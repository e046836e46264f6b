"""Turns the life of a child process that died into the seconds to wait before the next one is started."""

FIRST_WAIT = 0.2
LONGEST_WAIT = 30.0
HEALTHY_AFTER = 60.0


def next_wait(last_wait: float | None, lived: float) -> float:
    """Seconds to wait after a life of `lived` seconds, when `last_wait` was waited before it (None: for the first).

    Who lived for a minute was well: the next one does not pay for what was before.
    """
    if last_wait is None or lived >= HEALTHY_AFTER:
        return FIRST_WAIT
    return min(LONGEST_WAIT, 2 * last_wait)
