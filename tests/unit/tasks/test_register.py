import pytest

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.webhooks import EVENTS, WebhookForm
from kinoscribe.settings import Settings
from kinoscribe.storage.database import Database
from kinoscribe.storage.webhook_rows import WebhookRows
from kinoscribe.tasks.register import register


def settings(**more: str) -> Settings:
    return Settings(data_dir="unused", **more)  # type: ignore[arg-type]


def test_a_name_is_taken_without_looking_it_up(database: Database) -> None:
    rows = WebhookRows(database)
    form = WebhookForm("https://nowhere.invalid/hook", EVENTS, "s" * 20)
    made, secret = register("acme", form, settings(), rows)
    assert (made.account, made.url, made.events, secret) == ("acme", form.url, EVENTS, "s" * 20)
    assert rows.list() == [made]


@pytest.mark.parametrize("url", ["http://192.168.1.1/", "http://[fc00::1]/", "http://example.com:8080/"])
def test_what_the_guard_would_never_let_through_is_refused_unless_it_is_allowed(
    database: Database, url: str
) -> None:
    rows = WebhookRows(database)
    with pytest.raises(ParameterInvalid, match="url"):
        register("acme", WebhookForm(url, EVENTS), settings(), rows)
    assert rows.list() == []
    allowed = settings(url_allow="192.168.0.0/16,fc00::/7", url_ports="80,8080")
    register("acme", WebhookForm(url, EVENTS), allowed, rows)
