import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kinoscribe.cli.exits import REFUSED, Exit
from kinoscribe.cli.main import app
from kinoscribe.cli.receipt import receipt_lines
from kinoscribe.storage.data_folder import DataFolder
from kinoscribe.storage.database import Database
from kinoscribe.storage.receipt_rows import ReceiptRows

BODY: dict[str, Any] = {
    "generation_id": "g-1",
    "created_at": "2026-01-02T03:04:05.000Z",
    "kinoscribe": "0.1.0",
    "model_name": "pegasus1.5",
    "engine": {"name": "embedded", "model": "composer", "version": "1"},
    "video": {
        "source": "file",
        "sha256": "ab" * 32,
        "bytes": 100,
        "container": "mp4",
        "video_codec": "h264",
        "audio_codec": None,
        "width": 640,
        "height": 480,
        "start": 0.0,
        "end": 6.0,
        "warnings": ["the file is cut off"],
    },
    "window": {"start": 0.0, "end": 6.0},
    "evidence": {
        "from_store": True,
        "collectors": [
            {
                "name": "speech",
                "version": "1",
                "state": "failed",
                "seconds": 1.5,
                "items": 0,
                "reason": "no ears",
            }
        ],
        "language": None,
        "pictures": {"read": 1, "times": [0.0]},
        "in_window": {"shots": 1, "screen_texts": 2},
        "warnings": [],
    },
    "tokens": {"output_tokens": 7, "input_tokens": 12},
    "finish_reason": "length",
    "warning": "It was cut.",
    "error": None,
    "seconds": {"probe": 0.1, "evidence": 2.0},
}


def test_a_receipt_reads_as_what_happened() -> None:
    said = dict(receipt_lines(BODY))
    assert said["video"] == "640x480 h264, no sound, mp4, 100 bytes, from file"
    assert said["evidence"].startswith("kept from an earlier question; 1 picture was")
    assert said["  speech"] == "failed in 1.50 s: no ears"
    assert said["  in window"] == "1 shots, 2 screen texts"
    assert said["tokens"] == "12 in, 7 out"
    assert said["seconds"] == "probe 0.10, evidence 2.00"
    assert [value for name, value in receipt_lines(BODY) if name == "warning"] == [
        "the file is cut off",
        "It was cut.",
    ]


def test_a_receipt_tells_what_a_model_was_shown() -> None:
    shown = {**BODY, "looked_at": {"frames": {"used": 2, "sizes": ["448x252"], "times": [1.0, 4.0]}}}
    assert dict(receipt_lines(shown))["looked at"] == "2 pictures of 448x252 from 0:01 to 0:04"
    assert "looked at" not in dict(receipt_lines(BODY))


def test_a_receipt_of_a_failure_says_what_failed() -> None:
    failed = {**BODY, "evidence": None, "error": {"code": "internal_server_error", "message": "It broke."}}
    assert dict(receipt_lines(failed))["failed"] == "internal_server_error: It broke."
    refused = {**failed, "video": None, "window": None}
    assert dict(receipt_lines(refused))["video"] == "nobody could answer, so it was not fetched"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    with closing(Database(DataFolder(tmp_path).database_url)) as database:
        database.migrate()
        ReceiptRows(database).keep("default", "g-1", BODY)
    return tmp_path


def test_a_kept_receipt_is_printed_again(kept: Path) -> None:
    result = CliRunner().invoke(app, ["receipt", "g-1", "--json", "--data-dir", str(kept)])
    assert json.loads(result.stdout) == BODY
    result = CliRunner().invoke(app, ["receipt", "g-1", "--data-dir", str(kept)])
    assert "no ears" in result.stdout


def test_the_receipt_of_another_account_is_as_good_as_none(kept: Path) -> None:
    arguments = ["receipt", "g-1", "--account", "other", "--data-dir", str(kept)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, Exit)
    assert result.exception.code == REFUSED
