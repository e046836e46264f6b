"""The first start on an empty folder, keys made and taken back by the operator, and an end that is clean."""

from pathlib import Path

import pytest
from tests.conformance.exact import refusal
from tests.conformance.served import serve
from tests.conformance.wire import new_key


@pytest.mark.rule("C003")
def test_the_first_start_makes_a_key_and_shows_it_once(tmp_path: Path) -> None:
    first = serve(tmp_path / "data", api_key=None)
    shown = [word for word in first.log.read_text().split() if word.startswith("ksk_")]
    with first.client(shown[0]) as client:
        assert client.get("assets").status_code == 200
    assert first.stop() == 0
    again = serve(tmp_path / "data", api_key=None)
    assert shown[0] not in again.log.read_text()
    with again.client(shown[0]) as client:
        assert client.get("assets").status_code == 200
    assert again.stop() == 0


@pytest.mark.rule("C003", "C004")
def test_keys_made_while_the_server_runs_are_good_at_once_until_revoked(tmp_path: Path) -> None:
    served = serve(tmp_path / "data")
    key = new_key(served, "team-a")
    with served.client(key) as client:
        assert client.get("assets").status_code == 200
    with served.client(key + "x") as client:
        refusal(client.get("assets"), 401, "api_key_invalid")
    assert served.stop() == 0
    assert "Traceback" not in served.log.read_text()
