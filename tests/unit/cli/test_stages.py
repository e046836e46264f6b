import io

import pytest
from rich.console import Console

from kinoscribe import clock
from kinoscribe.cli.stages import Bars, Lines, stage_words, stages
from kinoscribe.contract.events import Progress


class _Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(clock, "steady", lambda: self.now)


def test_a_stage_gets_one_line_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    out, steady = io.StringIO(), _Clock(monkeypatch)
    lines = Lines(out)
    for second in range(4):
        steady.now = float(second)
        lines.show(Progress("speech", second / 3))
    lines.show(Progress("speech", 1.0))
    assert out.getvalue() == "speech: 3.0 s\n"


def test_a_long_stage_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    out, steady = io.StringIO(), _Clock(monkeypatch)
    lines = Lines(out)
    for second in range(25):
        steady.now = float(second)
        lines.show(Progress("screen_text", second / 100))
    assert out.getvalue() == "text on the screen: 10%, 10 s\ntext on the screen: 20%, 20 s\n"


def test_a_stage_of_unknown_length_says_only_how_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    out, steady = io.StringIO(), _Clock(monkeypatch)
    lines = Lines(out)
    lines.show(Progress("probe", None))
    steady.now = 12.0
    lines.show(Progress("probe", None))
    assert out.getvalue() == "checking the video: 12 s\n"


def test_the_answer_ends_what_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out, steady = io.StringIO(), _Clock(monkeypatch)
    lines = Lines(out)
    lines.show(Progress("look", 0.5))
    lines.show(Progress("speech", 0.99))
    lines.show(Progress("look", 1.0))
    steady.now = 2.0
    lines.show(Progress("answer", 0.0))
    steady.now = 2.5
    lines.show(Progress("answer", 1.0))
    assert out.getvalue() == "pictures and cuts: 0.0 s\nspeech: 2.0 s\nanswer: 0.5 s\n"
    written = io.StringIO()
    bars = Bars(Console(file=written, force_terminal=True, width=100))
    bars.show(Progress("speech", 0.9))
    bars.show(Progress("answer", 0.0))
    bars.close()
    assert "100%" in written.getvalue()


def test_bars_show_each_stage_once_and_nothing_after_they_are_closed() -> None:
    out = io.StringIO()
    bars = Bars(Console(file=out, force_terminal=True, width=100))
    bars.show(Progress("speech", 0.5))
    bars.show(Progress("speech", 1.0))
    bars.show(Progress("answer", None))
    bars.close()
    bars.show(Progress("shots", 0.5))
    bars.close()
    last = out.getvalue().rsplit("\x1b[1A", 1)[-1]
    assert "speech" in out.getvalue()
    assert "answer" in last
    assert "shots" not in out.getvalue()
    assert "100%" in out.getvalue()


def test_where_nobody_watches_there_are_lines() -> None:
    assert isinstance(stages(Console(file=io.StringIO())), Lines)


def test_a_stage_without_words_of_its_own_is_named_by_its_name() -> None:
    assert stage_words("voice_prints") == "voice prints"


def test_no_line_is_glued_to_an_answer_that_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = io.StringIO(), _Clock(monkeypatch)
    lines = Lines(out)
    lines.show(Progress("answer", 0.0))
    lines.close()
    lines.show(Progress("answer", 1.0))
    assert out.getvalue() == ""
