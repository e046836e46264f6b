"""Turns media files into facts, pictures and sound by asking processes of their own to decode them."""

from collections.abc import Generator
from pathlib import Path

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import FileKind, PictureFacts, Piece, ReadPlan


class Decoders:
    """At most `most` decode processes, each bounded in memory and time; safe to share between threads."""

    def __init__(
        self,
        *,
        most: int = 2,
        memory: int = 3072 * 1024 * 1024,
        seconds: float = 1800.0,
        max_pixels: int = 64_000_000,
        max_picture_pixels: int = 16_777_216,
        niceness: int = 0,
    ) -> None:
        raise NotImplementedError

    def probe(self, path: Path, cancel: Cancel | None = None) -> VideoFacts:
        """What the video is. Raises `VideoFileBroken` when it is none, or `Canceled`."""
        raise NotImplementedError

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind:
        """What any file is, by its content. Raises `Canceled`."""
        raise NotImplementedError

    def picture_facts(self, path: Path, cancel: Cancel | None = None) -> PictureFacts:
        """What a still picture is, decoded once to be sure. Raises `PictureBroken` or `Canceled`."""
        raise NotImplementedError

    def read(self, path: Path, plan: ReadPlan, cancel: Cancel | None = None) -> Generator[Piece, None, None]:
        """Decodes the video once from front to back; the last piece is a `Read`. Close it to stop.

        Raises `VideoFileBroken` or `Canceled`.
        """
        raise NotImplementedError

    def warm(self) -> None:
        """Starts one process, so that the first request need not wait for it."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the idle processes; busy ones end with their request."""
        raise NotImplementedError
