"""Turns a video into notes by asking a perception process, and a second one to go on where the first one died."""

from dataclasses import dataclass

import structlog

from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children
from kinoscribe.contract.errors import EngineFailed, StorageFull, VideoFileBroken
from kinoscribe.evidence.jobs import CollectingJob
from kinoscribe.evidence.keep import NotesFolder
from kinoscribe.evidence.record import Collected, Reached, Stage, Unreadable, Wanted, pack, unpack_piece
from kinoscribe.notes import Notes

_TRIES = 2
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Attempt:
    """One process at work: the milestone it began at, and whether it has come to another one."""

    milestone: bytes | None
    further: bool = False


def collect(job: CollectingJob, children: Children, files: NotesFolder) -> Notes:
    """The notes of a job's video. Raises `VideoFileBroken`, `EngineFailed` or `Canceled`.

    Milestones are kept in `files`, so that not only the second attempt but also another server begins at the last
    one. A process that dies is one too many when the one before it died at the same milestone.
    """
    deaths = 0
    begun = files.load_milestone(job.key)
    job.begin(None if begun is None else files.load_making(job.key))
    while True:
        attempt = _Attempt(files.load_milestone(job.key))
        if attempt.milestone is not None:
            _log.info("collecting_goes_on", content=job.content[:12])
        try:
            notes = _perceive(job, children, files, attempt)
            if attempt.milestone is None or all(report.state != "failed" for report in notes.reports):
                return notes
            _log.warning("milestone_of_no_use", content=job.content[:12], reason="a collector failed")
            files.drop_milestone(job.key)
        except ChildDied as error:
            deaths = 1 if attempt.further else deaths + 1
            _log.warning("perception_died", content=job.content[:12], attempt=deaths, reason=error.reason)
            if deaths < _TRIES:
                continue
            if isinstance(error, ChildNotStarted):  # why is for the log: it may name files of this machine
                raise EngineFailed(
                    reason="the process that perceives the video could not be started."
                ) from error
            files.drop_milestone(job.key)
            raise EngineFailed(reason=f"the process that perceives the video {error.reason}.") from error
        except (ChildFailed, VideoFileBroken) as error:
            files.drop_milestone(job.key)
            if attempt.milestone is not None and job.path.exists():
                _log.warning("milestone_of_no_use", content=job.content[:12], reason=str(error))
                continue
            if isinstance(error, VideoFileBroken):
                raise
            _log.error("perception_failed", content=job.content[:12], reason=str(error))
            raise EngineFailed(reason=f"perception failed ({error.kind}).") from error


def _perceive(job: CollectingJob, children: Children, files: NotesFolder, attempt: _Attempt) -> Notes:
    wanted = Wanted(str(job.path), job.content, job.facts, attempt.milestone)
    pieces = children.call(pack(wanted), cancel=job.cancel)
    try:
        for body in pieces:
            match unpack_piece(body):
                case Stage(stage=stage, done=done):
                    job.tell(stage, done)
                case Reached(time=time, milestone=milestone):
                    attempt.further = True
                    _keep(job, files, time, milestone)
                case Collected(notes=notes):
                    return notes
                case Unreadable(reason=reason):
                    raise VideoFileBroken(reason=reason)
    finally:
        pieces.close()
    raise ChildDied("ended without notes")


def _keep(job: CollectingJob, files: NotesFolder, time: float, milestone: bytes) -> None:
    try:
        files.save_making(job.key, job.made(), ended=False)
        files.save_milestone(job.key, milestone)
    except StorageFull as error:
        _log.warning("milestone_not_kept", content=job.content[:12], time=time, reason=str(error.__cause__))
