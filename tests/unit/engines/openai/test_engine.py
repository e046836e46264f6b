"""An Ask becomes one chat request, and what the server says becomes pieces, whatever goes wrong on the way."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.unit.engines.openai.asks import KEY, ask, config, end_of, engine, jpeg, text_of
from tests.unit.engines.openai.chat_server import WAIT, Asked, ChatServer, Player, says, serving

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    ApiError,
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    EngineRefused,
    ServiceUnavailable,
)
from kinoscribe.engines.engine import Ask, EngineState, Missed, Piece, Text
from kinoscribe.engines.openai.config import OpenAIConfig, Waits
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.openai.exchange import without_password
from kinoscribe.engines.openai.servers import Servers
from kinoscribe.engines.openai.wording import VERSION

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
}
Play = Callable[[Player, int], None]


def told(play: Play, asked: Ask | None = None, **changes: Any) -> tuple[list[Piece], ChatServer]:
    with serving(play) as server, closing(engine(server.url, **changes)) as made:
        return list(made.generate(asked or ask(), Cancel())), server


def refused(play: Play, asked: Ask | None = None, **changes: Any) -> tuple[ApiError, ChatServer]:
    with serving(play) as server, closing(engine(server.url, **changes)) as made:
        with pytest.raises(ApiError) as caught:
            list(made.generate(asked or ask(), Cancel()))
        return caught.value, server


def by_turns(*plays: Play) -> Play:
    """Each request gets the next of them, and the last of them for ever."""
    return lambda player, number: plays[min(number, len(plays)) - 1](player, number)


def fails(status: int, message: str = "no", **headers: str) -> Play:
    return lambda player, _: player.status(status, {"error": {"message": message}}, **headers)


def test_an_answer_comes_as_it_is_said_with_the_counts_of_the_server() -> None:
    pieces, server = told(says("A dog ", "runs.", usage={"prompt_tokens": 900, "completion_tokens": 4}))
    assert [getattr(piece, "text", None) for piece in pieces] == ["A dog ", "runs.", None]
    end = end_of(pieces)
    assert (end.reason, end.input_tokens, end.output_tokens) == ("stop", 900, 4)
    assert end.notes == {"server": "1"}
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["stream"] is True
    assert asked.body["stream_options"] == {"include_usage": True}
    assert asked.body["model"] == "tiny"


def test_a_server_without_a_key_gets_none() -> None:
    _, server = told(says("Yes."), api_key=None)
    assert "authorization" not in server.asked[0].headers


def test_an_answer_that_is_cut_at_the_limit_says_so() -> None:
    pieces, _ = told(says("A dog", reason="length"))
    assert end_of(pieces).reason == "length"


def test_json_comes_as_a_whole() -> None:
    pieces, server = told(says('{"ti', 'tle":', '"x"}'), ask(json_schema=SCHEMA))
    assert [getattr(piece, "text", None) for piece in pieces] == ['{"title":"x"}', None]
    wanted = server.asked[0].body["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["schema"]["required"] == ["title"]


def test_thoughts_are_no_part_of_the_answer() -> None:
    pieces, _ = told(says("<thi", "nk>a dog? a c", "at?</th", "ink>\n\nA ", "dog."))
    assert text_of(pieces) == "A dog."
    assert end_of(pieces).notes["thoughts"] == "dropped"


def test_thoughts_in_a_field_of_their_own_are_no_part_of_the_answer() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.event({"choices": [{"index": 0, "delta": {"reasoning_content": "a dog?"}}]})
        player.event({"choices": [{"index": 0, "delta": {"reasoning": "a dog."}}]})
        player.text("A dog.")
        player.end()

    assert text_of(told(play)[0]) == "A dog."


@pytest.mark.parametrize("when", ["before the head", "before the first token", "in the middle"])
def test_a_cancel_closes_the_connection_at_once(when: str) -> None:
    def play(player: Player, _number: int) -> None:
        if when != "before the head":
            player.begin()
        if when == "in the middle":
            player.text("A dog ")
        player.until_left()

    cancel = Cancel()
    with serving(play) as server, closing(engine(server.url)) as made:
        found: list[BaseException] = []

        def work() -> None:
            try:
                list(made.generate(ask(), cancel))
            except Canceled as error:
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert server.arrived.wait(WAIT)
        assert not server.left.is_set()
        cancel.throw()
        thread.join(WAIT)
        assert found
        assert server.left.wait(WAIT)


def test_a_cancel_is_seen_while_a_server_takes_nothing_in() -> None:
    with ExitStack() as held:
        import socket

        listener = held.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        made = held.enter_context(closing(engine(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")))
        cancel = Cancel()
        large = ask(images=(("big", b"\xff\xd8\xff" + bytes(12_000_000)),))
        found: list[BaseException] = []

        def work() -> None:
            try:
                list(made.generate(large, cancel))
            except Canceled as error:
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        peer, _ = listener.accept()
        held.enter_context(closing(peer))
        peer.recv(1)
        cancel.throw()
        thread.join(WAIT)
        assert found


def test_whoever_closes_the_iterator_closes_the_connection() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.text("A dog ")
        player.until_left()

    with serving(play) as server, closing(engine(server.url)) as made:
        pieces = made.generate(ask(), Cancel())
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert server.left.wait(WAIT)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "answered with status 500"),
        (502, "answered with status 502"),
        (429, "was busy, with status 429"),
        (503, "was busy, with status 503"),
    ],
)
def test_a_server_that_fails_before_the_first_token_is_asked_again(status: int, reason: str) -> None:
    missed: list[Missed] = []
    pieces, server = told(by_turns(fails(status), says("A dog.")), ask(missed=missed.append))
    assert text_of(pieces) == "A dog."
    assert len(server.asked) == 2
    assert missed == [Missed("1", reason, again=True, wait=0.5)]


Say = tuple[str, bool]


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (
            fails(429, Retry_After="900"),
            [("was busy, with status 429, and asks to come back in 900 s", False)],
        ),
        (fails(500), [("answered with status 500", True)] * 2 + [("answered with status 500", False)]),
        (
            fails(401, f"Incorrect API key provided: {KEY}"),
            [("refused the API key that this server was given", False)],
        ),
        (fails(404), [("does not know the model, or not the address", False)]),
        (
            fails(
                400,
                "This model's maximum context length is 4096 tokens. However, you requested 9000 input tokens",
            ),
            [("found it too long, 9000 tokens as it counts: it takes 4096", False)],
        ),
        (
            fails(400, "I do not like it."),
            [("did not take the request, with status 400", again) for again in (True, False)],
        ),
    ],
)
def test_whoever_asks_is_told_of_each_server_that_was_asked_in_vain(play: Play, said: list[Say]) -> None:
    missed: list[Missed] = []
    refused(play, ask(missed=missed.append), waits=Waits(busy=5.0))
    assert [(one.reason, one.again) for one in missed] == said
    assert {one.server for one in missed} == {"1"}
    assert KEY not in str(missed)
    assert "127.0.0.1" not in str(missed)


def test_what_a_server_did_not_take_is_told_when_it_answers_without_it() -> None:
    missed: list[Missed] = []
    play = by_turns(fails(400, "At most 2 image(s) may be provided in one prompt."), says("A dog."))
    told(play, ask(missed=missed.append))
    assert missed == [Missed("1", "takes 2 pictures at most", again=True)]


def test_an_answer_that_breaks_off_is_told_with_its_server() -> None:
    missed: list[Missed] = []
    refused(cut, ask(missed=missed.append))
    assert [(one.server, one.again) for one in missed] == [("1", False)]
    assert "broke off" in missed[0].reason


def test_a_picture_of_the_clients_own_is_shown_to_another_server_where_one_takes_none() -> None:
    blind = fails(400, "At most 0 image(s) may be provided in one prompt.")
    pieces, one, other = two(blind, says("A dog."), ask(images=(("one", jpeg(1)),)))
    assert text_of(pieces) == "A dog."
    assert (len(one.asked), len(other.asked)) == (1, 1)
    assert b"image_url" in other.asked[0].raw


def test_another_server_is_asked_when_the_first_one_does_not_take_the_request() -> None:
    pieces, one, other = two(fails(400, "I do not like it."), says("A dog."), ask())
    assert text_of(pieces) == "A dog."
    assert (len(one.asked), len(other.asked)) == (2, 1)


def test_whoever_asks_is_told_who_begins_to_answer() -> None:
    begun: list[str] = []
    told(by_turns(fails(500), says("A", " dog.")), ask(begun=begun.append))
    assert begun == ["1"]


def test_an_answer_of_nothing_but_white_space_is_an_empty_one() -> None:
    missed: list[Missed] = []
    pieces, server = told(by_turns(says(" \n", " "), says("\n", " A dog", ".")), ask(missed=missed.append))
    assert [one.text for one in pieces if isinstance(one, Text)] == ["\n A dog", "."]
    assert [one.reason for one in missed] == ["gave an empty answer"]
    assert len(server.asked) == 2


def two(first: Play, second: Play, asked: Ask) -> tuple[list[Piece], ChatServer, ChatServer]:
    """The pieces of two servers, of which the first in order plays `first`."""
    plays: dict[str, Play] = {}

    def play(player: Player, number: int) -> None:
        plays[player.server.url](player, number)

    with serving(play) as one, serving(play) as other:
        order = Servers((one.url, other.url)).order(asked.content)
        plays.update(zip(order, (first, second), strict=True))
        with closing(engine(one.url, other.url)) as made:
            pieces = list(made.generate(asked, Cancel()))
        servers = {server.url: server for server in (one, other)}
        return pieces, servers[order[0]], servers[order[1]]


def cut(player: Player, _number: int) -> None:
    player.begin()
    player.text("A do")


def silent(player: Player, _number: int) -> None:
    player.begin()
    player.end()


@pytest.mark.parametrize("first", [fails(500), fails(429), fails(401), fails(404), silent], ids=str)
def test_another_server_is_asked_when_the_first_one_fails(first: Play) -> None:
    pieces, one, other = two(first, says("A dog."), ask())
    assert text_of(pieces) == "A dog."
    assert (len(one.asked), len(other.asked)) == (1, 1)
    assert one.asked[0].raw == other.asked[0].raw


@pytest.mark.parametrize("fault", [fails(500), silent], ids=["500", "silent"])
def test_a_server_that_failed_is_not_the_first_to_be_asked_next(fault: Play) -> None:
    plays: dict[str, Play] = {}

    def play(player: Player, number: int) -> None:
        plays[player.server.url](player, number)

    with serving(play) as one, serving(play) as other, closing(engine(one.url, other.url)) as made:
        order = Servers((one.url, other.url)).order(ask().content)
        plays.update(zip(order, (fault, says("A dog.")), strict=True))
        for _ in range(3):
            list(made.generate(ask(), Cancel()))
        assert sorted((len(one.asked), len(other.asked))) == [1, 3]


def test_a_server_that_is_known_to_be_away_is_not_asked_while_others_are_well() -> None:
    with serving(says("A dog.")) as one, serving(says("A dog.")) as other:
        first, second = Servers((one.url, other.url)).order(ask().content)
        known = _Known(OpenAIConfig(urls=(one.url, other.url), model="m"), frozenset({first}))
        with closing(OpenAIEngine(known.config, known)) as made:
            list(made.generate(ask(), Cancel()))
        asked = {one.url: len(one.asked), other.url: len(other.asked)}
        assert (asked[first], asked[second]) == (0, 1)
        assert known.failures == 0


def test_a_server_that_fails_is_looked_at_anew_also_when_another_one_answers() -> None:
    plays: dict[str, Play] = {}

    def play(player: Player, number: int) -> None:
        plays[player.server.url](player, number)

    with serving(play) as one, serving(play) as other:
        order = Servers((one.url, other.url)).order(ask().content)
        plays.update(zip(order, (fails(500), says("A dog.")), strict=True))
        known = _Known(OpenAIConfig(urls=(one.url, other.url), model="m"), frozenset())
        with closing(OpenAIEngine(known.config, known)) as made:
            assert text_of(list(made.generate(ask(), Cancel()))) == "A dog."
        assert known.failures == 1


def test_an_engine_whose_answers_come_about_otherwise_has_another_version() -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"weights": "org/a"},
        {"weights": "org/b"},
        {"thinks": True},
        {"sequence": True},
        {"extra": {"top_k": 20}},
        {"extra": {"chat_template_kwargs": {"enable_thinking": False}}},
    ]
    versions = []
    for changes in ways:
        with closing(engine("http://127.0.0.1:9/v1", **changes)) as made:
            versions.append(made.version)
    assert len(set(versions)) == len(ways)
    assert versions[0] == VERSION
    with closing(engine("http://127.0.0.1:9/v1", weights="a")) as made:  # the same, from a folder
        assert made.version == versions[1]


@dataclass
class _Known:
    """What somebody found out about the servers beforehand."""

    config: OpenAIConfig
    unwell: frozenset[str]
    failures: int = 0

    def config_of(self, _url: str) -> OpenAIConfig:
        return self.config

    def state(self) -> EngineState:
        return EngineState(ready=True)

    def answered(self) -> None:
        """Nobody doubted it."""

    def failed(self) -> None:
        self.failures += 1

    def close(self) -> None:
        """Nothing is held."""


def test_json_that_is_cut_off_is_asked_of_another_server() -> None:
    pieces, _, _ = two(cut, says('{"title":"x"}'), ask(json_schema=SCHEMA))
    assert text_of(pieces) == '{"title":"x"}'


def test_text_that_is_cut_off_is_an_error_and_is_asked_of_nobody_else() -> None:
    error, server = refused(cut)
    assert isinstance(error, EngineFailed)
    assert error.passes
    assert "broke off in the middle" in error.message
    assert len(server.asked) == 1


def test_the_questions_about_one_video_go_to_one_server() -> None:
    with serving(says("Yes.")) as one, serving(says("Yes.")) as other:
        with closing(engine(one.url, other.url)) as made:
            for place in range(6):
                list(made.generate(ask(f"Question {place}?"), Cancel()))
        assert sorted((len(one.asked), len(other.asked))) == [0, 6]


def test_busy_servers_are_waited_for_as_long_as_they_say_and_no_longer_than_allowed() -> None:
    pieces, server = told(by_turns(fails(429, Retry_After="1"), says("A dog.")))
    assert text_of(pieces) == "A dog."
    error, server = refused(fails(503, Retry_After="600"))
    assert isinstance(error, EngineBusy)
    assert error.retry_after == 600
    assert len(server.asked) == 1


def test_a_wait_for_a_busy_server_ends_with_a_cancel() -> None:
    cancel = Cancel()
    play = fails(429, Retry_After="900")
    with serving(play) as server, closing(engine(server.url, waits=Waits(busy=1000.0))) as made:
        threading.Timer(0.3, cancel.throw).start()
        with pytest.raises(Canceled):
            list(made.generate(ask(), cancel))


def test_servers_that_are_not_there_are_an_error_that_passes() -> None:
    with serving(says("Yes.")) as server:
        gone = server.url
    with closing(engine(gone)) as made, pytest.raises(ServiceUnavailable) as caught:
        list(made.generate(ask(), Cancel()))
    assert caught.value.passes
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (fails(401, f"Incorrect API key provided: {KEY}"), EngineRefused),
        (fails(403), EngineRefused),
        (fails(404, "The model `tiny` does not exist."), EngineRefused),
        (fails(400, "I do not like it."), EngineRefused),
        (fails(302, "elsewhere", Location="http://127.0.0.1:1/"), EngineRefused),
        (fails(500, "http://10.0.0.7:8000 is out of memory"), EngineFailed),
        (fails(400, "At most 0 image(s) may be provided in one prompt."), EngineRefused),
        (fails(500, "image input is not supported - hint: provide the mmproj"), EngineRefused),
        (silent, EngineFailed),
    ],
)
def test_each_refusal_ends_in_an_error_that_tells_nothing_of_the_insides(
    play: Play, kind: type[ApiError]
) -> None:
    error, server = refused(play, waits=Waits(busy=1.0))
    assert type(error) is kind
    assert KEY not in error.message
    assert "http" not in error.message
    assert "127.0.0.1" not in error.message
    assert len(server.asked) <= 3


def test_what_is_too_long_is_told_with_the_numbers_of_the_server() -> None:
    message = "This model's maximum context length is 4096 tokens and your request has 9000 input tokens."
    error, _ = refused(fails(400, message))
    assert isinstance(error, ContextTooLong)
    assert (error.most, error.prompt) == (4096, 9000)
    assert not error.passes


def test_an_answer_gets_less_room_where_only_that_is_too_much() -> None:
    message = (
        "This model's maximum context length is 4096 tokens. However, you requested 4400 tokens "
        "(3900 in the messages, 500 in the completion)."
    )
    pieces, server = told(by_turns(fails(400, message), says("A dog.")))
    assert text_of(pieces) == "A dog."
    assert [asked.body["max_tokens"] for asked in server.asked] == [500, 196]


EXTRAS = {"cache_salt", "stream_options"}


def test_a_server_that_does_not_know_an_extra_is_asked_without_any_and_not_with_one_again() -> None:
    asked = ask(json_schema=SCHEMA)

    def play(player: Player, number: int) -> None:
        if EXTRAS & player.server.asked[-1].body.keys() or b'"uuid"' in player.server.asked[-1].raw:
            fails(400, "unknown field cache_salt")(player, number)
        else:
            says('{"title":"x"}')(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        pieces = list(made.generate(asked, Cancel()))
        list(made.generate(asked, Cancel()))
    assert text_of(pieces) == '{"title":"x"}'
    assert "refuses" in end_of(pieces).notes["request"]
    assert [bool(EXTRAS & one.body.keys()) for one in server.asked] == [True, False, False]
    assert all("response_format" in one.body for one in server.asked)
    assert server.asked[0].raw.count(b'"uuid"') == 4


@pytest.mark.parametrize(
    ("refuses", "sent"),
    [
        ({"json_schema"}, ["schema", "schema", "object", "object", "schema", "object"]),
        (
            {"json_schema", "json_object"},
            ["schema", "schema", "object", "none", "none", "schema", "none"],
        ),
    ],
)
def test_a_server_that_does_not_take_a_schema_is_asked_for_any_json_or_without(
    refuses: set[str], sent: list[str]
) -> None:
    def form(asked: Asked) -> str:
        return str(asked.body.get("response_format", {}).get("type", "json_none"))

    def play(player: Player, number: int) -> None:
        if form(player.server.asked[-1]) in refuses:
            fails(400, "no grammars here")(player, number)
        else:
            says('{"title":"x"}')(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        for _ in range(2):
            pieces = list(made.generate(ask(json_schema=SCHEMA), Cancel()))
            assert text_of(pieces) == '{"title":"x"}'
            assert "not held to the schema" in end_of(pieces).notes["request"]
        other = {**SCHEMA, "required": []}
        assert text_of(list(made.generate(ask(json_schema=other), Cancel()))) == '{"title":"x"}'
    assert [form(one).removeprefix("json_") for one in server.asked] == sent


def test_a_schema_that_is_refused_costs_neither_this_account_nor_others_their_salt() -> None:
    def play(player: Player, number: int) -> None:
        if "json_schema" in str(player.server.asked[-1].body.get("response_format")):
            fails(400, "failed to parse grammar")(player, number)
        else:
            says('{"title":"x"}')(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        held = list(made.generate(ask(json_schema=SCHEMA), Cancel()))
        list(made.generate(ask(json_schema=SCHEMA), Cancel()))
        list(made.generate(ask(), Cancel()))
        forms = [str(one.body.get("response_format", {}).get("type")) for one in server.asked]
        salted = [one.body.keys() >= EXTRAS for one in server.asked]
    assert end_of(held).notes["request"] == "not held to the schema, which the server refuses"
    assert forms == ["json_schema", "json_schema", "json_object", "json_object", "None"]
    assert salted == [True, False, True, True, True]


def test_nothing_of_the_environment_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ORG_ID", "PROJECT_ID", "ADMIN_KEY"):
        monkeypatch.setenv(f"OPENAI_{name}", "from-the-environment")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "X-More: from-the-environment\nAuthorization: from-the-environment"
    )
    for key in (KEY, None):
        _, server = told(says("Yes."), api_key=key)
        sent = server.asked[0].headers
        assert "from-the-environment" not in str(sent)
        assert sent.get("authorization") == (None if key is None else f"Bearer {KEY}")
        assert sent.keys() <= {
            "host", "authorization", "accept", "accept-encoding", "content-length", "content-type", "user-agent",
            "x-session-id",
        }  # fmt: skip


def test_the_log_tells_what_a_server_said_without_the_key() -> None:
    with capture_logs() as logs:
        refused(fails(401, f"Incorrect API key provided: {KEY}"))
    [line] = [one for one in logs if one["event"] == "model_server_failed"]
    assert "Incorrect API key" in line["reason"]
    assert KEY not in str(logs)


def test_no_password_of_an_address_is_logged() -> None:
    assert without_password("https://me:secret@host:8000/v1?key=x") == "https://host:8000/v1"


def test_a_server_that_takes_no_sequences_gets_single_pictures_and_all_the_rest() -> None:
    def play(player: Player, number: int) -> None:
        if "media_io_kwargs" in player.server.asked[-1].body:
            fails(400, "media_io_kwargs are disabled")(player, number)
        else:
            says("A dog.")(player, number)

    with serving(play) as server, closing(engine(server.url, sequence=True)) as made:
        for _ in range(2):
            assert text_of(list(made.generate(ask(), Cancel()))) == "A dog."
    assert [one.raw.count(b'"type":"video_url"') for one in server.asked] == [1, 0, 0]
    assert [one.raw.count(b'"type":"image_url"') for one in server.asked] == [0, 4, 4]
    assert all("cache_salt" in one.body for one in server.asked)


@pytest.mark.parametrize(
    ("words", "rooms"),
    [
        ("max_tokens=500 cannot be greater than max_model_len=400", [500, 200]),
        (
            "maximum context length is 4096 tokens. Your prompt contains at least 3597 input tokens",
            [500, 125],
        ),
        ("maximum context length is 4096 tokens. Your prompt contains at least 4090 input tokens", [500]),
        ("context_length_exceeded", [500]),
    ],
)
def test_room_is_made_smaller_as_far_as_that_makes_sense(words: str, rooms: list[int]) -> None:
    def play(player: Player, number: int) -> None:
        if player.server.asked[-1].body["max_tokens"] == 500:
            fails(400, words)(player, number)
        else:
            says("A dog.")(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        try:
            list(made.generate(ask(), Cancel()))
        except ContextTooLong:
            assert len(rooms) == 1
    assert [one.body["max_tokens"] for one in server.asked] == rooms


def test_room_is_not_made_smaller_for_ever() -> None:
    def play(player: Player, number: int) -> None:
        most = player.server.asked[-1].body["max_tokens"]
        fails(400, f"maximum context length is 9000 tokens, {9001 - most} input tokens")(player, number)

    error, server = refused(play, ask(max_tokens=8_000))
    assert isinstance(error, ContextTooLong)
    assert [one.body["max_tokens"] for one in server.asked] == [8_000, 2_000, 500, 125]


def test_a_server_that_takes_fewer_pictures_gets_fewer() -> None:
    pieces, server = told(by_turns(fails(400, "At most 2 image(s) may be provided."), says("A dog.")))
    assert text_of(pieces) == "A dog."
    counts = [one.raw.count(b'"image_url":') for one in server.asked]
    assert counts == [4, 2]
    assert end_of(pieces).notes["shown"] == "0.000 3.000"
    assert end_of(pieces).notes["pictures"] == "the server takes 2 of 4"


def test_a_server_that_does_not_say_how_many_pictures_are_too_many_gets_half() -> None:
    plays = by_turns(fails(400, "too many images"), fails(400, "too many images"), says("A dog."))
    pieces, server = told(plays)
    assert text_of(pieces) == "A dog."
    assert [one.raw.count(b'"image_url":') for one in server.asked] == [4, 2, 1]


BLIND = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"


def test_a_server_that_takes_no_pictures_answers_by_the_evidence() -> None:
    def play(player: Player, number: int) -> None:
        seen = b'"image_url":' in player.server.asked[-1].raw
        (fails(500, BLIND) if seen else says("A dog."))(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        pieces = list(made.generate(ask(), Cancel()))
        again = list(made.generate(ask(), Cancel()))
    assert text_of(pieces) == text_of(again) == "A dog."
    assert [one.raw.count(b'"image_url":') for one in server.asked] == [4, 0, 0]
    assert all(b"Good morning." in one.raw for one in server.asked)
    assert [end_of(one).notes["shown"] for one in (pieces, again)] == ["", ""]


def test_a_question_about_the_clients_own_pictures_is_not_answered_without_looking_at_them() -> None:
    error, server = refused(fails(400, BLIND), ask(images=(("logo", b"\xff\xd8\xff"),)))
    assert isinstance(error, EngineRefused)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("message", "missing", "there"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        (
            "Unsupported value: 'temperature' does not support 0.2 with this model. "
            "Only the default (1) value is supported.",
            "temperature",
            "max_tokens",
        ),
    ],
)
def test_a_field_that_a_hosted_model_does_not_take_is_said_otherwise_or_left_out(
    message: str, missing: str, there: str
) -> None:
    def play(player: Player, number: int) -> None:
        (fails(400, message) if missing in player.server.asked[-1].body else says("A dog."))(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        pieces = list(made.generate(ask(), Cancel()))
        list(made.generate(ask(), Cancel()))
    assert text_of(pieces) == "A dog."
    assert [missing in one.body for one in server.asked] == [True, False, False]
    assert [there in one.body for one in server.asked[1:]] == [True, True]
    assert all(EXTRAS & one.body.keys() for one in server.asked)
    assert ("temperature" in end_of(pieces).notes) is (missing == "temperature")


def whole(text: Any) -> Play:
    body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}
    return lambda player, _: player.status(200, body)


def test_a_server_that_does_not_stream_is_understood() -> None:
    assert text_of(told(whole("A dog."))[0]) == "A dog."
    assert text_of(told(whole([{"type": "text", "text": "A dog."}]))[0]) == "A dog."


@pytest.mark.parametrize(
    "data",
    [
        b"data: {broken\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"error": {"message": "out of memory"}}\n\n',
        b"\xff\xfe nothing of the kind",
        b"",
        b'data: {"choices": [{"delta": {"content": "A do"}, "finish_reason": "abort"}]}\n\n',
    ],
)
def test_a_broken_stream_is_an_error_that_passes(data: bytes) -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.raw(data)

    error, _ = refused(play, waits=Waits(busy=1.0))
    assert type(error) is EngineFailed
    assert error.passes


def tells(error: Any, *, after: str = "") -> Play:
    def play(player: Player, _number: int) -> None:
        player.begin()
        if after:
            player.text(after)
        player.event({"error": error})

    return play


def test_an_error_in_place_of_an_answer_is_read_as_a_refusal() -> None:
    message = "request (8700 tokens) exceeds the available context size (8192 tokens)"
    for body in (
        {"message": message},
        {"type": "exceed_context_size_error", "n_prompt_tokens": 8700, "n_ctx": 8192},
    ):
        error, _ = refused(tells(body))
        assert isinstance(error, ContextTooLong)
        assert (error.most, error.prompt) == (8192, 8700)
    pieces, server = told(by_turns(tells({"code": 429, "message": "slow down"}), says("A dog.")))
    assert text_of(pieces) == "A dog."
    assert len(server.asked) == 2


def test_an_error_after_the_first_words_ends_the_answer_whatever_it_is() -> None:
    for error in ({"code": 429}, {"message": "maximum context length is 9 tokens"}, "out of memory"):
        failure, server = refused(tells(error, after="A do"))
        assert type(failure) is EngineFailed
        assert len(server.asked) == 1


def test_an_answer_held_back_by_a_filter_is_a_refusal() -> None:
    error, _ = refused(says("A do", reason="content_filter"))
    assert isinstance(error, EngineRefused)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -4, "completion_tokens": 10**12},
        {"prompt_tokens": "many", "completion_tokens": True},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 1.5, "completion_tokens": 501},
        {"prompt_tokens": 99_000, "completion_tokens": 60},
        {"prompt_tokens": 2, "completion_tokens": 10**40},
        [1],
        "x",
    ],
)
def test_counts_that_cannot_be_are_not_believed(usage: Any) -> None:
    end = end_of(told(says("A dog.", usage=usage))[0])
    assert (end.reason, end.input_tokens, end.output_tokens) == ("stop", None, None)
    assert {"input", "output", "counts"} & set(end.notes), "whoever reads the receipt is told"


def test_nothing_is_said_of_counts_that_are_sound_or_left_out() -> None:
    for usage in (
        {"prompt_tokens": 1_000, "completion_tokens": 3},
        {"prompt_tokens": None, "completion_tokens": 0},
        None,
    ):
        assert end_of(told(says("A dog.", usage=usage))[0]).notes == {"server": "1"}


def test_a_count_far_below_what_was_sent_is_told_of() -> None:
    usage = {"prompt_tokens": 400, "completion_tokens": 3}
    end = end_of(told(says("A dog.", usage=usage), ask(brief="word " * 1_000))[0])
    assert end.input_tokens == 400
    assert "has read 400 tokens" in end.notes["input"]
    end = end_of(told(says("A dog.", usage={"prompt_tokens": 9, "completion_tokens": 3}))[0])
    assert end.input_tokens is None
    assert "counts 9 tokens" in end.notes["input"]


def test_a_count_that_holds_thoughts_is_not_that_of_the_answer() -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 9}

    def play(player: Player, _number: int) -> None:
        player.begin()
        player.event({"choices": [{"index": 0, "delta": {"reasoning_content": "a dog or a cat?"}}]})
        player.text("A dog it is.")
        player.end("stop", usage)

    for played in (play, says("<think>a dog or a cat?</think>A dog it is.", usage=usage)):
        end = end_of(told(played)[0])
        assert (end.input_tokens, end.output_tokens) == (1_000, None)
        assert end.notes["thoughts"] == "dropped"
    assert end_of(told(says("A dog it is.", usage=usage))[0]).output_tokens == 9


def test_thoughts_that_use_up_all_tokens_end_in_an_answer_that_is_cut_off() -> None:
    pieces, _ = told(says("<think>so ", "many ", reason="length"))
    assert text_of(pieces) == ""
    assert end_of(pieces).reason == "length"


def test_white_space_without_end_is_cut_off() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.text('{"title":')
        while True:
            player.text("\n" * 1000)

    pieces, server = told(play, ask(json_schema=SCHEMA, max_tokens=4_000))
    assert end_of(pieces).reason == "length"
    assert len(text_of(pieces)) < 10_000
    assert server.left.wait(WAIT)


def test_an_answer_without_end_is_cut_off() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        while True:
            player.text("word " * 200)

    pieces, _ = told(play)
    assert end_of(pieces).reason == "length"
    assert len(text_of(pieces)) < 100_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"waits": Waits(first_token=2.0)}, "did not begin"),
        ({"waits": Waits(total=2.0)}, "did not come to an end"),
    ],
)
def test_a_server_that_says_nothing_is_left(changes: dict[str, Any], reason: str) -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.until_left()

    error, server = refused(play, **changes)
    assert reason in error.message
    assert len(server.asked) == 1
    assert server.left.wait(WAIT)


def test_a_server_that_falls_silent_is_left() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.text("A do")
        player.until_left()

    error, server = refused(play, waits=Waits(idle=0.5))
    assert "fell silent" in error.message
    assert server.left.wait(WAIT)


def test_a_flood_is_not_read_to_its_end() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        while True:
            player.raw(b": nothing\n" * 1000)

    error, _ = refused(play, max_bytes=200_000)
    assert "more than is read" in error.message


def test_a_packed_answer_is_not_unpacked() -> None:
    error, _ = refused(
        lambda player, _: player.status(200, b"\x1f\x8b" + bytes(100), Content_Encoding="gzip")
    )
    assert "packed" in error.message


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert text_of(told(says("A dog."))[0]) == "A dog."


def test_the_key_is_in_no_account_of_the_configuration() -> None:
    assert KEY not in repr(config("http://127.0.0.1:1/v1"))


def test_a_server_that_failed_is_asked_last_for_a_while() -> None:
    made = Servers(("http://a/v1", "http://b/v1", "http://c/v1"))
    first, *others = made.order("video")
    made.failed(first)
    assert made.order("video") == (*others, first)
    made.answered(first)
    assert made.order("video") == (first, *others)
