"""The scripted engine plays its file, and without one says what was asked and perceived."""

import json
import threading
import time
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, reject, settings
from tests.unit.contract.json_schemas import schemas

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import EngineFailed, ParameterInvalid
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Ask, Finished, Text
from kinoscribe.engines.scripted import ScriptedEngine, ScriptInvalid
from kinoscribe.notes import Notes, Shot
from kinoscribe.output.timestamps import plain

FACTS = VideoFacts(
    start=0.0,
    end=12.0,
    width=640,
    height=360,
    fps=25.0,
    rotation=0,
    container="mp4",
    mime_type="video/mp4",
    video_codec="h264",
    audio_codec=None,
    audio_sample_rate=None,
    audio_channels=None,
    video_streams=1,
    audio_streams=0,
    bytes=1000,
)


def ask(prompt: str = "What is shown?", schema: dict[str, object] | None = None) -> Ask:
    notes = Notes(content="0" * 64, start=0.0, end=12.0, shots=(Shot(0.0, 5.0, "start"), Shot(5.0, 12.0)))
    return Ask(
        prompt,
        FACTS,
        notes,
        0.0,
        12.0,
        "pegasus1.5",
        0.2,
        4096,
        json_schema=None if schema is None else read_schema(schema, "pegasus1.5", wide=True),
    )


def said(engine: ScriptedEngine, one: Ask) -> str:
    return "".join(piece.text for piece in engine.generate(one, Cancel()) if isinstance(piece, Text))


def script(folder: Path, text: str) -> ScriptedEngine:
    file = folder / "answers.toml"
    file.write_text(text)
    return ScriptedEngine(file)


def test_the_first_entry_that_fits_plays(tmp_path: Path) -> None:
    engine = script(
        tmp_path,
        """
        [[answer]]
        when = "^color"
        pieces = [{text = "red "}, {text = "and blue"}]
        [[answer]]
        finish = "length"
        pieces = [{text = "anything"}]
        """,
    )
    assert said(engine, ask("colors?")) == "red and blue"
    pieces = list(engine.generate(ask("what?"), Cancel()))
    assert pieces == [Text("anything"), Finished("length")]


def test_a_prepared_failure_comes_after_the_text_before_it(tmp_path: Path) -> None:
    engine = script(tmp_path, '[[answer]]\npieces = [{text = "half"}, {fail = "no power"}, {text = "never"}]')
    pieces = engine.generate(ask(), Cancel())
    assert next(pieces) == Text("half")
    with pytest.raises(EngineFailed, match="no power"):
        next(pieces)


def test_a_wait_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    engine = script(tmp_path, "[[answer]]\npieces = [{wait = 60.0}]")
    cancel = Cancel()
    threading.Timer(0.05, cancel.throw).start()
    began = time.monotonic()
    with pytest.raises(Canceled):
        list(engine.generate(ask(), cancel))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "text",
    [
        "",
        "answer = 3",
        "[[answer]]\npieces = []",
        '[[answer]]\nwhen = "("\npieces = [{text = "a"}]',
        "[[answer]",
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ScriptInvalid, match=r"answers\.toml"):
        script(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScriptInvalid, match="nowhere"):
        ScriptedEngine(tmp_path / "nowhere.toml")


def test_the_made_up_answer_names_the_prompt_and_the_evidence_and_is_always_the_same() -> None:
    text = said(ScriptedEngine(), ask())
    assert "“What is shown?”" in text
    assert "Shots: 2: 00:00:00-00:00:05, 00:00:05-00:00:12" in text
    assert said(ScriptedEngine(), ask()) == text


@given(schemas() | schemas(wide=True))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_made_up_json_fits_any_schema(schema: dict[str, object]) -> None:
    try:
        asked = ask(schema=schema)
    except ParameterInvalid:
        reject()
    value = json.loads(said(ScriptedEngine(), asked))
    jsonschema_rs.validate(schema, value, validate_formats=True)


def test_the_made_up_json_fits_its_schema() -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "integer", "minimum": 4.5, "exclusiveMaximum": 6},
            "c": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "boolean"}}}},
            "e": {"type": "timestamp", "format": "hh:mm:ss.fff"},
            "f": {"enum": ["x", "y"]},
            "g": {"const": 7},
            "h": {"type": "null"},
            "i": {"type": "integer", "maximum": -3},
            "j": {"type": "number"},
        },
        "required": ["a", "b", "c"],
    }
    value = json.loads(said(ScriptedEngine(), ask(schema=schema)))
    jsonschema_rs.validate(plain(schema), value)
    assert list(value) == list("abcefghij")
