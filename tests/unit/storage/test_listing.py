import os
import shutil
from pathlib import Path

import pytest

from kinoscribe.storage.listing import below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("aa/one.json", "aa/two.lock", "ab/one.json", "b/.one.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / "file").touch()
    return tmp_path


def names(folder: Path, *wanted: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in below(folder, *wanted)}


def test_paths_are_found_by_their_names(folder: Path) -> None:
    assert names(folder, "*", "*") == {"aa/one.json", "aa/two.lock", "ab/one.json", "b/.one.json"}
    assert names(folder, "??", "*.json") == {"aa/one.json", "ab/one.json"}
    assert names(folder, "aa", "one*") == {"aa/one.json"}
    assert names(folder, "*") == {"aa", "ab", "b", "file"}


def test_what_is_no_folder_has_nothing_in_it(folder: Path) -> None:
    assert names(folder, "none", "*") == set()
    assert names(folder / "none", "*", "*") == set()
    assert names(folder, "file", "*") == set()


def test_a_folder_that_goes_while_it_is_looked_at_is_an_empty_one(folder: Path) -> None:
    found = below(folder, "*", "*")
    seen = next(found).parent
    for other in os.listdir(folder):
        if other != seen.name and other != "file":
            shutil.rmtree(folder / other)
    assert {path.parent for path in found} <= {seen}
