"""What dies of a task each time, and what is full, costs that task only."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from tests.unit.analysis.pretended import says
from tests.unit.sources.hostile import answer, hostile
from tests.unit.sources.hostile import says as replies
from tests.unit.tasks.workplace import VIDEO, Workplace, a_workplace, at, by_asset, until

from kinoscribe.child import Children, ChildSpec
from kinoscribe.evidence.facts import KnownFacts
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.media.decoders import Decoders
from kinoscribe.storage.cache_folder import CacheFolder
from kinoscribe.storage.database import Database

ROOT = Path(__file__).resolve().parents[3]
CRASH = ChildSpec("tests.unit.tasks.crashing:serve", environment=(("PYTHONPATH", str(ROOT)),))


@pytest.fixture
def sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with closing(Database(sqlite_url)) as database, a_workplace(database, tmp_path) as made:
        yield made


def test_a_file_that_kills_every_decoder_fails_with_a_sentence(sqlite: Workplace) -> None:
    with closing(Decoders()) as decoders:
        decoders._children = Children(CRASH)
        sqlite.facts = KnownFacts(CacheFolder(sqlite.folder / "cache", 1 << 30, b"s"), decoders)  # type: ignore[assignment]
        asset = sqlite.asset()
        with hostile(replies(answer(VIDEO))) as server, sqlite.working():
            bad = sqlite.ended(sqlite.submit(at(f"http://127.0.0.1:{server.port}/v.mp4")).id)
            good = sqlite.ended(sqlite.submit(by_asset(asset.id)).id)
    assert (bad.status, bad.error_code) == ("failed", "video_file_broken")
    assert "broke down" in (bad.error_message or "")
    assert good.status == "ready"


def test_a_video_that_kills_the_process_that_perceives_it_fails_after_its_attempts(sqlite: Workplace) -> None:
    with closing(Gatherer(sqlite.folder / "evidence", Children(CRASH), ("1",))) as crashing:
        pretended, sqlite.gatherer = sqlite.gatherer, crashing  # type: ignore[assignment]
        asset = sqlite.asset()
        with sqlite.working():
            bad = sqlite.ended(sqlite.submit(by_asset(asset.id)).id, 60)
            sqlite.gatherer = pretended
    assert (bad.status, bad.attempt, bad.strikes) == ("failed", 3, 2)
    assert "SIGSEGV" in (bad.error_message or "")


def test_a_disk_that_is_full_when_the_answer_is_there_is_waited_for(sqlite: Workplace) -> None:
    """The database may not grow by a page: the answer, which is large, does not fit; its lease does."""
    most = [10**9]

    def narrow(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA max_page_count = {most[0]}").close()

    event.listen(sqlite.database._engine, "begin", narrow)
    sqlite.engine.play = says("A word. " * 20_000)
    sqlite.lease = 60.0
    sqlite.queue = sqlite.make_queue()
    tried: list[bool] = []
    finish = sqlite.queue.finish

    def counted(*given: Any) -> bool:
        tried.append(False)
        return finish(*given)

    sqlite.queue.finish = counted  # type: ignore[method-assign]
    with sqlite.database.reading() as db:
        most[0] = db.execute(text("PRAGMA page_count")).scalar_one() + 12
    asset = sqlite.asset()
    with sqlite.working():
        task = sqlite.submit(by_asset(asset.id), max_tokens=98_304)
        assert until(lambda: len(tried) > 1, 20), sqlite.task(task.id)
        assert not sqlite.task(task.id).ended
        most[0] = 10**9
        ended = sqlite.ended(task.id)
    assert (ended.status, ended.attempt, len(ended.data or "")) == ("ready", 1, 160_000)
