"""Ranges against RFC 9110: examples from its text, and a plain model of what a range is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.messages import ranges
from gateway.web.messages.ranges import Span

EXAMPLES = [  # header, bytes of ten that it selects; None: left out; (): nothing of it is there
    ("bytes=0-4", range(5)),
    ("bytes=5-9", range(5, 10)),
    ("bytes=5-", range(5, 10)),
    ("bytes=-3", range(7, 10)),
    ("bytes=-30", range(10)),
    ("bytes=0-99999999999999999999999999", range(10)),
    ("bytes=9-9", range(9, 10)),
    ("BYTES=0-0", range(1)),
    (" bytes= 0-4\t", range(5)),
    ("bytes=,, 0-4 ,", range(5)),
    ("bytes=0000000000000000000000000000002-3", range(2, 4)),
    ("bytes=10-", ()),
    ("bytes=10-12", ()),
    ("bytes=-0", ()),
    ("bytes=" + "9" * 5000 + "-", ()),
    ("bytes=4-3", None),
    ("bytes=-", None),
    ("bytes=", None),
    ("bytes=a-b", None),
    ("bytes=1", None),
    ("bytes=1-2-3", None),
    ("bytes=+1-2", None),
    ("bytes=1 - 2", None),
    ("bytes=\u0660-\u0664", None),
    ("bytes=0-1,3-4", None),
    ("rows=0-4", None),
    ("bytes:0-4", None),
    ("", None),
]


@pytest.mark.parametrize(("header", "wanted"), EXAMPLES, ids=lambda value: repr(value)[:30])
def test_examples(header, wanted):
    span = ranges.read(header)
    if wanted is None:
        assert span is None
    else:
        found = span.within(10)
        assert tuple(range(*found) if found else ()) == tuple(wanted)


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\- ]{0,12}", fullmatch=True), st.integers(0, 30))
def test_any_header_is_a_range_or_none(header, size):
    span = ranges.read(header)
    found = span.within(size) if span else None
    assert found is None or 0 <= found[0] < found[1] <= size


@given(st.integers(0, 40) | st.none(), st.integers(0, 40) | st.none(), st.integers(0, 30))
def test_a_span_selects_what_it_says(first, last, size):
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        return
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    assert ranges.read(text) == Span(first, last)
    if first is None:
        wanted = list(range(size))[-last:] if last else []
    else:
        wanted = [at for at in range(size) if at >= first and (last is None or at <= last)]
    found = Span(first, last).within(size)
    assert (list(range(*found)) if found else []) == wanted


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"abd"', False),
        ("abc", False),
        ('"abc-gzip"', False),
        ("Sun, 22 Nov 2026 23:40:52 GMT", False),
        ("", False),
        ("*", False),
    ],
)
def test_if_range_is_compared_strongly(header, same):
    assert ranges.same(header, '"abc"') is same
