"""The tables of GRCh38 and of variant states hold together, and say what their sources say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.genome import CHROMOSOMES, STATE_OF_TYPE, STATES, chromosome, expand_state


def test_chromosomes():
    assert list(CHROMOSOMES) == [*map(str, range(1, 23)), "X", "Y", "MT"]
    assert sum(c.size for c in CHROMOSOMES.values() if c.name != "MT") == 3_088_269_832
    assert CHROMOSOMES["MT"].size == 16_569
    for name, c in CHROMOSOMES.items():
        assert c.name == name
        assert name == "MT" or 0 < c.p_end < c.size
        assert re.fullmatch(r"NC_0\d{5}\.\d{1,2}", c.refseq)
        assert re.fullmatch(r"CM000\d{3}\.2|J01415\.2", c.genbank)
        assert re.fullmatch(r"SQ\.[\w-]{32}", c.refget)
        assert c.sequence_id == f"refseq:{c.refseq}"
    numbers = [int(c.refseq[3:9]) for c in CHROMOSOMES.values()]
    assert numbers == [*range(1, 25), 12920]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("9", "9"),
        ("chr9", "9"),
        ("CHR9", "9"),
        (" 9 ", "9"),
        ("NC_000009.12", "9"),
        ("nc_000009", "9"),
        ("refseq:NC_000009.12", "9"),
        ("CM000671.2", "9"),
        ("SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI", "9"),
        ("ga4gh:SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI", "9"),
        ("x", "X"),
        ("23", "X"),
        ("chr24", "Y"),
        ("M", "MT"),
        ("chrM", "MT"),
        ("chrMT", "MT"),
    ],
)
def test_spellings(spelling, name):
    assert chromosome(spelling) is CHROMOSOMES[name]


@pytest.mark.parametrize("spelling", ["", "0", "25", "chr", "chrchr9", "09", "NC_000009.11", "9p", "___none___"])
def test_what_is_no_chromosome(spelling):
    assert chromosome(spelling) is None


def test_no_spelling_means_two_chromosomes():
    for c in CHROMOSOMES.values():
        for spelling in (c.name, f"chr{c.name}", c.refseq, c.genbank, c.refget, c.sequence_id):
            assert chromosome(spelling) is c


def test_states():
    for key, state in STATES.items():
        assert key == state.id
        assert re.fullmatch(r"(EFO|SO):\d{7}", key)
        assert state.label
        assert key not in state.children
        assert len(set(state.children)) == len(state.children)
        for child in state.children:
            # What is more specific is of the same kind, or of a kind of its own where the parent is general.
            assert STATES[child].variant_type in {state.variant_type, "DEL", "DUP", "MNV", "INS", None}
    assert len(STATES) == 20


def test_every_type_has_its_state():
    assert {state.variant_type for state in STATES.values()} - {None} == STATE_OF_TYPE.keys()
    for short, state in STATE_OF_TYPE.items():
        assert STATES[state].variant_type == short


GAINS = {"EFO:0030070", "SO:0001742", "EFO:0030071", "EFO:0030072", "EFO:0030073"}
LOSSES = {"EFO:0030067", "SO:0001743", "EFO:0030068", "EFO:0020073", "EFO:0030069"}
ALLELES = {"SO:0001059", "SO:0001483", "SO:0002007", "SO:0000667", "SO:0000159"}


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (("DUP", "dup", " Gain ", "EFO:0030070", "efo:0030070", "SO:0001742", "copy_number_gain"), GAINS),
        (("DEL", "loss", "EFO:0030067", "SO:0001743"), LOSSES),
        (("CNV", "EFO:0030066", "copy number variation"), {"EFO:0030066", *GAINS, *LOSSES}),
        (("AMP", "high-level gain", "EFO:0030072"), {"EFO:0030072", "EFO:0030073"}),
        (("high-level loss", "EFO:0020073"), {"EFO:0020073", "EFO:0030069"}),
        (("EFO:0030069",), {"EFO:0030069"}),
        (("LOH", "EFO:0030065"), {"EFO:0030065"}),
        (("SNV", "SNP", "SO:0001059", "sequence_alteration"), ALLELES),
        (("INS", "SO:0000667"), {"SO:0000667"}),
        (("deletion", "SO:0000159"), {"SO:0000159"}),
        (("BND", "SO:0001413"), {"SO:0001413", "SO:0000806"}),
        (("fusion",), {"SO:0000806"}),
    ],
)
def test_what_a_word_stands_for(words, states):
    for word in words:
        assert expand_state(word) == tuple(sorted(states))


@given(st.text())
def test_other_words_stand_for_nothing(word):
    found = expand_state(word)
    assert found is None or set(found) <= STATES.keys()
    place = chromosome(word)
    assert place is None or place in CHROMOSOMES.values()


def test_no_states_of_unknown_words():
    assert expand_state("") is expand_state("EFO:9999999") is expand_state("$gt") is None
