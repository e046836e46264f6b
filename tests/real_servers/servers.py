"""Starts real model servers on this machine with the tiny model, one process group each, and ends them again."""

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
# Programs that are named by the environment, else where `make servers` puts them.
VLLM = Path(os.environ.get("VLLM_PYTHON") or CACHE / "vllm" / "bin" / "python")
LLAMA = Path(os.environ.get("LLAMA_SERVER") or CACHE / "llama" / "llama-server")
LLAMA_PYTHON = Path(os.environ.get("LLAMA_PYTHON") or CACHE / "llama" / "bin" / "python")
MODEL = "tiny-vlm"
CONTEXT = 16_384
PICTURES = 64
LONG_ANSWER = 14_000  # tokens, of which a few seconds are enough for a cancellation to arrive
START_SECONDS = 300.0
_END_SECONDS = 30.0
_ANSWERING = {"vllm": "vllm:num_requests_running{", "llamacpp": "llamacpp:requests_processing "}
_SPOKEN = {"vllm": "vllm:generation_tokens_total{", "llamacpp": "llamacpp:tokens_predicted_total "}


@dataclass(frozen=True)
class RealServer:
    """A server that answers. `url` is what an operator would set."""

    kind: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """Ends all its processes as a power cut does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_END_SECONDS)

    def answering(self) -> float:
        """How many answers the server is busy with, as it tells itself."""
        return self._metric(_ANSWERING[self.kind])

    def spoken(self) -> float:
        """How many tokens it has answered since it was started."""
        return self._metric(_SPOKEN[self.kind])

    def _metric(self, name: str) -> float:
        told = httpx2.get(f"{self.url.removesuffix('/v1')}/metrics", trust_env=False, timeout=20).text
        lines = [line for line in told.splitlines() if line.startswith(name)]
        assert lines, told
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def tiny_model(python: Path, program: str) -> Path:
    """The folder of the tiny model that a program beside this file makes, made when it is not there yet."""
    code = HERE / program
    folder = CACHE / f"{code.stem}-{hashlib.sha256(code.read_bytes()).hexdigest()[:12]}"
    if not (folder / "done").exists():
        _is_there(python)
        subprocess.run([python, code, folder], env=_offline(), check=True, timeout=START_SECONDS)
        (folder / "done").touch()
    return folder


@contextmanager
def vllm(log: Path, **options: str) -> Iterator[RealServer]:
    """vLLM on the processor, with its own processes. `options` are further ones of the server."""
    port = _free_port()
    chosen = {
        "model": str(tiny_model(VLLM, "tiny_model.py")),
        "served-model-name": MODEL,
        "host": "127.0.0.1",
        "port": str(port),
        "max-model-len": str(CONTEXT),
        "max-num-seqs": "4",
        "dtype": "bfloat16",
        "limit-mm-per-prompt": f'{{"image":{PICTURES},"video":1}}',
        # Else random weights fill an answer with white space, which JSON allows.
        "structured-outputs-config": '{"backend":"xgrammar","disable_any_whitespace":true}',
        **options,
    }
    words = [part for name, value in chosen.items() for part in (f"--{name}", value)]
    environment = _offline() | {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "2",
    }
    # Without trust, a request may not say how the pictures of a sequence are to be read.
    flags = ("--enforce-eager", "--trust-request-mm-kwargs")
    command = [str(VLLM), str(HERE / "start_vllm.py"), *flags, *words]
    with _running("vllm", command, environment, port, log) as server:
        yield server


@contextmanager
def llama(log: Path, *, context: int = CONTEXT, eyes: bool = True) -> Iterator[RealServer]:
    """llama.cpp's server with a model of the same kind, which answers one question at a time."""
    port = _free_port()
    model = tiny_model(LLAMA_PYTHON, "tiny_gguf.py")
    command = [
        *(str(LLAMA), "--model", str(model / "tiny.gguf"), "--alias", MODEL),
        *(("--mmproj", str(model / "tiny-mmproj.gguf")) if eyes else ()),
        *("--host", "127.0.0.1", "--port", str(port), "--ctx-size", str(context), "--parallel", "1"),
        *("--threads", "1", "--metrics", "--offline"),  # a second one would wait for the first in a loop
    ]
    with _running("llamacpp", command, _offline(), port, log) as server:
        yield server


@contextmanager
def _running(
    kind: str, command: list[str], environment: dict[str, str], port: int, log: Path
) -> Iterator[RealServer]:
    _is_there(Path(command[0]))
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = RealServer(kind, f"http://127.0.0.1:{port}/v1", process, log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        server.kill()


def _is_there(program: Path) -> None:
    assert program.exists(), f"{program} is not there: `make servers` installs it."


def _wait_until_ready(server: RealServer) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        told = server.log.read_text(errors="replace")[-4000:]
        assert server.process.poll() is None, told
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"{server.url}/models", trust_env=False, timeout=5).is_success:
                return
        time.sleep(0.2)
    raise AssertionError(server.log.read_text(errors="replace")[-4000:])


def _offline() -> dict[str, str]:
    """Nothing is fetched, nobody is told."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
