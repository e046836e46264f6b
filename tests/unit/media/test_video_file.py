"""Opening untrusted files: one file is read, by the demuxer its content calls for, and nothing else."""

import os
import shutil
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path

import av
import pytest
from tests.media_truth import BLUE, RED, Track, beep, card, cards, make_video

from kinoscribe.media.video_file import Unreadable, open_container, open_file, open_video, packets

PIXELS = 64_000_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    sound = (Track(beep((0, 1), seconds=2)), Track(beep((1, 2), seconds=2)))
    return make_video(folder / "clip.mp4", cards((0, RED), (1, BLUE)), seconds=2, sound=sound)


def test_the_name_does_not_matter(clip: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "noextension", "b.m3u8", "c.png"):
        shutil.copy(clip, tmp_path / name)
        with open_video(tmp_path / name, PIXELS) as video:
            assert video.container.format.name.startswith("mov")
            assert (video.picture.width, video.picture.height) == (640, 360)


def test_the_first_sound_track_is_taken_and_the_others_are_not_demuxed(clip: Path) -> None:
    with open_video(clip, PIXELS) as video:
        assert video.sound is not None
        found = {packet.stream_index for packet in packets(video)}
        assert found == {video.picture.index, video.sound.index}


def test_sound_is_left_out_when_it_is_not_wanted(clip: Path) -> None:
    with open_video(clip, PIXELS, sound=False) as video:
        assert video.sound is None


@pytest.mark.parametrize("content", [b"", b"x", b"<html></html>", bytes(5000)])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(Unreadable), open_video(tmp_path / "v.mp4", PIXELS):
        pass


def test_a_file_cut_before_its_index_is_refused(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:4000])
    with pytest.raises(Unreadable, match="cannot be read"), open_video(cut, PIXELS):
        pass


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing.mp4", tmp_path, tmp_path / "pipe"):
        with pytest.raises(Unreadable), open_video(path, PIXELS):
            pass


def test_pictures_over_the_cap_are_refused(clip: Path) -> None:
    with pytest.raises(Unreadable), open_video(clip, 640 * 360 - 1):
        pass
    with open_video(clip, 640 * 360):
        pass


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    with (
        pytest.raises(Unreadable, match="no moving pictures"),
        open_video(with_cover(tmp_path / "s.mp4"), PIXELS),
    ):
        pass


def test_even_a_demuxer_that_follows_names_reaches_nothing(tmp_path: Path) -> None:
    """The white list of demuxers is one lock; no file and no address can be opened from within is the other."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        calls: list[object] = []
        threading.Thread(target=_note_calls, args=(listener, calls), daemon=True).start()
        port = listener.getsockname()[1]
        playlist = tmp_path / "list.m3u8"
        playlist.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
        )
        with (
            open_file(playlist) as file,
            pytest.raises(Unreadable, match="another"),
            open_container(file, "hls", PIXELS),
        ):
            pass
        assert calls == []


def test_a_script_can_not_bring_the_file_beside_it(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.mp4")
    script = tmp_path / "script.mp4"
    script.write_text("ffconcat version 1.0\nfile clip.mp4\n")
    with open_file(script) as file, pytest.raises(Unreadable), open_container(file, "concat", PIXELS):
        pass


def test_broken_tags_do_not_matter(clip: Path, tmp_path: Path) -> None:
    path = make_video(tmp_path / "tags.mkv", cards((0, RED)), seconds=1, options={"metadata": "x"})
    content = path.read_bytes().replace(b"Lavf", b"\xff\xfe\xfd\xfc")
    assert content != path.read_bytes()
    path.write_bytes(content)
    with open_video(path, PIXELS) as video:
        assert video.container.metadata["ENCODER"].startswith("\ufffd")


def test_nothing_stays_open(clip: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with open_video(clip, PIXELS) as video:
            next(packets(video))
    assert len(os.listdir("/proc/self/fd")) == before


def with_cover(path: Path) -> Path:
    """A sound file that carries a picture as its cover."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=48_000, layout="mono")
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(card(RED, (64, 64))).reformat(format="yuvj420p")
        frame.pts = 0
        out.mux(cover.encode(frame))
        out.mux(cover.encode(None))
        quiet = av.AudioFrame.from_ndarray(beep(seconds=1024 / 48_000), format="fltp", layout="mono")
        quiet.sample_rate, quiet.pts = 48_000, 0
        out.mux(sound.encode(quiet))
        out.mux(sound.encode(None))
    return path


def _note_calls(listener: socket.socket, calls: list[object]) -> None:
    with suppress(OSError):
        while True:
            connection, address = listener.accept()
            calls.append(address)
            connection.close()


@pytest.mark.parametrize("place", [-1, -(2**62), 2**70])
def test_a_place_that_cannot_be_is_an_error_for_the_demuxer_and_no_exception(clip: Path, place: int) -> None:
    with open_file(clip) as file:
        assert file.seek(place) < 0
        assert file.seek(10) == 10
