"""Sites: what a document becomes in VCF; and records that do not depend on how they came."""

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import vcf
from gateway.formats.variant_columns import encoder
from gateway.formats.vcf_sites import Seen, copies, entries
from gateway.genome import CHROMOSOMES, STATES
from tests.examples import examples
from tests.formats.vcf_folds import texts_of

encode = encoder(vcf.COLUMNS)


def cnv(start: int, end: int, state: str = "EFO:0030067", chromosome: str = "9", **more: Any) -> dict[str, Any]:
    place = {"chromosome": chromosome, "start": start, "end": end}
    return {"biosample_id": "s", "variant_state": {"id": state}, "location": place, **more}


def small(start: int, end: int, reference: str = "", sequence: str = "", state: str = "SO:0001059") -> dict[str, Any]:
    bases = {"reference_sequence": reference} if reference else {}
    return {**cnv(start, end, state, "17"), **({"state": {"sequence": sequence}} if sequence else {}), **bases}


def fusion(*partners: dict[str, Any]) -> dict[str, Any]:
    return {"biosample_id": "s", "type": "Adjacency", "adjoined_sequences": list(partners)}


def records(*documents: dict[str, Any], samples: tuple[str, ...] = ("s",), **limits: int) -> list[str]:
    """The records, which are the same from both engines."""
    batch = bson.encode({str(n): {"_id": n, **document} for n, document in enumerate(documents)})
    found = texts_of([batch], samples, **limits)
    assert found == found[:1] * len(found)
    return found[0].decode().splitlines()


def old(name: str, **more: Any) -> dict[str, Any]:
    """As of 2021: without a state, perhaps without an end."""
    return {"biosample_id": "s", "reference_name": name, **more}


@pytest.mark.parametrize(
    ("document", "place", "info", "cell"),
    [
        (cnv(100, 200), "9 100 . N <DEL>", "END=200;SVTYPE=DEL;SVLEN=100;SVCLAIM=D;IMPRECISE;STATE=EFO:0030067", "."),
        (
            cnv(0, 50, "EFO:0030072", info={"cnv_value": 1.5}),
            *("9 1 . N <DUP>", "END=50;SVTYPE=DUP;SVLEN=49;SVCLAIM=D;IMPRECISE;STATE=EFO:0030072", "1.5"),
        ),
        (
            cnv(138394700, 10**9, "EFO:0030069"),
            "9 138394700 . N <DEL>",
            "END=138394717;SVTYPE=DEL;SVLEN=17;SVCLAIM=D;CN=0;IMPRECISE;STATE=EFO:0030069",
            ".",
        ),
        (cnv(5, 9, "EFO:0030065"), "9 5 . N <LOH>", "END=9;SVTYPE=LOH;SVCLAIM=D;CN=2;IMPRECISE;STATE=EFO:0030065", "."),
        # Small variants: exchanged, inserted, taken out, with and without what is known of them.
        (small(10, 11, "G", "A"), "17 11 . G A", "STATE=SO:0001059", ""),
        (small(10, 11, "g", "r"), "17 11 . G N", "STATE=SO:0001059", ""),
        (small(10, 11, "", "A"), "17 11 . N A", "STATE=SO:0001059", ""),
        (small(10, 11, "G", ""), "17 11 . G <*>", "END=11;STATE=SO:0001059", ""),
        (small(10, 12, "GC", "AT", "SO:0002007"), "17 11 . GC AT", "STATE=SO:0002007", ""),
        (small(10, 10, "", "ACG", "SO:0000667"), "17 10 . N NACG", "STATE=SO:0000667", ""),
        (small(0, 0, "", "ACG", "SO:0000667"), "17 1 . N ACGN", "STATE=SO:0000667", ""),
        (small(10, 13, "ACG", "", "SO:0000159"), "17 10 . NACG N", "STATE=SO:0000159", ""),
        (
            small(10, 13, "", "", "SO:0000159"),
            *("17 10 . N <DEL>", "END=13;SVTYPE=DEL;SVLEN=3;SVCLAIM=DJ;IMPRECISE;STATE=SO:0000159", "."),
        ),
        (small(10, 11, "<script>", "a b"), "17 11 . N <*>", "END=11;STATE=SO:0001059", ""),
        (old("chrM", start=7.0, alternate_bases="T"), "MT 8 . N T", "STATE=SO:0001059", ""),
        (old("X", start=7, end=9), "X 8 . N <*>", "END=9", ""),
    ],
)
def test_a_record(document: dict[str, Any], place: str, info: str, cell: str):
    form = f"GT:LOG2 0/1:{cell}" if cell else "GT 0/1"
    assert records(document) == [f"{place} . PASS {info} {form}".replace(" ", "\t")]


A, B = {"chromosome": "8", "end": [0, 1000]}, {"sequence_id": "refseq:NC_000012.12", "start": [500, 500]}


@pytest.mark.parametrize(
    ("partners", "alleles"),
    [
        ((A, B), ["8 1 N[12:501[", "12 501 ]8:1]N"]),
        ((B, A), ["8 1 N[12:501[", "12 501 ]8:1]N"]),
        ((A, {**A, "chromosome": "9"}), ["8 1 N]9:1]", "9 1 N]8:1]"]),
        ((B, {**B, "sequence_id": "refseq:NC_000024.10"}), ["12 501 [Y:501[N", "Y 501 [12:501[N"]),
        ((A,), ["8 1 N."]),
        ((B,), ["12 501 .N"]),
        (({"start": [1, 2]},), []),
    ],
)
def test_fusions_are_pairs_of_breakends(partners: tuple[dict[str, Any], ...], alleles: list[str]):
    found = [line.split("\t") for line in records(fusion(*partners))]
    assert [f"{cells[0]} {cells[1]} {cells[4]}" for cells in found] == alleles
    for cells in found:
        info = dict(word.partition("=")[::2] for word in cells[7].split(";"))
        assert info["SVTYPE"] == "BND"
        assert ("CIPOS" in info) == ("IMPRECISE" in info) == (cells[0] in {"8", "9"})
        if len(found) == 2:
            (mate,) = (other for other in found if other is not cells)
            assert info["MATEID"] == mate[2] != cells[2]


NOWHERE = ({"biosample_id": "s"}, cnv(10**9, 10**9 + 5), cnv(1, 5, chromosome="GL000009.2"), cnv(-5, 5))


def test_no_two_records_have_one_id():
    """A fusion's partners in several states are several records."""
    partners = {"chromosome": "8", "end": [1, 2]}, {"chromosome": "9", "start": [5, 6]}
    states = [{"variant_state": {"id": code}} for code in ("SO:0000806", "SO:0001413", "EFO:9")]
    rows = [row.split("\t") for row in records(*({**fusion(*partners), **state} for state in states))]
    info = [dict(word.partition("=")[::2] for word in row[7].split(";")) for row in rows]
    mates = {row[2]: found for row, found in zip(rows, info, strict=True)}
    assert len(mates) == len(rows) == 6
    assert all(mates[found["MATEID"]]["MATEID"] == name for name, found in mates.items())
    assert all(mates[found["MATEID"]].get("STATE") == found.get("STATE") for found in info)


@pytest.mark.parametrize("document", [*NOWHERE, {**cnv(1, 5), "biosample_id": "t"}])
def test_what_lies_nowhere_or_belongs_to_nobody_has_no_record(document: dict[str, Any]):
    assert records(document) == []


def test_two_analyses_of_a_sample_are_two_records_where_their_ratios_differ():
    found = [
        {**cnv(20000, 30000, "EFO:0030070"), "biosample_id": sample, "analysis_id": analysis, **ratio}
        for sample, analysis, ratio in (
            ("b", "b1", {"info": {"cnv_value": 0.9}}),
            ("a", "a1", {"info": {"cnv_value": 0.5}}),
            ("b", "b2", {"info": {"cnv_value": 0.5}}),
            ("b", "b3", {}),
            ("c", "c1", {"info": {"cnv_value": 0.5}}),
            ("c", "c2", {"info": {"cnv_value": 0.5}}),
        )
    ]
    rows = [line.split("\t") for line in records(*found, samples=("a", "b", "c"))]
    assert [row[9:] for row in rows] == [
        ["0/1:0.5", "0/1:.", "0/1:0.5"],
        [".", "0/1:0.5", "."],
        [".", "0/1:0.9", "."],
    ]
    assert len({tuple(row[:9]) for row in rows}) == 1


SIZE = CHROMOSOMES["9"].size
PLACES = [(start, end) for start in (0, 1, 2, SIZE - 1, SIZE) for end in (1, 2, 5_000_000, SIZE, SIZE + 1)]


@pytest.mark.parametrize(("start", "end"), PLACES)
@pytest.mark.parametrize("state", ["EFO:0030067", "EFO:0030070", "EFO:0030066", "SO:0000159"])
def test_length_and_end_agree_within_the_chromosome(start: int, end: int, state: str):
    """Readers take the end from END (VCF 4.3), or from POS and SVLEN (VCF 4.4, htslib 1.24)."""
    rows = [line.split("\t") for line in records(cnv(start, end, state))]
    rows = [row for row in rows if row[4] != "<*>"]  # a deletion of nothing
    assert rows or (state == "SO:0000159" and min(end, SIZE) <= start)
    for row in rows:
        info = dict(word.partition("=")[::2] for word in row[7].split(";"))
        assert int(row[1]) == max(start, 1)
        assert int(row[1]) + int(info["SVLEN"]) == int(info["END"]) == max(min(end, SIZE), int(row[1]))


def test_small_variants_end_within_their_chromosome():
    size = CHROMOSOMES["17"].size
    found = [
        small(size - 1, size + 5, "G"),
        small(size, size, "", "ACG", "SO:0000667"),
        small(size, size + 1, "G", "A"),
        small(size, size + 1, "", ""),
    ]
    places = [line.split("\t")[1:8] for line in records(*found)]
    assert [(int(row[0]), row[3], row[6].partition(";")[0]) for row in places] == [
        (size, "<*>", f"END={size}"),
        (size, "NACG", "STATE=SO:0000667"),
    ]


edges = st.sampled_from([0, 1, 2, 16_568, 16_569, 16_570, 138_394_716, 138_394_717, 138_394_718, 2**31 - 1])


@examples(90)
@given(
    place=st.tuples(st.sampled_from(["9", "MT"]), edges.map(str) | st.just("."), edges.map(str) | st.just(".")),
    state=st.sampled_from([*sorted(STATES), "."]),
)
def test_the_short_way_of_copy_number_variants_is_the_same(place: tuple[str, str, str], state: str):
    kinds = {"DEL", "DUP", "CNV", "LOH"}
    seen = Seen("s", *place, state, ".", ".", "0.5", *["."] * 10)
    found = copies(*place, state)
    if state in STATES and STATES[state].variant_type in kinds and place[1] != ".":
        assert list(entries(seen)) == ([(found, "0/1:0.5")] if found else [])
        assert found is not None
    else:
        assert found is None


low, high, state = st.integers(0, 6), st.integers(0, 9), st.sampled_from(sorted(STATES))
sites = st.builds(
    lambda sample, document: {**document, "biosample_id": sample},
    st.sampled_from(["a", "b", "c#"]),
    st.one_of(
        st.builds(cnv, low, high, state, st.sampled_from(["1", "10", "2", "X"])),
        st.builds(small, low, high, st.sampled_from(["", "A", "AC"]), st.sampled_from(["", "A", "G"]), state),
        st.just(fusion(A, B)),
    ),
)


@examples(30)
@given(found=st.lists(sites, max_size=20), random=st.randoms(), run=st.sampled_from([1, 300, 10**6]))
def test_records_are_sorted_sites_of_all_samples(found: list[dict[str, Any]], random: Any, run: int):
    samples = ("a", "b", "c#")
    lines = records(*found, samples=samples)
    shuffled = records(*random.sample(found, len(found)), samples=samples, run_bytes=run, most_files=3)
    assert lines == shuffled
    cells = [line.split("\t") for line in lines]
    assert all(len(row) == 9 + len(samples) for row in cells)
    order = list(CHROMOSOMES)
    places = [(order.index(row[0]), int(row[1])) for row in cells]
    assert places == sorted(places)
    assert len({tuple(row[:9]) for row in cells}) == len(cells)
    for row in cells:
        assert any(cell.startswith("0/1") for cell in row[9:])
    for number, sample in enumerate(samples):
        assert any(row[9 + number] != "." for row in cells) == any(d["biosample_id"] == sample for d in found)
