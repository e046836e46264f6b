"""Rules C072 to C078: the answer in one piece, and what becomes of the work when nobody waits for it."""

import time
from collections.abc import Callable

import httpx2
import pytest
from tests.conformance.exact import answer, refusal, stream
from tests.conformance.scripted import LONG_TEXT, ODD_TEXT, prompt
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served
from tests.conformance.wire import Json, post_raw, without


@pytest.mark.rule("C072", "C075")
def test_an_answer_is_exact(wire: httpx2.Client, body: Json) -> None:
    told = answer(wire.post("analyze", json=body))
    assert told.finish_reason == "stop"
    assert told.data
    assert told.usage.output_tokens > 0
    assert told.usage.input_tokens > 0


@pytest.mark.rule("C072")
def test_every_answer_has_an_id_of_its_own_and_a_receipt(wire: httpx2.Client, body: Json) -> None:
    responses = [wire.post("analyze", json=body) for _ in range(2)]
    ids = [answer(response).id for response in responses]
    assert len(set(ids)) == 2
    for response, generation_id in zip(responses, ids, strict=True):
        assert response.headers["x-receipt"].endswith(f"/receipts/{generation_id}")
        receipt = wire.get(f"receipts/{generation_id}").json()
        assert receipt["generation_id"] == generation_id
        assert receipt["tokens"] == response.json()["usage"]
        assert receipt["finish_reason"] == "stop"


@pytest.mark.rule("C073")
def test_without_stream_the_answer_is_streamed(wire: httpx2.Client, body: Json) -> None:
    told = stream(wire.post("analyze", json=without(body, "stream")))
    assert told.end.finish_reason == "stop"


@pytest.mark.rule("C074")
@pytest.mark.parametrize("most", [1, 2, 5, 50])
def test_an_answer_that_reaches_max_tokens_says_so(wire: httpx2.Client, body: Json, most: int) -> None:
    cut = {**body, "model_name": "pegasus1.2", "prompt": prompt("long text"), "max_tokens": most}
    told = answer(wire.post("analyze", json=cut))
    assert told.finish_reason == "length"
    assert 0 < told.usage.output_tokens <= most
    assert told.error is not None
    assert told.error.message.startswith("output truncated:")
    assert "max_tokens" in told.error.message
    assert LONG_TEXT.startswith(told.data)
    assert len(told.data) < len(LONG_TEXT)


@pytest.mark.rule("C075")
def test_an_answer_that_fits_exactly_is_not_cut(wire: httpx2.Client, body: Json) -> None:
    old = {**body, "model_name": "pegasus1.2", "prompt": prompt("long text")}
    whole = answer(wire.post("analyze", json=old))
    assert (whole.finish_reason, whole.data) == ("stop", LONG_TEXT)
    tokens = whole.usage.output_tokens
    exact = answer(wire.post("analyze", json={**old, "max_tokens": tokens}))
    assert (exact.finish_reason, exact.data) == ("stop", LONG_TEXT)
    one_less = answer(wire.post("analyze", json={**old, "max_tokens": tokens - 1}))
    assert one_less.finish_reason == "length"


@pytest.mark.sdk
@pytest.mark.rule("C076")
def test_both_sdks_get_an_answer(served: Served, sdk: Sdk, body: Json) -> None:
    steps = [
        {"do": "analyze", "video": body["video"], "prompt": body["prompt"], "model_name": "pegasus1.5"},
        {"do": "analyze", "video": body["video"], "prompt": prompt("odd text")},
    ]
    told, odd = sdk.values(served.url + "/v1.3", served.key, *steps)
    assert told["data"]
    assert odd["data"] == ODD_TEXT
    for got in (told, odd):
        assert got["id"]
        reason, usage = (
            ("finishReason", "outputTokens")
            if sdk.language == "javascript"
            else ("finish_reason", "output_tokens")
        )
        assert got[reason] == "stop"
        assert got["usage"][usage] > 0


def _soon(check: Callable[[], bool], seconds: float) -> float:
    """How long it took until `check` was true."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < seconds, f"still not so after {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.rule("C077")
@pytest.mark.parametrize("streamed", [True, False])
def test_the_work_ends_when_the_client_leaves(
    narrow: Served, narrow_wire: httpx2.Client, whole_body: Json, streamed: bool
) -> None:
    """The server has one place for an analysis: it is taken while the answer of forty seconds goes on."""
    short = {**whole_body, "stream": False}
    assert narrow_wire.post("analyze", json=short).status_code == 200
    with post_raw(narrow, {**whole_body, "stream": streamed, "prompt": prompt("many pieces")}) as raw:
        if streamed:
            raw.receive_until(b"text_generation")
        else:
            time.sleep(1)
        full = narrow_wire.post("analyze", json=short)
        refusal(full, 503, "service_unavailable")
        assert int(full.headers["retry-after"]) > 0
    _soon(lambda: narrow_wire.post("analyze", json=short).status_code == 200, 5)


@pytest.mark.rule("C077")
def test_one_question_after_the_other_finds_the_only_place_free(
    narrow_wire: httpx2.Client, whole_body: Json
) -> None:
    for number in range(8):
        streamed = {**whole_body, "stream": number % 2 == 0}
        assert narrow_wire.post("analyze", json=streamed).status_code == 200


@pytest.mark.rule("C078")
def test_equal_requests_get_equal_answers(wire: httpx2.Client, body: Json) -> None:
    still = {**body, "temperature": 0}
    first, second = (answer(wire.post("analyze", json=still)) for _ in range(2))
    assert (first.data, first.usage) == (second.data, second.usage)
    other = answer(wire.post("analyze", json={**still, "prompt": "Something else?"}))
    assert other.data != first.data


@pytest.mark.rule("C072")
def test_a_server_serves_again_after_its_engine_failed(wire: httpx2.Client, body: Json) -> None:
    for _ in range(3):
        refusal(
            wire.post("analyze", json={**body, "prompt": prompt("a death")}), 500, "internal_server_error"
        )
    answer(wire.post("analyze", json=body))
