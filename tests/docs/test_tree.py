"""What holds for every text of the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
FOLDERS = ("src", "tests", "docs", "examples", ".ci")
# In two parts, so that this file does not find itself.
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org")
WORK_LEFT = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + "X)\\b")
MACHINE = re.compile(r"(?<![\w.])/(?:root|work|home/\w+)/")


def _texts() -> Iterator[tuple[Path, str]]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*")) if file.is_file()]
    for file in [*files, *(file for file in ROOT.glob("*") if file.is_file())]:
        if "__pycache__" in file.parts or file.name == "tokenizer.json":
            continue
        try:
            yield file.relative_to(ROOT), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    named = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in named if not (page.parent / link).exists()] == []


def test_no_package_index_is_named() -> None:
    assert [str(path) for path, text in _texts() if any(host in text for host in HOSTS)] == []


def test_no_path_of_one_machine_is_named() -> None:
    assert [str(path) for path, text in _texts() if MACHINE.search(text)] == []


def test_no_work_is_left_in_comments() -> None:
    assert [str(path) for path, text in _texts() if WORK_LEFT.search(text)] == []
