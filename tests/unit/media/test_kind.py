"""What an uploaded file is, by its content."""

from pathlib import Path

import av
import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, make_video
from tests.unit.media.ended import ended

from kinoscribe.media import kind as kind_module
from kinoscribe.media.kind import kind
from kinoscribe.media.pieces import Beat, FileKind


def found(path: Path) -> FileKind:
    return ended(kind(path, 64_000_000, 16_777_216))


def sound_file(path: Path, codec: str, form: str | None = None) -> Path:
    with av.open(str(path), "w", format=form) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        size = stream.codec_context.frame_size or 1024
        wanted = stream.codec_context.format.name
        resampler = av.AudioResampler(format=wanted, layout="mono", rate=48_000)
        tone = beep((0, 2), seconds=2)
        for at in range(0, tone.shape[1], size):
            frame = av.AudioFrame.from_ndarray(tone[:, at : at + size].copy(), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, at
            for ready in resampler.resample(frame):
                out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return path


def test_who_waits_for_a_long_sound_hears_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind_module, "BEAT_EVERY", 0.0)
    beats = list(kind(sound_file(tmp_path / "s.ogg", "libopus"), 64_000_000, 16_777_216))
    assert beats[:3] == [Beat()] * 3


def test_a_video_brings_its_facts(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v", cards((0, RED)), seconds=2, form="mp4", sound=(Track(beep(seconds=2)),))
    video = found(path)
    assert (video.kind, video.mime_type, video.reason) == ("video", "video/mp4", None)
    assert video.facts is not None
    assert video.facts.end == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "mime_type"),
    [
        ("a.mp3", "libmp3lame", "audio/mpeg"),
        ("a.wav", "pcm_s16le", "audio/wav"),
        ("a.flac", "flac", "audio/flac"),
        ("a.m4a", "aac", "audio/mp4"),
        ("a.mp4", "aac", "audio/mp4"),
        ("a.ogg", "libopus", "audio/ogg"),
        ("a.aac", "aac", "audio/aac"),
        ("a.mkv", "libopus", "audio/x-matroska"),
    ],
)
def test_sound_alone_is_audio(name: str, codec: str, mime_type: str, tmp_path: Path) -> None:
    audio = found(sound_file(tmp_path / name, codec, "adts" if name == "a.aac" else None))
    assert (audio.kind, audio.mime_type) == ("audio", mime_type)
    assert audio.sound is not None
    assert audio.sound.duration == pytest.approx(2.0, abs=0.1)
    # Opus is always told in its own rate; all others as they were made.
    assert (audio.sound.sample_rate, audio.sound.channels, audio.sound.streams) == (48_000, 1, 1)
    assert audio.sound.codec == {"libopus": "opus", "libmp3lame": "mp3"}.get(codec, codec)
    assert audio.facts is None


def test_a_gif_is_a_video_or_an_image_by_whether_it_moves(tmp_path: Path) -> None:
    moving = make_video(
        tmp_path / "m", cards((0, RED), (1, BLUE)), seconds=2, form="gif", codec="gif", pix_fmt="rgb8"
    )
    still = make_video(tmp_path / "s", cards((0, RED)), seconds=0.1, form="gif", codec="gif", pix_fmt="rgb8")
    assert found(moving).kind == "video"
    image = found(still)
    assert image.kind == "image"
    assert image.picture is not None
    assert image.picture.width == 640


@pytest.mark.parametrize("content", [b"", b"hello", b"#EXTM3U\n", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"%PDF"])
def test_the_rest_is_other_with_the_reason(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f.mp4").write_bytes(content)
    other = found(tmp_path / "f.mp4")
    assert other.kind == "other"
    assert other.reason


def test_a_file_that_is_gone_is_other(tmp_path: Path) -> None:
    assert found(tmp_path / "gone").kind == "other"


def test_a_sound_that_cannot_be_decoded_is_none(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "s.m4a", "aac", "mp4")
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    assert found(path).kind == "audio"
    data[begin:end] = b"\xff" * (end - begin)
    path.write_bytes(data)
    assert found(path).kind == "other"
