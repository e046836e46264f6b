"""A served program whose processes are killed, whose places are full, and which is told to end."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.conformance.clips import clip
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, Raw, base64_video, chunks, post_raw

COMPOSER = "kinoscribe.engines.embedded.worker:serve"
PERCEPTION = "kinoscribe.evidence.worker:serve"
DECODER = "kinoscribe.media.worker:serve"

SCRIPT = """
[[answer]]
when = "^Wait"
pieces = [{text = "Begin. "}, {wait = 300.0}, {text = "End."}]

[[answer]]
when = "^Two seconds"
pieces = [{text = "Begin. "}, {wait = 2.0}, {text = "End."}]

[[answer]]
when = "^Fail"
pieces = [{text = "Half of "}, {fail = "no more ideas."}]
"""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The embedded engine with the collectors that need no weights."""
    folder = tmp_path_factory.mktemp("embedded") / "data"
    with serve(folder, engine="embedded", collectors="shots,looks", heartbeat_seconds=0.5) as started:
        yield started


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with _scripted(tmp_path_factory.mktemp("scripted")) as started:
        yield started


def _scripted(folder: Path) -> Served:
    file = folder / "script.toml"
    file.write_text(SCRIPT)
    return serve(folder / "data", scripted_file=file, sync_slots=2, heartbeat_seconds=0.5)


def question(prompt: str, name: str = "silent.mp4", *, stream: bool = True, tail: bytes = b"") -> Json:
    """A question about a video by base64. Another `tail` makes it another content."""
    video = base64_video(clip(name))
    if tail:
        whole = clip(name).read_bytes() + (8 + len(tail)).to_bytes(4) + b"free" + tail
        path = clip(name).with_name(f"{tail.hex()}-{name}")
        path.write_bytes(whole)
        video = base64_video(path)
        path.unlink()
    return {"model_name": "pegasus1.5", "video": video, "prompt": prompt, "stream": stream}


def processes(served: Served, target: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(served.process.pid).children(recursive=True):
        try:
            if target in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def answers(served: Served, tail: bytes = b"") -> bool:
    with served.client() as client:
        response = client.post("analyze", json=question("What is it?", stream=False, tail=tail))
    return response.status_code == 200 and response.json()["finish_reason"] == "stop"


def ending(raw: Raw, begun: bytes) -> tuple[Json, bool]:
    """The last event of a stream, and whether its body was properly ended."""
    got = begun
    while not got.endswith(b"\r\n0\r\n\r\n"):
        part = raw.connection.recv(65536)
        if not part:
            break
        got += part
    raw.connection.close()
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    pieces, whole = chunks(body)
    lines = [line for line in b"".join(pieces).split(b"\n") if line]
    return json.loads(lines[-1]), whole


def freed(served: Served) -> bool:
    """Whether every place for an analysis is free again."""
    return until(lambda: answers(served) and answers(served), 10)


def test_a_composer_killed_in_the_middle_ends_the_stream_with_an_error_and_the_next_question_works(
    embedded: Served,
) -> None:
    assert answers(embedded)
    (composer,) = processes(embedded, COMPOSER)
    composer.send_signal(signal.SIGSTOP)
    raw = post_raw(embedded, question("Summarise the video."))
    begun = raw.receive_until(b"stream_start")
    begun += raw.receive_until(b"\r\n1\r\n\n\r\n")
    composer.kill()
    end, whole = ending(raw, begun)
    assert end["event_type"] == "stream_end"
    assert end["finish_reason"] is None
    assert end["error"]["code"] == "internal_server_error"
    assert not whole, "a body that is cut has no ending chunk"
    with embedded.client() as client:
        receipt = client.get(f"receipts/{end['metadata']['generation_id']}").json()
    assert receipt["error"]["code"] == "internal_server_error"
    assert receipt["finish_reason"] is None
    assert answers(embedded)
    assert [process.pid for process in processes(embedded, COMPOSER)] != [composer.pid]


def test_a_perception_process_killed_once_costs_nothing_but_time(embedded: Served) -> None:
    assert answers(embedded)
    (perception,) = processes(embedded, PERCEPTION)
    perception.send_signal(signal.SIGSTOP)
    raw = post_raw(embedded, question("Summarise the video.", tail=b"once"))
    begun = raw.receive_until(b"stream_start")
    perception.kill()
    end, whole = ending(raw, begun)
    assert end["finish_reason"] == "stop"
    assert whole


def test_a_perception_process_killed_twice_is_a_failure_that_names_no_insides(embedded: Served) -> None:
    assert answers(embedded)
    (perception,) = processes(embedded, PERCEPTION)
    perception.send_signal(signal.SIGSTOP)
    raw = post_raw(embedded, question("Summarise the video.", tail=b"twice"))
    begun = raw.receive_until(b"stream_start")
    perception.kill()
    assert until(lambda: [p for p in processes(embedded, PERCEPTION) if p.pid != perception.pid])
    for second in processes(embedded, PERCEPTION):
        second.kill()
    end, whole = ending(raw, begun)
    assert end["finish_reason"] is None
    assert end["error"]["code"] == "internal_server_error"
    assert "/" not in end["error"]["message"]
    assert not whole
    assert answers(embedded, tail=b"twice")


def test_a_decoder_killed_while_it_probes_costs_one_request(embedded: Served) -> None:
    assert answers(embedded)
    api = embedded.child("api")
    decoders = [p for p in processes(embedded, DECODER) if p.ppid() == api.pid]
    for decoder in decoders:
        decoder.send_signal(signal.SIGSTOP)
    raw = post_raw(embedded, question("Summarise the video.", stream=False, tail=b"probe"))
    time.sleep(0.5)
    for decoder in decoders:
        decoder.kill()
    with raw:
        assert raw.receive_until(b'"}').startswith(b"HTTP/1.1 400 ")
    assert answers(embedded, tail=b"probe")


def test_nothing_is_left_in_the_folder_of_incoming_files(embedded: Served) -> None:
    incoming = embedded.data / "incoming"
    assert until(lambda: not [f for f in incoming.rglob("*") if f.is_file() and "lock" not in f.name], 5)
    assert not list((embedded.data / "evidence").rglob("*.lock"))
    assert not list((embedded.data / "evidence").rglob(".unfinished-*"))


def test_no_process_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    with serve(tmp_path / "data", engine="embedded", collectors="shots,looks") as served:
        assert answers(served)
        family = psutil.Process(served.process.pid).children(recursive=True)
        assert len(family) >= 3
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait()
        _, alive = psutil.wait_procs(family, 5)
        assert alive == []


def test_a_full_server_says_so_and_a_place_is_free_as_soon_as_a_client_leaves(scripted: Served) -> None:
    waiting = [post_raw(scripted, question("Wait", stream=stream)) for stream in (True, False)]
    waiting[0].receive_until(b"Begin")

    def full() -> bool:
        with scripted.client() as client:
            response = client.post("analyze", json=question("What is it?", stream=False))
        return response.status_code == 503 and response.headers["retry-after"] == "5"

    assert until(full)
    for raw in waiting:
        raw.connection.close()
    left = time.monotonic()
    assert freed(scripted)
    assert time.monotonic() - left < 5


def test_small_answers_are_sent_at_once_even_while_streams_run(scripted: Served) -> None:
    """An answer whose last bytes wait for the acknowledgement of its first takes 40 ms and more."""
    streams = [post_raw(scripted, question("Wait")) for _ in range(2)]
    times = []
    with scripted.client() as client:
        for _ in range(20):
            began = time.monotonic()
            assert client.get("models").status_code == 200
            times.append(time.monotonic() - began)
    for raw in streams:
        raw.connection.close()
    assert min(times) < 0.03
    assert freed(scripted)


def test_a_client_that_sends_its_next_request_early_and_leaves_is_noticed(scripted: Served) -> None:
    waiting = [post_raw(scripted, question("Wait", stream=False)) for _ in range(2)]
    time.sleep(0.5)
    for raw in waiting:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    time.sleep(0.5)
    for raw in waiting:
        raw.connection.close()
    assert freed(scripted)


def test_a_failed_answer_has_a_receipt_and_gives_its_place_back(scripted: Served) -> None:
    for _ in range(3):
        with scripted.client() as client:
            whole = client.post("analyze", json=question("Fail", stream=False))
            assert (whole.status_code, whole.json()["code"]) == (500, "internal_server_error")
    raw = post_raw(scripted, question("Fail"))
    end, _ = ending(raw, b"")
    assert end["metadata"]["usage"]["output_tokens"] == 2
    with scripted.client() as client:
        receipt = client.get(f"receipts/{end['metadata']['generation_id']}").json()
    assert receipt["tokens"]["output_tokens"] == 2
    assert "no more ideas" in receipt["error"]["message"]
    assert freed(scripted)


def test_the_log_holds_neither_key_nor_prompt_nor_video(scripted: Served) -> None:
    secret = "Fail and never tell anybody of this"
    with scripted.client() as client:
        client.post("analyze", json=question(secret, stream=False))
    log = scripted.log.read_text()
    assert "analysis" in log or "Kinoscribe" in log
    assert secret not in log
    assert scripted.key not in log
    assert question("x")["video"]["base64_string"][200:260] not in log


def test_a_server_told_to_end_lets_answers_end(tmp_path: Path) -> None:
    with _scripted(tmp_path) as served:
        assert answers(served)
        raw = post_raw(served, question("Two seconds"))
        begun = raw.receive_until(b"Begin")
        began = time.monotonic()
        served.process.terminate()
        end, whole = ending(raw, begun)
        assert end["finish_reason"] == "stop"
        assert whole
        assert served.process.wait(10) == 0
        assert time.monotonic() - began < 8


@pytest.mark.slow
def test_a_server_told_to_end_gives_up_what_takes_too_long_and_says_so(tmp_path: Path) -> None:
    with _scripted(tmp_path) as served:
        assert answers(served)
        family = psutil.Process(served.process.pid).children(recursive=True)
        streamed = post_raw(served, question("Wait"))
        begun = streamed.receive_until(b"Begin")
        other = post_raw(served, question("Wait", stream=False))
        time.sleep(0.5)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(other.receive_all()))
        reader.start()
        served.process.terminate()
        end, whole = ending(streamed, begun)
        reader.join(20)
        assert end["finish_reason"] is None
        assert end["error"]["code"] == "service_unavailable"
        assert end["metadata"]["usage"]["output_tokens"] > 0
        assert not whole
        other.connection.close()
        assert got[0].startswith(b"HTTP/1.1 503 ")
        assert served.process.wait(10) == 0
        assert psutil.wait_procs(family, 3)[1] == []
        assert not [f for f in (served.data / "incoming").rglob("*") if "lock" not in f.name]
