"""The reader: every era's lines, every kind of malformed line."""

import gzip
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loading.errors import BadFile, BadLine
from gateway.loading.lines import MAX_LINE
from gateway.loading.reader import Note, Row, SampleLine, parse_number, read

TEN = "biosample_id\treference_name\tstart\tend\tlog2\tvariant_type\treference_sequence\tsequence\tvariant_state_id"
TEN += "\tvariant_state_label"
DEL, DUP, SNV = "EFO:0030067", "EFO:0030070", "SO:0001059"


def items(text: str | bytes):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read(io.BytesIO(raw), "f"))


def rows(text: str):
    found = items(text)
    assert not [item for item in found if isinstance(item, BadLine)]
    return [item for item in found if isinstance(item, Row)]


def only(text: str) -> Row:
    (row,) = rows(text)
    return row


def bad(text: str) -> str:
    (line,) = [item for item in items(text) if isinstance(item, BadLine)]
    return str(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s\t9\t10\t20\t-0.5", Row("s", "9", 10, 20, -0.5, DEL, "loss", "", "")),
        ("s\t9\t10\t20\t1", Row("s", "9", 10, 20, 1, DUP, "gain", "", "")),
        ("s::chr9::10::20::-0.5", Row("s", "9", 10, 20, -0.5, DEL, "loss", "", "")),
        (
            "s\tX\t10\t20\t.\tLOH",
            Row("s", "X", 10, 20, None, "EFO:0030065", "copy-neutral loss of heterozygosity", "", ""),
        ),
        ("s\t17\t5\t6\t\tSNV\tG\tA", Row("s", "17", 5, 6, None, SNV, "sequence_alteration", "G", "A")),
        ("s\t17\t5\t6\tNA\t.\tG\tA", Row("s", "17", 5, 6, None, SNV, "sequence_alteration", "G", "A")),
        ("s\t17\t5\t6\t.\t.\tG\tGA\t.\t.", Row("s", "17", 5, 6, None, "SO:0000667", "INS", "G", "GA")),
        ("s\tNC_000009.12\t1e6\t2000000.0\t0.1\tDUP\t.\t.\tEFO:0030072\thigh", None),
        ("s\t8\t0\t5\t.\tBND\t.\t.\tSO:0000806\tfusion", Row("s", "8", 0, 5, None, "SO:0000806", "fusion", "", "")),
        ("s\t8\t7\t7\t.\tINS\t.\tAC", Row("s", "8", 7, 7, None, "SO:0000667", "INS", "", "AC")),
    ],
)
def test_rows_without_column_names(text, expected):
    expected = expected or Row("s", "9", 1000000, 2000000, 0.1, "EFO:0030072", "high", "", "")
    assert only(text) == expected


@pytest.mark.parametrize(
    "names",
    [
        "biosample_id\treference_name\tstart\tend\tlog2\tvariant_type",
        "sample_id\tchro\tstart\tend\tlog2\tvariant_type",
        "#biosample_id\treference_name\tstart\tend\tlog2\tvariant_type",
        "# biosample_id\tchromosome\tstart\tend\tvalue\tvariantType",
        '"biosample_id"\t"reference_name"\t"start"\t"end"\t"log2"\t"variant_type"',
    ],
)
def test_column_names_of_every_era(names):
    assert only(f"{names}\ns\t1\t2\t3\t-1\tDEL\n") == Row("s", "1", 2, 3, -1, DEL, "loss", "", "")


def test_columns_in_any_order_unknown_ones_are_noted_and_names_may_come_again():
    found = items("end\tlog2\tstart\tmystery\tbiosample_id\treference_name\n9\t1\t5\tx\ts\t2\n" + f"{TEN}\n")
    assert found == [
        Note("column 'mystery' is not known and was passed over"),
        Row("s", "2", 5, 9, 1, DUP, "gain", "", ""),
    ]


def test_both_names_of_the_sequence_columns():
    old = TEN.replace("reference_sequence", "reference_bases").replace("\tsequence", "\talternate_bases")
    line = "s\t1\t2\t3\t.\tSNV\tA\tC\tSO:0001059\tsequence_alteration\n"
    assert rows(f"{old}\n{line}") == rows(f"{TEN}\n{line}") == rows(line)


@pytest.mark.parametrize(
    ("line", "name", "pairs"),
    [
        ("#sample=>biosample_id=s;group_id=NCIT:C1", "s", {"group_id": "NCIT:C1"}),
        ("# sample=>biosample_id=s;group_label=a=b", "s", {"group_label": "a=b"}),
        ("#sample =>sample_id=s;NCIT::id=NCIT:C1", "s", {"NCIT::id": "NCIT:C1"}),
        ("#biosample_id=>biosample_id=s;NCIT::label=A, b", "s", {"NCIT::label": "A, b"}),
        ('#sample=>biosample_id="s";group_label="a;b"; notes=x', "s", {"group_label": "a;b", "notes": "x"}),
        ("#sample=>id=x;biosample_id=s;notes= %3B%09%25 5%", "s", {"notes": " ;\t% 5%"}),
        ("#sample=>id=s;external_references_id___PMID=PMID:1", "s", {"external_references_id___PMID": "PMID:1"}),
        ('#sample=>id=s;notes=%22quoted"', "s", {"notes": '"quoted"'}),
        ("#sample=>id=s;;notes=;", "s", {"notes": ""}),
    ],
)
def test_sample_lines(line, name, pairs):
    (found,) = items(line)
    assert isinstance(found, SampleLine)
    assert found.biosample_id == name
    assert pairs.items() <= dict(found.pairs).items()


def test_lines_without_consequence():
    text = '#meta=>id=progenetix\n#meta=>assemblyId=GRCh38.p14\n#meta=>"WARNING: 200"\n#group=>group_id=a\n'
    assert items(text + "#plotpars=>title=x\n\n   \n# a comment\n#\n") == []
    assert items("#planet=>x=1") == [Note("header lines #planet=> are not known and were passed over")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("s\t1\t2", "3 cells, separated by TABs; without column names there must be 5 to 10"),
        ("<html>", "1 cells, separated by TABs; without column names there must be 5 to 10"),
        ("ID,chrom,loc.start,loc.end,seg.mean", "5 to 10; it looks as if separated by commas"),
        ('"ID" "chrom" "loc.start" "loc.end" "seg.mean"', "5 to 10; it looks as if separated by blanks"),
        ("s;1;2;3;-1", "5 to 10; it looks as if separated by semicolons"),
        (f"{TEN}\ns\t1\t2\t3\t-1", "5 cells where there are 10 columns"),
        ("s\t1\t2\t3\t1\tDUP\ns\t1\t2\t3\t1", "5 cells where there are 6 columns"),
        (".\t1\t2\t3\t-1", "no biosample_id"),
        ("s\t25\t2\t3\t-1", "no such chromosome: '25'"),
        ("s\t.\t2\t3\t-1", "no such chromosome: '.'"),
        ("s\t1\t\t3\t-1", "no start"),
        ("s\t1\t-2\t3\t-1", "start '-2' is not a position"),
        ("s\t1\t2.5\t3\t-1", "start '2.5' is not a position"),
        ("s\t1\t٢\t3\t-1", "is not a position"),
        ("s\t1\t2\t3000000000\t-1", "end 3000000000 is beyond any chromosome"),
        ("s\t1\t4\t3\t-1", "start 4 is after end 3"),
        ("s\t1\t2\t3\tx", "log2 'x' is not a number"),
        ("s\t1\t2\t3\t1_0", "log2 '1_0' is not a number"),
        ("s\t1\t2\t3\t1e999", "log2 '1e999' is not a finite number"),
        ("s\t1\t2\t3\t1\tWHAT", "unknown variant_type 'WHAT'"),
        ("s\t1\t2\t3\t1\tDUP\t.\t.\tEFO:1", "unknown variant_state_id 'EFO:1'"),
        ("s\t1\t2\t3\t.\tSNV\t<x>\tA", "not a sequence: '<x>'"),
        ("#sample=>group_id=a", "a sample line without biosample_id"),
        ("#sample=>biosample_id=s;what", "'what' is not key=value"),
        ("#sample=>biosample_id=s; =what", "'=what' is not key=value"),
    ],
)
def test_malformed_lines(line, reason):
    message = bad(f"#meta=>id=x\n{line}\n")
    assert message.startswith(f"f:{2 + line.count(chr(10))}: ")
    assert reason in message
    assert "\n" not in message


def test_not_utf8():
    assert str(items(b"#meta=>id=x\ns\t1\t2\t3\t\xff")[0]) == "f:2: not UTF-8"


def test_state_wins_over_type_with_a_note():
    found = items("s\t1\t2\t3\t.\tDUP\t.\t.\tEFO:0030067\t.")
    assert [item.state_id for item in found if isinstance(item, Row)] == [DEL]
    assert Note("where variant_state_id and variant_type disagree, variant_state_id was believed") in found


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ("biosample_id\tchro\tstart\tend", "no column that says what the variants are"),
        ("biosample_id\tchro\tstart\tend\tlog2\tvalue", "two columns named log2"),
    ],
)
def test_column_names_that_are_not_understood_are_refused_as_a_whole(names, reason):
    with pytest.raises(BadLine, match=f"f:2: .*{reason}"):
        items(f"#meta=>id=x\n{names}\n")


def test_another_assembly_is_refused_as_a_whole():
    with pytest.raises(BadLine, match=r"f:1: assembly GRCh37; only GRCh38"):
        items("#meta=>id=x;assemblyId=GRCh37")


def test_gzip_bom_crlf_and_no_last_line_end():
    text = "\ufeff#sample=>biosample_id=s\r\n" + TEN + "\r\ns\t1\t2\t3\t.\tDEL\t.\t.\t.\t."
    plain, packed = items(text), items(gzip.compress(text.encode()))
    assert plain == packed
    assert [type(item) for item in plain] == [SampleLine, Row]


def test_damaged_gzip_and_endless_lines_are_named():
    packed = gzip.compress(("s\t1\t2\t3\t-1\n" * 5000).encode())
    with pytest.raises(BadFile, match="f: cannot be read after line"):
        items(packed[: len(packed) // 2])
    with pytest.raises(BadLine, match="f:2: longer than"):
        items(b"\n" + b"x" * (MAX_LINE + 1))


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_as_they_print(value):
    read_back = parse_number(repr(value))
    assert repr(read_back) == repr(value)


@given(st.binary(max_size=200) | st.text('#sample=>;id\t\n:.1AC"%', max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(raw):
    with suppress(BadFile):
        items(raw)
