"""The core's VCF is the reference's, byte for byte, whatever the rows say and wherever they are cut."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.vcf_records import CoreRecords
from gateway.formats.vcf_sites import RULES
from gateway.genome import CHROMOSOMES, STATES
from gateway.text import escape_cell
from tests.examples import examples
from tests.formats.documents import anything, array
from tests.formats.vcf_folds import SITES, text_of, texts_of, vcf_folds

_c = pytest.importorskip("gateway.codec._c")

SAMPLES = ("s", "pgxbs-é#", "t")
# Few positions, so that many sites meet; ends of chromosomes, and numbers whose texts and values differ in order.
SIZES = [CHROMOSOMES[name].size for name in ("MT", "9", "1")]
POSITIONS = [0, 1, 2, 9, 10, 100, 99, *(size + step for size in SIZES for step in (-1, 0, 1)), 2**31 - 1]
BASES = [".", "A", "a", "N", "U", "ACGT", "acgrn", "AC-T", "<DEL>", "é", "A C", "ACGTU" * 20]
numbers = st.sampled_from([".", *map(str, POSITIONS)])
few = st.sampled_from([".", "0", "1", "7", "10"])
places = st.tuples(st.sampled_from(["1", "9", "X", "MT"]), numbers | few, numbers | few)
states = st.sampled_from([*sorted(STATES), "."])
bases = st.sampled_from(BASES)
log2 = st.sampled_from([".", "-0.5", "0.5", "0.55", "1e-05", "3"])
partner = st.tuples(st.sampled_from([".", "8", "MT"]), few, few, few, numbers)
nobody = st.just((".",) * 5)
rows = st.builds(
    lambda sample, place, *cells: "\t".join((escape_cell(sample), *place, *cells[:4], *cells[4], *cells[5])) + "\n",
    st.sampled_from([*SAMPLES, "someone else"]),
    places,
    *(states, bases, bases, log2),
    *(nobody | partner, nobody | partner),
)


def cut(lines: list[str], at: list[int]) -> list[bytes]:
    """The lines in pieces of so many."""
    pieces, rest = [], list(lines)
    for size in at:
        pieces.append("".join(rest[:size]).encode())
        del rest[:size]
    return [*pieces, "".join(rest).encode()]


@examples(100)
@given(
    lines=st.lists(rows, max_size=60),
    at=st.lists(st.integers(0, 20), max_size=4),
    run_bytes=st.sampled_from([1, 100, 900, 10**6]),
    most_files=st.integers(2, 4),
)
def test_both_engines_give_the_same_bytes(lines: list[str], at: list[int], run_bytes: int, most_files: int):
    python, core = (
        text_of(fold, cut(lines, at), SAMPLES) for fold in vcf_folds(run_bytes=run_bytes, most_files=most_files)
    )
    assert core == python


# Mostly plain, so that each of what is odd meets what is plain.
plain_positions = st.sampled_from([0, 1, 5, 100, 16_568, Int64(16_569), Int64(16_570), 2**31 - 1])
odd_positions = st.sampled_from([-1, 2**31, Int64(2**40), 5.0, 5.5, "7", "", "x", None, [5], {"low": 1}, True])
odd_texts = st.sampled_from(["", "#", "%41", "a\tb", "é\n", "x" * 86, 7, None, ["9"], {"id": "9"}])


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 7).flatmap(lambda number: usual if number else odd)


segments = st.fixed_dictionaries(
    {"biosample_id": mostly(st.sampled_from(SAMPLES), odd_texts)},
    optional={
        "location": mostly(
            st.fixed_dictionaries(
                {"chromosome": mostly(st.sampled_from(["9", "MT", "chrX", "23"]), odd_texts)},
                optional={
                    "sequence_id": st.sampled_from(["refseq:NC_000009.12", "other"]),
                    "start": mostly(plain_positions, odd_positions),
                    "end": mostly(plain_positions, odd_positions),
                },
            ),
            anything,
        ),
        "start": mostly(plain_positions, odd_positions),
        "end": mostly(plain_positions, odd_positions),
        "variant_state": st.fixed_dictionaries({"id": mostly(st.sampled_from(sorted(STATES)), odd_texts)}),
        "variant_type": mostly(st.sampled_from(["DEL", "DUP", "SNV", "BND", "?"]), odd_texts),
        "info": st.fixed_dictionaries({"cnv_value": mostly(st.sampled_from([-0.5, 1, 1e-5, "0.25"]), anything)}),
        "alternate_bases": st.sampled_from(["A", "", 5]),
        "adjoined_sequences": st.sampled_from([[], None, [{"chromosome": "8", "start": [5, 6]}]]),
    },
)


@examples(100)
@given(
    found=st.lists(segments, max_size=30),
    cut=st.integers(0, 30),
    run_bytes=st.sampled_from([1, 100, 10**6]),
)
def test_plain_variants_need_no_rows(found: list[dict[str, Any]], cut: int, run_bytes: int):
    """What the core takes from documents at once is what it takes from their rows, and what the reference does."""
    batches = [array(found[:cut]), array(found[cut:])]
    texts = texts_of(batches, (*SAMPLES, "", "x" * 86), run_bytes=run_bytes, most_files=2)
    assert texts == texts[:1] * 3


def test_most_variants_are_plain():
    found = [
        {"biosample_id": "s", "variant_state": {"id": state.id}, "location": {"chromosome": "9", "start": 5, "end": 9}}
        for state in STATES.values()
    ]
    symbolic = sum(state.kind == "symbolic" for state in RULES.states)
    data = SITES([array(found)]).data
    assert data.count(b"\t.\n") == len(found) - symbolic
    assert symbolic > 10
    fold = CoreRecords(_c.Sites(RULES))
    list(fold.through(["s"]))
    list(fold.finish())
    site = data[data.index(b"\x01") :]
    for wrong in (site[:12], b"\x01\xff" + site[2:], site[:2] + b"\xff" + site[3:]):
        with pytest.raises(ValueError, match="a site"):
            fold.feed(0, wrong)


def row(sample: str, *cells: object) -> str:
    """A row of its first cells."""
    return "\t".join([sample, *map(str, cells), *["."] * (17 - len(cells))]) + "\n"


def test_the_core_leaves_little_to_the_reference():
    """Copy number variants and small ones are its own; a fusion, and what is no row, are not."""
    sites = _c.Sites(RULES)
    sites.name(["s"])
    own = "".join(row("s", "9", 5, 9, state) for state in STATES if STATES[state].variant_type != "BND")
    assert sites.feed(own.encode()) == b""
    assert sites.records(1 << 20)[1] == own.count("\n")
    others = [row("s", "9", 5, 9, "SO:0001413"), row("s", "GL1", 5, 9), "s\t9\t5\n", row("s", "9", -5, 9), "s\n"]
    others += [row("s", "9", 5, 9, "SO:0000806", ".", ".", ".", "8", 5, 5), "\n", row("s", "9", 2**31, 9), "s"]
    sites = _c.Sites(RULES)
    sites.name(["s"])
    assert sites.feed("".join(others).encode()) == "".join(others).encode()
    assert sites.records(1) == (b"", 0)
    with pytest.raises(ValueError, match="made elsewhere"):
        sites.add(b"s", b"9", 5, b"\t.\tN\t<DUP>\t.\tPASS\tEND=7", b"0/1")


def test_records_are_cut_between_records():
    lines = [row(sample, "9", at, at + 5, "EFO:0030067") for at in range(2000) for sample in "ab"]
    sites = _c.Sites(RULES, run_bytes=5000)
    sites.name("ab")
    sites.feed("".join(lines).encode())
    pieces = [*iter(lambda: sites.records(1000), (b"", 0))]
    assert all(piece.endswith(b"\n") and piece.count(b"\n") == count for piece, count in pieces)
    assert all(1000 <= len(piece) < 1200 for piece, _ in pieces[:-1])
    assert sum(count for _, count in pieces) == 2000


def test_files_are_few_and_closed_whatever_becomes_of_the_fold():
    before = psutil.Process().num_fds()
    fold = CoreRecords(_c.Sites(RULES, run_bytes=200, most_files=4))
    list(fold.through(SAMPLES))
    list(fold.finish())
    for at in range(500):
        fold.feed(0, row("s", "9", at, at + 5, "EFO:0030067").encode())
        assert psutil.Process().num_fds() < before + 4 * 6  # files of six levels
    assert psutil.Process().num_fds() > before
    del fold
    assert psutil.Process().num_fds() == before


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
from gateway.codec import _c
from gateway.formats.vcf_sites import RULES
sites = _c.Sites(RULES, run_bytes=30_000)
sites.name(["s"])
line = b"s\\t9\\t%d\\t99999\\tEFO:0030067\\t.\\t.\\t0.123456789012345" + b"\\t." * 10 + b"\\n"
try:
    sites.feed(b"".join(line % at for at in range(20_000)))
except OSError as error:
    sys.exit(error.errno)
"""


def test_a_full_disk_is_the_systems_error():
    done = subprocess.run([sys.executable, "-c", FULL], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == errno.EFBIG, os.strerror(done.returncode)
