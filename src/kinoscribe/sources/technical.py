"""Turns what looking into a file has shown into what is kept of an asset: ready with its figures, or why not."""

from kinoscribe.contract.assets import technical_metadata
from kinoscribe.contract.times import seconds_number
from kinoscribe.media.pieces import FileKind
from kinoscribe.storage.asset_rows import Examined

_NOT_MEDIA = "The file is neither a video nor a picture nor a sound that can be read."


def examined(found: FileKind, size: int) -> Examined | str:
    """What an asset of `size` bytes is, or a sentence that says why it cannot be one."""
    plain = {"file_size_bytes": size, "file_mime_type": found.mime_type}
    match found.kind:
        case "video" if found.facts is not None:
            technical = technical_metadata(found.facts)
            return Examined("video", found.mime_type, found.facts.duration, technical, found.facts)
        case "image":
            seen = found.picture
            sides = {} if seen is None else {"image_width": seen.width, "image_height": seen.height}
            return Examined("image", found.mime_type, None, plain | sides)
        case "audio" if found.sound is not None:
            sound = found.sound
            length = seconds_number(sound.duration)
            heard = {
                "file_container_format": sound.container,
                "audio_codec": sound.codec,
                "audio_sample_rate": sound.sample_rate,
                "audio_channels": sound.channels,
                "audio_duration_seconds": length,
                "has_audio": True,
                "total_video_streams": 0,
                "total_audio_streams": sound.streams,
            }
            return Examined("audio", found.mime_type, sound.duration, plain | heard)
        case _:
            return found.reason or _NOT_MEDIA
