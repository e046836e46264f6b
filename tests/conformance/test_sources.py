"""Rules C030 to C053: which model's rules hold, and which videos may be analysed."""

import socket
import time

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, answer, refusal
from tests.conformance.file_server import FileServer
from tests.conformance.wire import Json, base64_video, finished, ready_asset, upload, without
from tests.media_truth import CASES, Case, cases

NOBODY = "0123456789abcdef01234567"


@pytest.mark.rule("C030")
def test_without_a_model_name_the_rules_of_pegasus_1_2_hold(wire: httpx2.Client, body: Json) -> None:
    bare = without(body, "model_name")
    refusal(
        wire.post("analyze", json={**bare, "max_tokens": 5000}),
        400,
        "parameter_invalid",
        "max_tokens",
        "4096",
    )
    answer(wire.post("analyze", json={**bare, "max_tokens": 4096}))
    answer(wire.post("analyze", json={**bare, "max_tokens": 1, "prompt": "x"}))


@pytest.mark.rule("C031")
@pytest.mark.parametrize(
    ("name", "version", "newer"),
    [
        ("twelvelabs", "1.3.2", True),
        ("twelvelabs", "1.3.6", True),
        ("twelvelabs-js", "1.3.4", True),
        ("twelvelabs", "1.10.0", True),
        ("twelvelabs", "2.0.0", True),
        ("twelvelabs", "1.3.1", False),
        ("twelvelabs", "1.2.4", False),
        ("twelvelabs-js", "1.2.4", False),
        ("something", "1.3.6", False),
        ("twelvelabs", "latest", False),
        ("twelvelabs", "", False),
    ],
)
def test_newer_sdks_get_the_rules_of_pegasus_1_5(
    wire: httpx2.Client, body: Json, name: str, version: str, newer: bool
) -> None:
    headers = {"X-Fern-SDK-Name": name, "X-Fern-SDK-Version": version}
    response = wire.post("analyze", json={**without(body, "model_name"), "max_tokens": 5000}, headers=headers)
    if newer:
        answer(response)
    else:
        refusal(response, 400, "parameter_invalid", "max_tokens")


@pytest.mark.rule("C031")
def test_the_operator_may_pin_the_default_model(narrow_wire: httpx2.Client, whole_body: Json) -> None:
    bare = without(whole_body, "model_name")
    answer(narrow_wire.post("analyze", json={**bare, "max_tokens": 5000}))
    old = {"X-Fern-SDK-Name": "twelvelabs", "X-Fern-SDK-Version": "1.2.4"}
    answer(narrow_wire.post("analyze", json={**bare, "max_tokens": 5000}, headers=old))


@pytest.mark.rule("C032")
@pytest.mark.parametrize("name", ["pegasus1.4", "", "Pegasus1.5", "pegasus", "marengo3.0", "pegasus1.5 "])
def test_an_unknown_model_is_refused_with_the_known_ones(wire: httpx2.Client, body: Json, name: str) -> None:
    response = wire.post("analyze", json={**body, "model_name": name})
    refusal(response, 400, "parameter_invalid", "model_name", "pegasus1.2", "pegasus1.5", "pegasus1.6")


@pytest.mark.rule("C032")
def test_model_comes_before_what_depends_on_it(wire: httpx2.Client, body: Json) -> None:
    wrong = {**body, "model_name": "x", "max_tokens": 0, "temperature": 9}
    refusal(wire.post("analyze", json=wrong), 400, "parameter_invalid", "model_name")


@pytest.mark.rule("C033")
@pytest.mark.parametrize("model", ["pegasus1.5", "pegasus1.6"])
def test_newer_models_take_no_video_id(wire: httpx2.Client, body: Json, model: str) -> None:
    old = {**without(body, "video"), "video_id": NOBODY, "model_name": model}
    refusal(wire.post("analyze", json=old), 400, "parameter_invalid", "video_id")


@pytest.mark.rule("C033")
def test_a_video_id_that_names_nothing_is_refused(wire: httpx2.Client, body: Json) -> None:
    response = wire.post("analyze", json={**without(body, "video", "model_name"), "video_id": NOBODY})
    assert response.status_code in {400, 404}
    refusal(response, response.status_code, response.json()["code"])


@pytest.mark.rule("C034")
@pytest.mark.parametrize("model", ["pegasus1.2", "pegasus1.5", "pegasus1.6"])
@pytest.mark.parametrize("source", ["url", "asset_id", "base64_string"])
def test_every_model_takes_every_source(
    wire: httpx2.Client, body: Json, asset: Asset, files: FileServer, model: str, source: str
) -> None:
    video = {
        "url": {"type": "url", "url": files.url("plain.mp4")},
        "asset_id": {"type": "asset_id", "asset_id": asset.id},
        "base64_string": base64_video(clip("plain.mp4")),
    }[source]
    answer(wire.post("analyze", json={**body, "model_name": model, "video": video}))


@pytest.mark.rule("C034", "C078")
def test_the_source_does_not_change_the_answer(
    wire: httpx2.Client, body: Json, asset: Asset, files: FileServer
) -> None:
    videos: list[Json] = [
        {"type": "url", "url": files.url("plain.mp4")},
        {"type": "asset_id", "asset_id": asset.id},
        base64_video(clip("plain.mp4")),
    ]
    assert len({answer(wire.post("analyze", json={**body, "video": video})).data for video in videos}) == 1


@pytest.mark.rule("C035")
def test_a_source_is_required(wire: httpx2.Client, body: Json) -> None:
    refusal(wire.post("analyze", json=without(body, "video")), 400, "parameter_not_provided", "video")


@pytest.mark.rule("C036")
@pytest.mark.parametrize("model", ["pegasus1.2", "pegasus1.5"])
def test_video_and_video_id_exclude_each_other(wire: httpx2.Client, body: Json, model: str) -> None:
    both = {**body, "model_name": model, "video_id": NOBODY}
    refusal(wire.post("analyze", json=both), 400, "parameter_invalid", "video")


@pytest.mark.rule("C037")
@pytest.mark.parametrize(
    ("video", "code", "named"),
    [
        ({}, "parameter_not_provided", "video"),
        ({"type": "url"}, "parameter_not_provided", "video.url"),
        ({"type": "asset_id"}, "parameter_not_provided", "video.asset_id"),
        ({"type": "base64_string"}, "parameter_not_provided", "video.base64_string"),
        ({"type": "file", "url": "https://example.com/a.mp4"}, "parameter_invalid", "video.type"),
        ({"type": "", "url": "https://example.com/a.mp4"}, "parameter_invalid", "video.type"),
        ({"type": 5, "url": "https://example.com/a.mp4"}, "parameter_invalid", "video.type"),
        (
            {"type": "url", "url": "https://example.com/a.mp4", "asset_id": NOBODY},
            "parameter_invalid",
            "video",
        ),
        ({"url": "https://example.com/a.mp4", "base64_string": "AAAA"}, "parameter_invalid", "video"),
        ({"type": "url", "asset_id": NOBODY}, None, "video"),
        ({"type": "url", "url": 5}, "parameter_invalid", "video.url"),
        ({"type": "asset_id", "asset_id": 5}, "parameter_invalid", "video.asset_id"),
        ({"type": "base64_string", "base64_string": 5}, "parameter_invalid", "video.base64_string"),
        ({"type": "asset_id", "asset_id": ""}, None, "video.asset_id"),
        ({"type": "base64_string", "base64_string": ""}, None, "video.base64_string"),
        ({"type": "video_id", "video_id": NOBODY}, "parameter_invalid", "video"),
    ],
    ids=str,
)
def test_a_video_has_exactly_one_source(
    wire: httpx2.Client, body: Json, video: Json, code: str | None, named: str
) -> None:
    response = wire.post("analyze", json={**body, "video": video})
    refusal(response, 400, code or response.json()["code"], named)


@pytest.mark.rule("C037")
def test_a_missing_type_is_read_from_the_only_source(wire: httpx2.Client, body: Json, asset: Asset) -> None:
    answer(wire.post("analyze", json={**body, "video": {"url": body["video"]["url"]}}))
    answer(wire.post("analyze", json={**body, "video": {"asset_id": asset.id}}))
    answer(wire.post("analyze", json={**body, "video": without(base64_video(clip("plain.mp4")), "type")}))


@pytest.mark.rule("C038")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.mp4",
        "file:///etc/passwd",
        "",
        "   ",
        "example.com/a.mp4",
        "/etc/passwd",
        "http://",
        "http:///a.mp4",
        "https://:443/a.mp4",
        "javascript:alert(1)",
        "data:video/mp4;base64,AAAA",
        "concat:/etc/passwd",
        "http://exa mple.com/a.mp4",
        "http://example.com:99999/a.mp4",
        "http://[::1/a.mp4",
        "http://example.com/\x00",
        "http://example.com/\r\nHost: evil",
        "not a url",
        "h" * 100_000,
        "http://" + "a" * 300 + ".com/",
    ],
    ids=lambda url: repr(url[:30]),
)
def test_what_is_no_http_url_is_refused(wire: httpx2.Client, body: Json, url: str) -> None:
    response = wire.post("analyze", json={**body, "video": {"type": "url", "url": url}})
    code = "parameter_invalid" if url else response.json()["code"]
    error = refusal(response, 400, code, "video.url")
    assert len(error.message) < 5000


@pytest.mark.rule("C039")
@pytest.mark.parametrize(
    "path", ["missing", "page", "error", "cut", "redirect?to=/missing", "redirect?to=ftp://x/"]
)
def test_a_url_that_gives_no_video_is_refused(
    wire: httpx2.Client, body: Json, files: FileServer, path: str
) -> None:
    response = wire.post("analyze", json={**body, "video": {"type": "url", "url": files.url(path)}})
    code = response.json().get("code")
    assert code in {"parameter_invalid", "video_file_broken"}
    refusal(response, 400, code)


@pytest.mark.rule("C039")
def test_a_url_where_nobody_listens_is_refused(wire: httpx2.Client, body: Json) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a.mp4"
        refusal(
            wire.post("analyze", json={**body, "video": {"type": "url", "url": url}}),
            400,
            "parameter_invalid",
            "video.url",
        )


@pytest.mark.rule("C039")
def test_a_name_that_does_not_exist_is_refused(wire: httpx2.Client, body: Json) -> None:
    video = {"type": "url", "url": "http://no-such-host.invalid/a.mp4"}
    refusal(wire.post("analyze", json={**body, "video": video}), 400, "parameter_invalid", "video.url")


@pytest.mark.rule("C039")
def test_a_good_redirect_is_followed(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    for target in ("/plain.mp4", files.url("plain.mp4")):
        video = {"type": "url", "url": files.url(f"redirect?to={target}")}
        answer(wire.post("analyze", json={**body, "video": video}))


@pytest.mark.rule("C039")
def test_a_redirect_in_a_ring_ends(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    ring = files.url("redirect?to=") + "/redirect"
    video = {"type": "url", "url": f"{ring}?to=/redirect"}
    response = wire.post("analyze", json={**body, "video": video})
    refusal(response, 400, "parameter_invalid", "video.url")


PRIVATE = [
    "http://127.0.0.2/a.mp4",
    "http://10.0.0.1/a.mp4",
    "http://192.168.1.1/a.mp4",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/a.mp4",
    "http://[fe80::1]/a.mp4",
    "http://[::ffff:10.0.0.1]/a.mp4",
    "http://0.0.0.0/a.mp4",
    "http://0/a.mp4",
    "http://2130706434/a.mp4",
    "http://0x7f000002/a.mp4",
    "http://100.64.0.1/a.mp4",
    "http://224.0.0.1/a.mp4",
]


@pytest.mark.rule("C040")
@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused_at_once(wire: httpx2.Client, body: Json, url: str) -> None:
    began = time.monotonic()
    refusal(
        wire.post("analyze", json={**body, "video": {"type": "url", "url": url}}),
        400,
        "parameter_invalid",
        "video.url",
    )
    assert time.monotonic() - began < 5


@pytest.mark.rule("C040")
def test_a_private_address_is_refused_behind_a_redirect_too(
    wire: httpx2.Client, body: Json, files: FileServer, hidden: FileServer
) -> None:
    """A good video waits there, and nobody may come for it."""
    there = hidden.url("plain.mp4?hidden").replace("127.0.0.1", "127.0.0.2")
    for target in (
        there,
        files.url(f"redirect?to={there}"),
        files.url("redirect?to=http://169.254.169.254/"),
    ):
        video = {"type": "url", "url": files.url(f"redirect?to={target}")}
        refusal(wire.post("analyze", json={**body, "video": video}), 400, "parameter_invalid", "video.url")
    refusal(
        wire.post("analyze", json={**body, "video": {"type": "url", "url": there}}),
        400,
        "parameter_invalid",
        "video.url",
    )
    assert [path for path in files.asked if path.startswith("/redirect?to=http://127.0.0.2")]
    assert not [path for path in hidden.asked if path.startswith("/plain.mp4?hidden")]


@pytest.mark.rule("C040")
def test_this_machine_is_never_asked_unless_the_operator_allows_it(
    closed_wire: httpx2.Client, whole_body: Json, files: FileServer
) -> None:
    port = files.url("").rsplit(":", 1)[1].rstrip("/")
    for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"):
        url = f"http://{host}:{port}/plain.mp4?closed"
        response = closed_wire.post("analyze", json={**whole_body, "video": {"type": "url", "url": url}})
        refusal(response, 400, "parameter_invalid", "video.url")
    assert not [path for path in files.asked if "closed" in path]


@pytest.mark.rule("C041")
def test_an_unknown_asset_is_404_and_a_malformed_id_is_refused(wire: httpx2.Client, body: Json) -> None:
    unknown = {**body, "video": {"type": "asset_id", "asset_id": NOBODY}}
    refusal(wire.post("analyze", json=unknown), 404, "resource_not_exist", NOBODY, "assets")
    for asset_id in ("x", "../../etc/passwd", NOBODY.upper(), "é" * 24, "0" * 10_000, "a\x00b"):
        response = wire.post("analyze", json={**body, "video": {"type": "asset_id", "asset_id": asset_id}})
        assert response.status_code in {400, 404}
        refusal(response, response.status_code, response.json()["code"])


@pytest.mark.rule("C041", "C087")
def test_parameters_are_checked_before_resources(wire: httpx2.Client, body: Json) -> None:
    wrong = {**body, "video": {"type": "asset_id", "asset_id": NOBODY}, "temperature": 5}
    refusal(wire.post("analyze", json=wrong), 400, "parameter_invalid", "temperature")


@pytest.mark.rule("C042")
def test_a_picture_or_a_broken_asset_is_no_video(wire: httpx2.Client, body: Json, picture: Asset) -> None:
    as_video = {**body, "video": {"type": "asset_id", "asset_id": picture.id}}
    refusal(wire.post("analyze", json=as_video), 400, "parameter_invalid", "video.asset_id")
    broken = finished(wire, upload(wire, clip("text.mp4")).json()["_id"])
    assert broken.status == "failed"
    as_video = {**body, "video": {"type": "asset_id", "asset_id": broken.id}}
    refusal(wire.post("analyze", json=as_video), 400, "parameter_invalid", "video.asset_id")


@pytest.mark.rule("C044")
def test_base64_is_read_in_all_its_forms(wire: httpx2.Client, body: Json) -> None:
    text = base64_video(clip("plain.mp4"))["base64_string"]
    url_safe = text.replace("+", "-").replace("/", "_")
    forms = [
        text,
        text.rstrip("="),
        url_safe,
        url_safe.rstrip("="),
        "data:video/mp4;base64," + text,
        "data:;base64," + text.rstrip("="),
    ]
    for form in forms:
        video = {"type": "base64_string", "base64_string": form}
        answer(wire.post("analyze", json={**body, "video": video}))


@pytest.mark.rule("C044")
@pytest.mark.parametrize(
    "text", ["!!!!", "A", "AAAAA", "AA=A", "é" * 8, "data:video/mp4,AAAA", "AAAA====A", "\x00\x00"]
)
def test_junk_in_place_of_base64_is_refused(wire: httpx2.Client, body: Json, text: str) -> None:
    video = {"type": "base64_string", "base64_string": text}
    refusal(
        wire.post("analyze", json={**body, "video": video}), 400, "parameter_invalid", "video.base64_string"
    )


@pytest.mark.rule("C044", "C051")
def test_good_base64_of_junk_is_a_broken_video(wire: httpx2.Client, body: Json) -> None:
    video = {"type": "base64_string", "base64_string": "AAAA" * 100}
    refusal(wire.post("analyze", json={**body, "video": video}), 400, "video_file_broken")


@pytest.mark.rule("C045")
def test_base64_of_31_mb_is_accepted(wire: httpx2.Client, body: Json) -> None:
    answer(wire.post("analyze", json={**body, "video": base64_video(clip("31MB.mp4"))}))


@pytest.mark.rule("C045")
def test_base64_above_36_mb_is_refused(wire: httpx2.Client, body: Json) -> None:
    response = wire.post("analyze", json={**body, "video": base64_video(clip("38MB.mp4"))})
    refusal(response, 400, "video_filesize_too_large")


@pytest.mark.rule("C046")
@pytest.mark.parametrize("model", ["pegasus1.2", "pegasus1.5"])
def test_four_seconds_are_enough_and_less_are_not(
    wire: httpx2.Client, body: Json, files: FileServer, model: str
) -> None:
    for name in ("3.9s.mp4", "1.5s.mp4"):
        short = {**body, "model_name": model, "video": {"type": "url", "url": files.url(name)}}
        refusal(wire.post("analyze", json=short), 400, "video_duration_too_short", name[:3])
    enough = {**body, "model_name": model, "video": {"type": "url", "url": files.url("4.0s.mp4")}}
    answer(wire.post("analyze", json=enough))


@pytest.mark.rule("C046")
def test_pegasus_1_6_takes_a_video_of_one_second_and_a_half(
    wire: httpx2.Client, body: Json, files: FileServer
) -> None:
    short = {**body, "model_name": "pegasus1.6", "video": {"type": "url", "url": files.url("1.5s.mp4")}}
    answer(wire.post("analyze", json=short))


@pytest.mark.rule("C047")
def test_more_than_an_hour_is_refused(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    video = {"type": "url", "url": files.url("over_an_hour.mp4")}
    refusal(wire.post("analyze", json={**body, "video": video}), 400, "video_duration_too_long", "3700")


@pytest.mark.rule("C048")
@pytest.mark.parametrize("name", ["360x360.mp4", "360x640.mp4", "turned_640x360.mp4"])
def test_small_pictures_are_accepted_from_360(
    wire: httpx2.Client, body: Json, files: FileServer, name: str
) -> None:
    answer(wire.post("analyze", json={**body, "video": {"type": "url", "url": files.url(name)}}))


@pytest.mark.rule("C048", "C049")
@pytest.mark.parametrize(
    ("name", "code", "size"),
    [
        ("320x240.mp4", "video_resolution_too_low", "320x240"),
        ("5184x2162.mp4", "video_resolution_too_high", "5184x2162"),
        ("868x360.mp4", "video_resolution_invalid_aspect_ratio", "868x360"),
    ],
)
def test_pictures_of_other_sizes_are_refused(
    wire: httpx2.Client, body: Json, files: FileServer, name: str, code: str, size: str
) -> None:
    video = {"type": "url", "url": files.url(name)}
    refusal(wire.post("analyze", json={**body, "video": video}), 400, code, size)


@pytest.mark.rule("C050")
def test_a_video_is_judged_as_it_is_displayed(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    turned = {"type": "url", "url": files.url("turned_320x240.mp4")}
    refusal(wire.post("analyze", json={**body, "video": turned}), 400, "video_resolution_too_low", "240x320")
    wide = {"type": "url", "url": files.url("wide_pixels.mp4")}
    refusal(
        wire.post("analyze", json={**body, "video": wide}),
        400,
        "video_resolution_invalid_aspect_ratio",
        "1080x360",
    )


@pytest.mark.rule("C051")
@pytest.mark.parametrize("name", ["text.mp4", "half.mp4", "sound.m4a", "orange.png"])
def test_what_holds_no_video_is_refused(
    wire: httpx2.Client, body: Json, files: FileServer, name: str
) -> None:
    for video in ({"type": "url", "url": files.url(name)}, base64_video(clip(name))):
        refusal(wire.post("analyze", json={**body, "video": video}), 400, "video_file_broken")


@pytest.mark.rule("C052")
def test_a_video_without_sound_works(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    answer(wire.post("analyze", json={**body, "video": {"type": "url", "url": files.url("silent.mp4")}}))


@pytest.mark.rule("C042")
def test_an_asset_that_is_still_processing_is_waited_for(wire: httpx2.Client, body: Json) -> None:
    asset_id = upload(wire, clip("twelve.mp4")).json()["_id"]
    answer(wire.post("analyze", json={**body, "video": {"type": "asset_id", "asset_id": asset_id}}))


@pytest.mark.rule("C039")
def test_a_fetch_ends_at_its_deadline(
    narrow_wire: httpx2.Client, files: FileServer, whole_body: Json
) -> None:
    began = time.monotonic()
    hanging = {**whole_body, "video": {"type": "url", "url": files.url("hang")}}
    refusal(narrow_wire.post("analyze", json=hanging), 400, "parameter_invalid", "video.url")
    assert time.monotonic() - began < 10


@pytest.mark.rule("C039")
def test_a_fetch_ends_at_its_size(narrow_wire: httpx2.Client, files: FileServer, whole_body: Json) -> None:
    large = {**whole_body, "video": {"type": "url", "url": files.url("31MB.mp4")}}
    refusal(narrow_wire.post("analyze", json=large), 400, "video_filesize_too_large")


@pytest.mark.shared
@pytest.mark.rule("C046", "C048", "C049", "C051")
@pytest.mark.parametrize(
    "case", [case for case in cases() if case.expect != "either"], ids=lambda case: case.file
)
def test_every_shared_case_meets_its_verdict(wire: httpx2.Client, body: Json, case: Case) -> None:
    assert CASES.exists()
    response = wire.post("analyze", json={**body, "video": base64_video(case.path)})
    if case.expect == "accept":
        answer(response)
    else:
        refusal(response, 400, response.json()["code"])


@pytest.mark.shared
@pytest.mark.rule("C051")
@pytest.mark.parametrize(
    "case", [case for case in cases() if case.expect == "either"], ids=lambda case: case.file
)
def test_every_doubtful_case_gets_an_exact_answer(wire: httpx2.Client, body: Json, case: Case) -> None:
    response = wire.post("analyze", json={**body, "video": base64_video(case.path)})
    if response.status_code == 200:
        answer(response)
    else:
        refusal(response, 400, response.json()["code"])


@pytest.mark.rule("C034")
def test_an_asset_made_from_another_asset_with_the_same_content_works(
    wire: httpx2.Client, body: Json
) -> None:
    again = ready_asset(wire, "plain.mp4")
    answer(wire.post("analyze", json={**body, "video": {"type": "asset_id", "asset_id": again.id}}))
