import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinoscribe.storage.data_folder import DataFolder, DataFolderUnusable, held, private_file

HOLD = """
import sys, time
from pathlib import Path
from kinoscribe.storage.data_folder import DataFolder
with DataFolder(Path(sys.argv[1])).for_one_server():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_new_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "deep" / "data")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert list(folder.path.iterdir()) == []


def test_a_path_that_is_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(DataFolderUnusable, match="cannot be made"):
        DataFolder(tmp_path / "data")
    with pytest.raises(DataFolderUnusable, match="cannot be made"):
        DataFolder(tmp_path / "data" / "below")


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence() -> None:
    with pytest.raises(DataFolderUnusable, match="KINOSCRIBE_DATA_DIR"):
        DataFolder(Path("/proc/self"))


def test_a_second_server_is_told_who_holds_the_folder_until_that_one_dies(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    with pytest.raises(DataFolderUnusable, match=str(first.pid)), DataFolder(tmp_path).for_one_server():
        pass
    first.kill()
    first.communicate()
    with DataFolder(tmp_path).for_one_server():
        pass


def test_a_private_file_is_made_once_and_whole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        seen = set(threads.map(lambda n: private_file(tmp_path / "secret", bytes([n]) * 32), range(32)))
    assert len(seen) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_held_file_is_held_against_other_threads(tmp_path: Path) -> None:
    inside: list[int] = []

    def enter(_number: int) -> int:
        with held(tmp_path / "lock"):
            inside.append(1)
            most = len(inside)
            inside.pop()
        return most

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(enter, range(64))) == {1}
