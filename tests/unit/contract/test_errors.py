import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import (
    ApiError,
    BodyInvalid,
    ParameterInvalid,
    RouteUnknown,
    ServiceUnavailable,
    TokenLimitExceeded,
    TooManyRequests,
    all_errors,
    error_body,
)
from kinoscribe.contract.shown import show

# Two classes may share a code where a client need not tell them apart.
SHARED = {
    "internal_server_error",
    "parameter_invalid",
    "service_unavailable",
    "task_cannot_be_deleted",
    "upload_url_invalid",
}


def test_every_code_belongs_to_one_class() -> None:
    codes = [kind.code for kind in all_errors() if kind.code not in SHARED]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_status_and_a_sentence_that_can_be_filled(kind: type[ApiError]) -> None:
    assert kind.code.replace("_", "").isalpha()
    assert kind.status in {400, 401, 403, 404, 405, 409, 413, 422, 429, 431, 500, 503, 504, 507}
    names = [name for _, name, _, _ in string.Formatter().parse(kind.sentence) if name]
    facts: dict[str, Any] = dict.fromkeys(names, "x")
    message = kind(**facts, **({"seconds": 1} if kind is TooManyRequests else {})).message
    assert message
    assert "{" not in message


def test_a_flat_body_has_two_keys_and_a_nested_one_says_the_same_twice() -> None:
    error = ParameterInvalid(p="page", reason="No.")
    flat = {"code": "parameter_invalid", "message": "The page parameter is invalid. No."}
    assert error_body(error, nested=False) == flat
    assert error_body(error, nested=True) == {**flat, "error": flat}


@given(st.text(st.characters(), max_size=3000))
def test_what_a_client_sent_is_repeated_short_and_harmless(text: str) -> None:
    for message in (RouteUnknown(path=text).message, ParameterInvalid(p="x", reason=show(text)).message):
        assert message.isprintable()
        assert len(message) < 12_000
        json.dumps(error_body(RouteUnknown(path=text), nested=False), ensure_ascii=False).encode("utf-8")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_every_value_can_be_shown_in_a_few_words(value: object) -> None:
    assert len(show(value)) <= 10 * 80 + 10


def test_a_long_value_is_cut() -> None:
    assert show("a" * 1000) == '"' + "a" * 77 + '..."'
    assert show(10**1000) == "a number of very many digits"


def test_braces_in_a_value_are_no_placeholders() -> None:
    assert RouteUnknown(path="/{code}").message == "There is no route /{code}."


def test_only_some_errors_ask_to_come_back() -> None:
    assert ServiceUnavailable(reason="Full.").retry_after == 5
    assert BodyInvalid(reason="x").retry_after is None
    assert TokenLimitExceeded().retry_after is None
