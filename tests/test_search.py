"""Search by typing: what is found, in which order, and what was meant by what is not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.search import Search, folded

# The weightiest first.
ENTRIES = (
    (("NCIT:C3262",), "Neoplasm"),
    (("NCIT:C3058",), "Glioblastoma"),
    (("pgx:icdom-94403",), "Glioblastoma, NOS"),
    (("NCIT:C4017",), "Invasive Breast Ductal Carcinoma"),
    (("pubmed:12345",), "Doe J et al. (2001): Of 3058 neoplasms"),
    (("CDKN2A", "P16", "INK4A"), ""),
)
SEARCH = Search(ENTRIES)


def test_order():
    """Names and labels that are the text, those that begin so, words that begin so, anywhere; then by weight."""
    for text, expected in {
        "neoplasm": [0, 4],
        "glioblastoma": [1, 2],
        "glioblastoma,": [2],
        "3058": [4, 1],
        "carcinoma": [3],
        "ductal inv": [3],
        "lasm": [0, 4],
        "icdom-94403": [2],
        "PMID:12345": [4],
        "p16": [5],
        "ink": [5],
        "": [],
        "   ": [],
        "none": [],
        ".": [4],
    }.items():
        assert list(SEARCH.find(text, 10).entries) == expected, text


def test_limits():
    assert SEARCH.find("n", 1).more
    assert not SEARCH.find("n", 10).more
    assert set(SEARCH.find("o", 9, lambda entry: entry == 3).entries) == {3}


def test_what_may_have_been_meant():
    assert SEARCH.near("glioblatoma", 2) == (1, 2)
    assert SEARCH.near("NCIT:C3059", 1) == (1,)
    assert SEARCH.near("ductl carcinma", 1) == (3,)
    assert SEARCH.near("cdkn2", 1) == (5,)
    assert SEARCH.near("qqqqqq", 5) == ()
    assert Search(()).near("a", 5) == Search(()).find("a", 5).entries == ()


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=12)), max_size=6), st.text(max_size=12))
def test_any_text_is_found_in_itself_and_breaks_nothing(entries: list[tuple[str, str]], text: str):
    search = Search(((code,), label) for code, label in entries)
    found = search.find(text, 100)
    assert set(found.entries) <= set(range(len(entries)))
    assert len(search.near(text, 3)) <= 3
    for n, (code, _) in enumerate(entries):
        if folded(code):  # there are more blanks than those of ASCII
            assert n in search.find(code, 100).entries


def test_what_is_called_so_is_found_whatever_weightier_begins_so():
    ranked: set[int] = set()

    class Counting(Search):
        def _rank(self, entry: int, spelled: Any, words: Any) -> int:
            ranked.add(entry)
            return super()._rank(entry, spelled, words)

    many = Counting([*(((f"NCIT:C1{number}",), "") for number in range(12_000)), (("NCIT:C1",), "")])
    assert many.find("ncit:c1", 3).entries == (12_000, 0, 1)
    # Of the first letter somebody types not all terms are compared.
    assert len(ranked) < 6_000
    assert many.find("n", 2).more
