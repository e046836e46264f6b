"""Limits that several processes count against at once, as several api processes do."""

import subprocess
import sys

from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import RateRows

CALLER = """
import sys
from concurrent.futures import ThreadPoolExecutor

from kinoscribe.contract.errors import TooManyRequests
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import RateRows

rows = RateRows(Database(sys.argv[1]), [read_limit(text) for text in sys.argv[2:]])
counters = rows.counters("acme", None, "analyze")

def call(_number):
    try:
        rows.enter(counters)
    except TooManyRequests:
        return 0
    rows.charge(counters, tokens=3)
    return 1

sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(call, range(50))))
"""
LIMITS = ("analyze:rpd=60", "analyze:tpd=1000", "analyze:dpd=10")


def test_of_two_hundred_calls_in_four_processes_exactly_sixty_pass(
    database_url: str, database: Database
) -> None:
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, database_url, *LIMITS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write("go\n")
        caller.stdin.flush()
    passed = [int(caller.communicate(timeout=120)[0]) for caller in callers]
    assert sum(passed) == 60
    rows = RateRows(database, [read_limit(text) for text in LIMITS])
    dpd, rpd, tpd = rows.states(rows.counters("acme", None, "analyze"))
    assert (dpd.used, rpd.used, tpd.used) == (0, 60, 180)
