"""Decides whether a video whose facts are known may be analysed, and which window of it (contract 3.1, 3.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What probing found out about a file. Seconds on the container's own clock.

    `start` is the time of the first picture or sound, `end` the end of the last picture or sound that can
    really be decoded (never the header's claim where decoding contradicts it). `width` and `height` are the
    displayed size: after rotation and pixel aspect. `fps` is an average, `None` where there is no steady rate.
    """

    start: float
    end: float
    width: int
    height: int
    fps: float | None
    rotation: int
    container: str
    mime_type: str
    video_codec: str
    audio_codec: str | None
    audio_sample_rate: int | None
    audio_channels: int | None
    video_streams: int
    audio_streams: int
    bytes: int
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None
