import hashlib
import os
import tracemalloc
import unicodedata
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.api.uploads import FormReader, harmless_name
from kinoscribe.contract.errors import ApiError, ParameterInvalid, StorageFull, VideoFilesizeTooLarge
from kinoscribe.storage.blobs import Blobs, Incoming

BOUNDARY = b"b0undary"


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blobs]:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    yield blobs
    blobs.close()


def part(name: bytes, data: bytes, more: bytes = b"") -> bytes:
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n' % (BOUNDARY, name, more)
    return head + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


def read(blobs: Blobs, body: bytes, sizes: list[int], most: int = 10_000_000) -> FormReader:
    reader = FormReader(BOUNDARY, blobs.begin, most)
    at = 0
    try:
        for size in [*sizes, len(body)]:
            reader.feed(body[at : at + size])
            at += size
    except ApiError:
        reader.form.discard()
        raise
    return reader


# What is hard to tell from a boundary: line ends, dashes and beginnings of it.
TRICKY = st.lists(
    st.sampled_from(
        [b"\r\n", b"--", b"\r\n--", b"\r\n--b0un", b"\r", b"\n", b"-", b"b0undary", b"\0", b"x" * 70]
    )
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(data=TRICKY | st.binary(max_size=300), text=TRICKY, sizes=st.lists(st.integers(1, 60), max_size=30))
def test_a_form_is_read_alike_however_it_is_cut(
    blobs: Blobs, data: bytes, text: bytes, sizes: list[int]
) -> None:
    assume_plain = b"\r\n--" + BOUNDARY
    if assume_plain in b"\r\n" + data + b"\r\n" or assume_plain in b"\r\n" + text + b"\r\n":
        return
    body = form(part(b"url", text), part(b"file", data, b'; filename="v.mp4"'), part(b"method", b"direct"))
    found = read(blobs, body, sizes).finish()
    assert found.fields == {"url": text.decode("utf-8", "replace"), "method": "direct"}
    stored = found.stored()
    assert stored is not None
    assert stored.path.read_bytes() == data
    assert (stored.sha256, stored.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    found.discard()
    assert not stored.path.exists()


@given(body=st.binary(max_size=400), sizes=st.lists(st.integers(1, 60), max_size=10))
def test_any_bytes_are_read_or_refused(blobs: Blobs, body: bytes, sizes: list[int]) -> None:
    for whole in (body, b"--b0undary\r\n" + body, form(part(b"file", body))):
        with suppress(ParameterInvalid):
            reader = read(blobs, whole, sizes)
            try:
                reader.finish()
            finally:
                reader.form.discard()


def test_a_form_without_its_end_is_refused(blobs: Blobs) -> None:
    whole = form(part(b"method", b"direct"), part(b"file", b"data"))
    for end in range(len(whole) - 4):
        reader = read(blobs, whole[:end], [])
        if end > len(BOUNDARY) + 4:
            with pytest.raises(ParameterInvalid, match="ends before"):
                reader.finish()
        reader.form.discard()


def test_a_file_may_have_exactly_as_many_bytes_as_allowed(blobs: Blobs) -> None:
    found = read(blobs, form(part(b"file", b"x" * 100)), [30], most=100).finish()
    assert found.file is not None
    assert found.file.size == 100
    found.discard()
    with pytest.raises(VideoFilesizeTooLarge):
        read(blobs, form(part(b"file", b"x" * 101)), [30], most=100)


def test_a_file_is_never_in_memory(blobs: Blobs) -> None:
    piece = os.urandom(512 * 1024)
    reader = FormReader(BOUNDARY, blobs.begin, 1 << 40)
    reader.feed(part(b"file", piece, b'; filename="v.mp4"')[:-2])
    tracemalloc.start()
    for _ in range(100):
        reader.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    reader.feed(b"\r\n--b0undary--\r\n")
    found = reader.finish()
    assert found.file is not None
    assert found.file.size == 101 * len(piece)
    found.discard()
    assert peak < 2 * len(piece)


def test_a_full_disk_comes_through(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_incoming: Incoming, _data: memoryview) -> None:
        raise StorageFull

    monkeypatch.setattr(Incoming, "write", full)
    with pytest.raises(StorageFull):
        read(blobs, form(part(b"file", b"x")), [])


@given(st.text(max_size=400))
def test_no_name_holds_what_could_do_harm(said: str) -> None:
    name = harmless_name(said)
    assert 1 <= len(name) <= 255
    assert not set(name) & set("/\\\0\r\n")
    assert name not in {".", ".."}
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in name)
    assert harmless_name(name) == name
