"""The error tree: what the docstring says is what the classes are."""

import re

import pytest

from gateway import errors
from gateway.errors import GatewayError

DOCUMENTED = {
    name: int(status) for name, status in re.findall(r"^ [├└]── (\w+) +(\d{3})  \S", errors.__doc__ or "", re.MULTILINE)
}
CLASSES = GatewayError.__subclasses__()


def test_the_documented_tree_is_the_tree():
    assert {kind.__name__: kind.status for kind in CLASSES} == DOCUMENTED
    assert {"GatewayError", *DOCUMENTED} == set(errors.__all__)
    assert not any(kind.__subclasses__() for kind in CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_failure_has_a_status_a_message_and_maybe_a_parameter(kind):
    assert 400 <= kind.status < 600
    error = kind("the reason", parameter="filters")
    assert (str(error), error.message, error.parameter) == ("the reason", "the reason", "filters")
    assert kind("the reason").parameter is None


def test_what_is_worth_another_try_says_when():
    for kind in CLASSES:
        temporary = kind.status in {503, 504}
        assert (kind.retry_after is not None) == temporary
        assert kind.retry_after is None or 0 < kind.retry_after <= 60
