"""Turns what looking into a file has shown into what is kept of an asset: ready with its figures, or why not."""

from typing import Any

from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import FileKind
from kinoscribe.storage.asset_rows import Examined

_NOT_MEDIA = "The file is neither a video nor a picture nor a sound that can be read."


def examined(found: FileKind, size: int) -> Examined | str:
    """What an asset is, or a sentence that says why it cannot be one."""
    match found.kind:
        case "video" if found.facts is not None:
            technical = _video(found.facts, size)
            return Examined("video", found.mime_type, found.facts.duration, technical, found.facts)
        case "image":
            return Examined("image", found.mime_type, None, _plain(found.mime_type, size))
        case "audio" if found.duration is not None:
            sound = {"audio_duration_seconds": round(found.duration, 3), "has_audio": True}
            return Examined("audio", found.mime_type, found.duration, _plain(found.mime_type, size) | sound)
        case _:
            return found.reason or _NOT_MEDIA


def _plain(mime_type: str, size: int) -> dict[str, Any]:
    return {"file_size_bytes": size, "file_mime_type": mime_type}


def _video(facts: VideoFacts, size: int) -> dict[str, Any]:
    """The subset of `technical_metadata` that is known (contract 12.2); what is not known is left out."""
    duration = round(facts.duration, 3)
    known = _plain(facts.mime_type, size) | {
        "file_container_format": facts.container,
        "video_codec": facts.video_codec,
        "video_width": facts.width,
        "video_height": facts.height,
        "video_fps": None if facts.fps is None else round(facts.fps, 3),
        "video_duration_seconds": duration,
        "video_bitrate_bps": round(size * 8 / facts.duration) if facts.duration > 0 else None,
        "has_audio": facts.has_audio,
        "audio_codec": facts.audio_codec,
        "audio_sample_rate": facts.audio_sample_rate,
        "audio_channels": facts.audio_channels,
        "audio_duration_seconds": duration if facts.has_audio else None,
        "total_video_streams": facts.video_streams,
        "total_audio_streams": facts.audio_streams,
    }
    return {name: value for name, value in known.items() if value is not None}
