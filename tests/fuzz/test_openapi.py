"""What the OpenAPI document promises is what the server does."""

from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.conformance.served import Served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="session")
def document(fuzzed: Served) -> BaseSchema:
    response = httpx2.get(f"{fuzzed.url}/openapi.json", trust_env=False)
    assert response.status_code == 200
    loaded = schemathesis.openapi.from_dict(response.json())
    loaded.config.update(base_url=fuzzed.url)
    return loaded


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_as_documented(document: BaseSchema, fuzzed: Served, mode: GenerationMode) -> None:
    operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 8
    for operation in operations:
        _call_many_times(operation, fuzzed.key, mode)


def _call_many_times(operation: APIOperation[Any, Any, Any, Any], key: str, mode: GenerationMode) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, headers={"x-api-key": key})

    call()


def test_the_document_names_every_status_that_is_sent(document: BaseSchema) -> None:
    paths = document.raw_schema["paths"]
    assert {"/v1.3/analyze", "/v1.3/assets", "/v1.3/assets/{asset_id}"} <= set(paths)
    for operations in paths.values():
        for operation in operations.values():
            assert {"400", "401", "404", "500"} <= set(operation["responses"])
