"""A receipt says what was looked at, by what, and at what cost, and nothing of what was asked or answered."""

import json
from datetime import UTC, datetime

import pytest
from tests.unit.analysis.pretended import NOTES, Engine, job

from kinoscribe.analysis.receipt import Stopwatch, receipt_body
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Ended, Usage
from kinoscribe.engines.engine import EngineState
from kinoscribe.notes import Notes


def body(notes: Notes | None = NOTES, engine: Engine | None = None, **ended: object) -> dict[str, object]:
    end = Ended(**{"generation_id": "an-id", "finish_reason": "stop", "usage": Usage(3, 7), **ended})  # type: ignore[arg-type]
    return receipt_body(
        generation_id="an-id",
        created=datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC),
        model_name="pegasus1.5",
        engine=engine or Engine(),
        looked=job(5.0, 15.0).looked,
        notes=notes,
        evidence_kept=False,
        stopwatch=Stopwatch({"evidence": 1.5}),
        ended=end,
    )


def test_a_receipt_is_json_and_holds_what_was_used() -> None:
    made = json.loads(json.dumps(body(), allow_nan=False))
    assert made["created_at"] == "2026-01-02T03:04:05.678Z"
    assert made["engine"] == {"name": "pretended", "model": "none", "version": "1"}
    assert made["window"] == {"start": 5.0, "end": 15.0}
    assert made["evidence"]["in_window"] == {"shots": 2, "sentences": 2, "screen_texts": 0, "tags": 0}
    assert made["tokens"] == {"output_tokens": 3, "input_tokens": 7}
    assert made["seconds"] == {"evidence": 1.5}
    assert made["error"] is None


def test_a_receipt_names_what_was_found_of_the_model_server() -> None:
    about = {"server": "vLLM 1.0", "profile": "vllm"}
    made = body(engine=Engine(ready=EngineState(ready=True, about=about)))
    assert made["engine"] == {"name": "pretended", "model": "none", "version": "1", "server": about}


def test_a_receipt_of_a_failure_says_why_and_works_without_evidence() -> None:
    made = body(None, finish_reason=None, error=EngineFailed(reason="no power."))
    assert made["evidence"] is None
    assert made["error"] == {
        "code": "internal_server_error",
        "message": "The analysis engine failed: no power.",
    }


def test_a_receipt_repeats_neither_question_nor_answer_nor_speech() -> None:
    text = json.dumps(body())
    assert "What is said?" not in text
    assert "Early words" not in text


def test_laps_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 11.0, 13.0, 16.0])
    monkeypatch.setattr("kinoscribe.analysis.receipt.clock.steady", lambda: next(now))
    watch = Stopwatch(_began=next(now))
    for stage in ("fetch", "probe", "fetch"):
        watch.lap(stage)
    assert watch.seconds == {"fetch": 4.0, "probe": 2.0}
    assert list(watch.seconds) == ["fetch", "probe"]
