import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection
from tests.unit.storage.ended import NOON, Ended, put

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.contract.webhooks import EVENTS, signature
from kinoscribe.sources.url_fetch import FetchFailed
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import Delivery, DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.webhook_rows import WebhookRows
from kinoscribe.tasks.deliver import PER_WEBHOOK, Deliverer

Answer = Callable[[str, Cancel], int]


@dataclass
class Receivers:
    """Stands for all receivers in the world: `answers` by the host of the URL, 200 where there is none."""

    answers: dict[str, Answer] = field(default_factory=dict)
    got: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    at_once: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], cancel: Cancel) -> int:
        host = url.split("/")[2]
        with self.lock:
            self.got.append((url, body, headers))
            for key in (host, "all"):
                self.at_once[key] = self.at_once.get(key, 0) + 1
                self.most[key] = max(self.most.get(key, 0), self.at_once[key])
        try:
            return self.answers.get(host, lambda _url, _cancel: 200)(url, cancel)
        finally:
            with self.lock:
                for key in (host, "all"):
                    self.at_once[key] -= 1

    def count(self, host: str) -> int:
        with self.lock:
            return sum(host in url for url, _, _ in self.got)


def hangs(_url: str, cancel: Cancel) -> int:
    """Answers only when nobody waits any more."""
    cancel.wait(60)
    cancel.check()
    return 200


def fails(error: Exception) -> Answer:
    def answer(_url: str, _cancel: Cancel) -> int:
        raise error

    return answer


class World:
    def __init__(self, database: Database, waits: tuple[float, ...]) -> None:
        self.database = database
        self.rows = DeliveryRows(database, waits=waits, lease=30)
        self.log = DeliveryLog(database)
        self.hooks = WebhookRows(database)
        self.receivers = Receivers()

    def hook(self, host: str, account: str = "acme", path: str = "hook") -> None:
        self.hooks.add(account, f"https://{host}/{path}", EVENTS, most=1000)

    def ends(self, account: str = "acme") -> Ended:
        return put(self.database, self.rows, Ended(account=account))

    def all(self) -> tuple[Delivery, ...]:
        return self.log.page(None, page=1, limit=1000)[0]

    @contextmanager
    def delivering(self, **more: int) -> Iterator[Deliverer]:
        deliverer = Deliverer(self.rows, self.receivers.post, **more)
        deliverer.start()
        try:
            yield deliverer
        finally:
            deliverer.stop()


def until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


@pytest.fixture
def world(database: Database) -> World:
    return World(database, waits=(0, 0, 0))


def test_a_message_goes_out_signed_over_the_bytes_that_are_sent(world: World) -> None:
    secret = world.hooks.add("acme", "https://a.example/hook", EVENTS, most=5)[1]
    world.ends()
    before = int(time.time())
    with world.delivering():
        assert until(lambda: all(one.delivered for one in world.all()))
    ((url, body, headers),) = world.receivers.got
    assert url == "https://a.example/hook"
    assert headers["Content-Type"] == "application/json"
    t = int(headers["TL-Signature"].split(",")[0].removeprefix("t="))
    assert before <= t <= time.time()
    assert headers["TL-Signature"] == signature(secret, t, body)


def test_each_attempt_is_signed_with_a_time_of_its_own_over_the_same_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(1_700_000_000, 1_700_000_600, 100))

    def later() -> datetime:
        return datetime.fromtimestamp(next(times), NOON.tzinfo)

    statuses = iter([500, 503, 200])
    world.receivers.answers["a.example"] = lambda _url, _cancel: next(statuses)
    world.hook("a.example")
    world.rows._clock = lambda: NOON
    world.ends()
    monkeypatch.setattr(clock, "now", later)
    with world.delivering():
        assert until(lambda: all(one.delivered for one in world.all()))
    assert len({body for _, body, _ in world.receivers.got}) == 1
    assert [headers["TL-Signature"].split(",")[0] for _, _, headers in world.receivers.got] == [
        "t=1700000000",
        "t=1700000100",
        "t=1700000200",
    ]
    (logged,) = world.all()
    assert [one.status for one in logged.tries] == [500, 503, 200]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda _url, _cancel: 500, "It answered with the status 500; one from 200 to 299 is expected."),
        (lambda _url, _cancel: 302, "It answered with the status 302; redirects are not followed."),
        (lambda _url, _cancel: 199, "It answered with the status 199; one from 200 to 299 is expected."),
        (fails(FetchFailed("Its server fell silent.")), "Its server fell silent."),
        (fails(UrlRefused("Port 5 is not allowed.")), "Port 5 is not allowed."),
        (fails(RuntimeError("/secret/path of 10.0.0.1")), "Something went wrong on this server."),
    ],
)
def test_what_fails_every_time_ends_after_its_attempts_with_a_sentence(
    world: World, answer: Answer, says: str
) -> None:
    world.receivers.answers["a.example"] = answer
    world.hook("a.example")
    task = world.ends()
    with world.delivering():
        assert until(lambda: all(one.ended_at for one in world.all()))
        time.sleep(0.7)
    assert world.receivers.count("a.example") == 3
    (view,) = world.log.views([task.id])[task.id]
    assert (view.delivered, view.attempts, view.last_error) == (False, 3, says)
    assert [one.error for one in world.all()[0].tries] == [says] * 3


def test_a_receiver_that_hangs_delays_no_other_and_gets_two_at_once(world: World) -> None:
    world.receivers.answers["slow.example"] = hangs
    world.hook("slow.example")
    for _ in range(50):
        world.ends()
    world.hook("quick.example")
    with world.delivering():
        assert until(lambda: world.receivers.count("slow.example") == PER_WEBHOOK)
        for _ in range(20):
            world.ends()
        assert until(lambda: world.receivers.count("quick.example") == 20, 10)
    assert world.receivers.count("slow.example") == PER_WEBHOOK
    assert world.receivers.most["slow.example"] == PER_WEBHOOK


def test_a_host_of_several_webhooks_gets_a_quarter_of_the_places_and_a_slow_one_leaves_the_others_theirs(
    world: World,
) -> None:
    def by_path(url: str, cancel: Cancel) -> int:
        return hangs(url, cancel) if "slow" in url else 200

    world.receivers.answers["both.example"] = by_path
    world.receivers.answers["dead.example"] = hangs
    world.hook("both.example", path="slow")
    world.hook("both.example", path="quick")
    for number in range(5):
        world.hook("dead.example", path=f"{number}")
    for _ in range(6):
        world.ends()
    with world.delivering(places=32):
        assert until(lambda: world.receivers.count("both.example/quick") == 6, 10)
        assert until(lambda: world.receivers.at_once.get("dead.example", 0) == 8)
        time.sleep(0.7)
    assert world.receivers.most["dead.example"] == 8
    assert world.receivers.count("both.example/slow") == PER_WEBHOOK


def test_an_account_whose_receivers_all_hang_delays_no_other_account(world: World) -> None:
    for number in range(12):
        world.receivers.answers[f"slow{number}.example"] = hangs
        world.hook(f"slow{number}.example")
    for _ in range(3):
        world.ends()
    world.hook("quick.example", account="other")
    with world.delivering(places=8):
        assert until(lambda: world.receivers.at_once.get("all", 0) == 4)
        for _ in range(10):
            world.ends("other")
        assert until(lambda: world.receivers.count("quick.example") == 10, 10)
    assert world.receivers.count("slow") == 4, "half of the places"


def test_there_are_never_more_at_once_than_places(world: World) -> None:
    def takes_a_while(_url: str, cancel: Cancel) -> int:
        cancel.wait(0.05)
        return 200

    accounts = ("one", "two", "three")
    for number in range(6):
        world.receivers.answers[f"h{number}.example"] = takes_a_while
        world.hook(f"h{number}.example", account=accounts[number % 3])
        for _ in range(4 if number == 0 else 0):
            world.ends("one")
    for _ in range(4):
        for account in accounts:
            world.ends(account)
    with world.delivering(places=4):
        assert until(lambda: all(one.delivered for one in world.all()))
    assert world.receivers.most["all"] == 4
    assert len(world.receivers.got) == 28


def test_several_senders_send_each_message_once(world: World) -> None:
    for number in range(3):
        world.hook(f"h{number}.example")
    for _ in range(20):
        world.ends()
    with world.delivering(), world.delivering(), world.delivering():
        assert until(lambda: all(one.delivered for one in world.all()))
    assert len(world.receivers.got) == 60
    assert {one.attempts for one in world.all()} == {1}


def test_stopping_breaks_attempts_off_and_gives_them_to_others_at_once(world: World) -> None:
    world.receivers.answers["slow.example"] = hangs
    world.hook("slow.example")
    world.ends()
    with world.delivering():
        assert until(lambda: world.receivers.count("slow.example") == 1)
    assert until(lambda: world.receivers.at_once["slow.example"] == 0, 5)
    assert until(lambda: not any(thread.name.startswith("deliver") for thread in threading.enumerate()), 5)
    (broken,) = world.all()
    assert (broken.attempts, broken.ended_at) == (0, None)
    world.receivers.answers.clear()
    with world.delivering():
        assert until(lambda: world.all()[0].delivered)
    assert world.all()[0].attempts == 1


def test_a_sender_that_was_never_started_can_be_stopped(world: World) -> None:
    Deliverer(world.rows, world.receivers.post).stop()


def test_retries_go_on_with_another_sender(database: Database) -> None:
    world = World(database, waits=(0, 3600))
    world.receivers.answers["a.example"] = lambda _url, _cancel: 500
    world.hook("a.example")
    world.ends()
    with world.delivering():
        assert until(lambda: world.all()[0].attempts == 1)
    world.receivers.answers.clear()
    world.rows._clock = lambda: clock.now() + timedelta(hours=2)
    with world.delivering():
        assert until(lambda: world.all()[0].delivered)
    assert world.all()[0].attempts == 2


def test_a_database_that_is_away_for_a_moment_costs_no_second_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.hook("a.example")
    world.ends()
    writing, away = Database.writing, threading.Event()

    @contextmanager
    def now_and_then(database: Database) -> Iterator[Connection]:
        if away.is_set():
            raise DatabaseUnavailable
        with writing(database) as db:
            yield db

    def goes_away(_url: str, _cancel: Cancel) -> int:
        away.set()
        threading.Timer(0.5, away.clear).start()
        return 200

    world.receivers.answers["a.example"] = goes_away
    monkeypatch.setattr(Database, "writing", now_and_then)
    with world.delivering():
        assert until(lambda: world.all()[0].delivered)
    assert world.receivers.count("a.example") == 1


def test_an_outcome_that_cannot_be_kept_ends_no_sender(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(database, waits=(0,))
    settle, broken = DeliveryRows.settle, ["the first time"]

    def breaks_once(rows: DeliveryRows, *arguments: object) -> object:
        if broken:
            raise RuntimeError(broken.pop())
        return settle(rows, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DeliveryRows, "settle", breaks_once)
    world.rows = DeliveryRows(database, waits=(0,), lease=1)
    world.hook("a.example")
    world.ends()
    with world.delivering():
        assert until(lambda: world.all()[0].delivered)
    assert world.receivers.count("a.example") == 2, "what nobody reported is attempted again after the lease"


def test_a_loop_whose_database_was_away_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    due, asked = DeliveryRows.due, 0

    def away_at_first(rows: DeliveryRows, *arguments: object, **more: object) -> object:
        nonlocal asked
        asked += 1
        if asked <= 2:
            raise DatabaseUnavailable
        return due(rows, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(DeliveryRows, "due", away_at_first)
    world.hook("a.example")
    world.ends()
    with world.delivering():
        assert until(lambda: world.all()[0].delivered)


def test_an_idle_sender_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, written = 0, 0
    reading, writing = Database.reading, Database.writing

    def reads(database: Database) -> object:
        nonlocal looked
        looked += 1
        return reading(database)

    def writes(database: Database) -> object:
        nonlocal written
        written += 1
        return writing(database)

    monkeypatch.setattr(Database, "reading", reads)
    monkeypatch.setattr(Database, "writing", writes)
    with world.delivering() as deliverer:
        for _ in range(5):
            deliverer.ring()
            time.sleep(0.05)
        assert written == 0
    assert looked >= 2


def test_threads_that_cannot_be_had_cost_no_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start, refused = threading.Thread.start, threading.Event()

    def short(thread: threading.Thread) -> None:
        if thread.name.startswith("deliver-") and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", short)
    world.rows = DeliveryRows(world.database, waits=(0, 0), lease=0.5)
    world.hook("a.example")
    world.ends()
    with world.delivering(places=1):
        assert until(lambda: all(one.delivered for one in world.all()))
    assert refused.is_set()
