import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.model_server.script import Nature, Script
from tests.model_server.server import ModelServer
from tests.unit.engines.openai.asks import ask, jpeg

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import EngineFailed, EngineRefused
from kinoscribe.engines.chosen import Chosen, Engines
from kinoscribe.engines.engine import Missed
from kinoscribe.engines.openai import prober as module
from kinoscribe.engines.openai.abilities import Abilities
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.openai.prober import Prober
from kinoscribe.engines.scripted import ScriptedEngine

PATIENCE = 20.0


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("vllm", Nature(context=9000)) as started:
        yield started


@pytest.fixture
def keep() -> Iterator[Callable[[Prober], Prober]]:
    kept: list[Prober] = []

    def keep_one(prober: Prober) -> Prober:
        kept.append(prober)
        return prober

    yield keep_one
    for prober in kept:
        prober.close()


Keep = Callable[[Prober], Prober]


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def config(*servers: ModelServer, model: str = "scripted-vl") -> OpenAIConfig:
    return OpenAIConfig(urls=tuple(server.url for server in servers), model=model)


def test_nothing_is_asked_before_somebody_wants_to_know(server: ModelServer, keep: Keep) -> None:
    keep(Prober(config(server)))
    assert server.seen == []


def test_what_is_found_in_the_background_changes_the_configuration(server: ModelServer, keep: Keep) -> None:
    prober = keep(Prober(config(server)))
    assert prober.state().ready
    assert until(lambda: prober.config.sight.tokens(768, 432) > 450)
    assert (prober.config.profile, prober.config.context) == ("vllm", 9000)
    assert prober.state().about["server"] == "vLLM 0.32-scripted"


def test_a_server_that_is_away_is_told_and_found_again(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    server.down()
    prober = keep(Prober(config(server)))
    assert until(lambda: "reached" in prober.state().reason)
    state = prober.state()
    assert (state.ready, state.reason) == (False, "The model server of openai: It cannot be reached.")
    assert state.missed == (Missed("1", "It cannot be reached."),)
    server.up()
    assert until(lambda: prober.state().ready)


def test_after_a_failure_it_is_looked_again_soon(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    prober = keep(Prober(config(server)))
    assert until(lambda: bool(prober.state().about.get("looked_at")))
    server.down()
    assert prober.state().ready

    def seen() -> bool:
        prober.failed()
        return not prober.state().ready

    assert until(seen)


def test_what_is_known_is_not_asked_again_when_a_server_comes_back(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    prober = keep(Prober(config(server)))
    assert until(lambda: bool(prober.state().about.get("looked_at")))
    chats, lists = len(server.chats()), len(server.seen)
    assert chats > 0

    def looked_again() -> bool:
        prober.failed()
        return len(server.seen) > lists

    assert until(looked_again)
    assert len(server.chats()) == chats


def test_one_server_of_the_list_is_enough(server: ModelServer, keep: Keep) -> None:
    with ModelServer("vllm") as other:
        other.down()
        prober = keep(Prober(config(other, server)))
        assert prober.state().ready
        assert until(lambda: prober.config.context == 9000)
        assert until(lambda: [bool(one.fault) for one in prober.servers] == [True, False])
        assert prober.unwell == {other.url}


def test_nobody_waits_for_a_server_that_says_nothing_while_another_one_is_well(
    server: ModelServer, keep: Keep
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        silent = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        prober = keep(Prober(OpenAIConfig(urls=(silent, server.url, silent), model="scripted-vl")))
        assert prober.state().ready


def test_a_server_of_the_list_that_comes_back_is_found_while_the_others_are_well(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    with ModelServer("vllm") as other:
        other.down()
        prober = keep(Prober(config(server, other)))
        assert until(lambda: prober.state().ready and prober.unwell == {other.url})
        other.up()
        assert until(lambda: prober.state().ready and not prober.unwell)


@pytest.mark.parametrize("status", [503, 429])
def test_a_server_that_was_busy_is_examined_again(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(module, "ANEW", 0.05)
    server.otherwise = Script(status=status)
    prober = keep(Prober(config(server)))
    assert until(lambda: prober.state().ready and len(server.chats()) > 1)
    assert prober.state().about["looked_at"] is None
    server.otherwise = Script()
    assert until(lambda: bool(prober.state().about.get("sees_pictures")))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Script(status=500), "answers no question. It answers with status 500."),
        (Script(status=502, body=b"<html>Bad gateway</html>"), "status 502"),
    ],
)
def test_a_server_that_lists_its_models_and_fails_every_question_is_not_ready(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch, broken: Script, told: str
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    server.otherwise = broken
    prober = keep(Prober(config(server)))
    assert until(lambda: not prober.state().ready)
    assert told in prober.state().reason
    server.otherwise = Script()
    assert until(lambda: prober.state().ready and bool(prober.state().about.get("sees_pictures")))


def examined(prober: Prober) -> bool:
    return until(lambda: bool(prober.state().about.get("looked_at")))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Script(status=500), "It answers with status 500."),
        (Script(status=401), "another API key"),
        (Script(cut=0), "It broke the connection off."),
        (Script(fail=0), "cannot be read"),
        (Script(broken=("json", 0)), "cannot be read"),
    ],
)
def test_one_that_begins_to_fail_every_question_is_passed_by_until_it_answers_again(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch, broken: Script, told: str
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    monkeypatch.setattr(module, "AGAIN", 0.05)
    prober = keep(Prober(config(server)))
    assert examined(prober)
    server.otherwise = broken
    prober.failed()
    assert until(lambda: not prober.state().ready)
    assert told in prober.state().reason
    assert prober.unwell == {server.url}
    server.otherwise = Script()
    assert until(lambda: prober.state().ready)
    assert prober.state().about["sees_pictures"], "what was found before still holds"


def test_one_question_that_failed_is_no_reason_to_pass_a_server_by(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    prober = keep(Prober(config(server)))
    assert examined(prober)
    monkeypatch.setattr(module, "AGAIN", 0.0)
    before = len(server.chats())
    prober.failed()
    assert until(lambda: len(server.chats()) > before)
    monkeypatch.setattr(module, "AGAIN", 3600.0)
    assert until(lambda: not prober._looking)
    assert prober.state().ready
    assert until(lambda: not prober._looking)
    after, lists = len(server.chats()), len(server.seen)
    for _ in range(5):
        prober.failed()
        assert until(lambda: not prober._looking)
    assert len(server.seen) > lists
    assert len(server.chats()) == after, "a server is not asked a question for each that failed"


def test_who_stays_silent_is_asked_less_and_less_often(server: ModelServer, keep: Keep) -> None:
    prober = keep(Prober(config(server)))
    assert examined(prober)
    prober._judge(server.url, "It says nothing.")
    assert [prober._wait() for _ in range(5)] == [10.0, 20.0, 40.0, 60.0, 60.0]
    prober._judge(server.url, "")
    assert prober._wait() == module.KEPT


def test_an_answer_that_came_after_all_makes_it_look_again_at_once(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    monkeypatch.setattr(module, "AGAIN", 3600.0)
    monkeypatch.setattr(module, "ANEW", 3600.0)
    server.otherwise = Script(status=500)
    prober = keep(Prober(config(server)))
    assert until(lambda: not prober.state().ready)
    assert until(lambda: not prober._looking)
    server.otherwise = Script()
    assert not prober.state().ready
    prober.answered()
    assert until(lambda: prober.state().ready)


def test_the_next_engine_of_a_list_answers_until_the_first_answers_again(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0.0)
    monkeypatch.setattr(module, "AGAIN", 0.05)
    prober = keep(Prober(config(server)))
    assert examined(prober)
    with closing(OpenAIEngine(config(server), prober)) as first, closing(ScriptedEngine()) as second:
        engines = Engines(second, {"qwen": Chosen("pegasus1.5", (first, second))})
        assert engines.of("qwen") is first
        server.otherwise = Script(status=500)
        with pytest.raises(EngineFailed):
            list(first.generate(ask(), Cancel()))
        assert until(lambda: engines.of("qwen") is second)
        server.otherwise = Script()
        assert until(lambda: engines.of("qwen") is first)


def test_of_two_servers_the_one_that_answers_is_examined(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    with ModelServer("vllm", Nature(context=9000)) as mute:
        mute.otherwise = Script(status=500)
        prober = keep(Prober(config(mute, server)))
        assert until(lambda: bool(prober.state().about.get("sees_pictures")))
        assert until(lambda: prober.unwell == {mute.url})
        assert prober.state().ready


def test_all_servers_of_a_list_are_examined_also_where_the_first_answers_nothing() -> None:
    with ModelServer("vllm") as mute, ModelServer("llamacpp") as one, ModelServer("vllm") as other:
        mute.otherwise = Script(status=500)
        with closing(Prober(config(mute, one, other))) as prober:
            each = prober.look(Cancel())
            assert prober.unwell == {mute.url}
    assert list(each) == [2, 3]
    assert all(found.sees and found.constrained and found.looked_at for found in each.values())
    assert [found.profile for found in each.values()] == ["llamacpp", "vllm"]


def test_a_question_fits_the_server_that_takes_least_and_each_is_asked_as_it_is() -> None:
    with (
        ModelServer("vllm", Nature(context=9_000, most_pictures=10)) as large,
        ModelServer("llamacpp", Nature(context=5_000, sees=False)) as blind,
        ModelServer("sglang", Nature(context=7_000, constrains=False)) as third,
        closing(Prober(config(large, blind, third))) as prober,
    ):
        prober.look(Cancel())
        own = [prober.config_of(server.url) for server in (large, blind, third)]
        whole, about = prober.config, prober.state().about
    assert [(one.profile, one.context, one.sees) for one in own] == [
        ("vllm", 9_000, True),
        ("llamacpp", 5_000, False),
        ("sglang", 7_000, True),
    ]
    assert (whole.context, whole.sees, whole.sight.most) == (5_000, True, own[0].sight.most)
    assert own[0].sight.most <= 10 < own[2].sight.most
    assert (about["context_tokens"], about["sees_pictures"], about["json_schema_holds"]) == (
        5_000,
        True,
        False,
    )
    assert {place: one["profile"] for place, one in about["servers"].items()} == {
        "1": "vllm",
        "2": "llamacpp",
        "3": "sglang",
    }
    assert "127.0.0.1" not in str(about)


def test_what_a_server_that_is_away_takes_bounds_no_question() -> None:
    with (
        ModelServer("vllm", Nature(context=9_000)) as one,
        ModelServer("vllm", Nature(context=5_000)) as other,
        closing(Prober(config(one, other))) as prober,
    ):
        prober.look(Cancel())
        assert prober.config.context == 5_000
        other.down()
        prober.look(Cancel())
        assert prober.config.context == 9_000
        assert prober.config_of(other.url).context == 5_000, "and it is known when it comes back"


def test_what_is_known_holds_while_a_server_is_examined_again_and_when_it_is_too_busy_for_that(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = keep(Prober(config(server)))
    prober.look(Cancel())
    known = prober.config
    assert known.sees
    assert known.tokens_a_picture or known.picture_square
    seen: list[OpenAIConfig] = []
    true_examine = module.examine

    def examine(*given: Any) -> Abilities:
        seen.append(prober._sum.config)
        return true_examine(*given)

    monkeypatch.setattr(module, "examine", examine)
    server.otherwise = Script(status=503)
    prober.look(Cancel())
    assert seen == [known]
    assert prober.config == known


def test_each_server_is_asked_as_it_is_and_those_without_eyes_last() -> None:
    with (
        ModelServer("vllm", Nature(context=9_000)) as seeing,
        ModelServer("llamacpp", Nature(context=1_500, sees=False)) as blind,
        closing(Prober(config(seeing, blind))) as prober,
        closing(OpenAIEngine(config(seeing, blind), prober)) as engine,
    ):
        prober.look(Cancel())
        seeing.forget()
        blind.forget()
        for number in range(8):
            list(engine.generate(ask(content=f"{number:064}", max_tokens=4_000), Cancel()))
        assert (len(seeing.chats()), len(blind.chats())) == (8, 0)
        seeing.otherwise = Script(status=500)
        list(engine.generate(ask(max_tokens=4_000), Cancel()))
        first, (last,) = seeing.chats()[-1], blind.chats()
    assert first.chat is not None
    assert last.chat is not None
    assert "cache_salt" in first.chat.raw
    assert len(first.chat.pictures) == 4
    assert not {"cache_salt", "priority"} & set(last.chat.raw)
    assert last.chat.pictures == ()
    assert (last.chat.most_tokens or 0) < 1_500 < (first.chat.most_tokens or 0)


def test_a_picture_of_the_clients_own_is_not_left_out_for_a_server_without_eyes() -> None:
    with (
        ModelServer("vllm") as seeing,
        ModelServer("vllm", Nature(sees=False)) as blind,
        closing(Prober(config(blind, seeing))) as prober,
        closing(OpenAIEngine(config(blind, seeing), prober)) as engine,
    ):
        prober.look(Cancel())
        seeing.otherwise = Script(status=500)
        with pytest.raises((EngineFailed, EngineRefused)):
            list(engine.generate(ask(images=(("one", jpeg(1)),)), Cancel()))
        asked = blind.chats("What happens?")
    assert asked
    assert all(one.chat is not None and one.chat.pictures for one in asked)


def test_the_shortest_context_of_the_list_holds_for_all(server: ModelServer, keep: Keep) -> None:
    with ModelServer("vllm", Nature(context=5000)) as other:
        prober = keep(Prober(config(server, other)))
        assert prober.state().ready
        assert until(lambda: prober.config.context == 5000)


def test_a_server_without_the_model_is_not_ready(server: ModelServer, keep: Keep) -> None:
    state = keep(Prober(config(server, model="other"))).state()
    assert not state.ready
    assert "It has no model 'other'; it has scripted-vl." in state.reason


def test_a_server_that_only_lists_its_models_is_not_ready_until_it_answers(
    server: ModelServer, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    server.otherwise = Script(status=404)
    prober = keep(Prober(config(server)))
    ready_before: list[bool] = []
    true_examine = module.examine

    def examine(*given: Any) -> Abilities:
        ready_before.append(prober.state().ready)
        return true_examine(*given)

    monkeypatch.setattr(module, "examine", examine)
    assert until(lambda: not prober.state().ready and len(ready_before) > 2)
    assert "nobody to chat with" in prober.state().reason
    assert ready_before[:3] == [True, False, False]
    server.otherwise = Script()
    assert until(lambda: prober.state().ready)
    assert until(lambda: bool(prober.state().about.get("looked_at")))


def test_a_closed_prober_asks_nothing_more(server: ModelServer, keep: Keep) -> None:
    prober = keep(Prober(config(server)))
    prober.close()
    assert prober.config.context != 9000
    assert server.seen == []
