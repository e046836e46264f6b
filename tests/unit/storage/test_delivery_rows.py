import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from tests.unit.storage.ended import NOON, Ended, lay, put

from kinoscribe.contract.webhooks import EVENTS
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows, Held, Outcome, receiver_of, wait_before
from kinoscribe.storage.tables import deliveries, delivery_attempts, tasks, webhooks
from kinoscribe.storage.webhook_rows import WebhookRows

URL = "https://example.com/hook"
WAITS = (0.0, 10.0, 60.0)
FINE = Outcome(204, None, 0.25)
BROKEN = Outcome(500, "It answered with the status 500.", 0.5)


class Told:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Case:
    def __init__(self, database: Database, waits: tuple[float, ...] = WAITS) -> None:
        self.database = database
        self.clock = Told()
        self.rows = self.another(waits)
        self.log = DeliveryLog(database)
        self.hooks = WebhookRows(database, now=self.clock)

    def another(self, waits: tuple[float, ...] = WAITS, luck: float = 0.5) -> DeliveryRows:
        return DeliveryRows(self.database, waits=waits, lease=20, luck=lambda: luck, now=self.clock)

    def hook(self, account: str = "acme", url: str = URL, events: tuple[str, ...] = EVENTS) -> str:
        return self.hooks.add(account, url, events, most=100)[0].id

    def ends(self, ended: Ended | None = None) -> Ended:
        return put(self.database, self.rows, ended)

    def take(self, owner: str = "w1") -> tuple[Held, ...]:
        return self.rows.claim(owner, [waiting.id for waiting in self.rows.due(100)])

    def count(self) -> int:
        with self.database.reading() as db:
            return db.execute(select(func.count()).select_from(deliveries)).scalar_one()


@pytest.fixture
def case(database: Database) -> Case:
    return Case(database)


def test_every_webhook_of_the_account_that_wants_the_event_gets_one_message_with_one_id(case: Case) -> None:
    for url in ("https://a.example/", "https://b.example/"):
        case.hook(url=url)
    case.hook(events=("analyze.task.failed",))
    case.hook(account="other")
    task = case.ends(Ended(custom_id="mine"))
    held = case.take()
    assert sorted(one.url for one in held) == ["https://a.example/", "https://b.example/"]
    bodies = {one.payload for one in held}
    assert len(bodies) == 1
    said = json.loads(bodies.pop())
    assert said["id"].startswith("whe_")
    assert len(said["id"]) == 36
    assert said["type"] == "analyze.task.ready"
    assert said["data"]["id"] == task.id
    assert said["data"]["custom_id"] == "mine"
    assert {one.event_id for one in case.log.page("acme", page=1, limit=9)[0]} == {said["id"]}
    assert held[0].secret != held[1].secret


def test_events_of_two_tasks_have_two_ids(case: Case) -> None:
    case.hook()
    case.ends()
    case.ends()
    assert len({json.loads(one.payload)["id"] for one in case.take()}) == 2


def test_without_a_webhook_nothing_is_written(case: Case) -> None:
    case.ends()
    assert case.count() == 0


@pytest.mark.parametrize("status", ["ready", "failed", "canceled"])
def test_the_payload_is_that_of_the_end(case: Case, status: str) -> None:
    case.hook(events=(f"analyze.task.{status}",))
    source = {"type": "url", "url": "https://example.com/v.mp4"}
    case.ends(
        Ended(status=status, source=source, duration=30.1, error_message="Why.")  # type: ignore[arg-type]
    )
    said = json.loads(case.take()[0].payload)
    assert said["type"] == f"analyze.task.{status}"
    assert said["data"]["status"] == status
    assert said["data"]["custom_id"] is None
    assert said["data"]["video_source"] == source | {"system_metadata": {"duration": 30.1}}
    assert said["data"].get("error") == (None if status == "canceled" else {"message": "Why."})


def test_what_is_written_when_the_task_ends_is_lost_with_it_when_that_is_undone(case: Case) -> None:
    case.hook()

    def breaks() -> None:
        with case.database.writing() as db:
            task = Ended()
            lay(db, task)
            case.rows.announce(db, task)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert case.count() == 0


def test_a_message_that_arrives_ends_its_delivery(case: Case) -> None:
    case.hook()
    task = case.ends()
    (held,) = case.take()
    assert held.attempt == 1
    assert case.rows.settle(held, FINE)
    assert case.rows.due(10) == ()
    case.clock.on(10_000)
    assert case.rows.due(10) == ()
    (view,) = case.log.views([task.id])[task.id]
    assert (view.url, view.delivered, view.attempts, view.last_error) == (URL, True, 1, None)


def test_attempts_follow_the_schedule_and_end_with_it(case: Case) -> None:
    case.hook()
    task = case.ends()
    assert case.log.views([task.id]) == {}, "nothing is shown before the first attempt"
    payloads = set()
    for attempt, wait in enumerate((10, 60, None), start=1):
        (held,) = case.take()
        payloads.add(held.payload)
        assert held.attempt == attempt
        assert case.rows.settle(held, BROKEN)
        (view,) = case.log.views([task.id])[task.id]
        assert (view.delivered, view.attempts, view.last_error) == (False, attempt, BROKEN.error)
        if wait is not None:
            case.clock.on(wait - 0.001)
            assert case.rows.due(10) == ()
            case.clock.on(0.001)
            assert len(case.rows.due(10)) == 1
    assert len(payloads) == 1, "the message and its id are the same at every attempt"
    case.clock.on(1_000_000)
    assert case.rows.due(10) == ()
    (logged,), total = case.log.page("acme", page=1, limit=10)
    assert total == 1
    assert logged.ended_at is not None
    assert [(one.attempt, one.status, one.error) for one in logged.tries] == [
        (n, 500, BROKEN.error) for n in (1, 2, 3)
    ]
    assert logged.tries[0].at == NOON - timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("status", "delivered"), [(200, True), (299, True), (199, False), (300, False), (404, False)]
)
def test_only_statuses_of_success_are_a_delivery(case: Case, status: int, delivered: bool) -> None:
    case.hook()
    case.ends()
    assert case.rows.settle(case.take()[0], Outcome(status, "It said so.", 0.1))
    (logged,), _ = case.log.page("acme", page=1, limit=10)
    assert (logged.delivered, logged.ended_at is not None) == (delivered, delivered)
    assert (logged.last_error is None) == delivered


def test_a_late_success_takes_the_error_away(case: Case) -> None:
    case.hook()
    task = case.ends()
    case.rows.settle(case.take()[0], BROKEN)
    case.clock.on(10)
    case.rows.settle(case.take()[0], FINE)
    (view,) = case.log.views([task.id])[task.id]
    assert (view.delivered, view.attempts, view.last_error) == (True, 2, None)


@given(
    waits=st.lists(st.floats(0, 10_000), min_size=1, max_size=8),
    luck=st.floats(0, 1),
    attempt=st.integers(1, 12),
)
def test_a_wait_is_a_fifth_off_at_most_and_there_are_as_many_as_attempts(
    waits: list[float], luck: float, attempt: int
) -> None:
    wait = wait_before(attempt, waits, luck)
    assert (wait is None) == (attempt > len(waits))
    if wait is not None:
        assert 0.8 * waits[attempt - 1] - 1e-6 <= wait <= 1.2 * waits[attempt - 1] + 1e-6


def test_waits_are_not_all_alike(database: Database) -> None:
    case = Case(database)
    lucky = DeliveryRows(database, waits=(0, 100), lease=20, now=case.clock)
    case.hook()
    for _ in range(8):
        case.ends()
    for held in case.take():
        lucky.settle(held, BROKEN)
    with database.reading() as db:
        after = {
            (moment - NOON).total_seconds() for moment in db.execute(select(deliveries.c.run_at)).scalars()
        }
    assert len(after) > 4
    assert all(80 <= seconds <= 120 for seconds in after)


def test_the_first_wait_counts_too(database: Database) -> None:
    case = Case(database, waits=(5.0,))
    case.hook()
    case.ends()
    assert case.rows.due(10) == ()
    case.clock.on(5)
    assert len(case.rows.due(10)) == 1


def test_a_delivery_is_held_by_one_until_its_lease_is_over_and_the_late_word_is_not_heard(case: Case) -> None:
    case.hook()
    case.ends()
    waiting = [one.id for one in case.rows.due(10)]
    (held,) = case.rows.claim("w1", waiting)
    assert case.rows.claim("w2", waiting) == ()
    assert case.rows.due(10) == ()
    case.clock.on(20)
    (again,) = case.take("w2")
    assert again.attempt == 1, "an attempt that nobody reports counts for nothing"
    assert not case.rows.settle(held, FINE)
    assert case.rows.settle(again, BROKEN)
    assert not case.rows.settle(again, FINE)
    (logged,), _ = case.log.page("acme", page=1, limit=10)
    assert (logged.attempts, logged.delivered, len(logged.tries)) == (1, False, 1)


def test_the_same_worker_does_not_settle_an_attempt_twice(case: Case) -> None:
    case.hook()
    case.ends()
    (held,) = case.take()
    case.rows.settle(held, BROKEN)
    case.clock.on(10)
    (second,) = case.take()
    assert not case.rows.settle(held, FINE)
    assert case.rows.settle(second, FINE)


def test_what_a_worker_gives_back_is_due_at_once(case: Case) -> None:
    case.hook()
    case.ends()
    case.take("w1")
    assert case.rows.release("w2") == 0
    assert case.rows.release("w1") == 1
    assert case.take("w2")[0].attempt == 1


def test_of_many_workers_each_delivery_goes_to_one(case: Case) -> None:
    case.hook()
    for _ in range(40):
        case.ends()
    waiting = [one.id for one in case.rows.due(100)]
    assert len(waiting) == 40
    with ThreadPoolExecutor(8) as pool:
        shares = pool.map(lambda n: case.rows.claim(f"w{n}", waiting), range(8))
        taken = [held.id for share in shares for held in share]
    assert sorted(taken) == sorted(waiting)


def test_deleting_a_task_stops_its_messages_even_in_the_middle_of_an_attempt(case: Case) -> None:
    case.hook()
    task = case.ends()
    (held,) = case.take()
    with case.database.writing() as db:
        db.execute(delete(tasks).where(tasks.c.id == task.id))
    assert not case.rows.settle(held, BROKEN)
    case.clock.on(10_000)
    assert case.rows.due(10) == ()
    assert case.count() == 0


def test_removing_a_webhook_stops_its_messages_even_in_the_middle_of_an_attempt(case: Case) -> None:
    hook = case.hook()
    case.ends()
    (held,) = case.take()
    case.hooks.remove("acme", hook)
    assert not case.rows.settle(held, BROKEN)
    case.clock.on(10_000)
    assert case.rows.due(10) == ()


def test_what_lost_its_webhook_in_the_same_moment_ends_when_it_is_taken(case: Case) -> None:
    hook = case.hook()
    case.ends()
    with case.database.writing() as db:
        db.execute(delete(webhooks).where(webhooks.c.id == hook))
    assert case.take() == ()
    assert case.rows.due(10) == ()
    (logged,), _ = case.log.page("acme", page=1, limit=10)
    assert logged.last_error == "The webhook was removed."
    assert logged.ended_at is not None


def test_receivers_and_accounts_can_be_left_out_and_the_longest_due_comes_first(case: Case) -> None:
    case.hook(url="https://slow.example/")
    case.hook(account="other", url="https://quick.example:8443/")
    slow = [case.ends() for _ in range(3)]
    case.clock.on(1)
    case.ends(Ended(account="other"))
    assert [one.receiver for one in case.rows.due(2)] == ["slow.example:443"] * 2
    assert len(slow) == 3
    (quick,) = case.rows.due(10, without={"receiver": ["slow.example:443"]})
    assert (quick.receiver, quick.account) == ("quick.example:8443", "other")
    assert case.rows.due(10, without={"account": ["acme"], "receiver": []}) == (quick,)
    assert case.rows.due(10, without={"account": ["acme"], "webhook_id": [quick.webhook_id]}) == ()


def test_a_clock_that_jumps_back_stalls_nothing(case: Case) -> None:
    case.hook()
    case.ends()
    case.rows.settle(case.take()[0], BROKEN)
    case.clock.now = NOON - timedelta(days=300)
    (held,) = case.take()
    assert held.attempt == 2
    case.clock.now = NOON - timedelta(days=600)
    assert case.take("w2")[0].attempt == 2, "a lease that lies years ahead is no lease"


def test_fewer_waits_than_attempts_end_a_delivery_after_the_next(case: Case) -> None:
    case.hook()
    case.ends()
    for wait in (10, 60):
        case.rows.settle(case.take()[0], BROKEN)
        case.clock.on(wait)
    fewer = case.another(waits=(0.0,))
    (held,) = fewer.claim("w1", [one.id for one in fewer.due(10)])
    assert fewer.settle(held, BROKEN)
    case.clock.on(1_000_000)
    assert case.rows.due(10) == ()


def test_a_test_message_goes_the_same_way_whatever_the_webhook_wants(case: Case) -> None:
    hook = case.hooks.get("acme", case.hook(events=("analyze.task.failed",)))
    assert hook is not None
    made = case.rows.test(hook)
    (held,) = case.take()
    assert held.id == made
    said = json.loads(held.payload)
    assert (said["type"], said["data"]) == ("webhook.test", {"id": hook.id})
    case.rows.settle(held, BROKEN)
    case.clock.on(10)
    case.rows.settle(case.take()[0], FINE)
    logged = case.log.get(made)
    assert logged is not None
    assert (logged.type, logged.task_id, logged.delivered, logged.attempts) == ("webhook.test", None, True, 2)


def test_the_log_is_by_account_and_webhook_newest_first_and_page_by_page(case: Case) -> None:
    first, second = case.hook(), case.hook()
    other = case.hook(account="other")
    ended = []
    for _ in range(3):
        ended.append(case.ends().id)
        case.clock.on(1)
    case.ends(Ended(account="other"))
    page, total = case.log.page("acme", first, page=1, limit=2)
    assert total == 3
    assert [one.task_id for one in page] == ended[:0:-1]
    assert [one.task_id for one in case.log.page("acme", first, page=2, limit=2)[0]] == ended[:1]
    assert case.log.page("acme", first, page=3, limit=2) == ((), 3)
    assert case.log.page("acme", other, page=1, limit=2) == ((), 0)
    assert case.log.page(None, page=1, limit=2)[1] == 7
    assert case.log.page("acme", second, page=1, limit=9)[1] == 3
    assert case.log.get("0" * 24) is None


def test_the_views_of_many_tasks_cost_one_statement(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.hook()
    case.hook(url="https://b.example/")
    ended = [case.ends().id for _ in range(5)]
    for held in case.take():
        case.rows.settle(held, FINE)
    reads = 0
    reading = Database.reading

    def counted(database: Database) -> object:
        nonlocal reads
        reads += 1
        return reading(database)

    monkeypatch.setattr(Database, "reading", counted)
    views = case.log.views([*ended, "0" * 24])
    assert reads == 1
    assert set(views) == set(ended)
    assert all(len(of_task) == 2 for of_task in views.values())
    assert case.log.views([]) == {}
    assert reads == 1


def test_tests_are_forgotten_after_a_month_and_messages_of_tasks_are_not(case: Case) -> None:
    hook = case.hooks.get("acme", case.hook())
    assert hook is not None
    case.rows.test(hook)
    case.ends()
    for held in case.take():
        case.rows.settle(held, FINE)
    case.clock.on(29 * 86_400)
    case.rows.test(hook)
    assert case.rows.forget() == 0
    case.clock.on(2 * 86_400)
    assert case.rows.forget() == 1
    assert case.count() == 2, "what still waits is kept, and what a task shows"


def test_nothing_secret_is_shown_when_a_held_delivery_is_written_to_a_log(case: Case) -> None:
    case.hook()
    case.ends()
    (held,) = case.take()
    assert held.secret not in repr(held)
    assert "analyze.task" not in repr(held)


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("https://Example.com/x", "example.com:443"),
        ("http://example.com./x?y", "example.com:80"),
        ("http://[::1]:8080/", "::1:8080"),
        ("HTTPS://example.com:443/", "example.com:443"),
        ("http://" + "a" * 400 + "/", "a" * 300),
    ],
)
def test_a_receiver_is_the_host_and_port(url: str, receiver: str) -> None:
    assert receiver_of(url) == receiver


def test_attempts_go_with_their_task(case: Case) -> None:
    case.hook()
    task = case.ends()
    case.rows.settle(case.take()[0], FINE)
    with case.database.writing() as db:
        db.execute(delete(tasks).where(tasks.c.id == task.id))
        left = db.execute(select(func.count()).select_from(delivery_attempts)).scalar_one()
    assert left == 0


def test_a_finished_delivery_cannot_be_settled(case: Case) -> None:
    case.hook()
    case.ends()
    (held,) = case.take()
    with case.database.writing() as db:
        db.execute(update(deliveries).values(ended_at=NOON))
    assert not case.rows.settle(held, FINE)
