from pathlib import Path

import pytest

from kinoscribe.cli import weights_wanted
from kinoscribe.cli.exits import FAILED, NOT_READY, Exit
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.settings import Settings


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def fetch(_folder: Path, names: list[str]) -> bool:
        asked.extend(names)
        return True

    monkeypatch.setattr(weights_wanted, "fetch_with_bars", fetch)
    return asked


def _at_terminal(monkeypatch: pytest.MonkeyPatch, *, answers: bool) -> None:
    always = type("Terminal", (), {"isatty": lambda self: True})
    monkeypatch.setattr(weights_wanted, "sys", type("Sys", (), {"stdin": always(), "stderr": always()}))
    monkeypatch.setattr(weights_wanted.typer, "confirm", lambda *_, **__: answers)


def test_where_nobody_can_be_asked_a_sentence_says_what_to_do(tmp_path: Path, fetched: list[str]) -> None:
    with pytest.raises(Exit, match="kinoscribe models get") as caught:
        bring_weights(Settings(data_dir=tmp_path), without_asking=False)
    assert caught.value.code == NOT_READY
    assert fetched == []


def test_missing_weights_are_fetched_without_asking_when_that_was_said(
    tmp_path: Path, fetched: list[str]
) -> None:
    bring_weights(Settings(data_dir=tmp_path), without_asking=True)
    assert {"whisper-base", "ssd-mobilenet-v2", "minilm"} <= set(fetched)


@pytest.mark.parametrize("answers", [True, False])
def test_at_a_terminal_somebody_is_asked(
    tmp_path: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    _at_terminal(monkeypatch, answers=answers)
    if answers:
        bring_weights(Settings(data_dir=tmp_path), without_asking=False)
    else:
        with pytest.raises(Exit):
            bring_weights(Settings(data_dir=tmp_path), without_asking=False)
    assert bool(fetched) == answers


def test_a_fetch_that_failed_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_wanted, "fetch_with_bars", lambda *_: False)
    with pytest.raises(Exit) as caught:
        bring_weights(Settings(data_dir=tmp_path), without_asking=True)
    assert caught.value.code == FAILED


def test_the_scripted_engine_asks_for_nothing(tmp_path: Path, fetched: list[str]) -> None:
    bring_weights(Settings(data_dir=tmp_path, engine="scripted"), without_asking=False)
    assert fetched == []


def test_the_english_model_is_fetched_in_place_of_the_other(tmp_path: Path, fetched: list[str]) -> None:
    bring_weights(Settings(data_dir=tmp_path, speech_model="tiny.en"), without_asking=True)
    assert "whisper-tiny.en" in fetched
    assert "whisper-base" not in fetched
