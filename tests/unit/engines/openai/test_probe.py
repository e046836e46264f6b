import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model_server.script import Nature, Script
from tests.model_server.server import ModelServer

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.engines.openai.abilities import Abilities, PictureCost, fitted
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.identify import Unfit, identify
from kinoscribe.engines.openai.probe import examine, meet
from kinoscribe.engines.openai.talk import Talk, Told, Unanswered

FAMILIES = ("vllm", "sglang", "llamacpp", "ollama", "generic")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "root", "owned_by", "max_model_len", "version", "build_info"]),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("vllm", Nature(context=9000)) as started:
        yield started


def config(server: ModelServer, **more: Any) -> OpenAIConfig:
    return OpenAIConfig(urls=(server.url,), **{"model": "scripted-vl", **more})


def look(server: ModelServer, *, pinned: bool = False, **more: Any) -> Abilities:
    chosen = config(server, **more)
    return examine(chosen, meet(chosen, server.url, Cancel(), pinned=pinned), Cancel())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_kind_of_server_and_what_it_can_are_found_out(family: str) -> None:
    with ModelServer(family, Nature(context=9000)) as server:
        found = look(server)
    assert found.profile == family
    assert found.context_tokens == (None if family == "generic" else 9000)
    assert (found.sees, found.constrained, found.usage_streamed) == (True, True, True)
    assert [(cost.width, cost.tokens) for cost in found.pictures] == [(56, 6), (224, 66), (768, 450)]
    assert (found.most_pictures, found.remarks) == (None, ())
    assert server.problems() == []


@pytest.mark.parametrize("older", [False, True])
def test_sglang_is_asked_at_the_address_that_its_version_has(older: bool) -> None:
    with ModelServer("sglang", Nature(context=9000, tells_context=False, older=older)) as server:
        found = look(server)
    assert (found.server, found.context_tokens) == ("SGLang 0.5-scripted", 9000)


def test_a_hosted_model_that_wants_other_fields_is_examined_with_them() -> None:
    newer = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    warm = "Unsupported value: 'temperature' does not support 0 with this model."
    with ModelServer("generic") as server:
        server.on(lambda chat: chat.body.temperature is not None, Script(status=400, message=warm))
        server.on(lambda chat: chat.body.max_tokens is not None, Script(status=400, message=newer))
        found = look(server)
    assert (found.sees, found.constrained, found.usage_streamed) == (True, True, True)
    assert found.remarks == ()


def test_a_profile_that_the_operator_named_stays(server: ModelServer) -> None:
    assert look(server, pinned=True, profile="generic").profile == "generic"


def test_the_only_model_of_a_server_need_not_be_named(server: ModelServer) -> None:
    assert look(server, model="").model == "scripted-vl"


@pytest.mark.parametrize(
    ("nature", "model", "told"),
    [
        (Nature(models=("a", "b")), "", "It has a, b: the settings must name the one to use."),
        (Nature(models=("a", "b")), "c", "It has no model 'c'; it has a, b."),
        (Nature(key="secret"), "scripted-vl", "another API key"),
    ],
)
def test_a_server_that_cannot_be_used_says_why(
    server: ModelServer, nature: Nature, model: str, told: str
) -> None:
    server.nature = nature
    with pytest.raises(Unfit) as refused:
        look(server, model=model)
    assert told in str(refused.value)


def test_the_key_is_sent(server: ModelServer) -> None:
    server.nature.key = "secret"
    assert look(server, api_key="secret").sees


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_without_eyes_is_known(family: str) -> None:
    with ModelServer(family, Nature(sees=False)) as server:
        found = look(server)
    assert found.sees is False
    assert found.constrained is True


def test_a_server_that_takes_pictures_and_drops_them_is_known() -> None:
    found = _look_at(lambda _: _answer(prompt=20))
    assert found.sees is False
    assert "does not look at them" in found.remarks[0]


def test_a_server_that_looks_at_some_of_many_pictures_is_known() -> None:
    found = _look_at(lambda pictures: _answer(prompt=20 + 30 * min(pictures, 5)))
    assert found.most_pictures == 5
    assert "Of 64 pictures it looks at 5." in found.remarks


def test_dear_pictures_are_not_sent_by_the_dozen() -> None:
    seen: list[int] = []

    def play(pictures: int) -> bytes:
        seen.append(pictures)
        return _answer(prompt=20 + 256 * pictures)

    found = _look_at(play)
    assert max(seen) == 4
    assert (found.picture_tokens, found.square, found.most_pictures) == (256, None, None)


@pytest.mark.parametrize("most", [1, 10, 63])
def test_a_bound_on_pictures_that_a_server_tells_is_kept(server: ModelServer, most: int) -> None:
    server.nature.most_pictures = most
    assert look(server).most_pictures == most


def test_a_server_that_ignores_schemas_is_known(server: ModelServer) -> None:
    server.nature.constrains = False
    server.otherwise = Script("The Moon has no weather.")
    assert look(server).constrained is False


def test_a_forced_answer_that_was_cut_still_shows_that_the_schema_holds(server: ModelServer) -> None:
    server.otherwise = Script('{"word": \n\n\n', finish="length")
    assert look(server).constrained is True


def test_without_any_text_nothing_is_said_about_schemas(server: ModelServer) -> None:
    server.otherwise = Script("", thinking="hm")
    assert look(server).constrained is None


def test_a_server_that_counts_no_tokens_leaves_the_cost_of_pictures_open(server: ModelServer) -> None:
    server.nature.usage = "missing"
    found = look(server)
    assert (found.sees, found.pictures, found.usage_streamed) == (None, (), False)
    assert "counts no tokens" in found.remarks[0]


def test_a_server_that_fails_while_it_is_examined_is_still_met(server: ModelServer) -> None:
    server.otherwise = Script(cut=0)
    found = look(server)
    assert found.context_tokens == 9000
    assert "while it was examined" in found.remarks[-1]


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_that_is_not_well_is_not_met(server: ModelServer, status: int) -> None:
    server.nature.models_status = status
    with pytest.raises(Unanswered, match=str(status)):
        look(server)


@pytest.mark.parametrize(("status", "told"), [(404, "nobody to chat with"), (401, "another API key")])
def test_a_server_that_lists_its_models_and_answers_nothing_is_told(
    server: ModelServer, status: int, told: str
) -> None:
    server.otherwise = Script(status=status)
    with pytest.raises(Unfit, match=told):
        look(server)


def test_a_list_of_models_that_will_not_end_is_not_read(server: ModelServer) -> None:
    server.nature.models = tuple(f"model-{number}" for number in range(20_000))
    with pytest.raises(Unanswered, match="more than is read"):
        look(server)


def test_a_server_that_is_not_there_is_not_met(server: ModelServer) -> None:
    server.down()
    with pytest.raises(Unanswered, match="cannot be reached"):
        look(server)


def test_a_look_can_be_stopped() -> None:
    cancel = Cancel()
    cancel.throw()
    chosen = OpenAIConfig(urls=("http://127.0.0.1:9/v1",), model="m")
    with pytest.raises(Canceled):
        meet(chosen, chosen.urls[0], cancel, pinned=False)


@given(JSON)
def test_whatever_a_server_says_of_itself_is_read_or_refused(value: Any) -> None:
    talk = cast(Talk, _Says(json.dumps(value).encode()))
    try:
        met = identify(talk, "m", None)
    except Unfit:
        return
    assert met.profile in FAMILIES
    assert met.context_tokens is None or met.context_tokens > 0
    assert met.server.isprintable()


@given(st.binary(max_size=200))
def test_answers_that_are_no_json_are_read_or_refused(body: bytes) -> None:
    assert identify(cast(Talk, _Says(body, only="/models")), "m", None).model == "m"


COSTS = (PictureCost(56, 56, 6), PictureCost(224, 224, 66), PictureCost(768, 432, 450))


def test_the_configuration_is_fitted_to_what_was_found() -> None:
    given_config = OpenAIConfig(urls=("http://a/v1",), model="", context_tokens=50_000)
    found = Abilities(
        "http://a/v1",
        profile="vllm",
        model="m",
        context_tokens=9000,
        sees=True,
        pictures=COSTS,
        most_pictures=10,
    )
    made = fitted(given_config, found, pinned=False)
    assert (made.model, made.profile, made.context, made.sight.most) == ("m", "vllm", 9000, 10)
    assert fitted(given_config, found, pinned=True).profile == "generic"


@pytest.mark.parametrize("cost", COSTS[1:])
def test_pictures_are_never_taken_to_cost_less_than_was_measured(cost: PictureCost) -> None:
    found = Abilities("http://a/v1", sees=True, pictures=COSTS)
    made = fitted(OpenAIConfig(urls=("http://a/v1",), model="m"), found, pinned=False)
    assert cost.width * cost.height / made.picture_square**2 >= cost.tokens
    assert made.picture_tokens(cost.width, cost.height) >= cost.tokens


def test_what_the_operator_said_is_not_overruled() -> None:
    said = OpenAIConfig(
        urls=("http://a/v1",), model="m", tokens_a_picture=99, most_pictures=3, context_tokens=2000
    )
    found = Abilities(
        "http://a/v1", context_tokens=9000, sees=True, pictures=COSTS, most_pictures=10, model="other"
    )
    made = fitted(said, found, pinned=False)
    assert (made.model, made.tokens_a_picture, made.most_pictures, made.context_tokens) == ("m", 99, 3, 2000)


def test_what_is_told_of_a_server_does_not_say_where_it_stands() -> None:
    found = Abilities("http://secret.example/v1", model="m", pictures=COSTS)
    assert "secret" not in json.dumps(found.about())


class _Says:
    """A server that says the same to every question, or at one address only."""

    url = root = "http://a"

    def __init__(self, body: bytes, only: str = "") -> None:
        self.body = body
        self.only = only

    def get(self, url: str) -> Told:
        return Told(200 if url.endswith(self.only) else 404, self.body)


def _answer(prompt: int) -> bytes:
    message = {"role": "assistant", "content": "Yes."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json.dumps(
        {"choices": choices, "usage": {"prompt_tokens": prompt, "completion_tokens": 2}}
    ).encode()


def _look_at(play: Callable[[int], bytes]) -> Abilities:
    """What is found of a server that answers by the number of pictures it is shown."""

    class Plays(Talk):
        def chat(self, body: Any) -> Told:
            return Told(
                200, play(sum(part["type"] == "image_url" for part in body["messages"][0]["content"]))
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kinoscribe.engines.openai.probe.Talk", Plays)
        chosen = OpenAIConfig(urls=("http://a/v1",), model="m")
        return examine(chosen, Abilities("http://a/v1", model="m"), Cancel())
