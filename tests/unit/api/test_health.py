"""A server lives, is ready or says what it lacks, and tells which model truly answers."""

from types import SimpleNamespace

from starlette.types import ASGIApp
from tests.unit.analysis.pretended import Engine, Gatherer, Parts
from tests.unit.api.asgi import KnownKeys, ask, make_app, make_house

from kinoscribe.contract.errors import DatabaseUnavailable
from kinoscribe.contract.limits import MODELS
from kinoscribe.engines.chosen import Chosen
from kinoscribe.engines.engine import EngineState
from kinoscribe.settings import Settings
from kinoscribe.storage.task_rows import Backlog


class NoKeys(KnownKeys):
    lacks = ("There is no valid API key.",)


def app(parts: Parts, keys: KnownKeys | None = None) -> ASGIApp:
    return make_app(make_house(parts, keys=keys))


def test_a_server_lives_even_when_nothing_is_ready() -> None:
    parts = Parts(Engine(ready=EngineState(False, "No engine.")), Gatherer(lacks=["No weights."]))
    answer = ask(app(parts), "GET", "/healthz", key=None)
    assert (answer.status, answer.json()["status"]) == (200, "ok")


def test_a_ready_server_says_so_to_anybody() -> None:
    answer = ask(app(Parts()), "GET", "/readyz", key=None)
    assert (answer.status, answer.json()) == (200, {"status": "ready", "missing": []})


def test_a_server_that_is_not_ready_names_all_it_lacks() -> None:
    parts = Parts(Engine(ready=EngineState(False, "No engine.")), Gatherer(lacks=["No weights."]))
    answer = ask(app(parts, NoKeys()), "GET", "/readyz", key=None)
    assert answer.status == 503
    assert answer.json()["missing"] == ["No engine.", "No weights.", "There is no valid API key."]


def test_a_server_without_a_worker_is_not_ready() -> None:
    answer = ask(app(Parts(workers=[])), "GET", "/readyz", key=None)
    assert answer.status == 503
    assert "kinoscribe work" in answer.json()["missing"][0]


def test_one_worker_that_lacks_nothing_is_enough() -> None:
    lame, well = SimpleNamespace(missing=("No weights.", "No engine.")), SimpleNamespace(missing=())
    assert ask(app(Parts(workers=[lame, well])), "GET", "/readyz", key=None).status == 200
    worse = SimpleNamespace(missing=("No weights.",))
    answer = ask(app(Parts(workers=[lame, worse])), "GET", "/readyz", key=None)
    assert (answer.status, answer.json()["missing"]) == (503, ["No weights."])


def test_a_full_queue_is_named() -> None:
    most = Settings().queue_most
    assert ask(app(Parts(backlog=Backlog(most - 2, 1, None))), "GET", "/readyz", key=None).status == 200
    answer = ask(app(Parts(backlog=Backlog(most - 1, 1, None))), "GET", "/readyz", key=None)
    assert answer.status == 503
    assert str(most) in answer.json()["missing"][0]


def test_a_database_that_is_away_is_named() -> None:
    class Away(KnownKeys):
        def missing(self) -> list[str]:
            raise DatabaseUnavailable

    answer = ask(app(Parts(), Away()), "GET", "/readyz", key=None)
    assert (answer.status, answer.json()["missing"]) == (503, [DatabaseUnavailable.sentence])


def test_a_sentence_of_a_ready_engine_keeps_nobody_out() -> None:
    parts = Parts(Engine(ready=EngineState(True, "Works less well.")))
    assert ask(app(parts), "GET", "/readyz", key=None).status == 200


def test_the_models_are_listed_with_what_answers_to_them() -> None:
    answer = ask(app(Parts()), "GET", "/v1.3/models")
    assert [row["model_name"] for row in answer.json()["data"]] == list(MODELS)
    assert {row["answered_by"] for row in answer.json()["data"]} == {"none"}
    assert ask(app(Parts()), "GET", "/v1.3/models", key=None).status == 401


def test_a_name_of_the_operators_own_is_listed_with_its_rules_and_what_was_found_of_its_server() -> None:
    about = {"server": "vLLM 1.0", "profile": "vllm"}
    own = Engine(ready=EngineState(True, about=about))
    away = Engine(ready=EngineState(False, "It is down."))
    parts = Parts()
    parts.models = {"qwen": Chosen("pegasus1.6", (away, own)), "gone": Chosen("pegasus1.5", (away,))}
    rows = {row["model_name"]: row for row in ask(app(parts), "GET", "/v1.3/models").json()["data"]}
    assert (rows["qwen"]["rules"], rows["qwen"]["ready"]) == ("pegasus1.6", True)
    assert rows["qwen"]["engine"]["server"] == about
    assert (rows["gone"]["ready"], rows["gone"]["reason"]) == (False, "It is down.")
    assert "server" not in rows["pegasus1.5"]["engine"]
