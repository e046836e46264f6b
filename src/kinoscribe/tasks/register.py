"""Turns a wish to be told of the ends of tasks into a webhook, once its URL has been judged."""

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.limits import WEBHOOKS
from kinoscribe.contract.webhooks import WebhookForm
from kinoscribe.settings import Settings
from kinoscribe.sources.url_guard import UrlRefused, make_gate, read_reachable
from kinoscribe.storage.webhook_rows import TooManyWebhooks, Webhook, WebhookRows


def register(account: str, form: WebhookForm, settings: Settings, rows: WebhookRows) -> tuple[Webhook, str]:
    """A new webhook and its secret. Raises `ParameterInvalid` for a URL that nothing would be sent to.

    A host that is a name is looked up at each delivery, and judged then.
    """
    try:
        read_reachable(form.url, make_gate(settings.url_allow, settings.url_ports))
    except UrlRefused as error:
        raise ParameterInvalid(p="url", reason=str(error)) from error
    try:
        return rows.add(account, form.url, form.events, form.secret, most=WEBHOOKS)
    except TooManyWebhooks as error:
        reason = f"There are {WEBHOOKS} webhooks already, which is the most an account may have."
        raise ParameterInvalid(p="url", reason=reason) from error
