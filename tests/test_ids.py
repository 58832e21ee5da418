"""The law of ids: what reads like one is one, what a request cannot say is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import flaw


@pytest.mark.parametrize(
    "text", ["pgxbs-1", "NCI/ADR-X", "HL-00(TB)", "DEMO 1; #2 100%", "(x)", "Müller", "O'Brien", "a..b"]
)
def test_ids(text):
    assert not flaw(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("..", "dots"),
        ("x" * 129, "128"),
        ("a,b", "comma"),
        ("a\tb", "cannot be seen"),
        ("a\u00a0b", "cannot be seen"),
        ("a\ud800", "cannot be seen"),
        (" a", "blank"),
        ('"a', "begins"),
        ("$where", "begins"),
        ("Null", "none"),
    ],
)
def test_what_is_none(text, why):
    assert why in flaw(text)


@given(st.text())
def test_ids_survive_what_requests_do_to_them(text):
    if not flaw(text):
        assert text.encode()
        assert text.split(",") == [text] == [text.strip()]
