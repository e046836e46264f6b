"""Whatever can refuse a request does so before anything is said, and leaves nothing behind."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended import FACTS, Engine, Gatherer, Parts, Resolver, request

from kinoscribe.analysis.run import events, prepare
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import (
    ApiError,
    ParameterInvalid,
    ResourceNotExist,
    ServiceUnavailable,
    TokenLimitExceeded,
    VideoResolutionTooLow,
    VideoTooShort,
)
from kinoscribe.contract.events import Ended, Started
from kinoscribe.contract.sources import Base64Source
from kinoscribe.engines.engine import EngineState, Missed

Refused = tuple[Parts, dict[str, Any], type[ApiError]]

REFUSED: dict[str, Refused] = {
    "engine not ready": (Parts(Engine(ready=EngineState(False, "No."))), {}, ServiceUnavailable),
    "weights missing": (Parts(gatherer=Gatherer(lacks=["No."])), {}, ServiceUnavailable),
    "no such asset": (
        Parts(resolver=Resolver(error=ResourceNotExist(id="a", collection="assets"))),
        {},
        ResourceNotExist,
    ),
    "too small": (Parts(facts=replace(FACTS, width=320, height=240)), {}, VideoResolutionTooLow),
    "too short": (Parts(facts=replace(FACTS, end=2.0)), {}, VideoTooShort),
    "window outside": (Parts(), {"start_time": 30.0}, ParameterInvalid),
    "prompt too long": (Parts(Engine(context_tokens=3)), {"prompt": "a b c d e"}, TokenLimitExceeded),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_before_anything_is_said(name: str) -> None:
    parts, more, kind = REFUSED[name]
    with pytest.raises(kind):
        prepare(request(**more), "one", parts.tools, Cancel())
    assert parts.resolver.lent == 0, "the file is given back"
    assert parts.receipts.bodies == {}


def test_where_no_model_server_is_there_a_receipt_tells_which_were_looked_for() -> None:
    missed = (Missed("1", "It cannot be reached."), Missed("2", "It has no model."))
    parts = Parts(Engine(ready=EngineState(False, "Nobody is there.", missed=missed)))
    with pytest.raises(ServiceUnavailable) as caught:
        prepare(request(), "one", parts.tools, Cancel())
    assert caught.value.receipt is not None
    body = parts.receipts.bodies[caught.value.receipt]
    assert (body["video"], body["window"], body["evidence"]) == (None, None, None)
    told = body["looked_at"]["asked_in_vain"]
    assert [(one["server"], one["reason"]) for one in told] == [(one.server, one.reason) for one in missed]
    assert body["error"]["message"] == caught.value.message
    parts.receipts.error = ApiError()
    with pytest.raises(ServiceUnavailable) as caught:
        prepare(request(), "one", parts.tools, Cancel())
    assert caught.value.receipt is None, "nothing names a receipt that could not be kept"


def test_a_job_holds_its_file_until_it_is_closed() -> None:
    parts = Parts()
    job = prepare(request(), "one", parts.tools, Cancel())
    assert parts.resolver.lent == 1
    job.close()
    job.close()
    assert parts.resolver.lent == 0


def test_a_window_is_chosen_and_the_stages_are_timed() -> None:
    job = prepare(request(start_time=5.0, end_time=12.0), "one", Parts().tools, Cancel())
    assert (job.looked.start, job.looked.end) == (5.0, 12.0)
    assert list(job.stopwatch.seconds) == ["fetch", "probe"]
    job.close()


def test_a_video_from_the_body_does_not_stay_in_memory() -> None:
    job = prepare(request(video=Base64Source("A" * 1000)), "one", Parts().tools, Cancel())
    assert job.request.video == Base64Source("")
    assert job.looked.source == "base64_string"
    job.close()


def test_two_jobs_never_share_an_id() -> None:
    jobs = [prepare(request(), "one", Parts().tools, Cancel()) for _ in range(50)]
    assert len({job.generation_id for job in jobs}) == 50


def test_the_first_word_is_the_id_and_the_last_the_end() -> None:
    parts = Parts()
    job = prepare(request(), "one", parts.tools, Cancel())
    first, *_, last = events(job, parts.tools)
    assert first == Started(job.generation_id)
    assert isinstance(last, Ended)
    assert last.generation_id == job.generation_id
    assert list(parts.receipts.bodies) == [job.generation_id]
    job.close()
