"""The prepared answers that the served engine plays when a prompt names one of them."""

import json
from collections.abc import Mapping
from pathlib import Path

ODD_TEXT = 'é 漢字 😀 "quoted" back\\slash\ttab\nline \u2028 \u2029 \x85 end'
LONG_TEXT = "one two three four five six seven eight nine ten. " * 40

Step = Mapping[str, str | float | bool]

SCRIPTS: dict[str, list[Step]] = {
    "odd text": [{"text": part} for part in (ODD_TEXT[:4], ODD_TEXT[4:9], ODD_TEXT[9:])],
    "odd text at once": [{"text": ODD_TEXT}],
    "long text": [{"text": LONG_TEXT}],
    "longer text": [{"text": LONG_TEXT * 4}],
    "a pause": [{"text": "Before. "}, {"wait": 1.5}, {"text": "After."}],
    "a while": [{"text": "Begun. "}, {"wait": 1.5}, {"text": "Done."}],
    "long work": [{"text": "Begun. "}, {"wait": 300}, {"text": "Done."}],
    "many pieces": [step for number in range(400) for step in ({"text": f"{number} "}, {"wait": 0.1})],
    "a death": [{"text": "The first half. "}, {"wait": 0.3}, {"die": True}],
    "a death at once": [{"die": True}],
    "fenced json": [{"text": 'Here you are:\n```json\n{"a": 1}\n```\nAnything else?'}],
    "half a json": [{"text": '{"a": 1, "b": [2, '}],
    "no json": [{"text": "I would rather not."}],
    "nothing at all": [{"text": " "}],
    "the wrong json": [{"text": '{"a": "one"}'}],
    "the same for ever": [{"text": '{"a": 1},\n' * 200_000}],
    "a failure": [{"text": "Said before. "}, {"wait": 0.3}, {"fail": "out of ideas"}],
}


def prompt(name: str) -> str:
    """The prompt that makes the engine play that script."""
    assert name in SCRIPTS
    return f"Play {name}, please."


def write_scripts(folder: Path) -> Path:
    """The file for the setting `scripted_file`."""
    lines = []
    for name, steps in SCRIPTS.items():
        lines += ["[[answer]]", f"when = '^Play {name}, please\\.'", "pieces = ["]
        lines += [f"  {{ {_pair(step)} }}," for step in steps]
        lines += ["]"]
    path = folder / "answers.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path


def _pair(step: Step) -> str:
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in step.items())
