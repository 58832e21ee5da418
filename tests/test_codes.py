"""Codes in the spellings of both eras, whole and as beginnings."""

import pytest

from gateway.codes import beginnings, current_code, kinds, spellings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PMID:99900001", "pubmed:99900001"),
        ("icdom-85003", "pgx:icdom-85003"),
        ("icdot-c50.9", "pgx:icdot-C50.9"),
        ("pgxcohort-TCGA", "pgx:cohort-TCGA"),
        ("TCGA-BRCA", "pgx:TCGA-BRCA"),
        ("cBP-brca_tcga", "cbioportal:brca_tcga"),
        ("GSE1", "geo:GSE1"),
        ("CVCL_0023", "cellosaurus:CVCL_0023"),
        ("NCIT_C3058", "NCIT:C3058"),
    ],
)
def test_a_code_is_found_by_any_of_its_spellings(old: str, new: str):
    assert current_code(old) == new
    assert spellings(old) == spellings(new)
    # A collation that begins with all of a code is found, too, however code and collation are spelled.
    for asked in (old, new):
        assert {*spellings(new)} <= {*beginnings(asked)}


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("PMID", "pubmed:1"),
        ("pmid:12", "pubmed:123"),
        ("pubmed", "PMID:1"),
        ("icdom", "pgx:icdom-85003"),
        ("icdom-85", "pgx:icdom-85003"),
        ("pgx:icdom-85", "icdom-85003"),
        ("pgxcohort", "pgx:cohort-TCGA"),
        ("pgx:cohort-TC", "pgxcohort-TCGA"),
        ("TCGA", "pgx:TCGA-BRCA"),
        ("GSE", "geo:GSE99"),
        ("geo:GSE9", "GSE99"),
        ("CVCL_00", "cellosaurus:CVCL_0023"),
        ("cBP", "cbioportal:x"),
        ("NCIT:C30", "NCIT:C3058"),
        ("NCIT", "NCIT:C3058"),
    ],
)
def test_beginnings_are_those_of_both_eras(asked: str, stored: str):
    assert any(stored.startswith(begin) for begin in beginnings(asked))


def test_beginnings_are_no_wider_than_what_is_asked():
    for asked, stored in (("PMID", "NCIT:C1"), ("icdom-85", "pgx:icdom-95003"), ("GSE", "geo:GSM1"), ("p", "NCIT:C1")):
        assert not any(stored.startswith(begin) for begin in beginnings(asked))


def test_kinds_have_names_in_both_eras():
    assert set(kinds("PMID")) == set(kinds("pubmed"))
    assert kinds("NCIT") == ("NCIT",)
