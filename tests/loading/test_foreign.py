"""Files of others: what was called and what was not, `.seg` of every tool, quotes, line ends, odd cells."""

import gzip
from pathlib import Path

import pytest

from gateway.loading import BadFile, BadLine, Calling, Report, import_files
from gateway.loading.calls import Silence
from tests.harness import Gateway

NAMES = "biosample_id\treference_name\tstart\tend\tlog2"


@pytest.fixture
def run(store, dataset, tmp_path):
    def run(text: str | bytes, *, name: str = "f.pgxseg", calling: Calling | None = None, skip: bool = False) -> Report:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        more = {"calling": calling} if calling else {}
        return import_files([path], uri=store.uri, dataset=dataset.name, progress=False, skip_bad=skip, **more)

    return run


@pytest.fixture
def stored(dataset):
    def stored() -> list[tuple[object, ...]]:
        found = dataset.variants.find().sort([("biosample_id", 1), ("_id", 1)])
        return [
            (
                *(one["biosample_id"], *(one["location"][key] for key in ("chromosome", "start", "end"))),
                *(one["info"].get("cnv_value"), one["variant_state"]["label"]),
            )
            for one in found
        ]

    return stored


# -- what was called ----------------------------------------------------------------------------------------------


def test_a_dot_in_the_column_of_types_is_no_call(run, stored, dataset):
    report = run(
        f"{NAMES}\tvariant_type\ns\t1\t10\t20\t-0.4\tDEL\ns\t1\t30\t90\t0.03\t.\ns\t2\t0\t90\t-2\t\ns\t3\t4\t9\t0.9\tDUP\n"
        "t\t1\t10\t20\t0.01\t.\n"
    )
    assert stored() == [("s", "1", 10, 20, -0.4, "loss"), ("s", "3", 4, 9, 0.9, "gain")]
    assert (report.rows, report.samples, report.silent) == (2, 2, {Silence.NO_CALL: 3})
    assert dataset.analyses.count_documents({}) == 2  # a sample in which nothing was found counts in frequencies


def test_thresholds_decide_where_there_is_no_type(run, stored):
    text = NAMES + "".join(f"\ns\t1\t{at}\t99\t{log2}" for at, log2 in enumerate((0.151, 0.15, 0, -0.15, -0.151, "NA")))
    report = run(text)
    assert [(start, label) for _, _, start, _, _, label in stored()] == [(0, "gain"), (4, "loss")]
    assert report.silent == {Silence.NEUTRAL: 3, Silence.NO_VALUE: 1}
    assert run(text, calling=Calling(0.1, -0.1)).rows == 4
    assert run(text, calling=Calling(0, 0)).rows == 4  # by sign; nothing is no gain


def test_neutral_segments_are_kept_where_this_is_asked_and_come_back(run, stored, dataset, store, tmp_path):
    text = f"{NAMES}\ns\t1\t10\t20\t0.1\ns\t1\t30\t90\t1\n"
    typed = f"{NAMES}\tvariant_type\nt\t1\t10\t20\t0.1\t.\nt\t1\t30\t90\t1\t.\nt\t1\t40\t90\t.\t.\n"
    keep = Calling(keep_neutral=True)
    assert not run(text, calling=keep).silent
    assert run(typed, calling=keep).silent == {Silence.NO_CALL: 2}  # nobody said what these are
    ploidy = "regional base ploidy"
    assert [(name, start, label) for name, _, start, _, _, label in stored()] == [
        *(("s", 10, ploidy), ("s", 30, "gain"), ("t", 10, ploidy))
    ]
    with Gateway(store.uri, [dataset.name], log=tmp_path / "log") as gateway:
        out = gateway.ask("/services/pgxsegvariants?allData=true")
        # Neither gains nor losses: those who count these do not see them.
        stats = gateway.ask("/services/cnvstats?biosampleIds=t").text
        assert gateway.ask("/beacon/g_variants?variantType=DUP&output=pgxseg").rows[0].startswith("s\t1\t30")
    assert '"cnvfraction":0' in stats
    assert len(out.rows) == 3
    assert not run(out.body).counts.changed


def test_files_in_which_nothing_is_a_variant_say_so(run, dataset):
    report = run(f"{NAMES}\ns\t1\t10\t20\t0.01\n")
    assert [line.partition("seg: ")[2] for line in report.warnings] == ["no variants in it, in none of 1 rows"]
    assert dataset.biosamples.count_documents({}) == 1
    assert "only samples" in run("#sample=>id=s\n").warnings[0]
    assert "no variants in it, and no samples" in run(f"{NAMES}\n").warnings[0]
    for text, skip in ((f"{NAMES}\ns\t1\t1\t2\t.\n", False), (f"{NAMES}\ns\t1\tx\t2\t1\ns\t1\t1\t2", True)):
        with pytest.raises(BadFile, match="none of its"):
            run(text, skip=skip)


# -- the documented headers of 2020 and 2021 ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        (
            '#sample=>biosample_id=s;group_id=NCIT:C3058;group_label="Glio"\n'
            "biosample_id\tchro\tstart\tstop\tmean\tvariant_type\tprobes\n"
            "s\t1\t742429\t7883881\t-0.1594\tDEL\t699\ns\t2\t5\t9\t.\tDUP\t.\n"
        ),
        (
            '# sample_id=s;group_id=NCIT:C3058;group_label="Glio"\n'
            "sample_id\tchro\tstart\tstop\tmean\tprobes\tvariant_type\n"
            "s\t1\t742429\t7883881\t-0.1594\t699\tDEL\ns\t2\t5\t9\t.\t.\tDUP\n"
        ),
        (
            '#biosample_id = s;group_id=NCIT:C3058;group_label="Glio"\n'
            "sampleID\tchro\tbasestart\tbasestop\tsegvalue\tprobes\n"
            "s\t1\t742429\t7883881\t-0.1594\t699\ns\t2\t5\t9\t1\tNA\n"
        ),
    ],
)
def test_documented_headers(run, stored, dataset, text):
    run(text)
    (first, second) = stored()
    assert first == ("s", "1", 742429, 7883881, -0.1594, "loss")
    assert second[1:4] == ("2", 5, 9)
    assert second[-1] == "gain"
    assert dataset.biosamples.find_one()["info"] == {"group_id": "NCIT:C3058", "group_label": "Glio"}
    assert [one["info"].get("probes") for one in dataset.variants.find().sort("_id", 1)] == [699, None]


# -- .seg ---------------------------------------------------------------------------------------------------------

SEG = "T\tchr1\t1001\t2000\t12\t-0.5\nT\t1\t2001\t3000\t9\t0.02\nT\t23\t1\t500\t7\t0.9\n"
CALLED = [("T", "1", 1000, 2000, -0.5, "loss"), ("T", "X", 0, 500, 0.9, "gain")]


@pytest.mark.parametrize(
    "names",
    [
        "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean",  # DNAcopy, CNVkit, IGV
        '"ID"\t"chrom"\t"loc.start"\t"loc.end"\t"num.mark"\t"seg.mean"',
        "'ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean",
        "Sample\tChromosome\tStart\tEnd\tNum_Probes\tSegment_Mean",  # TCGA, GATK
        "GDC_Aliquot\tChromosome\tStart\tEnd\tNum_Probes\tSegment_Mean",
        '"sampleName"\t"chromosome"\t"start"\t"end"\t"nbrOfLoci"\t"mean"',  # PSCBS
        "Sample\tChromosome\tStart Position\tEnd Position\tNum markers\tSeg.CN",  # GISTIC
        "#track name=x\n#type=COPY_NUMBER\nsample\tchr\tstart\tend\tnum_probes\tseg_mean",
        None,  # GISTIC's needs no names
    ],
)
def test_seg_of_every_tool(run, stored, dataset, names):
    report = run((f"{names}\n" if names else "") + SEG, name="f.seg")
    assert stored() == CALLED
    assert report.silent == {Silence.NEUTRAL: 1}
    assert [one["info"]["probes"] for one in dataset.variants.find().sort("_id", 1)] == [12, 7]
    assert [warning for warning in report.warnings if "GRCh38" in warning]


def test_seg_with_quotes_of_r(run, stored):
    quoted = "\n".join("\t".join(f'"{cell}"' for cell in line.split("\t")) for line in SEG.splitlines())
    run('"ID"\t"chrom"\t"loc.start"\t"loc.end"\t"num.mark"\t"seg.mean"\n' + quoted)
    assert stored() == CALLED


def test_seg_without_probes_and_with_more_columns(run, stored):
    rows = ["\t".join((*line.split("\t")[:4], line.split("\t")[5], "-")) for line in SEG.splitlines()]
    run("ID\tchrom\tloc.start\tloc.end\tseg.mean\tcall\n" + "\n".join(rows))
    assert stored() == CALLED


def test_our_own_seg_comes_back(run, stored, dataset, store, tmp_path):
    run(f"{NAMES}\ns\t1\t10\t20\t-0.5\ns\tX\t0\t90\t1\n")
    before = stored()
    with Gateway(store.uri, [dataset.name], log=tmp_path / "log") as gateway:
        text = gateway.ask("/beacon/g_variants?allData=true&output=igv").text
    assert not run(text, name="f.seg").counts.inserted
    assert stored() == before


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (
            "chromosome\tstart\tend\tgene\tlog2\tdepth",
            ["are not understood: 'gene', 'depth'; there", "no biosample_id (biosample_id or", "gdc_aliquot"],
        ),  # .cns
        ("Sample\tStart\tEnd\tNum_Probes\tSegment_Mean", [":1: there is no reference_name ("]),
        ("Sample\tChromosom\tStart\tEnd\tSegment_Mean", ["not understood: 'Chromosom'; there is no reference_name ("]),
        ("GDC_Aliquot\tChromosome\tStart\tEnd\tCopy_Number\tMajor", ["no column that says", "log2", "seg_mean"]),
        ("Probe\tKromosom\tAnfang\tEnde\tWert", ["no biosample_id", "no reference_name", "no start", "no end", "log2"]),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_names_that_are_not_understood_are_named(run, dataset, names, missing, skip):
    with pytest.raises(BadLine) as caught:
        run(f"{names}\n{SEG}", skip=skip)  # nor are they skipped: rows would be read by a guess
    assert all(word in str(caught.value) for word in missing), caught.value
    assert dataset.variants.count_documents({}) == 0


def test_an_id_beside_a_sample_is_another_column(run, stored):
    report = run(f"id\t{NAMES}\n1\ts\t1\t10\t20\t-0.5\n")
    assert stored() == [("s", "1", 10, 20, -0.5, "loss")]
    assert "column 'id' is not known" in report.warnings[0]


def test_an_assembly_in_the_name_of_a_file_is_told(run):
    assert "its name says hg19" in "".join(run(SEG, name="X.nocnv_hg19.seg.txt").warnings)


# -- quotes, line ends, odd cells ---------------------------------------------------------------------------------


def test_quotes_are_stripped_everywhere(run, stored, dataset):
    run(
        '"#sample=>biosample_id=s;group_id=g;group_label=""Glio, """\t\t\n'
        "#sample=>biosample_id='t';individual_id=\"i\";notes='90s and 'x'\n"
        '\'biosample_id\'\t"reference_name"\tstart\tend\t"log2"\t\'variant_type\'\t"variant_state_id"\t\n'
        '"s"\t"X"\t"1e+06"\t2500000\t-0.5\t"DEL"\t"."\n'
        '\'t\'\t"1"\t5\t9\t" 0.5 "\tDUP\t""\n'
    )
    assert stored() == [("s", "X", 1000000, 2500000, -0.5, "loss"), ("t", "1", 5, 9, 0.5, "gain")]
    one, other = dataset.biosamples.find().sort("id", 1)
    assert one["info"]["group_label"] == "Glio, "
    assert (other["individual_id"], other["notes"]) == ("i", "'90s and 'x'")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\n\n\n", "\r\r\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_line_ends(run, stored, end, pack):
    text = f"{NAMES}\tvariant_type\ns\t1\t10\t20\t-0.5\tDEL\ns\t2\t10\t20\t-0.5\tDEL\n".replace("\n", end)
    assert run(pack(text.encode())).rows == 2
    assert len(stored()) == 2


@pytest.mark.parametrize(
    "word", ["NaN", "nan", "Inf", "-Inf", "+inf", "-Infinity", "NA", "N/A", "#N/A", "None", "", "."]
)
def test_a_log2_that_is_no_number_is_missing(run, stored, word):
    assert run(f"{NAMES}\tvariant_type\ns\t1\t10\t20\t{word}\tDEL\n").rows == 1
    assert stored() == [("s", "1", 10, 20, None, "loss")]


def test_empty_cells_behind_the_last_column_mean_nothing(run, stored):
    names = f"{NAMES}\tvariant_type"
    assert run(f"{names}\t\t\ns\t1\t1\t9\t1\tDUP\t\t\t\ns\t1\t2\t9\t1\tDUP\n").rows == 2
    assert run(f"{names}\nt\t1\t1\t9\t1\tDUP\t\nt\t1\t2\t9\t1\tDUP\n").rows == 2
    assert run("u\t1\t1\t9\t1\t\t\nu\t1\t2\t9\t1\n").rows == 2
    with pytest.raises(BadLine, match="8 cells where there are 6"):
        run(f"{names}\ns\t1\t1\t9\t1\tDUP\t\tx\n")
    assert len(stored()) == 6


def test_little_that_expands_to_very_much_is_refused(run):
    bomb = gzip.compress((b"#" * 1023 + b"\n") * (18 << 10), 9)
    with pytest.raises(BadFile, match="expands to more than"):
        run(bomb, name="f.pgxseg.gz")
    assert run(gzip.compress(b"\n" * (12 << 20), 9)).rows == 0


def test_line_numbers_count_what_is_empty(run, tmp_path: Path):
    nothing = "\n" * 700_000  # more than is read at a time
    for end in ("\n", "\r", "\r\n"):
        with pytest.raises(BadLine, match=r":700002: start 9 is after end 5$"):
            run(f"{NAMES}\n{nothing}s\t1\t9\t5\t1\n".replace("\n", end))
