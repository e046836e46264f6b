"""Rules C027 to C029, C166 to C173, C178 and C179: assets, their pages and their uploads."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, AssetPage, refusal
from tests.conformance.file_server import FileServer
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served
from tests.conformance.wire import connect, finished, head, ready_asset, upload

NOBODY = "0123456789abcdef01234567"


@pytest.fixture
def account(stranger: httpx2.Client) -> httpx2.Client:
    """A client of an account that is empty."""
    for asset in stranger.get("assets", params={"page_limit": 50}).json()["data"]:
        assert stranger.delete(f"assets/{asset['_id']}").status_code == 204
    return stranger


def page(response: httpx2.Response) -> AssetPage:
    assert response.status_code == 200, response.text
    return AssetPage.model_validate_json(response.content)


def made(response: httpx2.Response) -> Asset:
    assert response.status_code == 201, response.text
    return Asset.model_validate_json(response.content)


@pytest.mark.rule("C166", "C170")
def test_a_direct_upload_becomes_ready_with_its_facts(wire: httpx2.Client) -> None:
    asset = made(upload(wire, clip("plain.mp4")))
    assert (asset.method, asset.filename) == ("direct", "plain.mp4")
    ready = finished(wire, asset.id)
    assert (ready.status, ready.file_type) == ("ready", "video/mp4")
    assert ready.size == clip("plain.mp4").stat().st_size
    assert ready.duration == pytest.approx(6.0, abs=0.1)
    facts = ready.technical_metadata
    assert facts is not None
    assert (facts.video_width, facts.video_height) == (640, 360)
    assert facts.has_audio is True
    assert facts.file_size_bytes == ready.size
    assert ready.created_at == asset.created_at


@pytest.mark.rule("C166")
def test_an_upload_needs_no_length_and_no_type(served: Served, wire: httpx2.Client) -> None:
    """As the JavaScript SDK sends it: chunked, the file labelled as bytes."""
    edge = "----edge"
    start = (
        f'--{edge}\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="plain.mp4"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    content = start + clip("plain.mp4").read_bytes() + f"\r\n--{edge}--\r\n".encode()

    def slowly() -> Iterator[bytes]:
        for first in range(0, len(content), 1000):
            yield content[first : first + 1000]

    response = wire.post(
        "assets", content=slowly(), headers={"content-type": f"multipart/form-data; boundary={edge}"}
    )
    assert finished(wire, made(response).id).file_type == "video/mp4"


@pytest.mark.sdk
@pytest.mark.rule("C166", "C170")
@pytest.mark.parametrize("whole", [False, True], ids=["opened file", "bytes"])
def test_every_sdk_uploads_a_file(served: Served, wire: httpx2.Client, sdk: Sdk, whole: bool) -> None:
    path = str(clip("plain.mp4"))
    steps: list[dict[str, Any]] = [{"do": "create_asset", "method": "direct", "path": path, "whole": whole}]
    (created,) = sdk.values(served.url + "/v1.3", served.key, *steps)
    asset_id = created["id"]
    ready, gone = sdk.values(
        served.url,
        served.key,
        {"do": "ready_asset", "asset_id": asset_id},
        {"do": "delete_asset", "asset_id": asset_id},
    )
    assert gone is None
    assert ready["status"] == "ready"
    assert ready.get("file_type", ready.get("fileType")) == "video/mp4"
    assert ready["filename"] == ("upload" if whole and sdk.language == "python" else "plain.mp4")
    assert ready["size"] == clip("plain.mp4").stat().st_size
    refusal(wire.get(f"assets/{asset_id}"), 404, "resource_not_exist")


@pytest.mark.rule("C166")
def test_a_picture_becomes_an_image_asset(wire: httpx2.Client, picture: Asset) -> None:
    assert picture.file_type == "image/png"
    assert picture.duration is None


@pytest.mark.rule("C167")
def test_an_upload_by_url_is_named_after_its_file(wire: httpx2.Client, files: FileServer) -> None:
    response = wire.post("assets", data={"method": "url", "url": files.url("plain.mp4")}, files={"": b""})
    asset = finished(wire, made(response).id)
    assert (asset.method, asset.status, asset.filename) == ("url", "ready", "plain.mp4")
    assert asset.file_type == "video/mp4"


def form(wire: httpx2.Client, **fields: str) -> httpx2.Response:
    """A multipart form without a file."""
    return wire.post("assets", files={name: (None, value) for name, value in fields.items()})


@pytest.mark.rule("C167")
def test_a_name_and_metadata_are_kept(wire: httpx2.Client, files: FileServer) -> None:
    metadata = {"shelf": "A", "number": 7, "share": 0.5, "kept": True, "tags": ["a", "b"]}
    dropped: dict[str, object] = {"empty": "", "none": None, "nothing": []}
    asset = made(
        form(
            wire,
            method="url",
            url=files.url("plain.mp4"),
            filename="été 漢.mp4",
            user_metadata=json.dumps({**metadata, **dropped}),
            enable_hls="true",
            enable_thumbnail="false",
        )
    )
    assert asset.filename == "été 漢.mp4"
    kept = finished(wire, asset.id)
    assert (kept.filename, kept.user_metadata) == ("été 漢.mp4", metadata)
    direct = made(upload(wire, clip("plain.mp4"), filename="other.mp4"))
    assert direct.filename == "other.mp4"
    assert direct.user_metadata is None


@pytest.mark.rule("C167")
@pytest.mark.parametrize("text", ["{", "[]", "5", '{"a": {"b": 1}}', '{"a": [1, 2]}', '"x"'])
def test_metadata_of_another_shape_is_refused(wire: httpx2.Client, files: FileServer, text: str) -> None:
    response = form(wire, method="url", url=files.url("plain.mp4"), user_metadata=text)
    refusal(response, 400, "parameter_invalid", "user_metadata")


@pytest.mark.rule("C168")
def test_a_form_names_its_method_and_brings_what_it_needs(wire: httpx2.Client, files: FileServer) -> None:
    refusal(form(wire, filename="a.mp4"), 400, "parameter_not_provided", "method")
    refusal(form(wire, method="direct"), 400, "parameter_not_provided", "file")
    refusal(form(wire, method="url"), 400, "parameter_not_provided", "url")
    refusal(form(wire, method="other", url=files.url("plain.mp4")), 400, "parameter_invalid", "method")
    refusal(form(wire, method="url", url="ftp://example.com/a.mp4"), 400, "parameter_invalid", "url")


@pytest.mark.rule("C168")
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data; boundary=edge", b""),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=edge", b"--edge--\r\n"),
        ("multipart/form-data; boundary=edge", b"no form at all"),
        ("multipart/form-data; boundary=edge", b"--edge\r\nContent-Disposition: form-data; na"),
        ("multipart/form-data; boundary=edge", b"--edge\r\n\r\n\r\n--edge--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 5000, b""),
        ("application/json", b'{"method": "url"}'),
        ("application/x-www-form-urlencoded", b"method=url"),
        ("", b""),
    ],
)
def test_a_form_that_is_none_is_refused(wire: httpx2.Client, kind: str, content: bytes) -> None:
    response = wire.post("assets", content=content, headers={"content-type": kind})
    refusal(response, 400, response.json()["code"])


@pytest.mark.rule("C169")
@pytest.mark.parametrize("name", ["text.mp4", "half.mp4"])
def test_a_broken_file_is_taken_and_then_fails(wire: httpx2.Client, name: str) -> None:
    asset = finished(wire, made(upload(wire, clip(name))).id)
    assert asset.status == "failed"
    assert asset.error is not None


@pytest.mark.rule("C169")
def test_an_empty_file_is_refused_or_fails(wire: httpx2.Client, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    response = upload(wire, empty)
    if response.status_code == 201:
        assert finished(wire, response.json()["_id"]).status == "failed"
    else:
        refusal(response, 400, response.json()["code"], "file")


@pytest.mark.rule("C169")
def test_a_url_that_gives_no_file_is_refused_or_fails(wire: httpx2.Client, files: FileServer) -> None:
    for url in (
        files.url("missing"),
        files.url("page"),
        "http://10.0.0.1/a.mp4",
        "http://no-such-host.invalid/a",
    ):
        response = form(wire, method="url", url=url)
        if response.status_code == 201:
            assert finished(wire, response.json()["_id"]).status == "failed"
        else:
            refusal(response, 400, response.json()["code"])


@pytest.mark.rule("C168")
def test_a_file_beyond_the_limit_is_refused_and_leaves_nothing(
    narrow: Served, narrow_wire: httpx2.Client
) -> None:
    before = _bytes_kept(narrow)
    response = upload(narrow_wire, clip("31MB.mp4"))
    refusal(response, 400, "video_filesize_too_large")
    assert _bytes_kept(narrow) == before


def _bytes_kept(served: Served) -> int:
    """The bytes of media in the data folder once they no longer change."""
    last, same = -1, 0
    while same < 3:
        now = 0
        for path in served.data.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and ".db" not in path.name and path != served.log:
                    now += path.stat().st_size
        same = same + 1 if now == last else 0
        last = now
        time.sleep(0.3)
    return last


@pytest.mark.rule("C178")
def test_an_upload_that_is_cut_off_leaves_nothing(served: Served, wire: httpx2.Client) -> None:
    before, total = _bytes_kept(served), wire.get("assets").json()["page_info"]["total_results"]
    with connect(served) as raw:
        raw.send(head(served, "POST", "/v1.3/assets", 10**8, "multipart/form-data; boundary=edge"))
        raw.send(
            b'--edge\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n'
            b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        )
        for _ in range(100):
            raw.send(b"x" * 100_000)
    assert _bytes_kept(served) == before
    assert wire.get("assets").json()["page_info"]["total_results"] == total


@pytest.mark.rule("C178")
def test_a_large_upload_takes_no_more_memory(served: Served, wire: httpx2.Client, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    upload(wire, clip("plain.mp4"))
    before = served.memory()
    response = upload(wire, large)
    assert made(response).id
    assert served.memory() - before < 64 * 1024 * 1024
    assert wire.delete(f"assets/{response.json()['_id']}").status_code == 204


@pytest.mark.rule("C171", "C029")
def test_assets_are_listed_newest_first_and_filtered(account: httpx2.Client) -> None:
    names = ["plain.mp4", "orange.png", "silent.mp4"]
    ids = [ready_asset(account, name).id for name in names]
    everything = page(account.get("assets"))
    assert [asset.id for asset in everything.data] == ids[::-1]
    assert everything.page_info.total_results == 3

    def found(**query: object) -> list[str]:
        got = page(account.get("assets", params=query))  # type: ignore[arg-type]
        assert got.page_info.total_results == len(got.data)
        return [asset.id for asset in got.data]

    assert found(asset_ids=ids[0]) == [ids[0]]
    assert found(asset_ids=[ids[0], ids[2]]) == [ids[2], ids[0]]
    assert found(asset_ids=[ids[0], NOBODY]) == [ids[0]]
    assert found(asset_types="image") == [ids[1]]
    assert found(asset_types=["image", "video"]) == ids[::-1]
    assert found(asset_types="audio") == []
    assert found(filename="PLAIN") == [ids[0]]
    assert found(filename="%") == []
    assert found(filename="_") == []
    assert found(filename="mp4", asset_types="video", asset_ids=ids) == [ids[2], ids[0]]
    refusal(account.get("assets", params={"asset_types": "film"}), 400, "parameter_invalid", "asset_types")


@pytest.mark.rule("C027", "C028", "C029")
def test_pages_have_their_numbers(account: httpx2.Client) -> None:
    empty = page(account.get("assets"))
    assert empty.data == []
    assert empty.page_info.model_dump() == {
        "limit_per_page": 10,
        "page": 1,
        "total_page": 0,
        "total_results": 0,
    }
    ids = [made(upload(account, clip("orange.png"))).id for _ in range(12)][::-1]
    first = page(account.get("assets"))
    assert [asset.id for asset in first.data] == ids[:10]
    assert first.page_info.model_dump() == {
        "limit_per_page": 10,
        "page": 1,
        "total_page": 2,
        "total_results": 12,
    }
    second = page(account.get("assets", params={"page": 2}))
    assert [asset.id for asset in second.data] == ids[10:]
    small = page(account.get("assets", params={"page": 3, "page_limit": 5}))
    assert [asset.id for asset in small.data] == ids[10:]
    assert len(page(account.get("assets", params={"page_limit": 50})).data) == 12
    beyond = page(account.get("assets", params={"page": 9}))
    assert beyond.data == []
    assert beyond.page_info.model_dump() == {
        "limit_per_page": 10,
        "page": 9,
        "total_page": 2,
        "total_results": 12,
    }


@pytest.mark.rule("C027")
@pytest.mark.parametrize("value", ["0", "51", "-1", "x", "1.5", "", "1e1", "9" * 400, " 1", "٣"])
def test_a_page_limit_out_of_range_is_refused(wire: httpx2.Client, value: str) -> None:
    refusal(wire.get("assets", params={"page_limit": value}), 400, "parameter_invalid", "page_limit")


@pytest.mark.rule("C027")
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5"])
def test_a_page_out_of_range_is_refused(wire: httpx2.Client, value: str) -> None:
    refusal(wire.get("assets", params={"page": value}), 400, "parameter_invalid", "page")


@pytest.mark.rule("C028")
def test_a_page_number_beyond_all_bounds_gets_an_answer(wire: httpx2.Client) -> None:
    for number in ("1000000", "9" * 18, "9" * 30):
        response = wire.get("assets", params={"page": number})
        assert response.status_code in {200, 400}, response.text


@pytest.mark.sdk
@pytest.mark.rule("C171")
def test_iteration_in_every_sdk_ends(account: httpx2.Client, served: Served, sdk: Sdk) -> None:
    ids = [made(upload(account, clip("orange.png"))).id for _ in range(5)][::-1]
    key = account.headers["x-api-key"]
    everything, some = sdk.values(
        served.url + "/v1.3",
        key,
        {"do": "list_assets", "page_limit": 2},
        {"do": "list_assets", "asset_ids": [ids[1], ids[3]], "asset_types": ["image"]},
    )
    assert everything == ids
    assert some == [ids[1], ids[3]]


@pytest.mark.rule("C172")
@pytest.mark.parametrize("query", [{}, {"force": "true"}, {"force": "false"}])
def test_a_deleted_asset_is_gone(wire: httpx2.Client, query: dict[str, str]) -> None:
    asset = ready_asset(wire, "orange.png")
    response = wire.delete(f"assets/{asset.id}", params=query)
    assert (response.status_code, response.content) == (204, b"")
    refusal(wire.get(f"assets/{asset.id}"), 404, "resource_not_exist", asset.id)
    refusal(wire.delete(f"assets/{asset.id}"), 404, "resource_not_exist", asset.id)


@pytest.mark.rule("C172")
def test_deleting_one_of_two_equal_files_keeps_the_other(
    wire: httpx2.Client, body: dict[str, object]
) -> None:
    first, second = ready_asset(wire, "silent.mp4"), ready_asset(wire, "silent.mp4")
    assert wire.delete(f"assets/{first.id}").status_code == 204
    video = {"type": "asset_id", "asset_id": second.id}
    assert wire.post("analyze", json={**body, "video": video}).status_code == 200


@pytest.mark.rule("C172")
@pytest.mark.parametrize("asset_id", ["x", "Z" * 24, "0" * 23, "%2e%2e%2fx", "0" * 5000])
def test_a_malformed_id_is_refused(wire: httpx2.Client, asset_id: str) -> None:
    response = wire.get(f"assets/{asset_id}")
    assert response.status_code in {400, 404}
    refusal(response, response.status_code, response.json()["code"])


@pytest.mark.rule("C172")
def test_an_unknown_id_is_404(wire: httpx2.Client) -> None:
    refusal(wire.get(f"assets/{NOBODY}"), 404, "resource_not_exist", NOBODY, "assets")


@pytest.mark.rule("C173")
def test_metadata_is_merged_replaced_and_cleared(wire: httpx2.Client) -> None:
    asset = ready_asset(wire, "orange.png")
    path = f"assets/{asset.id}/user-metadata"

    def kept() -> object:
        return Asset.model_validate_json(wire.get(f"assets/{asset.id}").content).user_metadata

    def change(method: str, metadata: object = None) -> None:
        content = None if metadata is None else {"user_metadata": metadata}
        response = wire.request(method, path, json=content)
        assert (response.status_code, response.content) == (204, b""), response.text

    change("PATCH", {"a": "1", "b": 2})
    assert kept() == {"a": "1", "b": 2}
    change("PATCH", {"b": 3, "c": True})
    assert kept() == {"a": "1", "b": 3, "c": True}
    change("PATCH", {"a": None, "unknown": None})
    assert kept() == {"b": 3, "c": True}
    change("PUT", {"d": ["x"]})
    assert kept() == {"d": ["x"]}
    change("PUT", {})
    assert kept() is None
    change("PATCH", {"e": "é漢😀"})
    assert kept() == {"e": "é漢😀"}
    change("DELETE")
    assert kept() is None


@pytest.mark.rule("C173")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"user_metadata": 5}', b'{"user_metadata": {"a": {"b": 1}}}']
)
def test_metadata_in_another_form_is_refused(
    wire: httpx2.Client, asset: Asset, method: str, content: bytes
) -> None:
    response = wire.request(method, f"assets/{asset.id}/user-metadata", content=content)
    refusal(response, 400, response.json()["code"])


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
        'quote".mp4',
        "line\nbreak.mp4",
        ".",
        "..",
        "CON",
        "a/b/c.mp4",
        "$(reboot).mp4",
        "<script>alert(1)</script>.mp4",
    ],
    ids=lambda name: repr(name[:20]),
)
def test_a_file_name_is_only_a_name(served: Served, wire: httpx2.Client, name: str) -> None:
    for response in (
        upload(wire, clip("orange.png"), name=name),
        upload(wire, clip("orange.png"), filename=name),
    ):
        if response.status_code == 400:
            refusal(response, 400, "parameter_invalid", "file")
            continue
        asset = finished(wire, made(response).id)
        assert asset.status == "ready"
        assert len(asset.filename) <= 300
        assert not any(mark in asset.filename for mark in "\x00\r\n")
    assert not [path for path in served.data.parent.rglob("*") if "evil" in path.name]
