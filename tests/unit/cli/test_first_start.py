"""The first start on a data folder makes one key, and later starts make none."""

from contextlib import closing
from pathlib import Path

import pytest

from kinoscribe.cli.first_start import prepare
from kinoscribe.settings import Settings
from kinoscribe.storage import process_rows
from kinoscribe.storage.api_key_rows import Account, ApiKeyRows, pepper_of
from kinoscribe.storage.data_folder import DatabaseUnusable, DataFolder
from kinoscribe.storage.opening import open_database
from kinoscribe.storage.process_rows import ProcessRows


def test_the_first_start_makes_a_key_and_no_other_does(tmp_path: Path) -> None:
    key = prepare(Settings(data_dir=tmp_path))
    assert key is not None
    assert prepare(Settings(data_dir=tmp_path)) is None
    with closing(open_database(None, DataFolder(tmp_path))) as database:
        keys = ApiKeyRows(database, pepper_of(tmp_path))
        assert keys.account_of(key) == Account("default")


def test_whoever_brings_a_key_gets_none(tmp_path: Path) -> None:
    assert prepare(Settings(data_dir=tmp_path, api_key="preset")) is None  # type: ignore[arg-type]


def test_a_folder_in_use_by_another_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(Settings(data_dir=tmp_path))
    with closing(open_database(None, DataFolder(tmp_path))) as database:
        with monkeypatch.context() as patch:
            patch.setattr(process_rows, "_machine", lambda: b"another start")
            patch.setattr(process_rows.socket, "gethostname", lambda: "elsewhere")
            other = ProcessRows(database, pepper_of(tmp_path))
        other.beat(other.new_id(), "worker", 1, ())
    with pytest.raises(DatabaseUnusable, match="elsewhere"):
        prepare(Settings(data_dir=tmp_path))
