"""The wire with the engine that is really used: what the scripted one cannot show."""

import time
from collections.abc import Iterator

import httpx2
import psutil
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import answer, refusal, stream
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served, serve, weights_folder
from tests.conformance.wire import PROMPT, Json, base64_video, post_raw

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("embedded") / "data"
    with serve(data, engine="embedded", models_dir=weights_folder(), sync_slots=1) as started:
        yield started


@pytest.fixture(scope="module")
def wire(embedded: Served) -> Iterator[httpx2.Client]:
    with embedded.client() as client:
        yield client


@pytest.fixture(scope="module")
def question() -> Json:
    video = base64_video(clip("twelve.mp4"))
    return {"model_name": "pegasus1.5", "video": video, "prompt": PROMPT, "temperature": 0}


@pytest.mark.rule("C078", "C079", "C080", "C081")
def test_stream_and_whole_answer_are_the_same_text(wire: httpx2.Client, question: Json) -> None:
    streamed = stream(wire.post("analyze", json=question))
    whole = answer(wire.post("analyze", json={**question, "stream": False}))
    again = answer(wire.post("analyze", json={**question, "stream": False}))
    assert streamed.text == whole.data == again.data
    assert streamed.end.metadata.usage == whole.usage
    assert whole.finish_reason == "stop"


@pytest.mark.rule("C074", "C089")
def test_a_cut_answer_is_a_beginning_of_the_whole_one(wire: httpx2.Client, question: Json) -> None:
    old = {
        **question,
        "model_name": "pegasus1.2",
        "stream": False,
        "prompt": "Describe this video in detail.",
    }
    whole = answer(wire.post("analyze", json=old))
    cut = answer(wire.post("analyze", json={**old, "max_tokens": 8}))
    assert (cut.finish_reason, cut.usage.output_tokens <= 8) == ("length", True)
    assert whole.data.startswith(cut.data)


@pytest.mark.rule("C072")
def test_a_second_question_about_the_same_video_decodes_nothing(wire: httpx2.Client, question: Json) -> None:
    answer(wire.post("analyze", json={**question, "stream": False}))
    second = answer(wire.post("analyze", json={**question, "stream": False, "prompt": "What is said?"}))
    receipt = wire.get(f"receipts/{second.id}").json()
    assert receipt["engine"]["name"] == "embedded"
    assert receipt["evidence"]["from_store"] is True


@pytest.mark.rule("C065")
def test_a_window_bounds_what_is_told(wire: httpx2.Client, question: Json) -> None:
    part = {
        **question,
        "stream": False,
        "start_time": 4,
        "end_time": 8,
        "prompt": "List the shots with their times.",
    }
    told = answer(wire.post("analyze", json=part))
    assert "00:00:10" not in told.data
    assert wire.get(f"receipts/{told.id}").json()["window"] == {"start": 4.0, "end": 8.0}


@pytest.mark.rule("C077")
def test_the_work_ends_when_the_client_leaves_before_the_first_word(
    embedded: Served, wire: httpx2.Client, question: Json
) -> None:
    """The server has one place for an analysis, and the evidence of a minute takes longer than this test waits."""
    known = {**question, "stream": False}
    answer(wire.post("analyze", json=known))
    with post_raw(embedded, {**question, "video": base64_video(clip("minute.mp4"))}) as raw:
        assert b"stream_start" in raw.receive_until(b"stream_start")
        refusal(wire.post("analyze", json=known), 503, "service_unavailable")
    until = time.monotonic() + 5
    while wire.post("analyze", json=known).status_code == 503 and time.monotonic() < until:
        time.sleep(0.1)
    answer(wire.post("analyze", json=known))


@pytest.mark.rule("C077", "C088")
def test_a_model_process_that_dies_is_replaced(embedded: Served, wire: httpx2.Client, question: Json) -> None:
    whole = {**question, "stream": False}
    answer(wire.post("analyze", json=whole))
    family = psutil.Process(embedded.process.pid).children(recursive=True)
    children = [process for process in family if "kinoscribe.child" in process.cmdline()]
    assert children
    for child in children:
        child.kill()
    response = wire.post("analyze", json={**whole, "prompt": "What colours are seen?"})
    if response.status_code != 200:
        refusal(response, response.status_code, response.json()["code"])
    answer(wire.post("analyze", json=whole))
    other = {**whole, "video": base64_video(clip("silent.mp4"))}
    answer(wire.post("analyze", json=other))


@pytest.mark.sdk
@pytest.mark.rule("C199")
def test_every_sdk_gets_the_true_answer(embedded: Served, question: Json, newest_sdk: Sdk) -> None:
    step = {"do": "analyze_stream", "model_name": "pegasus1.5", "video": question["video"], "prompt": PROMPT}
    (events,) = newest_sdk.values(embedded.url + "/v1.3", embedded.key, step)
    assert "".join(event.get("text") or "" for event in events)
    assert events[-1].get("finish_reason", events[-1].get("finishReason")) == "stop"
