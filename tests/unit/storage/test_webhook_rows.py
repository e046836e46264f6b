from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.unit.storage.ended import NOON, Ended, put

from kinoscribe.contract.webhooks import EVENTS
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.webhook_rows import TooManyWebhooks, WebhookRows

URL = "https://example.com/hook"


def test_a_webhook_is_kept_as_it_was_added_and_its_secret_is_told_once(database: Database) -> None:
    rows = WebhookRows(database, now=lambda: NOON)
    made, secret = rows.add("acme", URL, EVENTS[:2], most=5)
    assert secret.startswith("whsec_")
    assert len(secret) >= 40
    assert rows.get("acme", made.id) == made
    assert (made.url, made.events, made.created_at) == (URL, EVENTS[:2], NOON)
    assert secret not in repr(rows.list())
    assert rows.add("acme", URL, EVENTS, "a secret of one's own", most=5)[1] == "a secret of one's own"
    assert rows.add("acme", URL, EVENTS, most=5)[1] != secret


def test_an_account_sees_and_removes_only_its_own(database: Database) -> None:
    rows = WebhookRows(database)
    ours, _ = rows.add("acme", URL, EVENTS, most=5)
    theirs, _ = rows.add("other", URL, EVENTS, most=5)
    assert rows.list("acme") == [ours]
    assert rows.list("nobody") == []
    assert rows.list() == [ours, theirs]
    assert rows.get("acme", theirs.id) is None
    assert not rows.remove("acme", theirs.id)
    assert rows.get(None, theirs.id) == theirs
    assert rows.remove("other", theirs.id)
    assert not rows.remove("other", theirs.id)
    assert rows.remove(None, ours.id)
    assert rows.list() == []


def test_webhooks_are_listed_oldest_first(database: Database) -> None:
    times = iter([NOON + timedelta(seconds=n) for n in (3, 1, 2)])
    rows = WebhookRows(database, now=lambda: next(times))
    made = [rows.add("acme", URL, EVENTS, most=5)[0] for _ in range(3)]
    assert rows.list() == [made[1], made[2], made[0]]


def test_an_account_may_have_so_many_and_no_more(database: Database) -> None:
    rows = WebhookRows(database)
    for _ in range(2):
        rows.add("acme", URL, EVENTS, most=2)
    with pytest.raises(TooManyWebhooks):
        rows.add("acme", URL, EVENTS, most=2)
    rows.add("other", URL, EVENTS, most=2)
    assert len(rows.list("acme")) == 2


def test_removing_a_webhook_ends_what_it_has_not_got_and_leaves_the_rest(database: Database) -> None:
    rows, log = WebhookRows(database), DeliveryLog(database)
    deliveries = DeliveryRows(database, waits=(0, 10), lease=30)
    gone, _ = rows.add("acme", URL, EVENTS, most=5)
    stays, _ = rows.add("acme", "https://example.org/", EVENTS, most=5)
    put(database, deliveries, Ended())
    assert rows.remove("acme", gone.id)
    assert {waiting.receiver for waiting in deliveries.due(10)} == {"example.org:443"}
    (ended,), _ = log.page("acme", gone.id, page=1, limit=10)
    assert ended.ended_at is not None
    assert not ended.delivered
    assert ended.last_error == "The webhook was removed."
    (waits,), _ = log.page("acme", stays.id, page=1, limit=10)
    assert waits.ended_at is None


def test_the_secret_lies_in_the_database_only(database: Database) -> None:
    made, secret = WebhookRows(database).add("acme", URL, EVENTS, most=5)
    with database.reading() as db:
        found = db.execute(text("SELECT secret FROM webhooks WHERE id = :id"), {"id": made.id}).scalar_one()
    assert found == secret
