"""`/openapi.json` taken at its word: schemathesis makes requests of it, right ones and wrong ones, always the same.

Longer runs are by hand: `st run URL/openapi.json`, against a gateway with limits, rules and a Beacon behind it.
"""

from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from gateway.web.endpoints.openapi import description
from tests.harness import Gateway
from tests.web.test_openapi import different

FEW: Any = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schemathesis() -> Any:
    """It takes a second to load: not in processes that have none of these tests."""
    return import_module("schemathesis")


@pytest.fixture(scope="module")
def checked(schemathesis: Any) -> list[Any]:
    found = import_module("schemathesis.specs.openapi.checks")
    conformance = (f"{of}_conformance" for of in ("status_code", "content_type", "response_schema"))
    return [schemathesis.checks.not_a_server_error, *(getattr(found, name) for name in conformance)]


@pytest.fixture(scope="module")
def operations(schemathesis: Any) -> list[Any]:
    """One of each kind: many have fifty parameters."""
    schema = schemathesis.openapi.from_dict({**description(), "paths": different(description()["paths"])})
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_answers_are_as_they_are_described(
    gateway: Gateway, schemathesis: Any, checked: list[Any], operations: list[Any], kind: str
):
    mode = schemathesis.GenerationMode(kind)
    labels = set()

    def ask(case: Any) -> None:
        labels.add(case.operation.label)
        case.call_and_validate(gateway.url, checks=checked, allow_redirects=False, timeout=60)

    asked = [one for one in operations if one.query or kind == "positive"]  # any text is a name
    for operation in asked:
        FEW(given(case=operation.as_strategy(mode))(ask))()
    assert labels == {operation.label for operation in asked}
    assert len(labels) > 5
