"""Turns a video into notes by asking a perception process, a second one when the first dies over it."""

import structlog

from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children
from kinoscribe.contract.errors import EngineFailed, VideoFileBroken
from kinoscribe.evidence.jobs import CollectingJob
from kinoscribe.evidence.record import Collected, Stage, Unreadable, Wanted, pack, unpack_piece
from kinoscribe.notes import Notes

_TRIES = 2
_log = structlog.get_logger(__name__)


def collect(job: CollectingJob, children: Children) -> Notes:
    """The notes of a job's video. Raises `VideoFileBroken`, `EngineFailed` or `Canceled`."""
    wanted = pack(Wanted(str(job.path), job.content, job.facts))
    for attempt in range(1, _TRIES + 1):
        try:
            return _perceive(job, children, wanted)
        except ChildDied as error:
            _log.warning("perception_died", content=job.content[:12], attempt=attempt, reason=error.reason)
            # Why a process could not start is for the log: it may name files of this machine.
            reason = "could not be started" if isinstance(error, ChildNotStarted) else error.reason
        except ChildFailed as error:
            _log.error("perception_failed", content=job.content[:12], reason=str(error))
            raise EngineFailed(reason=f"perception failed ({error.kind}).") from error
    raise EngineFailed(reason=f"the process that perceives the video {reason}.")


def _perceive(job: CollectingJob, children: Children, wanted: bytes) -> Notes:
    pieces = children.call(wanted, cancel=job.cancel)
    try:
        for body in pieces:
            match unpack_piece(body):
                case Stage(stage=stage, done=done):
                    job.tell(stage, done)
                case Collected(notes=notes):
                    return notes
                case Unreadable(reason=reason):
                    raise VideoFileBroken(reason=reason)
    finally:
        pieces.close()
    raise ChildDied("ended without notes")
