"""Decides whether a task that failed is tried again, and after how many seconds."""

from kinoscribe.contract.errors import ApiError

LONGEST_WAIT = 3600.0
ASSET_PATIENCE = 3600.0
_ASSET_WAITS = 60
_LONGEST_ASSET_WAIT = 10.0


def wait_before(strikes: int, error: ApiError, *, attempts: int, first: float, chance: float) -> float | None:
    """Seconds until the next attempt, or None to give up.

    `strikes` counts the attempts that failed, the last one included; at most `attempts` are made. The first
    wait is `first` seconds, each further one four times as long, give or take a fifth: `chance` is a number from
    0 to 1 that spreads tasks which failed together.
    """
    if not error.passes or strikes >= attempts:
        return None
    return wait_between(strikes, first=first, chance=chance)


def wait_between(attempts: int, *, first: float, chance: float) -> float:
    """Seconds until the attempt that follows so many: `first`, then four times as long each, give or take a fifth."""
    wait = min(first * 4.0 ** min(attempts - 1, 50), LONGEST_WAIT)
    return min(wait * (0.8 + 0.4 * chance), LONGEST_WAIT)


def wait_for_asset(attempt: int, waited: float) -> float | None:
    """Seconds until a task looks again at an asset that is still processing, or None to give up.

    `waited` is how long it has waited already. A clock that jumps ends no wait: an hour holds many looks.
    """
    if waited >= ASSET_PATIENCE and attempt >= _ASSET_WAITS:
        return None
    return min(float(max(attempt, 1)), _LONGEST_ASSET_WAIT)
