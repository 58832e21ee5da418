"""`/openapi.json` taken at its word: schemathesis makes requests of it, right ones and wrong ones, always the same.

Longer runs are by hand: `st run URL/openapi.json`, against a gateway with limits, rules and a Beacon behind it.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode, checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.web.endpoints.openapi import description
from tests.harness import Gateway
from tests.web.test_openapi import different

CHECKED: list[Any] = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FEW: Any = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

SCHEMA = schemathesis.openapi.from_dict({**description(), "paths": different(description()["paths"])})
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]  # one of each kind: many have fifty parameters


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_answers_are_as_they_are_described(gateway: Gateway, mode: GenerationMode):
    labels = set()

    def ask(case: Case) -> None:
        labels.add(case.operation.label)
        case.call_and_validate(gateway.url, checks=CHECKED, allow_redirects=False, timeout=60)

    asked = [one for one in OPERATIONS if one.query or mode is GenerationMode.POSITIVE]  # any text is a name
    for operation in asked:
        FEW(given(case=operation.as_strategy(mode))(ask))()
    assert labels == {operation.label for operation in asked}
    assert len(labels) > 5
