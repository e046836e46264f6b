"""Child processes that crash, hang, eat memory or are abandoned: each costs its own call and nothing else."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children, ChildSpec
from kinoscribe.child.process import Process

MIB = 1024 * 1024


def serve(config: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """The handler that runs in the child: does what the request says."""

    def handle(body: bytes) -> Iterator[bytes]:
        match body.split():
            case [b"echo", *words]:
                yield config
                yield from words
            case [b"pid"]:
                yield str(os.getpid()).encode()
            case [b"environment", name]:
                yield os.environ.get(name.decode(), "").encode()
            case [b"exit", code]:
                yield b"soon"
                os._exit(int(code))
            case [b"kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case [b"hang"]:
                yield b"hanging"
                time.sleep(60)
            case [b"count", pause]:
                for number in range(10_000):
                    yield str(number).encode()
                    time.sleep(float(pause))
            case [b"fail"]:
                raise ValueError("this went wrong")
            case [b"memory"]:
                yield str(len(bytearray(2048 * MIB))).encode()
            case [b"write", path]:
                Path(path.decode()).write_bytes(b"x" * 4096)
                yield b"written"
            case [b"limit", most]:
                inner = ChildSpec("test_child:serve", address_space=int(most))
                with closing(Children(inner)) as children:
                    yield from children.call(b"space")
            case [b"space"]:
                yield str(resource.getrlimit(resource.RLIMIT_AS)[1]).encode()
            case [b"print"]:
                print("not for the terminal")
                yield b"printed"

    return handle


def broken(config: bytes) -> Callable[[bytes], Iterator[bytes]]:
    raise RuntimeError("no model here")


def never_ready(config: bytes) -> Callable[[bytes], Iterator[bytes]]:
    time.sleep(60)
    return serve(config)


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The child imports this very file by its name."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


SPEC = ChildSpec("test_child:serve", config=b"settings", silence=20.0, start=30.0)


@pytest.fixture
def children(module_path: None) -> Iterator[Children]:
    with closing(Children(SPEC)) as made:
        yield made


def ask(children: Children, words: str, **options: float) -> list[bytes]:
    return list(children.call(words.encode(), **options))  # type: ignore[arg-type]


def kill(pid: int) -> None:
    """Kills a process and waits until all of it is dead, though not yet collected."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_pieces_come_back_in_order_after_the_configuration(children: Children) -> None:
    assert ask(children, "echo a b c") == [b"settings", b"a", b"b", b"c"]


def test_one_process_answers_many_requests(children: Children) -> None:
    assert ask(children, "pid") == ask(children, "pid")
    assert ask(children, "pid") == [str(pid).encode() for pid in children.pids]


def test_a_process_that_exits_costs_its_own_request_only(children: Children) -> None:
    first = ask(children, "pid")
    with pytest.raises(ChildDied, match="status 7"):
        ask(children, "exit 7")
    assert ask(children, "pid") != first


def test_a_killed_process_is_named_by_its_signal(children: Children) -> None:
    with pytest.raises(ChildDied, match="SIGKILL") as died:
        ask(children, "kill")
    assert not died.value.timed_out
    assert ask(children, "echo") == [b"settings"]


def test_a_process_killed_while_idle_is_replaced_without_anybody_noticing(children: Children) -> None:
    (first,) = ask(children, "pid")
    kill(int(first))
    assert ask(children, "pid") != [first]


def test_a_process_that_dies_between_the_look_and_the_request_is_replaced(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = ask(children, "pid")
    kill(int(first))
    seen = iter([True])
    monkeypatch.setattr(Process, "alive", property(lambda self: next(seen, self._popen.poll() is None)))
    assert ask(children, "pid") != [first]


def test_a_process_that_says_nothing_for_too_long_is_given_up(module_path: None) -> None:
    with closing(Children(replace(SPEC, silence=0.5))) as children:
        with pytest.raises(ChildDied, match="too long") as died:
            ask(children, "hang")
        assert died.value.timed_out
        assert ask(children, "echo") == [b"settings"]


def test_the_wall_bounds_a_process_that_keeps_talking(children: Children) -> None:
    began = time.monotonic()
    with pytest.raises(ChildDied, match="too long"):
        ask(children, "count 0.01", wall=0.5)
    assert time.monotonic() - began < 5.0


def test_the_wall_does_not_count_the_time_the_caller_takes(children: Children) -> None:
    ask(children, "echo")
    got = []
    for piece in children.call(b"echo a b", wall=1.0):
        got.append(piece)
        time.sleep(0.5)
    assert got == [b"settings", b"a", b"b"]


def test_what_the_handler_raises_comes_back_by_name(children: Children) -> None:
    first = ask(children, "pid")
    with pytest.raises(ChildFailed) as failed:
        ask(children, "fail")
    assert (failed.value.kind, failed.value.reason) == ("ValueError", "this went wrong")
    assert ask(children, "pid") == first


def test_a_process_out_of_memory_fails_and_is_replaced(module_path: None) -> None:
    with closing(Children(replace(SPEC, address_space=1024 * MIB))) as children:
        first = ask(children, "pid")
        with pytest.raises(ChildFailed) as failed:
            ask(children, "memory")
        assert failed.value.kind == "MemoryError"
        assert ask(children, "pid") != first


@pytest.mark.parametrize(("asked", "given"), [(4096 * MIB, 2048 * MIB), (1024 * MIB, 1024 * MIB)])
def test_a_child_of_a_child_gets_no_more_than_its_parent_has(
    module_path: None, asked: int, given: int
) -> None:
    with closing(Children(replace(SPEC, address_space=2048 * MIB))) as children:
        assert ask(children, f"limit {asked}") == [str(given).encode()]


def test_no_file_can_be_written_when_none_is_allowed(module_path: None, tmp_path: Path) -> None:
    with closing(Children(replace(SPEC, file_size=0))) as children:
        with pytest.raises(ChildFailed) as failed:
            ask(children, f"write {tmp_path / 'x'}")
        assert failed.value.kind == "OSError"
    with closing(Children(SPEC)) as children:
        assert ask(children, f"write {tmp_path / 'x'}") == [b"written"]


def test_closing_the_call_stops_the_work_and_keeps_the_process(children: Children) -> None:
    (first,) = ask(children, "pid")
    call = children.call(b"count 0.001")
    assert next(call) == b"0"
    call.close()
    assert ask(children, "pid") == [first]


def test_a_process_that_does_not_stop_is_killed(children: Children) -> None:
    (first,) = ask(children, "pid")
    call = children.call(b"hang")
    assert next(call) == b"hanging"
    time.sleep(0.3)  # it looks for a word to stop after each piece, and only then does it hang
    began = time.monotonic()
    call.close()
    assert time.monotonic() - began < 5.0
    assert not psutil.pid_exists(int(first))
    assert ask(children, "echo") == [b"settings"]


def test_a_thrown_cancel_ends_a_call_that_waits_for_a_piece(children: Children) -> None:
    cancel = Cancel()
    call = children.call(b"hang", cancel=cancel)
    assert next(call) == b"hanging"
    threading.Timer(0.2, cancel.throw).start()
    began = time.monotonic()
    with pytest.raises(Canceled):
        next(call)
    assert time.monotonic() - began < 5.0


def test_a_thrown_cancel_ends_a_call_that_waits_for_a_free_process(children: Children) -> None:
    busy = children.call(b"count 0.01")
    next(busy)
    cancel = Cancel()
    threading.Timer(0.2, cancel.throw).start()
    with pytest.raises(Canceled):
        next(children.call(b"echo", cancel=cancel))
    busy.close()


def test_a_thrown_cancel_ends_the_wait_for_a_process_to_start(module_path: None) -> None:
    cancel = Cancel()
    threading.Timer(0.3, cancel.throw).start()
    with closing(Children(replace(SPEC, target="test_child:never_ready"))) as children:
        began = time.monotonic()
        with pytest.raises(Canceled):
            next(children.call(b"echo", cancel=cancel))
        assert time.monotonic() - began < 5.0


def test_a_process_that_cannot_start_says_why(module_path: None) -> None:
    with (
        closing(Children(replace(SPEC, target="test_child:broken"))) as children,
        pytest.raises(ChildNotStarted, match="RuntimeError: no model here"),
    ):
        children.warm()


def test_a_process_that_never_becomes_ready_is_given_up(module_path: None) -> None:
    with (
        closing(Children(replace(SPEC, target="test_child:never_ready", start=0.5))) as children,
        pytest.raises(ChildNotStarted, match="did not become ready"),
    ):
        children.warm()


def test_warming_starts_the_process_that_then_answers(children: Children) -> None:
    children.warm()
    (warmed,) = children.pids
    assert ask(children, "pid") == [str(warmed).encode()]


def test_many_threads_share_a_few_processes(module_path: None) -> None:
    with closing(Children(SPEC, most=2)) as children, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: ask(children, f"echo {n}"), range(40)))
        assert answers == [[b"settings", str(n).encode()] for n in range(40)]
        assert 1 <= len(children.pids) <= 2


def test_busy_processes_are_listed_too(children: Children) -> None:
    call = children.call(b"pid")
    (pid,) = (int(next(call)),)
    assert children.pids == (pid,)
    call.close()


def test_after_closing_no_process_is_left_and_none_is_started(children: Children) -> None:
    (pid,) = ask(children, "pid")
    children.close()
    assert not psutil.pid_exists(int(pid))
    with pytest.raises(ChildNotStarted):
        ask(children, "echo")


def test_a_busy_process_ends_with_its_call_when_the_rest_is_closed(children: Children) -> None:
    call = children.call(b"count 0.001")
    next(call)
    (pid,) = children.pids
    children.close()
    assert psutil.pid_exists(pid)
    call.close()
    assert not psutil.pid_exists(pid)


def test_the_environment_of_the_spec_reaches_the_process(module_path: None) -> None:
    with closing(Children(replace(SPEC, environment=(("COLOUR", "blue"),)))) as children:
        assert ask(children, "environment COLOUR") == [b"blue"]


def test_what_a_child_prints_does_not_reach_our_output(
    children: Children, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(children, "print") == [b"printed"]
    assert capfd.readouterr().out == ""


def test_a_child_ends_when_its_parent_is_killed_in_the_middle_of_work(module_path: None) -> None:
    script = (
        "import sys\n"
        "from kinoscribe.child import Children, ChildSpec\n"
        "children = Children(ChildSpec('test_child:serve'))\n"
        "print(next(children.call(b'pid')).decode(), flush=True)\n"
        "call = children.call(b'hang')\n"
        "next(call)\n"
        "print('hanging', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "hanging\n"
        assert psutil.pid_exists(pid)
        parent.kill()
    until = time.monotonic() + 10
    while not dead(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert dead(pid)
