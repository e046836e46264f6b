import pytest
from tests.unit.analysis.pretended import Engine

from kinoscribe.contract.limits import MODELS
from kinoscribe.engines.chosen import Chosen, Engines
from kinoscribe.engines.engine import EngineState


class One(Engine):
    """An engine that is ready or not, and counts how often it was closed."""

    def __init__(self, lacks: str = "") -> None:
        super().__init__()
        self.lacks = lacks
        self.closed = 0

    def state(self) -> EngineState:
        return EngineState(ready=not self.lacks, reason=self.lacks)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("name", MODELS)
def test_without_a_choice_every_name_of_the_api_is_answered_by_the_engine_of_the_settings(name: str) -> None:
    engine = One()
    assert Engines(engine).of(name) is engine
    assert Engines(engine).names[name] == name


def test_a_name_of_the_operators_own_has_its_engine_and_its_rules() -> None:
    default, own = One(), One()
    engines = Engines(default, {"qwen": Chosen("pegasus1.6", (own,))})
    assert engines.of("qwen") is own
    assert engines.of("pegasus1.6") is default
    assert engines.names["qwen"] == "pegasus1.6"


def test_the_next_engine_answers_where_the_first_is_not_ready() -> None:
    first, second = One("It is down."), One()
    engines = Engines(One(), {"qwen": Chosen("pegasus1.5", (first, second))})
    assert engines.of("qwen") is second
    first.lacks = ""
    assert engines.of("qwen") is first


def test_where_none_is_ready_the_first_says_why() -> None:
    first, second = One("The first is down."), One("The second is down.")
    engines = Engines(One(), {"qwen": Chosen("pegasus1.5", (first, second))})
    assert engines.of("qwen") is first
    assert engines.lacks() == {"qwen": "The first is down."}


def test_one_name_that_can_be_answered_is_enough_to_be_ready() -> None:
    default = One("No weights.")
    assert Engines(default, {"qwen": Chosen("pegasus1.5", (One(),))}).state().ready
    state = Engines(default, {"qwen": Chosen("pegasus1.5", (One("It is down."),))}).state()
    assert not state.ready
    assert state.reason == "No weights. It is down."


def test_an_engine_of_many_names_is_closed_once() -> None:
    default, own = One(), One()
    two = (own, default)
    Engines(default, {"a": Chosen("pegasus1.5", two), "b": Chosen("pegasus1.2", two)}).close()
    assert (default.closed, own.closed) == (1, 1)
