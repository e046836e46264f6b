"""Those who wait for a collection hear of its progress and its outcome at once."""

import threading
import time
from pathlib import Path

from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.jobs import CollectingJob, Gone

FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)


def job() -> CollectingJob:
    return CollectingJob("key", Path("video"), "ab" * 32, FACTS)


def test_who_has_seen_all_waits_no_longer_than_agreed() -> None:
    began = time.monotonic()
    assert job().look({}, 0.05) == ({}, None)
    assert 0.04 <= time.monotonic() - began < 2


def test_who_has_not_seen_all_does_not_wait() -> None:
    collecting = job()
    collecting.tell("look", 0.5)
    began = time.monotonic()
    assert collecting.look({}, 30) == ({"look": 0.5}, None)
    collecting.end(Gone())
    assert collecting.look({"look": 0.5}, 30) == ({"look": 0.5}, Gone())
    assert time.monotonic() - began < 5


def test_all_who_wait_are_woken_by_the_outcome() -> None:
    collecting = job()
    seen: list[object] = []
    waiting = [threading.Thread(target=lambda: seen.append(collecting.look({}, 30)[1])) for _ in range(5)]
    for thread in waiting:
        thread.start()
    collecting.end(Gone())
    for thread in waiting:
        thread.join(5)
    assert seen == [Gone()] * 5


def test_what_was_seen_does_not_change_afterwards() -> None:
    collecting = job()
    collecting.tell("look", 0.1)
    stages, _ = collecting.look({}, 0)
    collecting.tell("look", 0.2)
    assert stages == {"look": 0.1}
