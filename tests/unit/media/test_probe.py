"""Facts come from packets and pictures, not from what headers say."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, counted, make_video
from tests.unit.media.ended import ended

from kinoscribe.contract.video import VideoFacts
from kinoscribe.media import probe as probing
from kinoscribe.media.pieces import Beat
from kinoscribe.media.video_file import Unreadable

PIXELS = 64_000_000
PLAIN = cards((0, RED), (2, BLUE))


def probe(path: Path) -> VideoFacts:
    return ended(probing.probe(path, PIXELS))


def voice(seconds: float, start: float = 0.0) -> tuple[Track]:
    return (Track(beep((0, seconds), seconds=seconds), start=start),)


def test_who_waits_hears_that_it_goes_on_and_may_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "v.ts", PLAIN, seconds=4, fps=25, sound=voice(4))
    monkeypatch.setattr(probing, "BEAT_EVERY", 0.0)
    assert len(list(probing.probe(path, PIXELS))) > 100
    work = probing.probe(path, PIXELS)
    assert next(work) == Beat()
    work.close()
    assert next(work, None) is None


def test_a_plain_video(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.mp4", PLAIN, seconds=4, fps=25, sound=voice(4)))
    assert (facts.start, facts.width, facts.height, facts.fps, facts.rotation) == (0.0, 640, 360, 25.0, 0)
    assert facts.end == pytest.approx(4.0, abs=0.05)
    assert (facts.container, facts.mime_type, facts.video_codec, facts.audio_codec) == (
        "mov",
        "video/mp4",
        "h264",
        "aac",
    )
    assert (facts.audio_sample_rate, facts.audio_channels) == (48_000, 1)
    assert (facts.video_streams, facts.audio_streams, facts.warnings) == (1, 1, ())
    assert facts.bytes == (tmp_path / "v.mp4").stat().st_size


def test_a_silent_video_has_no_audio(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.mp4", PLAIN))
    assert facts.audio_codec is None
    assert not facts.has_audio


@pytest.mark.parametrize(
    ("name", "codec", "container", "mime_type"),
    [
        ("v.mkv", "ffv1", "matroska", "video/x-matroska"),
        ("v.webm", "libvpx", "matroska", "video/webm"),
        ("v.mov", "libx264", "mov", "video/quicktime"),
        ("v.ts", "libx264", "mpegts", "video/mp2t"),
        ("v.avi", "mpeg4", "avi", "video/x-msvideo"),
        ("v.mpg", "mpeg2video", "mpeg", "video/mpeg"),
        ("v.flv", "flv", "flv", "video/x-flv"),
        ("v.wmv", "wmv2", "asf", "video/x-ms-wmv"),
    ],
)
def test_containers(name: str, codec: str, container: str, mime_type: str, tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / name, PLAIN, seconds=4, fps=25, codec=codec))
    assert (facts.container, facts.mime_type) == (container, mime_type)
    assert facts.duration == pytest.approx(4.0, abs=0.05)


def test_a_webm_of_a_browser_tells_no_duration(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.webm", PLAIN, seconds=5, codec="libvpx", options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    assert probe(path).duration == pytest.approx(5.0, abs=0.11)


def test_the_clock_of_the_container_is_kept(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.ts", PLAIN, seconds=4, sound=voice(4), start=3600.0))
    assert facts.start == pytest.approx(3600.0, abs=0.05)
    assert facts.duration == pytest.approx(4.0, abs=0.1)


def test_the_start_is_that_of_what_is_heard_not_of_what_the_codec_needs_before(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.mkv", PLAIN, seconds=4, sound=voice(4), start=10.0))
    assert facts.start == pytest.approx(10.0, abs=0.002)


def test_joined_transport_streams_are_as_long_as_their_parts(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.ts", PLAIN, seconds=4, sound=voice(4), start=100.0)
    second = make_video(tmp_path / "b.ts", PLAIN, seconds=3, sound=voice(3), start=7.0)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    facts = probe(joined)
    assert facts.start == pytest.approx(100.0, abs=0.05)
    assert facts.duration == pytest.approx(7.0, abs=0.15)
    assert facts.warnings == ("Its time stamps jump; the parts were set one after another.",)


def test_parts_that_leap_ahead_are_joined_as_well(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.ts", PLAIN, seconds=4, start=0.0)
    second = make_video(tmp_path / "b.ts", PLAIN, seconds=3, start=5000.0)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert probe(joined).duration == pytest.approx(7.0, abs=0.15)


def test_a_picture_shorter_than_the_sound_lasts_as_long_as_the_sound(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.mp4", PLAIN, seconds=3, sound=voice(6)))
    assert facts.end == pytest.approx(6.0, abs=0.05)


def test_a_header_that_lies_about_the_duration_is_not_believed(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", PLAIN, seconds=4)
    content = bytearray(path.read_bytes())
    at = content.index(b"mvhd") + 4
    content[at + 16 : at + 20] = struct.pack(">I", 0xFFFFFFF0)
    path.write_bytes(content)
    assert probe(path).end == pytest.approx(4.0, abs=0.01)


def test_a_file_cut_after_its_index_ends_where_its_data_does(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "v.mp4", counted(10), seconds=20, sound=voice(20), options={"movflags": "faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    facts = probe(path)
    assert 5.0 < facts.end < 15.0
    assert facts.warnings[-1].startswith("The header promises 20.0 s")


def test_variable_frame_rate_has_no_rate(tmp_path: Path) -> None:
    times = tuple([n / 20 for n in range(40)] + [2.0 + n for n in range(5)])
    facts = probe(make_video(tmp_path / "v.mkv", PLAIN, times=times))
    assert facts.fps is None
    assert facts.end == pytest.approx(6.0, abs=1.1)


def test_one_frame_a_second_is_a_rate(tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "v.mp4", PLAIN, seconds=6, fps=1))
    assert (facts.fps, facts.end) == (1.0, 6.0)


@pytest.mark.parametrize(
    ("turned", "rotation", "size"), [(90, 270, (360, 640)), (-90, 90, (360, 640)), (180, 180, (640, 360))]
)
def test_the_displayed_size_is_told(
    turned: int, rotation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    facts = probe(make_video(tmp_path / "v.mp4", PLAIN, rotation=turned))
    assert (facts.rotation, (facts.width, facts.height)) == (rotation, size)


def test_pixel_aspect_stretches_the_width(tmp_path: Path) -> None:
    facts = probe(
        make_video(tmp_path / "v.mp4", cards((0, RED), size=(720, 576)), pixel_aspect=Fraction(64, 45))
    )
    assert (facts.width, facts.height) == (1024, 576)


def test_a_gif_is_a_video_when_it_moves(tmp_path: Path) -> None:
    moving = make_video(tmp_path / "m.gif", PLAIN, seconds=4, fps=5, codec="gif", pix_fmt="rgb8")
    assert probe(moving).duration == pytest.approx(4.0, abs=0.3)
    still = make_video(tmp_path / "s.gif", PLAIN, seconds=0.2, fps=5, codec="gif", pix_fmt="rgb8")
    with pytest.raises(Unreadable):
        probe(still)


def test_pictures_that_cannot_be_decoded_are_no_video(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", PLAIN, seconds=3)
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[at:end] = bytes(end - at)
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="None of its pictures"):
        probe(path)


def test_the_end_of_a_large_file_is_looked_at_without_its_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LARGE", 1)
    monkeypatch.setattr(probing, "_TRIES", 20)
    path = make_video(tmp_path / "v.mp4", counted(10), seconds=60, sound=voice(60), codec_options={"g": "20"})
    seen: list[float] = []
    see = probing._Track.see

    def note(track: probing._Track, packet: av.Packet) -> None:
        seen.append(float((packet.pts or 0) * packet.time_base))
        see(track, packet)

    monkeypatch.setattr(probing._Track, "see", note)
    facts = probe(path)
    assert facts.end == pytest.approx(60.0, abs=0.05)
    assert facts.fps == 10.0
    assert not [time for time in seen if 10.0 < time < 40.0]


@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_large_file_that_is_cut_is_read_after_all(
    kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LARGE", 1)
    monkeypatch.setattr(probing, "_TRIES", 20)
    path = make_video(
        tmp_path / "v.mp4",
        counted(10),
        seconds=60,
        codec_options={"g": "20"},
        options={"movflags": "faststart"},
    )
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * kept)])
    assert probe(path).end == pytest.approx(60.0 * kept, abs=6.0)


@pytest.mark.parametrize("tail", [0.3, 0.6])
def test_a_file_whose_end_was_never_downloaded_ends_where_its_pictures_do(
    tail: float, tmp_path: Path
) -> None:
    path = make_video(
        tmp_path / "v.mp4",
        counted(10),
        seconds=30,
        codec_options={"g": "10"},
        options={"movflags": "faststart"},
    )
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    hole = start + round((len(content) - start) * (1 - tail))
    content[hole:] = bytes(len(content) - hole)
    path.write_bytes(content)
    assert probe(path).end == pytest.approx(30.0 * (1 - tail), abs=3.0)


def test_a_track_that_is_not_used_may_come_first(tmp_path: Path) -> None:
    """The packets that flush the decoders must find the tracks they belong to."""
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as out:
        small = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        large = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        for stream, size in ((small, (320, 180)), (large, (640, 360))):
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        large.disposition = av.stream.Disposition.default
        for number in range(20):
            for stream, size in ((small, (320, 180)), (large, (640, 360))):
                frame = av.VideoFrame.from_ndarray(counted(10, size)(number / 10)).reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                out.mux(stream.encode(frame))
        for stream in (small, large):
            out.mux(stream.encode(None))
    facts = probe(path)
    assert (facts.width, facts.end, facts.video_streams) == (640, 2.0, 2)
