"""Turns the rules and the markers on the tests into the page `docs/conformance.md`.

`python -m tests.conformance.report` writes it; a test compares it.
"""

import ast
from collections import defaultdict
from pathlib import Path

from tests.conformance.rules import GROUPS, Rule
from tests.conformance.sdk_environments import JAVASCRIPT_VERSIONS, PYTHON_VERSIONS

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "conformance.md"

HEAD = """\
# Conformance

<!-- Written by `make docs` from tests/conformance; do not edit. -->

What a program written for the TwelveLabs Analyze API v1.3 may rely on, rule by rule, and the tests that hold it.
Every test speaks to a real server process over HTTP. Where a rule concerns the SDKs, the official ones run
unchanged: `twelvelabs` {python} for Python, `twelvelabs-js` {javascript} for JavaScript. Beside them stand
models of our own that refuse every key too many, because an SDK lets much pass.

{counts}

`make conformance` runs them all.
"""


def tests_by_rule() -> dict[str, list[str]]:
    """The tests that name each rule, as `file::test` without folder and ending."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for number in _marked(node):
                    found[number].append(f"{path.stem.removeprefix('test_')}: {_sentence(node.name)}")
    return found


def _marked(function: ast.FunctionDef) -> list[str]:
    calls = [mark for mark in function.decorator_list if isinstance(mark, ast.Call)]
    rules = [call for call in calls if ast.unparse(call.func) == "pytest.mark.rule"]
    return [str(ast.literal_eval(number)) for call in rules for number in call.args]


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def state(rule: Rule, tests: list[str]) -> str:
    if rule.later:
        return f"later: {rule.later}"
    if not tests:
        raise ValueError(f"{rule.number} has no test and waits for nothing")
    return f"tested; {rule.partly}" if rule.partly else "tested"


def _listed(versions: tuple[str, ...]) -> str:
    return f"{', '.join(versions[:-1])} and {versions[-1]}"


def page() -> str:
    """The whole page."""
    tests = tests_by_rule()
    known = [rule for rules in GROUPS.values() for rule in rules]
    if strange := set(tests) - {rule.number for rule in known}:
        raise ValueError(f"tests name rules that are not there: {sorted(strange)}")
    waiting = sum(bool(rule.later) for rule in known)
    in_part = sum(bool(rule.partly) for rule in known)
    counts = (
        f"Of {len(known)} rules, {len(known) - waiting} are tested, {in_part} of these in part; "
        f"{waiting} wait for a later version."
    )
    parts = [
        HEAD.format(python=_listed(PYTHON_VERSIONS), javascript=_listed(JAVASCRIPT_VERSIONS), counts=counts)
    ]
    for title, rules in GROUPS.items():
        parts += [f"\n## {title}\n", "\n| Rule | | State |\n|---|---|---|\n"]
        parts += [f"| {rule.number} | {rule.text} | {state(rule, tests[rule.number])} |\n" for rule in rules]
        held = [rule for rule in rules if tests[rule.number]]
        if held:
            parts.append("\n<details><summary>Tests</summary>\n\n")
            for rule in held:
                parts.append(f"- {rule.number}\n")
                parts += [f"  - {test}\n" for test in tests[rule.number]]
            parts.append("\n</details>\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
