"""Rules C016 to C020 and C202: limits on calls and on minutes of video, and what a client is told about them."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest
from tests.conformance.exact import both_shapes, refusal
from tests.conformance.exact_tasks import created
from tests.conformance.file_server import FileServer
from tests.conformance.scripted import write_scripts
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, new_key, without

RPM, MINUTES = 4, 2


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on which every account may analyse four times a minute, and two minutes of video an hour."""
    folder = tmp_path_factory.mktemp("limited")
    with serve(
        folder / "data",
        scripted_file=write_scripts(folder),
        rate_limits=f"analyze:rpm={RPM},analyze:dph={MINUTES},upload:rpm=2",
        url_allow="127.0.0.1",
        url_ports=0,
    ) as started:
        yield started


def numbers(response: httpx2.Response, what: str = "Request") -> tuple[int, int, int]:
    """Limit, remaining and reset, which are whole numbers."""
    names = (f"X-RateLimit-{what}-{name}" for name in ("Limit", "Remaining", "Reset"))
    limit, remaining, reset = (int(response.headers[name]) for name in names)
    return limit, remaining, reset


@pytest.mark.rule("C016", "C017", "C009", "C010")
def test_calls_beyond_the_limit_are_429_until_the_reset(limited: Served, body: Json, task_body: Json) -> None:
    with limited.client(new_key(limited, "busy")) as client:
        answers = [
            client.post("analyze", json=body),
            client.post("analyze", json={**body, "temperature": 5}),
            client.post("analyze", json={**body, "stream": True}),
            client.post("analyze/tasks", json=task_body),
        ]
        assert [answer.status_code for answer in answers] == [200, 400, 200, 202]
        told = [numbers(answer) for answer in answers]
        assert [(limit, remaining) for limit, remaining, _ in told] == [(4, 3), (4, 2), (4, 1), (4, 0)]
        for answer in answers:
            assert time.time() - 2 < numbers(answer)[2] <= time.time() + 61
            older = [
                answer.headers[f"X-Ratelimit-{name}"] for name in ("Limit", "Remaining", "Used", "Reset")
            ]
            assert older == [*map(str, numbers(answer)[:2]), str(4 - numbers(answer)[1]), str(told[0][2])]
        over = client.post("analyze", json=body)
        refusal(over, 429, "too_many_requests")
        nested = client.post("analyze/tasks", json=task_body)
        both_shapes(nested, 429, "too_many_requests")
        for refused in (over, nested):
            assert numbers(refused)[:2] == (4, 0)
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert abs(time.time() + int(refused.headers["retry-after"]) - numbers(refused)[2]) < 3
        let_time_pass(limited, 61)
        again = client.post("analyze", json=body)
        assert (again.status_code, numbers(again)[:2]) == (200, (4, 3))


@pytest.mark.rule("C018")
def test_keys_of_one_account_share_a_limit_and_others_do_not_feel_it(limited: Served, body: Json) -> None:
    one, two = new_key(limited, "shared"), new_key(limited, "shared")
    with limited.client(one) as first, limited.client(two) as second:
        remaining = [numbers(client.post("analyze", json=body))[1] for client in (first, second, first)]
        assert remaining == [3, 2, 1]
    with limited.client(new_key(limited, "elsewhere")) as other:
        assert numbers(other.post("analyze", json=body))[1] == 3


@pytest.mark.rule("C019")
def test_reads_are_never_limited(limited: Served, body: Json, task_body: Json) -> None:
    with limited.client(new_key(limited, "reader")) as client:
        task_id = created(client.post("analyze/tasks", json=task_body))
        paths = (f"analyze/tasks/{task_id}", "analyze/tasks", "assets", "models")
        for _ in range(5):
            for path in paths:
                response = client.get(path)
                assert response.status_code == 200
                assert not [name for name in response.headers if name.lower().startswith("x-ratelimit")]
        assert client.post(f"analyze/tasks/{task_id}/cancel").status_code in (200, 409)
        assert numbers(client.post("analyze", json=body))[1] == 2
        with_wrong_body = client.post("analyze", content=b"no")
        assert (with_wrong_body.status_code, numbers(with_wrong_body)[1]) == (400, 1)


@pytest.mark.rule("C016")
def test_uploads_have_a_limit_of_their_own(limited: Served, files: FileServer) -> None:
    form = {"method": (None, "url"), "url": (None, files.url("plain.mp4"))}
    with limited.client(new_key(limited, "uploader")) as client:
        answers = [client.post("assets", files=form) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert [numbers(answer)[1] for answer in answers] == [1, 0, 0]
        refusal(answers[2], 429, "too_many_requests")


@pytest.mark.rule("C020")
def test_the_limit_on_minutes_counts_windows(limited: Served, body: Json, files: FileServer) -> None:
    minute = {**body, "video": {"type": "url", "url": files.url("minute.mp4")}}
    with limited.client(new_key(limited, "watcher")) as client:
        half = client.post("analyze", json={**minute, "start_time": 10, "end_time": 40})
        assert half.status_code == 200
        assert numbers(half, "Duration")[0] == MINUTES
        assert numbers(half, "Duration")[1] == 1, "a minute and a half is left, and is told in whole minutes"
        assert client.post("analyze", json=minute).status_code == 200
        over = client.post("analyze", json=minute)
        refusal(over, 429, "too_many_requests")
        assert 1 <= int(over.headers["retry-after"]) <= 3600
        rest = client.post("analyze", json={**minute, "start_time": 0, "end_time": 20})
        assert rest.status_code == 200, "what fits is let in"


@pytest.mark.rule("C020")
def test_tasks_count_their_minutes_too(limited: Served, task_body: Json, files: FileServer) -> None:
    minute = {**task_body, "video": {"type": "url", "url": files.url("minute.mp4")}}
    with limited.client(new_key(limited, "tasker")) as client:
        for _ in range(2):
            assert client.post("analyze/tasks", json=minute).status_code == 202
        both_shapes(client.post("analyze/tasks", json=minute), 429, "too_many_requests")


@pytest.mark.sdk
@pytest.mark.rule("C200", "C016")
def test_beyond_the_limit_the_sdks_raise_their_typed_error(
    limited: Served, files: FileServer, sdk: Sdk
) -> None:
    key = new_key(limited, f"typed-{sdk}".replace(".", "-"))
    video = {"type": "url", "url": files.url("plain.mp4")}
    step = {"do": "analyze", "video": video, "prompt": "What is seen?"}
    with limited.client(key) as client:
        for _ in range(RPM):
            client.post("analyze", json={})
    (result,) = sdk.run(limited.url, key, step)
    assert (result["raised"], result["status"]) == ("TooManyRequestsError", 429)
    assert result["body"]["code"] == "too_many_requests"


@pytest.mark.sdk
@pytest.mark.rule("C202")
def test_the_python_sdk_waits_after_a_429_and_succeeds(
    limited: Served, files: FileServer, python_sdk: Sdk
) -> None:
    key = new_key(limited, f"patient-{python_sdk}".replace(".", "-"))
    with limited.client(key) as client:
        for _ in range(RPM):
            client.post("analyze", json={})
        let_time_pass(limited, 56)
        wait = int(client.post("analyze", json={}).headers["retry-after"])
    assert 1 <= wait <= 5
    step = {
        "do": "patient_analyze",
        "max_retries": 3,
        "video": {"type": "url", "url": files.url("plain.mp4")},
        "prompt": "What is seen?",
    }
    (told,) = python_sdk.values(limited.url, key, step)
    assert told["answer"]["data"]
    assert told["after"] >= wait - 1.5


@pytest.mark.rule("C018", "C017")
def test_calls_at_once_are_counted_one_by_one(limited: Served, task_body: Json) -> None:
    key, answers = new_key(limited, "at-once"), []

    def send() -> None:
        with limited.client(key) as client:
            answers.append(client.post("analyze/tasks", json={**without(task_body, "video")}))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [400] * RPM + [429] * (10 - RPM)
    assert sorted(numbers(a)[1] for a in answers if a.status_code == 400) == [0, 1, 2, 3]


def let_time_pass(served: Served, seconds: float) -> None:
    """As far as the counters know: waiting in earnest would take minutes."""
    with closing(sqlite3.connect(served.data / "kinoscribe.db", timeout=10)) as database, database:
        database.execute("UPDATE rate_counters SET began_at = began_at - ?", (int(seconds * 1_000_000),))
