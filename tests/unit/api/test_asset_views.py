"""What is said in an asset, as far as the worker has come: waiting, ready, never there, and failed for good."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update
from tests.unit.api.running import FACTS, Running, running

from kinoscribe.contract.errors import ApiError, EngineFailed, StorageFull, VideoFileBroken
from kinoscribe.evidence.pace import Pace
from kinoscribe.evidence.queued import QueuedGatherer
from kinoscribe.evidence.shelf import Shelf
from kinoscribe.media.pieces import FileKind, SoundFacts
from kinoscribe.notes import CollectorReport, Notes, Sentence, Word
from kinoscribe.storage.evidence_rows import EvidenceJob, EvidenceRows
from kinoscribe.storage.meeting_rows import MeetingRows
from kinoscribe.storage.tables import evidence_jobs, meetings

SOUND = SoundFacts(3.5, "mp3", "mp3", 44_100, 2, 1)
WORDS = (Word(0.5, 0.9, "Good"), Word(1.0, 1.4, "morning."))
SPEECH = (Sentence(0.5, 1.4, "Good morning.", WORDS), Sentence(1.8, 2.2, "Yes."), Sentence(3.3, 3.4, "No."))


class Listening:
    """A server beside whose queue of evidence a test stands as the worker."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.rows = EvidenceRows(server.database)
        folder = server.folder / "evidence"
        pace = Pace(MeetingRows(server.database))
        server.house.tools.gatherer = QueuedGatherer(folder, self.rows, ("v",), pace=pace)
        self.shelf = Shelf(folder, ("v",))
        self.client = server.client()

    def asset(self, found: FileKind | None = None, client: httpx2.Client | None = None) -> str:
        if found is not None:
            self.server.looks.kind = lambda _path, _cancel=None: found  # type: ignore[method-assign]
        sent = (client or self.client).post(
            "assets", data={"method": "direct"}, files={"file": ("a", b"VIDEO and sound")}
        )
        asset_id: str = sent.json()["_id"]
        assert self.server.settled(lambda: self._status(asset_id, client) == "ready", 20)
        return asset_id

    def ask(
        self, asset_id: str, include: str = "words", client: httpx2.Client | None = None
    ) -> httpx2.Response:
        return (client or self.client).get(f"assets/{asset_id}/transcription", params={"include": include})

    def said(
        self, asset_id: str, include: str = "words", client: httpx2.Client | None = None
    ) -> dict[str, Any]:
        answer = self.ask(asset_id, include, client)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def job(self) -> EvidenceJob:
        (job,) = self.rows.claim("w", 1, early=True)
        return job

    def hear(self, job: EvidenceJob, state: Any = "done", speech: tuple[Sentence, ...] = SPEECH) -> None:
        report = CollectorReport("speech", "1", state, reason=None if state == "done" else "It is hoarse.")
        notes = Notes(job.content, 0.0, 3.5, True, "en", speech=speech, reports=(report,))
        self.shelf.keep(job.key, notes)
        self.rows.done(job.key, "w")

    def forget(self, seconds: float = 0.0) -> None:
        """Lets the time pass for which a failure is told."""
        with self.server.database.writing() as db:
            db.execute(update(evidence_jobs).values(wanted_until=self.server.database.now(-1.0 - seconds)))

    def _status(self, asset_id: str, client: httpx2.Client | None) -> str:
        status: str = (client or self.client).get(f"assets/{asset_id}").json()["status"]
        return status


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with running(tmp_path, collectors=("speech",)) as server:
        made = Listening(server)
        with made.client:
            yield made


@pytest.mark.parametrize("found", [None, FileKind("audio", "audio/mpeg", sound=SOUND)])
def test_what_is_said_in_a_video_and_in_a_sound_is_told_once_it_was_heard(
    listening: Listening, found: FileKind | None
) -> None:
    asset = listening.asset(found)
    assert listening.said(asset) == {"status": "processing"}
    assert listening.said(asset) == {"status": "processing"}
    job = listening.job()
    assert job.facts.has_pictures == (found is None)
    assert job.facts.has_audio
    assert job.facts.duration == (8.0 if found is None else 3.5)
    listening.hear(job)
    everything = listening.said(asset, "words,sentences,utterances")
    assert everything["status"] == "ready"
    assert [word["value"] for word in everything["words"]] == ["Good", "morning.", "Yes.", "No."]
    assert [sentence["start"] for sentence in everything["sentences"]] == [0.5, 1.8, 3.3]
    assert [one["value"] for one in everything["utterances"]] == ["Good morning. Yes.", "No."]
    assert set(listening.said(asset)) == {"status", "words"}


@pytest.mark.parametrize("state", ["done", "nothing", "off"])
def test_where_nothing_is_said_there_is_no_transcription(listening: Listening, state: str) -> None:
    asset = listening.asset(FileKind("audio", "audio/mpeg", sound=SOUND))
    listening.ask(asset)
    listening.hear(listening.job(), state, speech=())
    assert listening.ask(asset).status_code == 404


def test_where_nobody_listens_there_is_no_transcription(listening: Listening) -> None:
    asset, tools = listening.asset(), listening.server.house.tools
    tools.settings = tools.settings.model_copy(update={"collectors": ("shots",)})
    assert listening.ask(asset).status_code == 404
    assert listening.rows.claim("w", 1, early=True) == ()


def test_a_picture_and_a_silent_video_have_no_transcription(listening: Listening) -> None:
    picture = listening.asset(FileKind("image", "image/png"))
    assert listening.ask(picture).status_code == 404
    mute = listening.asset(FileKind("video", "video/mp4", facts=replace(FACTS, audio_codec=None)))
    assert listening.ask(mute).status_code == 404
    assert listening.rows.claim("w", 1, early=True) == ()


@pytest.mark.parametrize(
    "error",
    [EngineFailed(reason="the process ended twice."), VideoFileBroken(reason="It is a poem."), ApiError()],
)
def test_listening_that_fails_is_told_with_its_sentence_and_not_begun_again_at_once(
    listening: Listening, error: ApiError
) -> None:
    asset = listening.asset()
    listening.ask(asset)
    listening.rows.failed(listening.job().key, "w", error)
    for _ in range(3):
        assert listening.said(asset) == {"status": "failed", "error": {"message": error.message}}
    assert listening.rows.claim("w", 1, early=True) == ()
    listening.forget()
    assert listening.said(asset) == {"status": "processing"}, "after a while it is tried again"
    listening.hear(listening.job())
    assert listening.said(asset)["status"] == "ready"


def test_workers_that_die_over_it_make_it_fail(listening: Listening) -> None:
    listening.rows = EvidenceRows(listening.server.database, lease=-1.0, attempts=2)
    asset = listening.asset()
    listening.ask(asset)
    for _ in range(2):
        listening.job()
        assert listening.said(asset) == {"status": "processing"}
    assert listening.rows.claim("w", 1, early=True) == ()
    assert "ended each time" in listening.said(asset)["error"]["message"]


def test_what_passes_is_an_error_of_now_and_not_of_the_asset(listening: Listening) -> None:
    asset = listening.asset()
    listening.ask(asset)
    listening.rows.failed(listening.job().key, "w", StorageFull())
    answer = listening.ask(asset)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    listening.forget()
    assert listening.said(asset) == {"status": "processing"}


def test_a_collector_that_failed_is_told(listening: Listening) -> None:
    asset = listening.asset()
    listening.ask(asset)
    listening.hear(listening.job(), state="failed", speech=())
    assert listening.said(asset) == {"status": "failed", "error": {"message": "It is hoarse."}}


def test_weights_that_are_missing_everywhere_are_an_error_of_now(listening: Listening) -> None:
    asset = listening.asset()
    folder = listening.server.folder / "evidence"
    gatherer = QueuedGatherer(folder, listening.rows, ("v",), lambda: ["The ear is missing."])
    listening.server.house.tools.gatherer = gatherer
    answer = listening.ask(asset)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert "The ear is missing." in answer.json()["message"]
    assert listening.rows.claim("w", 1, early=True) == ()


def test_a_file_that_was_lost_is_told(listening: Listening) -> None:
    asset = listening.asset()
    for file in (listening.server.folder / "media").rglob("*"):
        if file.is_file():
            file.unlink()
    assert listening.said(asset) == {"status": "failed", "error": {"message": "The file is no longer kept."}}


def test_another_account_hears_of_a_failure_no_sooner_than_of_its_own(listening: Listening) -> None:
    """Else it would learn that somebody else has the same file."""
    with listening.server.client(listening.server.keys.create("b")[0]) as other:
        mine, theirs = listening.asset(), listening.asset(client=other)
        listening.ask(mine)
        job = listening.job()
        listening.rows.beat("w", {job.key: {"speech": 0.5}}, {job.key: [(3600.0, "speech", 0.5)]})
        listening.rows.failed(job.key, "w", EngineFailed(reason="it broke."))
        began = listening.server.database.now(-3600.0)
        with listening.server.database.writing() as db:  # an hour in which the one waited and it was listened
            db.execute(update(meetings).values(early_at=began))
        assert listening.said(mine)["status"] == "failed"
        assert listening.said(theirs, client=other) == {"status": "processing"}
        assert listening.said(mine)["status"] == "failed", "the other has not begun it anew"
