"""A served program whose processes are killed, whose places are full, and which is told to end."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import httpx2
import psutil
import pytest
from tests.conformance.clips import clip
from tests.conformance.served import PROGRAM, Served, serve
from tests.conformance.wire import Json, Raw, base64_video, chunks, post_raw

from kinoscribe.cli.exits import USAGE

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


def _scripted(folder: Path, **settings: object) -> Served:
    file = folder / "script.toml"
    file.write_text(SCRIPT)
    return serve(folder / "data", scripted_file=file, sync_slots=2, heartbeat_seconds=0.5, **settings)


@contextmanager
def _program(
    name: str, environment: dict[str, str], sink: IO[bytes], *more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([*PROGRAM, name, *more], env=environment, stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def ready(served: Served) -> tuple[int, list[str]]:
    response = httpx2.get(f"{served.url}/readyz", timeout=20, trust_env=False)
    return response.status_code, response.json()["missing"]


def submit(served: Served, prompt: str) -> str:
    body = {name: value for name, value in question(prompt).items() if name != "stream"}
    with served.client() as client:
        response = client.post("analyze/tasks", json=body)
    assert response.status_code == 202, response.text
    return str(response.json()["task_id"])


def task(served: Served, task_id: str) -> Json:
    with served.client() as client:
        return dict(client.get(f"analyze/tasks/{task_id}").json())


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


def until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def collecting(served: Served) -> bool:
    """Whether a worker has taken on the evidence of a video."""
    with closing(sqlite3.connect(served.data / "kinoscribe.db")) as db:
        row = db.execute("SELECT count(*) FROM evidence_jobs WHERE owner IS NOT NULL").fetchone()
    return bool(row[0])


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
    assert until(lambda: collecting(embedded))
    time.sleep(0.5)  # from the row to the process it is only a moment
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
    assert until(lambda: collecting(embedded))
    time.sleep(0.5)  # from the row to the process it is only a moment
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
        assert len(family) >= 5
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait()
        _, alive = psutil.wait_procs(family, 15)
        assert alive == []


def test_the_supervisor_holds_no_library_that_it_does_not_need(embedded: Served) -> None:
    supervisor = psutil.Process(embedded.process.pid)
    parts = {part for mapped in supervisor.memory_maps() for part in Path(mapped.path).parts}
    assert parts & {"onnxruntime", "cv2", "av", "numpy", "sqlalchemy", "ctranslate2"} == set()
    assert supervisor.memory_info().rss < embedded.memory() / 2


def test_an_api_that_is_killed_answers_again_at_the_same_port(tmp_path: Path) -> None:
    with _scripted(tmp_path) as served:
        assert answers(served)
        api, worker = served.child("api"), served.child("work")
        api.kill()
        api.wait(10)
        assert answers(served), "a call that comes while there is no api waits for the next one"
        assert served.child("api").pid != api.pid
        assert served.child("work").pid == worker.pid
        assert '"program": "api"' in served.log.read_text()
        assert until(lambda: ready(served) == (200, []))


def test_a_task_goes_on_after_its_worker_was_killed(tmp_path: Path) -> None:
    with _scripted(tmp_path, lease_seconds=1, retry_seconds=0.1) as served:
        task_id = submit(served, "Two seconds")
        assert until(lambda: task(served, task_id)["status"] == "processing")
        served.child("work").kill()
        assert until(lambda: task(served, task_id)["status"] == "ready", 40)
        shown = json.loads(served.command("tasks", "show", task_id, "--json"))
        assert (shown["operator"]["attempt"], shown["operator"]["strikes"]) == (2, 1)
        assert shown["result"]["data"] == "Begin. End."
        assert until(lambda: ready(served) == (200, []))


def test_a_task_that_is_interrupted_by_the_end_of_the_server_is_done_by_the_next(tmp_path: Path) -> None:
    with _scripted(tmp_path, drain_seconds=0, lease_seconds=600) as served:
        task_id = submit(served, "Two seconds")
        assert until(lambda: task(served, task_id)["status"] == "processing")
        assert served.stop() == 0
        shown = json.loads(served.command("tasks", "show", task_id, "--json"))
        assert (shown["status"], shown["operator"]["worker"]) == ("processing", None)
    with _scripted(tmp_path, api_key=served.key, lease_seconds=600) as again:
        assert until(lambda: task(again, task_id)["status"] == "ready")
        shown = json.loads(again.command("tasks", "show", task_id, "--json"))
        assert (shown["operator"]["attempt"], shown["operator"]["strikes"]) == (2, 0)


def test_a_task_may_end_while_the_server_does(tmp_path: Path) -> None:
    with _scripted(tmp_path) as served:
        task_id = submit(served, "Two seconds")
        assert until(lambda: task(served, task_id)["status"] == "processing")
        assert served.stop() == 0
        shown = json.loads(served.command("tasks", "show", task_id, "--json"))
        assert (shown["status"], shown["operator"]["attempt"]) == ("ready", 1)


def test_api_and_worker_also_run_each_for_itself(tmp_path: Path) -> None:
    with _scripted(tmp_path) as served:
        served.stop()
    environment = {**served.environment, "KINOSCRIBE_PORT": "0"}
    log = tmp_path / "api.log"
    with log.open("wb") as sink, _program("api", environment, sink) as api:
        assert until(lambda: "http://" in log.read_text())
        address = re.search(r"http://[\d.:]+\d", log.read_text())
        assert address is not None
        alone = replace(served, url=address[0], process=api)
        assert ready(alone)[0] == 503
        assert "kinoscribe work" in ready(alone)[1][0]
        task_id = submit(alone, "What is it?")
        with _program("work", environment, sink, "--slots", "1") as worker:
            assert until(lambda: task(alone, task_id)["status"] == "ready")
            assert ready(alone) == (200, [])
            worker.terminate()
            assert worker.wait(20) == 0
        assert ready(alone)[0] == 503
        api.terminate()
        assert api.wait(20) == 0


def test_a_setting_that_a_child_finds_wrong_ends_the_server(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text("[[answer]]\n")
    environment = {**os.environ, "KINOSCRIBE_SCRIPTED_FILE": str(script)}
    command = ["serve", "--port", "0", "--engine", "scripted", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(
        [*PROGRAM, *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == USAGE
    assert "script.toml" in done.stderr
    assert "Traceback" not in done.stderr


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
        served.process.terminate()
        end, whole = ending(raw, begun)
        assert end["finish_reason"] == "stop"
        assert whole
        assert served.process.wait(20) == 0


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
        assert served.process.wait(20) == 0
        assert psutil.wait_procs(family, 3)[1] == []
        assert not [f for f in (served.data / "incoming").rglob("*") if "lock" not in f.name]
