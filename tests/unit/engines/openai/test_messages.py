"""What is shown goes first and reads the same for every question; the question goes last."""

import json
from base64 import b64decode
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engines.openai.asks import ask, config, frames, jpeg

from kinoscribe.contract.json_schema import read_schema
from kinoscribe.engines.engine import Ask, SegmentField, SegmentWish
from kinoscribe.engines.openai.chat_request import chat_request
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.dress import Dress
from kinoscribe.engines.openai.messages import spread
from kinoscribe.engines.openai.profiles import PROFILE_NAMES, ProfileName

SCHEMA = read_schema(
    {"type": "object", "properties": {"at": {"type": "timestamp", "format": "hh:mm:ss"}}}, "pegasus1.5"
)
GOALS = SegmentWish(
    "goals",
    "Every goal, <@d0-ball> in the net",
    (
        SegmentField("who", "string", "The player", enum=("Ada", "Bob")),
        SegmentField("at", "timestamp", "When"),
    ),
    ranges=((0.0, 20.0), (30.0, 60.0)),
    shortest=2.0,
    longest=10.5,
)


def body(asked: Ask, given: OpenAIConfig | None = None, dress: Dress = Dress.FULL) -> dict[str, Any]:
    request = chat_request(asked, given or config("http://127.0.0.1:1/v1"), dress)
    found = json.loads(b"".join(request.body(request.max_tokens)))
    assert isinstance(found, dict)
    return found


def raw(asked: Ask, given: OpenAIConfig | None = None) -> bytes:
    request = chat_request(asked, given or config("http://127.0.0.1:1/v1"))
    return b"".join(request.body(request.max_tokens))


def parts(asked: Ask, given: OpenAIConfig | None = None) -> list[dict[str, Any]]:
    [_, user] = body(asked, given)["messages"]
    found: list[dict[str, Any]] = user["content"]
    return found


def words(found: list[dict[str, Any]]) -> list[str]:
    return [part.get("text", part["type"]) for part in found]


def test_each_picture_follows_its_clock_and_the_question_is_last() -> None:
    found = words(parts(ask(frames=frames(3, 2.5))))
    assert found[0].startswith("The part of the video from 0.0 s to 60.0 s.")
    assert "Good morning." in found[0]
    assert found[1:] == [
        "[0.0 s]",
        "image_url",
        "[2.5 s]",
        "image_url",
        "[5.0 s]",
        "image_url",
        "What happens?",
    ]


def test_pictures_go_inside_the_request_as_they_are() -> None:
    urls = [part["image_url"]["url"] for part in parts(ask()) if part["type"] == "image_url"]
    assert [b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in urls] == [
        frame.jpeg for frame in frames(4)
    ]


def test_the_system_words_do_not_depend_on_the_question() -> None:
    others = (
        ask(),
        ask("Another?"),
        ask(json_schema=SCHEMA),
        ask("", segments=(GOALS,)),
        ask(frames=(), brief=""),
    )
    assert len({body(one)["messages"][0]["content"] for one in others}) == 1


@settings(deadline=None)
@given(st.text(), st.text())
def test_two_questions_share_every_byte_before_the_question(first: str, second: str) -> None:
    one, other = raw(ask(first)), raw(ask(second, json_schema=SCHEMA, temperature=0.9, max_tokens=77))
    shared = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    question = one.rindex(b'{"type":"text","text":')
    assert shared >= question


def test_the_same_ask_gives_the_same_bytes() -> None:
    images = (("ball", jpeg(9)),)
    assert raw(ask(images=images, segments=(GOALS,))) == raw(ask(images=images, segments=(GOALS,)))


def test_reference_pictures_stand_between_the_video_and_the_question_under_their_names() -> None:
    found = parts(ask("Where is <@ball>?", images=(("ball", b"\x89PNG\r\n\x1a\n..."),)))
    assert words(found)[-3:] == [
        "The reference picture that words point at with <@ball>:",
        "image_url",
        "Where is <@ball>?",
    ]
    assert found[-2]["image_url"]["url"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"GIF89a", "gif"),
        (b"\xff\xd8\xff\xdb", "jpeg"),
        (b"BM....", "bmp"),
        (b"what is this", "jpeg"),
    ],
)
def test_the_kind_of_a_picture_is_told_by_its_first_bytes(data: bytes, kind: str) -> None:
    found = parts(ask(images=(("one", data),)))
    assert found[-2]["image_url"]["url"].startswith(f"data:image/{kind};base64,")


def test_stills_are_shown_by_name_without_clocks() -> None:
    asked = ask(
        "Which is red?",
        frames=frames(8, 1.0),
        brief="",
        images=(("one", jpeg(200)),),
        stills=(("one", 0.0, 4.0), ("two", 4.0, 8.0)),
    )
    found = parts(asked)
    assert words(found) == ["<@one>:", "image_url", "<@two>:", "image_url", "Which is red?"]
    shown = [
        b64decode(part["image_url"]["url"].split(",")[1]) for part in found if part["type"] == "image_url"
    ]
    assert shown == [jpeg(200), jpeg(4)]
    assert "video" not in body(asked)["messages"][0]["content"]


def test_a_model_that_sees_nothing_gets_words_only() -> None:
    asked = ask(images=(("ball", jpeg(1)),))
    assert words(parts(asked, config("u", sees=False)))[1:] == ["What happens?"]
    stills = ask(stills=(("one", 0.0, 4.0),), images=(("one", jpeg(1)),))
    assert "image_url" not in words(parts(stills, config("u", sees=False)))
    assert config("u", sees=False).sight.most == 0


def test_no_more_pictures_go_out_than_the_server_takes() -> None:
    found = words(parts(ask(frames=frames(30), images=(("ball", jpeg(1)),)), config("u", most_pictures=7)))
    assert found.count("image_url") == 7
    assert "[0.0 s]" in found
    assert "[29.0 s]" in found


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 70))
def test_a_choice_is_even_and_in_order_and_keeps_both_ends(count: int, most: int) -> None:
    found = spread(tuple(range(count)), most)
    assert len(found) == min(count, most)
    assert list(found) == sorted(set(found))
    if min(count, most) > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        gaps = [b - a for a, b in pairwise(found)]
        assert max(gaps) - min(gaps) <= 1


def test_a_wanted_shape_is_told_in_words_too() -> None:
    told = parts(ask("When?", json_schema=SCHEMA))[-1]["text"]
    assert told.startswith("When?\n")
    assert json.loads(told.splitlines()[-1])["properties"]["at"]["type"] == "string"


def test_wanted_segments_are_told_with_all_that_is_known_of_them() -> None:
    told = parts(ask("", segments=(GOALS,)))[-1]["text"]
    for piece in (
        '"goals": Every goal, <@d0-ball> in the net',
        "Only within 0.0 s to 20.0 s, 30.0 s to 60.0 s.",
        "at least 2 seconds",
        "at most 10.5 seconds",
        '- "who" (string, one of "Ada", "Bob"): The player',
        '- "at" (a time in seconds of the video): When',
        '"start_time"',
    ):
        assert piece in told
    assert parts(ask("Your last answer cannot be used.", segments=(GOALS,)))[-1]["text"].endswith(
        "Your last answer cannot be used."
    )


def test_times_in_the_pictures_are_told_of() -> None:
    assert "painted into its corner" in words(parts(ask(), config("u", numbered=True)))[0]
    assert "painted" not in words(parts(ask()))[0]


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_each_kind_of_server_gets_what_it_knows_and_nothing_else(name: ProfileName) -> None:
    given = config("u", profile=name)
    found = body(ask(json_schema=SCHEMA), given)
    pictures = [part for part in found["messages"][1]["content"] if part["type"] == "image_url"]
    assert ("cache_salt" in found) == (name in ("vllm", "sglang"))
    assert all(("uuid" in part) == (name == "vllm") for part in pictures)
    assert all(("content_hash" in part["image_url"]) == (name == "sglang") for part in pictures)
    assert found["stream_options"] == {"include_usage": True}
    assert found["response_format"]["type"] == "json_schema"
    assert ("x-session-id" in chat_request(ask(), given).headers) == (name in ("vllm", "sglang"))


def test_the_same_picture_has_another_name_for_another_account() -> None:
    def names(asked: Ask) -> list[str]:
        return [part["uuid"] for part in parts(asked) if "uuid" in part]

    assert len(set(names(ask()))) == 4
    assert names(ask()) == names(ask("Another?"))
    assert not set(names(ask())) & set(names(ask(salt="another-salt")))


def test_nothing_that_goes_out_names_the_content_of_a_video() -> None:
    asked = ask()
    request = chat_request(asked, config("u"))
    assert asked.content not in b"".join(request.body(1)).decode()
    assert asked.content not in str(request.headers)


def test_a_bare_request_holds_what_every_server_knows() -> None:
    found = body(ask(json_schema=SCHEMA), dress=Dress.BARE)
    assert found.keys() == {"model", "messages", "temperature", "max_tokens", "stream"}
    assert "uuid" not in str(found)
    assert "response_format" in body(ask(json_schema=SCHEMA), dress=Dress.SCHEMA)


def test_what_the_operator_adds_goes_into_every_request() -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    for dress in Dress:
        assert body(ask(), config("u", extra=extra), dress)["chat_template_kwargs"] == {
            "enable_thinking": False
        }


def test_frames_may_go_as_one_sequence_with_their_times() -> None:
    given = config("u", sequence=True)
    asked = ask(frames=frames(3, 2.5))
    found = parts(asked, given)
    assert words(found)[1:] == [
        "The times of the pictures that follow: [0.0 s] [2.5 s] [5.0 s]",
        "video_url",
        "What happens?",
    ]
    joined = found[2]["video_url"]["url"].removeprefix("data:video/jpeg;base64,").split(",")
    assert [b64decode(one) for one in joined] == [frame.jpeg for frame in asked.frames]
    told = body(asked, given)["media_io_kwargs"]["video"]
    assert told["num_frames"] == -1
    assert told["do_sample_frames"] is False
    assert [place / told["fps"] for place in told["frames_indices"]] == [0.0, 2.5, 5.0]
    assert "video_url" not in words(parts(asked, replace(given, profile="llamacpp")))
    assert "video_url" not in words(parts(replace(asked, frames=asked.frames[:1]), given))


def test_the_answer_gets_the_room_that_is_left() -> None:
    wide = config("u", context_tokens=100_000)
    assert body(ask(max_tokens=4_000), wide)["max_tokens"] == 4_000
    narrow = config("u", context_tokens=4_000, tokens_a_picture=700)
    left = body(ask(max_tokens=4_000), narrow)["max_tokens"]
    assert 256 <= left < 4_000 - 4 * 700
    assert body(ask(max_tokens=4_000), config("u", context_tokens=1_000))["max_tokens"] == 256
    assert body(ask(max_tokens=40), config("u", context_tokens=1_000))["max_tokens"] == 40


def test_a_picture_costs_what_it_is_said_to_cost() -> None:
    plain = config("u", picture_square=28)
    assert plain.picture_tokens(560, 280) - plain.picture_tokens(28, 28) == 20 * 10 - 1
    assert plain.picture_tokens(561, 28) == plain.picture_tokens(588, 28)
    fixed = config("u", tokens_a_picture=256)
    assert fixed.picture_tokens(1, 1) == fixed.picture_tokens(2_000, 2_000) > 256
