"""The OpenAPI document names every route, and every status that an error can have."""

import re
from typing import Any

import pytest
from tests.unit.analysis.pretended import Engine, Parts
from tests.unit.api.asgi import ask, make_app, make_house

from kinoscribe.api.openapi import document
from kinoscribe.api.routes import ROUTES
from kinoscribe.contract.errors import all_errors
from kinoscribe.contract.limits import MODELS
from kinoscribe.engines.chosen import Chosen

DOCUMENT = document(ROUTES, "https://a.example")
OPERATIONS: list[dict[str, Any]] = [
    operation for path in DOCUMENT["paths"].values() for operation in path.values()
]


def test_every_route_is_there_once() -> None:
    listed = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert listed == {(route.method.lower(), f"/v1.3{route.path}") for route in ROUTES}
    assert len({operation["operationId"] for operation in OPERATIONS}) == len(ROUTES)


def test_every_status_of_an_error_is_told() -> None:
    statuses = {str(error.status) for error in all_errors()}
    for operation in OPERATIONS:
        assert statuses <= set(operation["responses"])


def test_every_part_of_a_path_is_a_parameter() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for part in value.values() for found in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []


def test_every_reference_leads_somewhere() -> None:
    assert references(DOCUMENT)
    for reference in references(DOCUMENT):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_it_is_served_without_a_key_and_points_nowhere_else(path: str) -> None:
    answer = ask(make_app(make_house(Parts())), "GET", path, key=None)
    assert answer.status == 200
    assert not re.search(rb"(?:src|href)=\"?(?:https?:)?//", answer.body), "nothing is loaded from elsewhere"


def test_the_names_of_models_are_those_of_this_server() -> None:
    parts = Parts()
    parts.models = {"own": Chosen("pegasus1.5", (Engine(),))}
    served = ask(make_app(make_house(parts)), "GET", "/openapi.json", key=None).json()
    for route in ("/v1.3/analyze", "/v1.3/analyze/tasks"):
        body = served["paths"][route]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["model_name"]["enum"] == [*MODELS, "own"]
