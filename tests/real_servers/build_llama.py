"""Builds llama.cpp's server for the processor out of the source archive that `make servers` fetched.

Run by the Python that cmake and ninja are installed for: `python build_llama.py ARCHIVE FOLDER`; `FOLDER/llama-server` is
the program. It wants a C++ compiler and takes minutes: nothing in it is made fast, because the tests' model is tiny.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

SOURCE = "vendor/llama.cpp/"  # inside of the archive, below the folder with the version
CONFIGURE_SECONDS, BUILD_SECONDS = 300, 3_000
FLAGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_C_FLAGS_RELEASE": "-O1 -DNDEBUG",
    "CMAKE_CXX_FLAGS_RELEASE": "-O1 -DNDEBUG",
    "BUILD_SHARED_LIBS": "OFF",
    # The plainest processor will do, and what this one can do more is not looked for.
    "GGML_NATIVE": "OFF",
    "GGML_OPENMP": "OFF",
    "GGML_LLAMAFILE": "OFF",
    "GGML_CPU_REPACK": "OFF",
    "GGML_METAL": "OFF",
    "GGML_BLAS": "OFF",
    "LLAMA_ALL_WARNINGS": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    # Nothing is fetched while it is built, and it will serve plain HTTP on this machine.
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
}


def build(archive: Path, folder: Path) -> None:
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        sys.exit(
            "llama.cpp's server is built from source, and there is no C++ compiler: install g++ or clang++."
        )
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    source, made = work / "source", work / "made"
    _unpack(archive, source)
    environment = os.environ | {
        "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", ""))),
    }
    options = [f"-D{name}={value}" for name, value in FLAGS.items()]
    configure = ["cmake", "-G", "Ninja", "-S", str(source), "-B", str(made), *options]
    compile_ = ["cmake", "--build", str(made), "--target", "llama-server", "-j", str(os.cpu_count() or 1)]
    _run(configure, environment, work / "configure.log", CONFIGURE_SECONDS)
    _run(compile_, environment, work / "build.log", BUILD_SECONDS)
    shutil.move(made / "bin" / "llama-server", folder / "llama-server")
    shutil.rmtree(work)


def _unpack(archive: Path, source: Path) -> None:
    with tarfile.open(archive) as opened:
        if hasattr(tarfile, "data_filter"):  # the oldest Python 3.11 has none
            opened.extraction_filter = tarfile.data_filter
        for member in opened:
            within = member.name.partition("/")[2]
            if within.startswith(SOURCE):
                member.name = within.removeprefix(SOURCE)
                opened.extract(member, source)


def _run(command: list[str], environment: dict[str, str], log: Path, seconds: int) -> None:
    """Ends the program with the last lines of the log where the command fails or does not come to an end."""
    with log.open("wb") as sink:
        try:
            subprocess.run(
                command, env=environment, stdout=sink, stderr=subprocess.STDOUT, check=True, timeout=seconds
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            told = log.read_text(errors="replace")[-3000:]
            sys.exit(f"{told}\nllama.cpp's server could not be built: {error}")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
