"""Names the codecs that the bundled FFmpeg lacks, for people who ask what works on their machine."""

import av

# What cameras, phones, browsers and editors make today.
EXPECTED = (
    *("h264", "hevc", "vp8", "vp9", "libdav1d", "mpeg4", "mpeg2video", "prores", "mjpeg", "theora", "wmv2"),
    *("aac", "mp3", "opus", "vorbis", "flac", "ac3", "pcm_s16le"),
)


def version() -> str:
    """The version of PyAV, and of the libavcodec inside it."""
    numbers = av.library_versions["libavcodec"]
    return f"PyAV {av.__version__}, libavcodec {'.'.join(str(number) for number in numbers)}"


def missing_decoders() -> tuple[str, ...]:
    """Those of `EXPECTED` that this build cannot decode."""
    return tuple(name for name in EXPECTED if not _decodes(name))


def _decodes(name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True
