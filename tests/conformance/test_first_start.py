"""The first start on an empty folder, the second on the same, and an end that is clean."""

from pathlib import Path

import pytest
from tests.conformance.served import serve


@pytest.mark.rule("C003")
def test_the_first_start_makes_a_key_and_shows_it_once(tmp_path: Path) -> None:
    with serve(tmp_path / "data", api_key=None) as first:
        key = next(word for word in first.log.read_text().split() if word.startswith("ksk_"))
        with first.client(key) as client:
            assert client.get("assets").status_code == 200
        assert first.stop() == 0
        assert "Traceback" not in first.log.read_text()
    with serve(tmp_path / "data", api_key=None) as again:
        with again.client(key) as client:
            assert client.get("assets").status_code == 200
        assert again.stop() == 0
        assert key not in again.log.read_text()
