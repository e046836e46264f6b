"""Names the exit codes, and turns an error into the sentence and the code a command ends with."""

from kinoscribe.contract.errors import ApiError
from kinoscribe.engines.models_file import EnginesInvalid
from kinoscribe.engines.scripted import ScriptInvalid
from kinoscribe.storage.data_folder import DatabaseUnusable, DataFolderUnusable

OK = 0
FAILED = 1
USAGE = 2
REFUSED = 3
NOT_READY = 4
INTERRUPTED = 130

MEANINGS = {
    OK: "It worked.",
    FAILED: "It was tried and failed: the engine broke off, the disk was full, a check of `doctor` failed.",
    USAGE: "The command line or a setting is wrong.",
    REFUSED: "The video or the question is refused: not a video, too long, a window outside of it.",
    NOT_READY: "Something must be done first: the weights of the engine are missing.",
    INTERRUPTED: "Stopped by Ctrl-C.",
}


class Exit(Exception):
    """Ends a command with `code` after saying `sentence` on standard error."""

    def __init__(self, code: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


KNOWN = (Exit, ApiError, ScriptInvalid, EnginesInvalid, DataFolderUnusable, DatabaseUnusable)


def exit_for(error: Exception) -> Exit:
    """How a command ends after one of the errors of `KNOWN`.

    A refusal (4xx) and a setting that is wrong are the user's to mend, everything else is a failure of ours.
    """
    match error:
        case Exit():
            return error
        case ApiError():
            told = [error.message]
            if error.receipt is not None:
                told.append(f"What happened: kinoscribe receipt {error.receipt}")
            return Exit(REFUSED if error.status < 500 else FAILED, "\n".join(told))
        case ScriptInvalid() | EnginesInvalid():
            return Exit(USAGE, str(error))
        case _:
            return Exit(FAILED, str(error))
