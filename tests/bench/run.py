"""Prints how fast and how large Kinoscribe is, as ratios taken in one run, and keeps them in `figures/`.

`make bench` runs all; `python -m tests.bench.run wire decode` runs parts: decode, wire, queue, idle, shapes, frames, store,
uploads, servers, analysis, memory.
Without `memory` it takes about twenty minutes on two cores; an hour of video more than ten further ones.
"""

import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import (
    answers,
    assembling,
    decoding,
    footage,
    idle,
    long_videos,
    model_servers,
    questions,
    stills,
    storing,
    tasks,
    uploads,
    wire,
)
from tests.databases import KINDS, PostgreSQL, a_postgresql

from kinoscribe import log
from kinoscribe.cli.machine import matrix_speed, usable_cores

FIGURES = Path(__file__).parent / "figures"
MADE = ("news", "lecture", "ad", "sports", "silent", "voice_only", "bilingual")
MIB = 1024 * 1024


def decode() -> dict[str, Any]:
    found = decoding.sampled_decode(footage.lasting(2, footage.at_720p()))
    _say("sampled decode / bare PyAV loop", f"{found['ratio']:.2f}", "at least 0.90", found["ratio"] >= 0.9)
    return found


def analysis() -> dict[str, Any]:
    clips = [footage.CLIPS / f"{name}.mp4" for name in MADE if (footage.CLIPS / f"{name}.mp4").is_file()]
    clips += [footage.BUNDLED, footage.lasting(10, footage.at_720p())]
    return {clip.stem: _one(clip) for clip in clips}


def _one(clip: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as data:
        first = questions.ask(clip, Path(data))
        second = questions.ask(clip, Path(data), "Which keywords describe it?")
    video = first.receipt["video"]
    length = video["end"] - video["start"]
    times, again = length / sum(first.stages.values()), second.without_engine / first.without_engine
    whole = length / first.seconds
    _say(f"{clip.stem} ({length:.0f} s): times real time", f"{times:.1f}", "above 1, aim 3", times > 1)
    print(f"      the whole command, start of Python included: {whole:.1f}")
    _say(f"{clip.stem}: second question / first, no engine", f"{again:.3f}", "at most 0.1", again <= 0.1)
    stages = {**first.stages, **{f"collector {name}": s for name, s in first.collectors.items()}}
    print("    seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items()))
    return {
        "length_s": length,
        "first_s": first.seconds,
        "times_real_time": times,
        "command_times_real_time": whole,
        "stages_s": stages,
        "second_s": second.seconds,
        "second_to_first": again,
        "peak_mib": first.peak / MIB,
    }


def memory() -> dict[str, Any]:
    peaks = {}
    for minutes in (1, 10, 60):
        with tempfile.TemporaryDirectory() as data:
            answered = questions.ask(footage.lasting(minutes, footage.long_clip()), Path(data))
        peaks[minutes] = answered.peak / MIB
        flat = peaks[minutes] / peaks[1]
        _say(
            f"peak memory, {minutes} min ({peaks[minutes]:.0f} MiB) / 1 min",
            f"{flat:.2f}",
            "at most 1.10",
            flat <= 1.1,
        )
    return {f"{minutes}_min_mib": peak for minutes, peak in peaks.items()}


def server() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as data:
        body = wire.large_body(Path(data) / "a")
        delay = wire.first_byte(footage.BUNDLED, Path(data) / "b")
    _say(
        "30 MB body to its first check, own time",
        f"{body['own_s'] * 1000:.0f} ms",
        "at most 150 ms",
        body["own_s"] <= 0.15,
    )
    _say("engine's first token to the client", f"{delay * 1000:.1f} ms", "at most 10 ms", delay <= 0.01)
    return {"large_body": body, "first_byte_s": delay}


def queue() -> dict[str, Any]:
    return {kind: _queue(kind) for kind in KINDS}


def _queue(kind: str) -> dict[str, Any]:
    with _folder() as folder, _server(kind) as server, tasks.databases(folder, server) as new_url:
        beside = tasks.against_sql(new_url, folder)
        _say(
            f"{kind}: {beside['ours_s']:.0f} empty tasks/s / bare loop of the same SQL",
            f"{beside['ratio']:.2f}",
            "at least 0.70",
            beside["ratio"] >= 0.7,
        )
        found: dict[str, Any] = {"against_sql": beside}
        if server is not None:
            other = tasks.with_workers(new_url, folder)
            found["workers"] = other
            _say(
                f"{kind}: {other['ours_s']:.0f} empty tasks/s with a worker / procrastinate",
                f"{other['ratio']:.2f}",
                "at least 1",
                other["ratio"] >= 1,
            )
        waits = tasks.pick_up(new_url(), folder)
        found["pick_up"] = waits
        median, p95 = (f"{waits[name] * 1000:.0f} ms" for name in ("median_s", "p95_s"))
        _say(f"{kind}: pick-up of a task, median (p95 {p95})", median, "under 500 ms", waits["p95_s"] < 0.5)
        page = tasks.listed(folder / "list", None if server is None else new_url())
        found["list"] = page
        _say(
            f"{kind}: first page of {tasks.LISTED:,} tasks, own time",
            f"{page['own_s'] * 1000:.1f} ms",
            "at most 20 ms",
            page["own_s"] <= 0.02,
        )
    return found


def nothing_to_do() -> dict[str, Any]:
    found = {}
    for kind in KINDS:
        with _folder() as folder, _server(kind) as server, tasks.databases(folder, server) as new_url:
            found[kind] = idle.share(folder / "data", database_url=None if server is None else new_url())
        share = found[kind]["all"]
        _say(f"{kind}: CPU of an idle server, of one core", f"{share:.2%}", "at most 1 %", share <= 0.01)
    return found


def shapes() -> dict[str, Any]:
    with _folder() as folder, answers.embedded(folder) as tools:
        found = answers.conforming(footage.base_clip(), tools)
        for number, one in found.items():
            _say(
                f"JSON of {number} properties: conforming / making it",
                f"{one['ratio']:.3f}",
                "at most 0.05",
                one["ratio"] <= 0.05,
            )
        segments = answers.definitions(footage.lasting(10, footage.base_clip()), tools)
    _say(
        "10 min in segments: three definitions / one",
        f"{segments['ratio']:.2f}",
        "at most 1.50",
        segments["ratio"] <= 1.5,
    )
    return {"conforming": found, "definitions": segments}


def in_chunks() -> dict[str, Any]:
    with _folder() as folder:
        found = uploads.written(folder)
    ratio, rest = found["ratio"], found["direct_ratio"]
    _say("1 GB in chunks / writing it with a bare loop, speed", f"{ratio:.2f}", "at least 0.70", ratio >= 0.7)
    print(
        f"      in one piece: {rest:.2f}; in chunks {found['chunks_s']:.1f} s, bare {found['bare_s']:.1f} s"
    )
    grown = found["memory"] / MIB
    _say("more memory for 1 GB than for 50 MB", f"{grown:.0f} MiB", "at most 16 MiB", grown <= 16)
    with _folder() as folder:
        page = uploads.listed(folder / "list")
    _say(
        f"first page of {uploads.LISTED:,} assets, own time",
        f"{page['own_s'] * 1000:.1f} ms",
        "at most 20 ms",
        page["own_s"] <= 0.02,
    )
    return {"written": found, "list": page}


def servers() -> dict[str, Any]:
    with _folder() as folder:
        one = model_servers.first_token(folder)
    added, own, same = one["added"], one["second_to_first"], one["same_bytes"]
    _say("added to a model server's time to first token", f"{added:.1%}", "at most 5 %", added <= 0.05)
    _say("second question / first, both without the server", f"{own:.3f}", "at most 0.05", own <= 0.05)
    _say("bytes before the question that are the same again", f"{same:.3f}", "at least 0.98", same >= 0.98)
    with _folder() as folder:
        many = model_servers.streams(folder)
    for number, found in many.items():
        ratio = found["ratio"]
        _say(
            f"tokens/s of {number} streams / the server alone", f"{ratio:.3f}", "at least 0.95", ratio >= 0.95
        )
        whole = found["whole_ratio"]
        _say(
            f"the same until all {number} are whole, questions included",
            f"{whole:.3f}",
            "at least 0.95",
            whole >= 0.95,
        )
        between = model_servers.BETWEEN[int(number)] * 1000
        print(
            f"      one token in {between:.0f} ms and stream on both sides; "
            f"processor time a token, its question's included: {found['cpu_us_a_token']:.0f} microseconds"
        )
    with _folder() as folder:
        long = long_videos.long_videos(folder)
    shortest = long_videos.MINUTES[0]
    first = long[str(shortest)]["peak_mib"]
    for minutes, found in long.items():
        flat = found["peak_mib"] / first
        _say(
            f"peak memory, task of {minutes} min ({found['peak_mib']:.0f} MiB) / {shortest} min",
            f"{flat:.2f}",
            "at most 1.10",
            flat <= 1.1,
        )
        lost = 1 - found["right"] + found["uncovered_s"]
        _say(f"lost of {minutes} min, worker killed", f"{lost:.3f}", "nothing", lost < 1e-6)
        again = found["asked_again"]
        under_way = long_videos.AT_ONCE
        _say(f"windows of {minutes} min asked again", str(again), f"at most {under_way}", again <= under_way)
    return {"first_token": one, "streams": many, "long": long}


def frames() -> dict[str, Any]:
    one = stills.one_window(footage.lasting(2, footage.at_720p()))
    ratio, again = one["ratio"], one["again_to_first"]
    _say("60 pictures of a minute / bare PyAV loop", f"{ratio:.2f}", "at least 0.80", ratio >= 0.8)
    _say("the same pictures again / first", f"{again:.3f}", "at most 0.05", again <= 0.05)
    found: dict[str, Any] = {"one_window": one}
    for minutes in (10, 120):
        found[str(minutes)] = long = stills.whole(footage.lasting(minutes, footage.long_clip()))
        print(f"      {minutes} min, one in ten seconds: {long['pictures']} in {long['seconds']:.1f} s")
    flat = found["120"]["peak_mib"] / found["10"]["peak_mib"]
    # What grows is the index of the file, which its demuxer reads as a whole.
    _say("peak memory, pictures of 120 min / 10 min", f"{flat:.2f}", "at most 1.20", flat <= 1.2)
    return found


def store() -> dict[str, Any]:
    with _folder() as folder:
        found = storing.stored_file(folder)
    ratio = found["whole_to_bare"]
    _say("1 GB kept / a bare loop that writes it", f"{ratio:.2f}", "at least 0.70", ratio >= 0.7)
    print(f"      the same in parts of 16 MiB, each on disk before it is said: {found['parts_to_bare']:.2f}")
    print(f"      to put the parts together: {found['seconds']['assembly']:.2f} s")
    with _folder() as folder:
        found["bucket"] = bucket = assembling.in_a_bucket(folder)
    others = sum(count for method, count in bucket["requests"].items() if method != "GET")
    size, sent = bucket["gigabytes"], bucket["put_bytes"]
    _say(f"bytes put into a bucket to assemble {size:.0f} GB in it", str(sent), "none", sent == 0)
    _say("requests of it that do not only read", str(others), "none", others == 0)
    print(f"      in {bucket['seconds']:.0f} s, in which all of it is read once")
    return found


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _server(kind: str) -> Iterator[PostgreSQL | None]:
    """A PostgreSQL that keeps what it is told as one in use does, or None for SQLite."""
    if kind == "sqlite":
        yield None
        return
    with a_postgresql(careful=True) as server:
        yield server


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "decode": decode,
    "wire": server,
    "queue": queue,
    "idle": nothing_to_do,
    "shapes": shapes,
    "frames": frames,
    "store": store,
    "uploads": in_chunks,
    "servers": servers,
    "analysis": analysis,
    "memory": memory,
}


def main(wanted: list[str]) -> None:
    log.set_up("error", as_json=False)
    file = FIGURES / "latest.json"
    figures = json.loads(file.read_text()) if file.exists() else {}
    speed = matrix_speed()
    figures["machine"] = {
        "cores": usable_cores(),
        "billion_operations_s": round(speed),
        "python": platform.python_version(),
    }
    for name in wanted or PARTS:
        figures[name] = PARTS[name]()
        FIGURES.mkdir(exist_ok=True)
        file.write_text(json.dumps(figures, indent=1) + "\n")


def _say(what: str, value: str, wanted: str, reached: bool) -> None:
    print(f"{'ok  ' if reached else 'MISS'}  {what:<62} {value:>9}   {wanted}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
