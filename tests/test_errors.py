"""The error tree: what the docstring says is what the classes are."""

import re

import pytest

from gateway import errors
from gateway.cli import command_line, store
from gateway.errors import Failure, GatewayError, plain
from gateway.fetch.errors import FetchError

DOCUMENTED = {
    name: int(status) for name, status in re.findall(r"^ [├└]── (\w+) +(\d{3})  \S", errors.__doc__ or "", re.MULTILINE)
}
KINDS = set(re.findall(r"^ [│ ]    [├└]── (\w+)  +\S", errors.__doc__ or "", re.MULTILINE))  # of one of those
CLASSES = GatewayError.__subclasses__()


def test_the_documented_tree_is_the_tree():
    assert {kind.__name__: kind.status for kind in CLASSES} == DOCUMENTED
    assert {"Failure", "GatewayError", "plain", "refusal", *DOCUMENTED, *KINDS} == set(errors.__all__)
    kinds = (kind for parent in CLASSES for kind in parent.__subclasses__())
    assert {kind.__name__ for kind in kinds if kind.__module__ == errors.__name__} == KINDS  # protocols have their own


@pytest.mark.parametrize("kind", CLASSES)
def test_a_failure_has_a_status_a_message_and_maybe_a_parameter(kind):
    assert 400 <= kind.status < 600
    error = kind("the reason", parameter="filters")
    assert (str(error), error.message, error.parameter) == ("the reason", "the reason", "filters")
    assert kind("the reason").parameter is None


def test_what_is_worth_another_try_says_when():
    for kind in CLASSES:
        temporary = kind.status in {408, 429, 502, 503, 504}
        assert (kind.retry_after is not None) == temporary
        assert kind.retry_after is None or 0 < kind.retry_after <= 60


def test_a_command_ends_with_the_code_of_what_stopped_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    kinds: list[type[Failure]] = [FetchError, *FetchError.__subclasses__(), *CLASSES]
    for kind in kinds:

        def stopped(_: object, kind: type[Failure] = kind) -> int:
            raise kind("a document says \x1b[31mred\n\u202eand more")

        monkeypatch.setattr(store, "_run", stopped)
        assert command_line.main(["store", "--path", "x"]) == kind.code
        assert capsys.readouterr().err == "pgx-gateway: a document says [31mred and more\n"


@pytest.mark.parametrize("text", ["", "\x1b", "a\r\nb", "\x9b1m", "\udc9b", "\u2028", "a  b"])
def test_a_plain_message_is_one_line_for_any_terminal(text: str):
    assert all(letter.isprintable() for letter in plain(text))
    assert plain(plain(text)) == plain(text)
