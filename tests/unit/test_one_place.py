"""What the wire fixes is written once: numbers in `contract/limits.py`, codes of errors in `contract/errors.py`."""

import ast
from pathlib import Path

import pytest

import kinoscribe
from kinoscribe.contract.errors import all_errors

SOURCE = Path(kinoscribe.__file__).parent
LIMITS = SOURCE / "contract" / "limits.py"
ERRORS = SOURCE / "contract" / "errors.py"
OTHERS = [path for path in sorted(SOURCE.rglob("*.py")) if path not in {LIMITS, ERRORS}]


def literals(path: Path) -> dict[object, int]:
    """Every text and whole number of a module, with the last line it stands on."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {node.value: node.lineno for node in constants if type(node.value) in (int, str)}


def is_telling(number: int) -> bool:
    """Whether nobody writes `number` by chance: it is large, no power of two and not round."""
    return number >= 512 and number.bit_count() > 1 and len(str(number).rstrip("0")) > 1


WIRE = {value for value in literals(LIMITS) if isinstance(value, int) and is_telling(value)}
CODES = {kind.code for kind in all_errors()}


def test_there_are_limits_and_codes_to_look_for() -> None:
    assert {98_304, 261_120, 5_184} <= WIRE
    assert {"parameter_invalid", "resource_not_exist"} <= CODES


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_limit_and_an_error_code_are_written_in_one_place(path: Path) -> None:
    again = {value: line for value, line in literals(path).items() if value in WIRE | CODES}
    assert again == {}, (
        f"{path}: import these from contract/limits.py, or raise the class of contract/errors.py"
    )


def test_each_code_is_given_to_one_class() -> None:
    tree = ast.parse(ERRORS.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert {code: texts.count(code) for code in CODES} == dict.fromkeys(CODES, 1)
