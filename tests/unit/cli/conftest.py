"""Commands run inside the tests' own process must not leave its logs pointing at a stream that is gone."""

import pytest

from kinoscribe import log


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "set_up", lambda *_, **__: None)
