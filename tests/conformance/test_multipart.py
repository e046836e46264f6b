"""Rules C174 to C179 for uploads in chunks."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, AssetPage, refusal
from tests.conformance.exact_uploads import more_urls, opened, reported, upload_page, upload_state
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served, serve
from tests.conformance.uploads import UPLOADS, begin, disk_bytes, kept_contents, put
from tests.conformance.wire import finished

NOBODY = "0123456789abcdef01234567"


@pytest.fixture(scope="module")
def content() -> bytes:
    return clip("plain.mp4").read_bytes()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose URLs and uploads soon expire, but not before a busy machine has used them.

    It lets little be open at once.
    """
    data = tmp_path_factory.mktemp("hasty") / "data"
    settings = {"upload_chunk_bytes": 4096, "upload_url_seconds": 3, "upload_seconds": 12}
    with serve(data, **settings, uploads_open=2, uploads_open_bytes=1_000_000) as started:
        yield started


@pytest.fixture
def hasty_wire(hasty: Served) -> Iterator[httpx2.Client]:
    with hasty.client() as client:
        yield client


def named(sdk: Sdk, name: str) -> str:
    """A key as the SDK calls it."""
    first, *rest = name.split("_")
    return name if sdk.language == "python" else first + "".join(word.title() for word in rest)


@pytest.mark.sdk
@pytest.mark.rule("C174")
def test_the_upload_function_of_every_sdk_sends_a_file(
    served: Served, wire: httpx2.Client, any_sdk: Sdk, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    shutil.copy(clip("plain.mp4"), path)
    step = {"do": "upload_file", "path": str(path), "filename": "sent.mp4"}
    (told,) = any_sdk.values(served.url, served.key, step)
    asset_id = told["result"][named(any_sdk, "asset_id")]
    assert told["result"][named(any_sdk, "asset_url")] == f"{served.url}/v1.3/assets/{asset_id}"
    chunks = -(-len(content) // 2048)
    assert chunks > 10, "more chunks than URLs come at the beginning"
    assert [step[named(any_sdk, "completed_chunks")] for step in told["progress"]] == [10, chunks]
    asset = finished(wire, asset_id)
    assert (asset.status, asset.method, asset.filename) == ("ready", "multipart", "sent.mp4")
    assert (asset.size, asset.file_type) == (len(content), "video/mp4")
    assert hashlib.sha256(content).hexdigest() in kept_contents(served.data)


@pytest.mark.sdk
@pytest.mark.rule("C174", "C177")
def test_every_sdk_lists_and_reads_sessions(served: Served, stranger: httpx2.Client, sdk: Sdk) -> None:
    key = stranger.headers["x-api-key"]
    new = {"filename": "a.mp4", "type": "video", "total_size": 25 * 2048 + 1}
    made = [begin(stranger, 5000).session.upload_id for _ in range(3)]
    (session,) = sdk.values(served.url, key, {"do": "begin_upload", **new})
    upload_id = session[named(sdk, "upload_id")]
    assert session[named(sdk, "total_chunks")] == 26
    listed, chunks = sdk.values(
        served.url,
        key,
        {"do": "list_uploads", "page_limit": 2},
        {"do": "upload_chunks", "upload_id": upload_id, "page_limit": 7},
    )
    assert listed[:4] == [upload_id, *made[::-1]]
    assert [chunk["index"] for chunk in chunks] == list(range(1, 27))
    assert {chunk["status"] for chunk in chunks} == {"pending"}
    for opened_id in (upload_id, *made):
        (found,) = (
            u
            for u in upload_page(stranger.get(UPLOADS, params={"page_limit": 50})).data
            if u.upload_id == opened_id
        )
        assert found.status == "active"


@pytest.mark.sdk
@pytest.mark.rule("C174")
def test_waiting_for_an_upload_ends_when_all_chunks_are_in(
    served: Served, wire: httpx2.Client, python_sdk: Sdk, content: bytes
) -> None:
    sending = begin(wire, content)
    sending.report(*[sending.send(number) for number in sending.numbers()])
    step = {"do": "wait_for_upload", "upload_id": sending.session.upload_id}
    (waited,) = python_sdk.values(served.url, served.key, step)
    total = sending.session.total_chunks
    assert waited == {"status": "completed", "completed_chunks": total, "total_chunks": total}


@pytest.mark.rule("C174")
def test_chunks_go_out_of_order_and_at_once(wire: httpx2.Client, served: Served, content: bytes) -> None:
    unlike = content + b"free" * 2048
    sending = begin(wire, unlike, user_metadata={"shelf": "A"})
    with ThreadPoolExecutor(6) as threads:
        entries = list(threads.map(sending.send, reversed(sending.numbers())))
    half = len(entries) // 2
    first = reported(sending.report(*entries[:half]))
    assert (first.processed_chunks, first.total_completed, first.url) == (half, half, None)
    last = reported(sending.report(*entries[half:]))
    assert (last.processed_chunks, last.duplicate_chunks) == (len(entries) - half, 0)
    assert last.total_completed == sending.session.total_chunks
    assert last.url == f"{served.url}/v1.3/assets/{sending.session.asset_id}"
    asset = finished(wire, sending.session.asset_id)
    assert (asset.status, asset.size, asset.user_metadata) == ("ready", len(unlike), {"shelf": "A"})
    assert hashlib.sha256(unlike).hexdigest() in kept_contents(served.data)


@pytest.mark.rule("C174")
def test_the_asset_is_listed_as_processing_from_the_beginning(wire: httpx2.Client, content: bytes) -> None:
    sending = begin(wire, content, filename="early.mp4")
    found = AssetPage.model_validate_json(
        wire.get("assets", params={"asset_ids": sending.session.asset_id}).content
    )
    (asset,) = found.data
    assert (asset.status, asset.method, asset.filename) == ("processing", "multipart", "early.mp4")
    reported(sending.report(*[sending.send(number) for number in sending.numbers()]))
    assert finished(wire, asset.id).status == "ready"


@pytest.mark.rule("C174")
def test_an_uploaded_asset_can_be_asked_about(
    wire: httpx2.Client, body: dict[str, Any], content: bytes
) -> None:
    sending = begin(wire, content)
    sending.report(*[sending.send(number) for number in sending.numbers()])
    video = {"type": "asset_id", "asset_id": sending.session.asset_id}
    assert wire.post("analyze", json={**body, "video": video}).status_code == 200


@pytest.mark.rule("C174")
def test_an_upload_that_is_no_media_fails_with_a_sentence(wire: httpx2.Client) -> None:
    sending = begin(wire, b"no film at all" * 300, type="image", filename="lie.png")
    sending.report(*[sending.send(number) for number in sending.numbers()])
    asset = finished(wire, sending.session.asset_id)
    assert asset.status == "failed"
    assert asset.error is not None


@pytest.mark.rule("C174", "C021", "C022")
def test_an_idempotency_key_makes_one_session(wire: httpx2.Client) -> None:
    body = {"filename": "a.mp4", "type": "video", "total_size": 5000}
    key = {"Idempotency-Key": f"upload {time.time_ns()}"}
    first = wire.post(UPLOADS, json=body, headers=key)
    again = wire.post(UPLOADS, json=body, headers=key)
    assert opened(again) == opened(first)
    assert again.headers["idempotent-replayed"] == "true"
    other = wire.post(UPLOADS, json={**body, "total_size": 5001}, headers=key)
    refusal(other, 422, "idempotency_key_reused")


@pytest.mark.rule("C175")
def test_a_chunk_needs_no_key_and_brings_an_etag(wire: httpx2.Client, content: bytes) -> None:
    sending = begin(wire, content)
    url = sending.session.upload_urls[0].url
    answer = put(url, sending.piece(1))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"].strip('"').isalnum()
    assert answer.headers["x-api-version"] == "v1.3"
    again = put(url, iter([sending.piece(1)]))
    assert again.headers["etag"] == answer.headers["etag"], "also without a length"
    assert put(url, sending.piece(1)[::-1]).headers["etag"] != answer.headers["etag"]


def changed(url: str, **query: str | None) -> str:
    """The URL with other values in its query; None leaves one out."""
    parts = urlsplit(url)
    pairs = {**dict(parse_qsl(parts.query)), **query}
    kept = {name: value for name, value in pairs.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


@pytest.mark.rule("C175")
def test_a_forged_url_is_403(wire: httpx2.Client, content: bytes) -> None:
    sending, other = begin(wire, content), begin(wire, content)
    url = sending.url(1)
    signature = dict(parse_qsl(urlsplit(url).query))["signature"]
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    for forged in (
        changed(url, signature=flipped),
        changed(url, signature=signature.upper()),
        changed(url, signature=""),
        changed(url, signature=None),
        changed(url, signature="é漢\x00"),
        changed(url, expires="99999999999"),
        changed(url, expires="9" * 400),
        changed(url, expires="-1"),
        changed(url, expires="٣"),
        changed(url, expires=None),
        url.replace("/chunks/1?", "/chunks/2?"),
        url.replace("/chunks/1?", "/chunks/0?"),
        url.replace("/chunks/1?", "/chunks/x?"),
        url.replace("/chunks/1?", f"/chunks/{'1' * 400}?"),
        url.replace(sending.session.upload_id, other.session.upload_id),
        url.replace(sending.session.upload_id, NOBODY),
        url.replace(sending.session.upload_id, "%00"),
        url.split("?")[0],
    ):
        refusal(put(forged, sending.piece(1)), 403, "upload_url_invalid")
    with_key = wire.put(changed(url, signature=flipped), content=sending.piece(1))
    refusal(with_key, 403, "upload_url_invalid")
    state = upload_state(sending.state())
    assert {chunk.status for chunk in state.uploaded_chunks} == {"pending"}
    assert put(url, sending.piece(1)).status_code == 200


@pytest.mark.rule("C175")
def test_an_expired_url_is_403_and_a_fresh_one_is_good(hasty_wire: httpx2.Client, content: bytes) -> None:
    sending = begin(hasty_wire, content)
    old = sending.session.upload_urls[0]
    expires = datetime.fromisoformat(old.expires_at)
    while datetime.now(UTC) <= expires:
        time.sleep(0.05)
    refusal(put(old.url, sending.piece(1)), 403, "upload_url_invalid", "expired")
    assert put(sending.url(1), sending.piece(1)).status_code == 200
    hasty_wire.delete(f"assets/{sending.session.asset_id}")


@pytest.mark.rule("C176")
def test_a_chunk_of_another_size_is_refused(wire: httpx2.Client, content: bytes) -> None:
    sending = begin(wire, content)
    last = sending.session.total_chunks
    for number in (1, last):
        whole = sending.piece(number)
        for wrong in (whole[:-1], whole + b"x", b"", whole * 3):
            refusal(put(sending.url(number), wrong), 400, "parameter_invalid", "request body", str(number))
            refusal(put(sending.url(number), iter([wrong])), 400, "parameter_invalid", "request body")
    state = upload_state(sending.state(page_limit=50))
    assert {chunk.status for chunk in state.uploaded_chunks} == {"pending"}
    refusal(sending.report(sending.entry(1, "0" * 64)), 400, "parameter_invalid", "proof")


@pytest.mark.rule("C176")
def test_a_wrong_proof_or_size_settles_nothing(wire: httpx2.Client, content: bytes) -> None:
    sending = begin(wire, content)
    good, other = sending.send(1), sending.send(2)
    for wrong, name in (
        ({**good, "proof": other["proof"]}, "proof"),
        ({**good, "proof": "x"}, "proof"),
        ({**good, "proof": "é漢"}, "proof"),
        ({**good, "proof": ""}, "proof"),
        ({**good, "proof": 5}, "proof"),
        ({**good, "proof_type": "md5"}, "proof_type"),
        ({**good, "chunk_size": good["chunk_size"] - 1}, "chunk_size"),
        ({**good, "chunk_size": "2048"}, "chunk_size"),
        ({**good, "chunk_index": 0}, "chunk_index"),
        ({**good, "chunk_index": -1}, "chunk_index"),
        ({**good, "chunk_index": 10**30}, "chunk_index"),
        ({**good, "chunk_index": 1.5}, "chunk_index"),
        ({**good, "chunk_index": sending.session.total_chunks + 1}, "chunk_index"),
        ({**other, "chunk_index": 3}, "proof"),
    ):
        refusal(sending.report(wrong), 400, "parameter_invalid", name)
        refusal(sending.report(other, wrong), 400, "parameter_invalid", f"[1].{name}")
    for name in good:
        lacking = {key: value for key, value in good.items() if key != name}
        refusal(sending.report(lacking), 400, "parameter_not_provided", name)
    assert upload_state(sending.state()).chunks_completed == 0
    quoted = {**good, "proof": f'"{good["proof"]}"'}
    assert reported(sending.report(quoted, other)).processed_chunks == 2


@pytest.mark.rule("C176")
def test_what_is_reported_again_is_counted_and_changes_nothing(wire: httpx2.Client, content: bytes) -> None:
    sending = begin(wire, content)
    entries = [sending.send(number) for number in sending.numbers()]
    told = reported(sending.report(entries[0], entries[0]))
    assert (told.processed_chunks, told.duplicate_chunks, told.total_completed) == (1, 1, 1)
    before = upload_state(sending.state()).uploaded_chunks[0]
    told = reported(sending.report(entries[0], entries[1]))
    assert (told.processed_chunks, told.duplicate_chunks, told.total_completed) == (1, 1, 2)
    assert upload_state(sending.state()).uploaded_chunks[0] == before
    refusal(sending.report({**entries[0], "proof": "0" * 64}), 400, "parameter_invalid", "proof")
    whole = reported(sending.report(*entries))
    late = reported(sending.report(*entries))
    assert (late.processed_chunks, late.duplicate_chunks) == (0, len(entries))
    assert (late.total_completed, late.url) == (whole.total_completed, whole.url)
    assert finished(wire, sending.session.asset_id).status == "ready"


@pytest.mark.rule("C176")
def test_a_chunk_can_be_replaced_until_it_is_reported(
    wire: httpx2.Client, served: Served, content: bytes
) -> None:
    unlike = content + b"skip" * 1024
    sending = begin(wire, unlike)
    url = sending.url(1)
    wrong = put(url, sending.piece(1)[::-1]).headers["etag"].strip('"')
    right = sending.send(1)
    refusal(sending.report(sending.entry(1, wrong)), 400, "parameter_invalid", "proof")
    assert reported(sending.report(right)).processed_chunks == 1
    refusal(put(url, sending.piece(1)[::-1]), 409, "chunk_not_taken", "1")
    sending.report(*[sending.send(number) for number in list(sending.numbers())[1:]])
    assert finished(wire, sending.session.asset_id).status == "ready"
    assert hashlib.sha256(unlike).hexdigest() in kept_contents(served.data)
    refusal(put(url, sending.piece(1)), 400, "parameter_invalid", "upload_id")


@pytest.mark.rule("C176")
def test_urls_are_given_for_chunks_that_there_are(wire: httpx2.Client) -> None:
    sending = begin(wire, 2048 * 59 + 1)
    path = f"{sending.path}/presigned-urls"
    assert sending.session.total_chunks == 60
    told = more_urls(wire.post(path, json={"start": 11, "count": 50}))
    assert (told.start_index, told.count) == (11, 50)
    assert more_urls(wire.post(path, json={"start": 60, "count": 1})).upload_id == sending.session.upload_id
    for start, count, name in (
        (1, 51, "count"),
        (1, 0, "count"),
        (1, -1, "count"),
        (1, 1.5, "count"),
        (1, "1", "count"),
        (1, True, "count"),
        (0, 1, "start"),
        (-1, 1, "start"),
        (61, 1, "start"),
        (60, 2, "count"),
        (10**30, 1, "start"),
    ):
        answer = wire.post(path, json={"start": start, "count": count})
        refusal(answer, 400, "parameter_invalid", name)
    refusal(wire.post(path, json={"count": 1}), 400, "parameter_not_provided", "start")
    refusal(wire.post(path, json={"start": 1}), 400, "parameter_not_provided", "count")


@pytest.mark.rule("C176")
def test_a_session_is_asked_for_properly(wire: httpx2.Client) -> None:
    good: dict[str, Any] = {"filename": "a.mp4", "type": "video", "total_size": 5000}
    for change, name in (
        ({"total_size": 0}, "total_size"),
        ({"total_size": -5}, "total_size"),
        ({"total_size": 10_000_000_001}, "total_size"),
        ({"total_size": 10**30}, "total_size"),
        ({"total_size": "5000"}, "total_size"),
        ({"total_size": True}, "total_size"),
        ({"total_size": 5000.5}, "total_size"),
        ({"type": "image", "total_size": 32_000_001}, "total_size"),
        ({"type": "document"}, "type"),
        ({"type": 5}, "type"),
        ({"filename": ""}, "filename"),
        ({"filename": 5}, "filename"),
        ({"user_metadata": "{}"}, "user_metadata"),
        ({"user_metadata": {"a": {"b": 1}}}, "user_metadata"),
        ({"enable_hls": "true"}, "enable_hls"),
        ({"enable_thumbnail": 1}, "enable_thumbnail"),
    ):
        refusal(wire.post(UPLOADS, json={**good, **change}), 400, "parameter_invalid", name)
    for name in good:
        lacking = {key: value for key, value in good.items() if key != name}
        refusal(wire.post(UPLOADS, json=lacking), 400, "parameter_not_provided", name)
    refusal(wire.post(UPLOADS, json={**good, "chunk_size": 5}), 400, "parameter_unknown", "chunk_size")
    refusal(wire.post(UPLOADS, content=b"[]"), 400, "parameter_invalid")
    refusal(wire.post(UPLOADS, content=b"{"), 400, "parameter_invalid")
    opened(wire.post(UPLOADS, json={**good, "user_metadata": None, "enable_hls": None}))
    opened(wire.post(UPLOADS, json={**good, "total_size": 5000.0, "enable_hls": True}))
    opened(wire.post(UPLOADS, json={**good, "type": "image", "total_size": 32_000_000}))


@pytest.mark.rule("C176", "C004")
def test_a_session_of_somebody_else_is_not_there(
    wire: httpx2.Client, stranger: httpx2.Client, content: bytes
) -> None:
    sending = begin(wire, content)
    entry = sending.send(1)
    for upload_id in (NOBODY, sending.session.upload_id):
        path = f"{UPLOADS}/{upload_id}"
        refusal(stranger.get(path), 404, "resource_not_exist", upload_id)
        refusal(stranger.post(path, json={"completed_chunks": [entry]}), 404, "resource_not_exist")
        answer = stranger.post(f"{path}/presigned-urls", json={"start": 1, "count": 1})
        refusal(answer, 404, "resource_not_exist", upload_id)
    assert sending.session.upload_id not in {u.upload_id for u in upload_page(stranger.get(UPLOADS)).data}
    refusal(wire.get(f"{UPLOADS}/x"), 400, "parameter_invalid", "upload_id")
    refusal(wire.get(f"{UPLOADS}/{'A' * 24}"), 400, "parameter_invalid", "upload_id")


@pytest.mark.rule("C177")
def test_a_broken_off_upload_goes_on_after_a_restart(tmp_path: Path, content: bytes) -> None:
    data = tmp_path / "data"
    settings = {"upload_chunk_bytes": 1024, "api_key": "the key of this test"}
    with serve(data, **settings) as first, first.client() as wire:
        sending = begin(wire, content)
        settled = [sending.send(number) for number in (2, 5, 3)]
        reported(sending.report(*settled))
        sending.send(7)
        state = upload_state(sending.state(page_limit=50))
        first.kill()
    with serve(data, **settings) as second, second.client() as wire:
        sending.wire = wire
        (listed,) = upload_page(wire.get(UPLOADS)).data
        assert (listed.upload_id, listed.status) == (sending.session.upload_id, "active")
        assert upload_state(sending.state(page_limit=50)) == state
        done = {chunk.index for chunk in state.uploaded_chunks if chunk.status == "completed"}
        assert done == {2, 3, 5}
        assert state.uploaded_size == 3 * 1024
        left = [sending.send(number) for number in sending.numbers() if number not in done]
        told = reported(sending.report(*left))
        assert told.total_completed == sending.session.total_chunks
        assert told.url is not None
        assert upload_page(wire.get(UPLOADS)).data == []
        assert upload_state(sending.state()).status == "completed"
        asset = finished(wire, sending.session.asset_id)
        assert (asset.status, asset.size) == ("ready", len(content))
        assert hashlib.sha256(content).hexdigest() in kept_contents(data)


@pytest.mark.rule("C177")
def test_the_status_of_a_session_has_pages(wire: httpx2.Client) -> None:
    sending = begin(wire, 2048 * 24 + 5)
    first = upload_state(sending.state())
    assert [chunk.index for chunk in first.uploaded_chunks] == list(range(1, 11))
    last = upload_state(sending.state(page=3))
    assert [chunk.index for chunk in last.uploaded_chunks] == list(range(21, 26))
    assert last.page_info.model_dump() == {
        "limit_per_page": 10,
        "page": 3,
        "total_page": 3,
        "total_results": 25,
    }
    assert upload_state(sending.state(page=4)).uploaded_chunks == []
    assert upload_state(sending.state(page=10**14)).uploaded_chunks == []
    refusal(sending.state(page_limit=51), 400, "parameter_invalid", "page_limit")


@pytest.mark.rule("C177")
def test_a_session_whose_time_has_passed_has_expired(
    hasty: Served, hasty_wire: httpx2.Client, content: bytes
) -> None:
    sending = begin(hasty_wire, content)
    entry = sending.send(1)
    expires = datetime.fromisoformat(sending.session.expires_at)
    while datetime.now(UTC) <= expires:
        time.sleep(0.05)
    assert upload_state(sending.state()).status == "expired"
    refusal(sending.report(entry), 400, "parameter_invalid", "upload_id", "expired")
    answer = hasty_wire.post(f"{sending.path}/presigned-urls", json={"start": 1, "count": 1})
    refusal(answer, 400, "parameter_invalid", "upload_id", "expired")
    assert sending.session.upload_id not in {u.upload_id for u in upload_page(hasty_wire.get(UPLOADS)).data}
    asset = finished(hasty_wire, sending.session.asset_id)
    assert asset.status == "failed"
    assert asset.error is not None
    assert "expired" in asset.error.message
    left = hasty.data / "parts" / sending.session.upload_id
    until = time.monotonic() + 20
    while left.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not left.exists()


@pytest.mark.rule("C177")
def test_an_account_may_have_so_much_open(hasty_wire: httpx2.Client) -> None:
    body = {"filename": "a.mp4", "type": "video", "total_size": 600_000}
    first = opened(hasty_wire.post(UPLOADS, json=body))
    refusal(hasty_wire.post(UPLOADS, json=body), 409, "too_many_uploads", "600000")
    second = opened(hasty_wire.post(UPLOADS, json={**body, "total_size": 1}))
    refusal(hasty_wire.post(UPLOADS, json={**body, "total_size": 1}), 409, "too_many_uploads")
    for session in (first, second):
        assert hasty_wire.delete(f"assets/{session.asset_id}").status_code == 204
    again = opened(hasty_wire.post(UPLOADS, json=body))
    assert hasty_wire.delete(f"assets/{again.asset_id}").status_code == 204


@pytest.mark.rule("C177", "C172")
def test_deleting_the_asset_ends_its_upload(wire: httpx2.Client, served: Served, content: bytes) -> None:
    sending = begin(wire, content)
    entry, url = sending.send(1), sending.url(2)
    assert wire.delete(f"assets/{sending.session.asset_id}").status_code == 204
    refusal(sending.state(), 404, "resource_not_exist")
    refusal(sending.report(entry), 404, "resource_not_exist")
    refusal(put(url, sending.piece(2)), 404, "resource_not_exist")
    assert not (served.data / "parts" / sending.session.upload_id).exists()


@pytest.mark.rule("C178")
def test_a_session_for_10_gb_of_which_one_chunk_comes_costs_one_chunk(
    served: Served, wire: httpx2.Client
) -> None:
    sending = begin(wire, 10_000_000_000)
    assert sending.session.total_chunks <= 10_000
    size = sending.session.chunk_size
    answer = put(sending.url(sending.session.total_chunks - 1), bytes([7]) * size)
    assert answer.status_code == 200, answer.text
    taken = disk_bytes(served.data / "parts" / sending.session.upload_id)
    assert size <= taken <= size + 64 * 1024
    assert wire.delete(f"assets/{sending.session.asset_id}").status_code == 204


def peak(served: Served) -> int:
    """The most memory that the process which takes the requests has ever had, in bytes."""
    lines = Path(f"/proc/{served.child('api').pid}/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(found) * 1024


@pytest.mark.rule("C178")
def test_memory_does_not_grow_with_the_size_of_an_upload(tmp_path: Path) -> None:
    peaks = []
    for size in (8 * 1024 * 1024, 160 * 1024 * 1024):
        with serve(tmp_path / str(size)) as served, served.client() as wire:
            sending = begin(wire, size)
            for number in sending.numbers():
                length = min(sending.session.chunk_size, size - (number - 1) * sending.session.chunk_size)
                answer = put(sending.url(number), (bytes(65536) for _ in range(length // 65536)))
                entry = sending.entry(number, answer.headers["etag"].strip('"'), length)
                told = reported(sending.report(entry))
            assert told.url is not None
            assert finished(wire, sending.session.asset_id).status == "failed", "zeros are no film"
            peaks.append(peak(served))
    assert peaks[1] - peaks[0] < 16 * 1024 * 1024, peaks


@pytest.mark.rule("C179")
@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/evil.mp4",
        "..\\..\\evil.mp4",
        "/etc/passwd",
        "a\x00b.mp4",
        "x" * 300 + ".mp4",
        "é漢😀.mp4",
        "\ud800.mp4",
        "line\nbreak.mp4",
        "..",
        "\u202e4pm.evil",
        "x" * 200_000,
    ],
    ids=lambda name: ascii(name[:20]),
)
def test_a_file_name_is_only_a_name(served: Served, wire: httpx2.Client, name: str) -> None:
    body = json.dumps({"filename": name, "type": "image", "total_size": 10})
    answer = wire.post(UPLOADS, content=body)
    if answer.status_code == 400:
        refusal(answer, 400, "parameter_invalid")
        return
    session = opened(answer)
    asset = Asset.model_validate_json(wire.get(f"assets/{session.asset_id}").content)
    assert 0 < len(asset.filename) <= 300
    assert not any(mark in asset.filename for mark in "\x00\r\n/\\\u202e")
    assert not [path for path in served.data.parent.rglob("*") if "evil" in path.name]
    assert wire.delete(f"assets/{session.asset_id}").status_code == 204


@pytest.mark.rule("C174")
def test_urls_are_built_from_what_the_client_called(wire: httpx2.Client, served: Served) -> None:
    body = {"filename": "a.mp4", "type": "video", "total_size": 5000}

    def base(**headers: str) -> str:
        session = opened(wire.post(UPLOADS, json=body, headers=headers))
        return session.upload_urls[0].url.partition("/assets/")[0]

    assert base() == f"{served.url}/v1.3"
    assert base(host="films.example:8443") == "http://films.example:8443/v1.3"
    forwarded = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-prefix": "/x"}
    assert base(**forwarded) == f"{served.url}/v1.3", "nobody has said that this proxy is to be believed"
    assert base(host='a"b') == f"{served.url}/v1.3"


@pytest.mark.rule("C174")
def test_urls_lead_through_a_proxy(tmp_path: Path) -> None:
    body = {"filename": "a.mp4", "type": "video", "total_size": 5000}
    forwarded = {
        "x-forwarded-host": "a.example",
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": "/films/",
    }
    with serve(tmp_path / "named", public_url="https://b.example/kino/") as served, served.client() as wire:
        url = opened(wire.post(UPLOADS, json=body, headers=forwarded)).upload_urls[0].url
        assert url.startswith("https://b.example/kino/v1.3/assets/multipart-uploads/")
    with serve(tmp_path / "behind", proxies="127.0.0.0/8") as served, served.client() as wire:
        url = opened(wire.post(UPLOADS, json=body, headers=forwarded)).upload_urls[0].url
        assert url.startswith("https://a.example/films/v1.3/assets/multipart-uploads/")
        hostile = {**forwarded, "x-forwarded-prefix": "/../<x>", "x-forwarded-host": "a b"}
        url = opened(wire.post(UPLOADS, json=body, headers=hostile)).upload_urls[0].url
        assert url.startswith(f"https://{served.url.removeprefix('http://')}/v1.3/assets/")
