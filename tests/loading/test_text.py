"""Percent codes: what is written reads back exactly, and plain text stays as it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.text import escape_cell, escape_value, unescape

# Many percent signs, digits and special characters, so that codes arise by accident.
texts = st.text(st.one_of(st.sampled_from('%25307BbFf\t\n\r;#"\0\x7f'), st.characters()), max_size=12)


@given(texts)
@example("%25")
@example("%%25")
@example("%2\t5")
@example("100 %")
@example('"quoted"')
def test_escaped_text_reads_back(text):
    assert unescape(escape_cell(text)) == text
    assert unescape(escape_value(text)) == text


@given(texts)
def test_nothing_that_ends_a_cell_or_a_value_is_left(text):
    assert not set(escape_cell(text)) & set("\t\n\r#\0\x7f")
    assert not set(escape_value(text)) & set("\t\n\r#;\0\x7f")


def test_codes():
    assert escape_cell("a\tb;c#d") == "a%09b;c%23d"
    assert escape_value("a\tb;c#d") == "a%09b%3Bc%23d"
    assert escape_cell("50 % of %41 and %zz") == "50 % of %2541 and %zz"
    assert unescape("%41 %0a %2a 100%") == "%41 %0a %2a 100%"


@given(st.text(st.characters(min_codepoint=0x20, exclude_characters='%#;"\x7f')))
def test_plain_text_stays(text):
    assert escape_cell(text) == escape_value(text) == unescape(text) == text
