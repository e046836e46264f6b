"""Turns what the code says about itself into the generated parts of docs/: `make docs` writes them.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; around it people write.
"""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from kinoscribe.api.routes import LEFT_OUT, ROUTES
from kinoscribe.cli.exits import MEANINGS
from kinoscribe.cli.main import app
from kinoscribe.contract import limits
from kinoscribe.contract.errors import ApiError
from kinoscribe.settings import Settings

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "tests" / "bench" / "figures" / "latest.json"
SOURCE = ROOT / "src" / "kinoscribe"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    for page in PAGES:
        page.write_text(regenerated(page.read_text(encoding="utf-8")), encoding="utf-8")


def regenerated(text: str) -> str:
    """The page with every generated part made anew."""
    return PART.sub(lambda found: found[1] + PARTS[found[2]]().strip("\n") + "\n" + found[3], text)


def table(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def settings_table() -> str:
    return table(("Setting", "Variable", "Default", "Meaning"), _settings())


def _settings() -> Iterator[tuple[object, ...]]:
    for name, field in Settings.model_fields.items():
        default = "`~/.local/share/kinoscribe`" if name == "data_dir" else _default(field.default)
        yield f"`{name}`", f"`KINOSCRIBE_{name.upper()}`", default, field.description


def _default(value: object) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{','.join(str(part) for part in value)}`"
        case _:
            return f"`{value}`"


def errors_table() -> str:
    kinds = sorted(_subclasses(ApiError), key=lambda kind: (kind.status, kind.code, kind.__name__))
    rows = dict.fromkeys((f"`{kind.code}`", kind.status, kind.sentence) for kind in kinds)
    return table(("Code", "Status", "Sentence"), iter(rows))


def _subclasses(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


def routes_table() -> str:
    return table(("Method", "Path", "What it does"), ((r.method, f"`{r.path}`", r.summary) for r in ROUTES))


def left_out_list() -> str:
    return "\n".join(f"- `{path}`" for path in LEFT_OUT)


def exits_table() -> str:
    return table(("Code", "Meaning"), iter(MEANINGS.items()))


def commands_text() -> str:
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_command("kinoscribe", name, command) for name, command in _leaves(group))


def _leaves(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield before + name, command


def _command(program: str, name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [
        p for p in command.params if p.param_type_name == "option" and p.name != "help" and not p.hidden
    ]
    usage = " ".join([program, name, *(["[OPTIONS]"] if options else []), *(_argument(a) for a in arguments)])
    text = f"## {program} {name}\n\n    {usage}\n\n{_words(command.help)}"
    rows = [(f"`{_argument(a)}`", _words(a.help)) for a in arguments]
    rows += [(f"`{_option(o)}`", _words(o.help)) for o in options]
    return text + ("\n\n" + table(("Option", "Meaning"), iter(rows)) if rows else "")


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    many = "..." if argument.nargs == -1 else ""
    return f"{name}{many}" if argument.required else f"[{name}]{many}"


def _option(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def limits_table() -> str:
    rows = (
        (
            f"`{name}`",
            _tokens(rules.general),
            "" if rules.segmentation is None else _tokens(rules.segmentation),
            rules.prompt_tokens or "what fits",
            f"{rules.window_tokens:,}",
            f"{rules.shortest:g} s",
            f"{limits.LONGEST_VIDEO['sync'] / 60:g} min",
            _longest_in_a_task(name),
            "yes" if rules.windows else "no",
        )
        for name, rules in limits.RULES.items()
    )
    head = (
        *(
            "Model name",
            "`max_tokens`",
            "of a segmentation",
            "Prompt, tokens",
            "All tokens",
            "Shortest video",
        ),
        *("Longest video", "in a task", "`start_time`, `end_time`"),
    )
    return table(head, rows)


def _longest_in_a_task(name: str) -> str:
    minutes = limits.LONGEST_VIDEO["async"] / 60
    windowed = limits.LONGEST_WINDOWED.get(name)
    part = "" if windowed is None else f"; {windowed / 60:g} min, a window of {minutes:g} min at most"
    return f"{minutes:g} min{part}"


def _tokens(tokens: limits.TokenRange) -> str:
    return f"{tokens.least:,} to {tokens.most:,}; {tokens.default:,} when left out"


def modules_text() -> str:
    """Every module with the sentence it opens with, in the order of the layers, highest first."""
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    order = [name.strip() for row in layers["layers"] for name in row.split("|")]
    return "\n\n".join(f"## {name}\n\n{_modules(name)}" for name in order)


def _modules(name: str) -> str:
    folder = SOURCE / name
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{name}.py"]
    return "\n".join(
        _module(file) for file in files if first_sentence(file) and "migrations" not in file.parts
    )


def _module(file: Path) -> str:
    path = file.relative_to(SOURCE)
    name = path.parent.as_posix() + "/" if path.name == "__init__.py" else path.with_suffix("").as_posix()
    return f"- `{name}`: {first_sentence(file)}"


def first_sentence(file: Path) -> str:
    """The first paragraph of the module's docstring, on one line; empty when there is none."""
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(words.split("\n\n")[0].split())


def bench_table() -> str:
    """The figures that `make bench` kept when it last ran."""
    return table(("What", "Measured", "Wanted"), _bench(json.loads(FIGURES.read_text(encoding="utf-8"))))


def _bench(figures: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """Rows of the parts that were run; `make bench` runs all."""
    if decode := figures.get("decode"):
        yield (
            "sampled decode against a bare PyAV loop that takes the same samples",
            f"{decode['ratio']:.2f}",
            "≥ 0.90",
        )
    for name, run in figures.get("analysis", {}).items():
        what = f"first question about `{name}` ({run['length_s']:.0f} s): times real time"
        told = f"{run['times_real_time']:.1f}; whole command {run['command_times_real_time']:.1f}"
        yield what, told, "> 1, aim 3"
        yield (
            "second question about it, engine left out of both: share of the first",
            f"{run['second_to_first']:.3f}",
            "≤ 0.1",
        )
    if peaks := figures.get("memory"):
        for minutes in (1, 10, 60):
            peak = peaks[f"{minutes}_min_mib"]
            share = peak / peaks["1_min_mib"]
            yield f"peak memory of all processes at {minutes} min", f"{peak:.0f} MiB ({share:.2f})", "≤ 1.10"
    if wire := figures.get("wire"):
        own = wire["large_body"]["own_s"] * 1000
        yield "30 MB of video in base64 to its first check, own time", f"{own:.0f} ms", "≤ 150 ms"
        yield "engine's first token to the client", f"{wire['first_byte_s'] * 1000:.1f} ms", "≤ 10 ms"
    yield from _queue(figures.get("queue", {}))
    for kind, idle in figures.get("idle", {}).items():
        yield f"{kind}: CPU of an idle server, of one core", f"{idle['all']:.2%}", "≤ 1 %"
    if servers := figures.get("servers"):
        yield from _servers(servers)
    if uploads := figures.get("uploads"):
        written, own = uploads["written"], uploads["list"]["own_s"] * 1000
        seconds = f"{written['ratio']:.2f} ({written['chunks_s']:.1f} s and {written['bare_s']:.1f} s)"
        yield "upload of 1 GB in chunks against writing it with a bare loop, speed", seconds, "≥ 0.70"
        yield "more memory for 1 GB than for 50 MB", f"{written['memory'] / 2**20:.0f} MiB", "≤ 16 MiB"
        yield "first page of 10,000 assets, own time", f"{own:.1f} ms", "≤ 20 ms"
    if bucket := figures.get("store", {}).get("bucket"):
        size = f"{bucket['gigabytes']:.0f} GB"
        yield f"bytes put into a bucket while {size} of parts in it become one file", bucket["put_bytes"], "0"


def _queue(figures: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for kind, queue in figures.items():
        yield (
            f"{kind}: empty tasks a second, against a bare loop of the same SQL",
            _ratio(queue["against_sql"]),
            "≥ 0.70",
        )
        if workers := queue.get("workers"):
            yield f"{kind}: the same with a worker, against procrastinate", _ratio(workers), "≥ 1"
        yield (
            f"{kind}: pick-up of a task, median",
            f"{queue['pick_up']['median_s'] * 1000:.0f} ms",
            "< 500 ms",
        )
        yield (
            f"{kind}: first page of 10,000 tasks, own time",
            f"{queue['list']['own_s'] * 1000:.1f} ms",
            "≤ 20 ms",
        )


def _servers(figures: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    first, long = figures["first_token"], figures["long"]
    yield "added to a model server's time to first token, a minute of video", f"{first['added']:.1%}", "≤ 5 %"
    yield (
        "second question, model server left out of both: share of the first",
        f"{first['second_to_first']:.3f}",
        "≤ 0.05",
    )
    yield "bytes before the question that a second question repeats", f"{first['same_bytes']:.3f}", "≥ 0.98"
    for number, streams in figures["streams"].items():
        told = f"{streams['ratio']:.2f}; until all answers are whole {streams['whole_ratio']:.2f}"
        yield f"tokens a second of {number} streams, against the model server alone", told, "≥ 0.95"
    shortest = min(long, key=int)
    for minutes, one in long.items():
        told = f"{one['peak_mib']:.0f} MiB ({one['peak_mib'] / long[shortest]['peak_mib']:.2f})"
        yield f"peak memory, a task of {minutes} min with a model server", told, "≤ 1.10"


def _ratio(figures: dict[str, Any]) -> str:
    return f"{figures['ratio']:.2f}"


PARTS: dict[str, Callable[[], str]] = {
    "bench": bench_table,
    "commands": commands_text,
    "errors": errors_table,
    "exits": exits_table,
    "left-out": left_out_list,
    "limits": limits_table,
    "modules": modules_text,
    "routes": routes_table,
    "settings": settings_table,
}

if __name__ == "__main__":
    main()
