"""Which format a word or an `Accept` header chooses (RFC 9110, 12.5.1)."""

from contextlib import suppress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.errors import NotAcceptable
from gateway.formats import FORMATS, by_accept, by_word, names

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("word", "name"), [("pgxseg", "pgxseg"), ("json", "json"), ("jsonl", "jsonl"), ("ndjson", "jsonl")]
)
def test_words(word, name):
    assert by_word(word).name == name


def test_an_unknown_word_is_told_the_known_ones():
    with pytest.raises(NotAcceptable) as refused:
        by_word("xlsx")
    assert refused.value.parameter == "output"
    for word in ("pgxseg", "json", "jsonl", "ndjson"):
        assert word in refused.value.message
        assert word in names()


def test_no_word_or_media_type_means_two_formats():
    for said in ([word for form in FORMATS for word in form.words], [kind for f in FORMATS for kind in f.accepts]):
        assert len(said) == len(set(said))
        assert all(text == text.lower() for text in said)
    assert all(form.media.partition(";")[0] in form.accepts for form in FORMATS if form.accepts)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", "json"),
        ("*/*", "json"),
        (BROWSER, "json"),
        ("application/json", "json"),
        ("application/*", "json"),
        ("text/plain", "pgxseg"),
        ("text/*", "pgxseg"),
        ("text/pgxseg", "pgxseg"),
        ("text/tab-separated-values", "pgxseg"),
        ("application/x-ndjson", "jsonl"),
        ("application/jsonl", "jsonl"),
        # Quality: the larger wins, JSON wins ties, three digits count.
        ("application/json;q=0.5, text/plain", "pgxseg"),
        ("application/json;q=0.5, text/plain;q=0.4", "json"),
        ("text/plain;q=0.7, application/json;q=0.7", "json"),
        ("application/json;q=0.001, text/plain;q=0.002", "pgxseg"),
        ("text/plain;q=0, */*", "json"),
        ("application/json;q=0, */*", "pgxseg"),
        # Specificity: the most specific range speaks for a type, wherever it stands.
        ("*/*;q=0, text/plain;q=0.1", "pgxseg"),
        ("text/plain;q=0.1, */*;q=0", "pgxseg"),
        ("*/*, application/json;q=0.2, text/plain;q=0.1", "jsonl"),
        ("application/*;q=0.1, */*;q=0.5", "pgxseg"),
        ("text/*;q=0.9, text/plain;q=0.1, text/pgxseg;q=0.1, text/tab-separated-values;q=0.1, */*;q=0.5", "vcf"),
        # Spelling: case, blanks and other parameters make no difference.
        ("TEXT/Plain", "pgxseg"),
        ("text/plain ; Q=1", "pgxseg"),
        (" ,, text/plain\t;\tq=0.3 ,", "pgxseg"),
        ("text/plain; charset=utf-8; q=0.3, application/json; q=0.2", "pgxseg"),
        # A quality that is none refuses its range; an item that is no range is passed over.
        ("text/plain;q=high, application/json;q=0.1", "json"),
        ("text/plain;q=2, application/json;q=0.1", "json"),
        ("text/plain;q=nan, application/json;q=0.1", "json"),
        ("text/plain;q=, application/json;q=0.1", "json"),
        ("nonsense", "json"),
        ("nonsense, text/plain", "pgxseg"),
    ],
)
def test_accept(header, name):
    assert by_accept(header).name == name


@pytest.mark.parametrize("header", ["image/png", "text/html", "*/*;q=0", "text/plain;q=0", "image/*, text/plain;q=x"])
def test_nothing_acceptable(header):
    with pytest.raises(NotAcceptable) as refused:
        by_accept(header)
    assert refused.value.parameter == "Accept"
    assert "application/json" in refused.value.message


pieces = st.sampled_from(
    ["text", "plain", "json", "application", "*", "/", ",", ";", "q", "=", "0", ".", "1", '"', " "]
)


@given(st.one_of(st.text(), st.lists(pieces, max_size=25).map("".join)))
@example(";" * 1000)
@example("*/*;q=" + "9" * 10_000)
def test_garbage_is_refused_or_passed_over(header):
    for choose in (by_accept, by_word):
        with suppress(NotAcceptable):
            assert choose(header) in FORMATS


@given(st.lists(st.integers(0, 1000), min_size=len(FORMATS), max_size=len(FORMATS)).filter(any), st.randoms())
def test_the_preferred_is_chosen_whatever_the_order(thousandths, random):
    asked = {form: q for form, q in zip(FORMATS, thousandths, strict=True) if form.accepts}
    ranges = [f"{kind};q={q / 1000:.3f}" for form, q in asked.items() for kind in form.accepts]
    random.shuffle(ranges)
    assume(any(asked.values()))
    assert asked[by_accept(", ".join(ranges))] == max(asked.values())
