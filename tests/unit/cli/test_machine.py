from pathlib import Path

import pytest

from kinoscribe.cli import machine
from kinoscribe.media import libraries


def test_a_folder_that_is_not_there_yet_is_judged_by_the_folder_it_would_be_made_in(tmp_path: Path) -> None:
    found = machine.disk(tmp_path / "a" / "b")
    assert found.state in ("ok", "slow")
    assert "will be made" in found.sentence
    assert not (tmp_path / "a").exists()


def test_a_file_in_place_of_the_data_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    found = machine.disk(tmp_path / "data")
    assert (found.state, found.advice != "") == ("wrong", True)


def test_a_folder_nobody_may_write_to_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    assert machine.disk(tmp_path).state == "wrong"


def test_a_disk_with_little_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10_000})()
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    found = machine.disk(tmp_path)
    assert found.state == "slow"
    assert "0.0 GiB free" in found.sentence


def test_one_core_is_named_as_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 1)
    found = machine.processor()
    assert (found.state, found.sentence.startswith("1 core")) == ("slow", True)


def test_an_intel_processor_without_avx2_is_named_as_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    monkeypatch.setattr(machine, "processor_flags", lambda: frozenset({"sse2"}))
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    assert "AVX2" in machine.processor().advice


def test_too_little_free_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    have = type("Memory", (), {"total": 4 * machine.GIB, "available": machine.GIB})()
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: have)
    assert machine.memory().state == "slow"


def test_the_bundled_codecs_decode_what_people_record() -> None:
    assert machine.codecs().state == "ok"


def test_a_codec_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "EXPECTED", ("h264", "no_such_codec"))
    found = machine.codecs()
    assert found.state == "slow"
    assert "no_such_codec" in found.sentence
    assert "h264" not in found.sentence


def test_multiplying_matrices_has_a_speed() -> None:
    assert machine.matrix_speed() > 0.1
