"""Every shared case meets its verdict through real decode processes, within the time and memory it allows."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import psutil
import pytest
from tests.media_truth import CASES, Case, cases

from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.video import check_video
from kinoscribe.media.decoders import Decoders, PictureRefused
from kinoscribe.media.pieces import Read, ReadPlan, Still, Stills, StillsPlan

pytestmark = pytest.mark.shared

ALL = cases()
HOSTILE = [case for case in ALL if case.group == "hostile" and case.expect == "reject"]
READABLE = [case for case in ALL if case.expect != "reject" and case.file != "claims_2e9_samples.mp4"]
GIB = 1024**3


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with closing(Decoders(most=1)) as made:
        made.warm()
        yield made


def verdict(decoders: Decoders, case: Case, model: str = "pegasus1.5") -> str:
    try:
        check_video(decoders.probe(case.path), model)
    except ApiError as error:
        return "reject" if error.status == 400 else f"{error.status}"
    return "accept"


def seconds_allowed(case: Case) -> float:
    return min(
        [float(found) for text in case.must_not for found in re.findall(r"hang over (\d+) s", text)] + [60.0]
    )


def peak_memory(pid: int) -> int:
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) * 1024


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.file)
def test_a_case_meets_its_verdict(case: Case, decoders: Decoders) -> None:
    began = time.monotonic()
    found = verdict(decoders, case)
    assert time.monotonic() - began < min(seconds_allowed(case), 20.0)
    assert case.expect in (found, "either")
    assert all(peak_memory(pid) < 2 * GIB for pid in decoders.pids)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.file)
def test_what_is_accepted_can_be_read_to_the_end_that_was_told(case: Case, decoders: Decoders) -> None:
    facts = decoders.probe(case.path)
    *_, last = decoders.read(case.path, ReadPlan(max_side=320, length=facts.duration))
    assert isinstance(last, Read)
    end = max(end for end in (last.end_of_pictures, last.end_of_sound) if end is not None)
    assert end == pytest.approx(facts.end, abs=0.3)
    assert all(peak_memory(pid) < 2 * GIB for pid in decoders.pids)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.file)
def test_what_is_accepted_can_be_shown(case: Case, decoders: Decoders) -> None:
    facts = decoders.probe(case.path)
    instants = tuple(facts.start + facts.duration * share for share in (0.0, 0.1, 0.5, 0.9))
    bars = decoders.bars(case.path, facts.start, facts.end)
    plan = StillsPlan(instants, 320, 320, begins=facts.start, end=facts.end, bars=bars)
    *shown, last = decoders.stills(case.path, plan)
    assert isinstance(last, Stills)
    stills = [one for one in shown if isinstance(one, Still)]
    assert 1 <= len(stills) <= len(instants)
    assert all(facts.start <= one.time <= facts.end for one in stills)
    assert all(max(one.width, one.height) <= 320 for one in stills)
    shape = facts.width / facts.height
    assert all(one.width / one.height == pytest.approx(shape, rel=0.05) for one in stills)
    assert all(peak_memory(pid) < 2 * GIB for pid in decoders.pids)


def test_no_case_leaves_a_decoder_broken(decoders: Decoders) -> None:
    before = decoders.pids
    for case in HOSTILE:
        decoders.kind(case.path)
    assert decoders.probe(CASES / "h264_aac.mp4").end == 12.0
    assert decoders.pids == before


@pytest.mark.parametrize("name", ["bomb_30000x30000.png", "bomb_65535.gif", "svg.mp4"])
def test_a_picture_that_is_a_bomb_or_a_script_is_refused(name: str, decoders: Decoders) -> None:
    with pytest.raises(PictureRefused):
        decoders.picture_facts(CASES / name)
    assert decoders.kind(CASES / name).kind == "other"
    assert all(peak_memory(pid) < 2 * GIB for pid in decoders.pids)


@dataclass
class Trap:
    """A copy of a hostile file whose addresses lead to a listener of ours, and whose paths to a file of ours."""

    path: Path
    canary: Path
    calls: list[object]

    def canary_is_open_in(self, pid: int) -> bool:
        return str(self.canary) in {opened.path for opened in psutil.Process(pid).open_files()}


@pytest.fixture
def trap(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trap]:
    source = CASES / request.param
    canary = tmp_path / "canary.mp4"
    canary.write_bytes((CASES / "h264_aac.mp4").read_bytes())
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        calls: list[object] = []
        threading.Thread(target=_note_calls, args=(listener, calls), daemon=True).start()
        port = listener.getsockname()[1]
        content = source.read_bytes().replace(b"127.0.0.1:9/", f"127.0.0.1:{port}/".encode())
        content = content.replace(b"/tmp/canary_secret.txt", str(canary).encode())
        path = tmp_path / source.name
        path.write_bytes(content.replace(b"h264_aac.mp4", b"canary.mp4"))
        yield Trap(path, canary, calls)


@pytest.mark.parametrize("trap", [case.file for case in HOSTILE], indirect=True)
def test_a_hostile_file_reaches_no_address_and_leaves_nothing_open(trap: Trap, decoders: Decoders) -> None:
    with pytest.raises(ApiError):
        decoders.probe(trap.path)
    with pytest.raises(ApiError):
        list(decoders.read(trap.path, ReadPlan()))
    assert decoders.kind(trap.path).kind == "other"
    time.sleep(0.05)
    assert trap.calls == []
    (pid,) = decoders.pids
    assert not trap.canary_is_open_in(pid)
    assert psutil.Process(pid).net_connections(kind="inet") == []


@pytest.mark.parametrize("trap", ["ffconcat_video.mp4"], indirect=True)
def test_a_script_can_bring_another_file_to_whoever_lets_ffmpeg_choose(trap: Trap) -> None:
    with av.open(str(trap.path)) as container:
        assert container.streams.video[0].width == 640


def _note_calls(listener: socket.socket, calls: list[object]) -> None:
    with suppress(OSError):
        while True:
            connection, address = listener.accept()
            calls.append(address)
            connection.close()
