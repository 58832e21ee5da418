"""Importing files: twice changes nothing, malformed files write nothing, real files come in whole."""

import gzip

import pytest

from gateway.loading import BadFile, BadLine, Report, import_files, importer, writer

FILE = """#meta=>id=progenetix
#sample=>id=s1;biosample_id=s1;individual_id=pgxind-1;histological_diagnosis_id=NCIT:C4017;group_id=NCIT:C4017
#sample=>biosample_id=s2;NCIT::id=NCIT:C4017;NCIT::label=Invasive Breast Ductal Carcinoma
#sample=>biosample_id=s4;notes=no variants
biosample_id\treference_name\tstart\tend\tlog2\tvariant_type
s1\t9\t21864674\t21999241\t-0.8731\tDEL
s1\t9\t21864674\t21999241\t-0.8731\tDEL
s2\t8\t127000000\t145138636\t.\tDUP
s1\t1\t0\t10\t.\tLOH
s3\t8\t0\t12800000\t.\tBND
"""


def contents(dataset):
    return {name: list(dataset[name].find().sort("_id", 1)) for name in sorted(dataset.list_collection_names())}


@pytest.fixture
def run(store, dataset, tmp_path):
    def run(*texts: str | bytes, skip_bad: bool = False) -> Report:
        paths = []
        for at, text in enumerate(texts):
            paths.append(tmp_path / f"f{at}.pgxseg")
            paths[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
        return import_files(paths, uri=store.uri, dataset=dataset.name, progress=False, skip_bad=skip_bad)

    return run


def test_a_file_becomes_documents(run, dataset):
    report = run(FILE)
    assert (report.rows, report.samples, report.skipped, report.warnings) == (5, 4, 0, ())
    assert report.counts.inserted["variants"] == 5
    linked = {(v["biosample_id"], v["individual_id"], v["analysis_id"]) for v in dataset.variants.find()}
    assert linked == {(a["biosample_id"], a["individual_id"], a["id"]) for a in dataset.analyses.find()} - {
        (a["biosample_id"], a["individual_id"], a["id"]) for a in dataset.analyses.find({"biosample_id": "s4"})
    }
    assert {b["individual_id"] for b in dataset.biosamples.find()} == {i["id"] for i in dataset.individuals.find()}
    assert dataset.collations.find_one({"id": "NCIT:C4017"})["count"] == 2


def test_importing_twice_changes_nothing(run, dataset):
    run(FILE)
    before = contents(dataset)
    assert not run(FILE).counts.changed
    assert not run(gzip.compress(FILE.encode())).counts.changed
    assert contents(dataset) == before


def test_the_same_row_again_in_a_file_is_another_variant_wherever_it_stands(run):
    row = "s\t1\t5\t9\t-1\n"
    assert run(row * 3 + "t\t1\t5\t9\t-1\n" + row).counts.inserted["variants"] == 5
    assert not run(row * 4 + "t\t1\t5\t9\t-1\n").counts.changed
    assert run(row * 5).counts.inserted == {"variants": 1}


def test_a_header_that_comes_later_adds_to_the_biosample(run, dataset):
    run("s\t1\t5\t9\t-1\n")
    derived = dataset.biosamples.find_one({})["individual_id"]
    run("#sample=>id=s;notes=x\n", "#sample=>id=s;individual_id=pgxind-7;analysis_id=pgxcs-7\ns\t1\t5\t9\t-1\n")
    biosample = dataset.biosamples.find_one({})
    assert (biosample["notes"], biosample["individual_id"]) == ("x", "pgxind-7")
    (variant,) = dataset.variants.find()
    assert (variant["individual_id"], variant["analysis_id"]) == ("pgxind-7", "pgxcs-7")
    assert derived != "pgxind-7"
    assert [i["id"] for i in dataset.individuals.find()] == ["pgxind-7"]
    assert [a["id"] for a in dataset.analyses.find()] == ["pgxcs-7"]
    before = contents(dataset)
    assert dataset.dataversion.find_one()["counts"] == {"biosamples": 1, "individuals": 1, "analyses": 1, "variants": 1}
    assert not run("s\t1\t5\t9\t-1\n").counts.changed
    assert contents(dataset) == before


def test_keys_that_a_database_cannot_address(run, dataset):
    run("#sample=>id=s;a.b=1;$c=2;0=3;d%00e=4\n")
    run("#sample=>id=s;a.b=5;$c=6;0=7;d%00e=8;f..=9\n")
    kept = dataset.biosamples.find_one({})["info"]["pgxseg"]
    assert list(kept.values()) == ["5", "6", "7", "8", "9"]


def test_biosamples_that_contradict_one_another_on_their_individual_settle(run, dataset, monkeypatch):
    monkeypatch.setattr(importer, "_SAMPLES", 100)  # more of them than are looked at, or written, at a time
    monkeypatch.setattr(writer, "BATCH", 100)
    lines = (f"#sample=>id=s{at};individual_id=i;followup_time=P{at}M\n" for at in range(220))
    text = "".join(lines)
    run(text)
    assert not run(text).counts.changed
    assert dataset.individuals.find_one({})["index_disease"]["followup_time"] == "P219M"


def test_a_malformed_line_names_itself_and_nothing_is_written(run, dataset):
    with pytest.raises(BadLine, match=r"f0\.pgxseg:11: start 9 is after end 5$"):
        run(FILE + "s1\t1\t9\t5\t.\tDEL\n")
    assert contents(dataset) == {}


def test_a_failing_second_file_leaves_the_first_imported_and_says_so(run, dataset):
    with pytest.raises(BadLine, match=r"f1\.pgxseg:1: .* \(\S*f0\.pgxseg had been imported before\)$"):
        run(FILE, "nonsense")
    assert dataset.variants.count_documents({}) == 5
    assert dataset.dataversion.find_one()["counts"]["variants"] == 5
    assert not run(FILE).counts.changed


def test_bad_lines_can_be_skipped_and_are_reported(run, dataset):
    report = run(FILE + "s1\t1\t9\t5\t.\tDEL\n" * 30, skip_bad=True)
    assert (report.rows, report.skipped, len(report.reasons)) == (5, 30, 20)
    assert report.reasons[0].endswith("f0.pgxseg:11: start 9 is after end 5")
    assert dataset.variants.count_documents({}) == 5


def test_what_was_passed_over_is_said(run):
    report = run("biosample_id\tchro\tstart\tend\tlog2\tx\ns\t1\t5\t999999999\t-1\t?\ns\t1\t6\t999999999\t-1\t?\n", "")
    assert [warning.partition("pgxseg: ")[2] for warning in report.warnings] == [
        "column 'x' is not known and was passed over (2 times)"[:-10],
        "variants end after the end of chromosome 1 (2 times)",
        "no variants in it, and no samples",
    ]


def test_files_that_cannot_be_read(store, dataset, tmp_path):
    for path, reason in ((tmp_path / "none", "no such file"), (tmp_path, "not a regular file")):
        with pytest.raises(BadFile, match=reason):
            import_files([path], uri=store.uri, dataset=dataset.name, progress=False)
    assert contents(dataset) == {}


def test_the_bar_goes_to_standard_error(store, dataset, tmp_path, capsys):
    path = tmp_path / "f.pgxseg"
    path.write_text(FILE)
    import_files([path], uri=store.uri, dataset=dataset.name)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "100%" in captured.err
