"""Logs tell what happened, in this process and in its children, and never what a variable held."""

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from kinoscribe import log
from kinoscribe.child import Children, ChildSpec


def serve(_config: bytes) -> object:
    """A handler that logs, for the child."""

    def handle(_body: bytes) -> Iterator[bytes]:
        structlog.get_logger("child").warning("said_by_the_child")
        yield b"done"

    return handle


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "_chosen", [])
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_values(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    log.set_up("info", as_json=as_json)
    key = "-".join(("a", "secret", "key"))
    try:
        len(key) / 0  # type: ignore[operator]
    except ZeroDivisionError:
        structlog.get_logger("one").exception("unexpected")
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert key not in said


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warning")
    structlog.get_logger("two").info("quiet")
    structlog.get_logger("two").warning("loud")
    said = capsys.readouterr().err
    assert "loud" in said
    assert "quiet" not in said


def test_a_child_logs_as_its_parent_does(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(request.path.parent))
    log.set_up("warning", as_json=True)
    with closing(Children(ChildSpec("test_log:serve"))) as children:
        assert list(children.call(b"")) == [b"done"]
    assert '"event": "said_by_the_child"' in capfd.readouterr().err
