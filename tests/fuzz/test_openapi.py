"""What the OpenAPI document promises is what the server does."""

from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.conformance.served import Served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="session")
def document(fuzzed: Served) -> schemathesis.schemas.BaseSchema:
    response = httpx2.get(f"{fuzzed.url}/openapi.json", trust_env=False)
    assert response.status_code == 200
    loaded = schemathesis.openapi.from_dict(response.json())
    loaded.config.update(base_url=fuzzed.url)
    return loaded


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: schemathesis.Case[Any], fuzzed: Served) -> None:
    case.call_and_validate(checks=CHECKS, headers={"x-api-key": fuzzed.key})


def test_the_document_names_every_status_that_is_sent(fuzzed: Served) -> None:
    paths = httpx2.get(f"{fuzzed.url}/openapi.json", trust_env=False).json()["paths"]
    assert {"/v1.3/analyze", "/v1.3/assets", "/v1.3/assets/{asset_id}"} <= set(paths)
    for operations in paths.values():
        for operation in operations.values():
            assert {"400", "401", "404", "500"} <= set(operation["responses"])
