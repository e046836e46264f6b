"""Turns a video or a picture into the small JPEG that stands for it in lists."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.decoders import PictureRefused
from kinoscribe.media.pieces import FileKind, Picture, Still, Stills, StillsPlan

LONGEST_SIDE = 480
# Where in a video pictures are taken to choose from, in shares of its length: not at its ends, which often are black.
_PLACES = (0.1, 0.3, 0.5, 0.7)


class Pictures(Protocol):
    """What decodes pictures in processes of their own."""

    def stills(
        self, path: Path, plan: StillsPlan, cancel: Cancel | None = None
    ) -> Generator[Still | Stills, None, None]: ...

    def picture(self, path: Path, max_side: int = 1280, cancel: Cancel | None = None) -> Picture: ...


class Thumbnails:
    """Makes thumbnails; may be shared between threads."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    def of(self, path: Path, found: FileKind, cancel: Cancel) -> bytes | None:
        """The JPEG, or None for what shows nothing or cannot be decoded. Raises `ServiceUnavailable` or `Canceled`."""
        try:
            if found.facts is not None:
                return self._of_video(path, found.facts, cancel)
            if found.picture is not None:
                return self._of_picture(path, cancel)
        except (VideoFileBroken, PictureRefused):
            return None
        return None

    def _of_video(self, path: Path, facts: VideoFacts, cancel: Cancel) -> bytes | None:
        """Of a few pictures the one that takes most bytes: a plain one, such as a black one, shows little."""
        instants = tuple(facts.start + share * facts.duration for share in _PLACES)
        plan = StillsPlan(instants, LONGEST_SIDE, LONGEST_SIDE, begins=facts.start)
        with closing(self._pictures.stills(path, plan, cancel)) as pieces:
            found = [piece.jpeg for piece in pieces if isinstance(piece, Still)]
        return max(found, key=len, default=None)

    def _of_picture(self, path: Path, cancel: Cancel) -> bytes:
        import numpy as np

        from kinoscribe.media.jpeg import jpeg

        shown = self._pictures.picture(path, LONGEST_SIDE, cancel)
        return jpeg(np.frombuffer(shown.pixels, np.uint8).reshape(shown.height, shown.width, 3))
