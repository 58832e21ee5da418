"""Real Progenetix files, in and out again: `GATEWAY_REAL_DATA=FOLDER python -m pytest tests/loading/real_files.py`.

Not part of the suite, because the files are not part of the project.  What comes out equals what went in, value for
value, numbers as numbers; taken twice, it is the same bytes.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.loading.importer import import_files
from tests.harness import Gateway

FOLDER = Path(os.environ["GATEWAY_REAL_DATA"])
OLD_NAMES = {"reference_bases": "reference_sequence", "alternate_bases": "sequence"}
RENAMED = {
    "NCIT::id": "histological_diagnosis_id",
    "NCIT::label": "histological_diagnosis_label",
    "external_references_id___PMID": "pubmed_id",
}


def table(text: str) -> list[tuple[Any, ...]]:
    """The rows of a pgxseg text as sorted values."""
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    names = [OLD_NAMES.get(name, name) for name in lines[0]]
    found = []
    for line in lines[1:]:
        row = {**dict.fromkeys(("reference_sequence", "sequence"), "."), **dict(zip(names, line, strict=True))}
        log2 = None if row["log2"] in {".", ""} else float(row["log2"])
        bases = (row["reference_sequence"], row["sequence"])
        place = (row["reference_name"], int(row["start"]), int(row["end"]))
        found.append((row["biosample_id"], *place, log2, row["variant_type"], *bases))
    return sorted(found, key=repr)


def samples(text: str) -> dict[str, dict[str, str]]:
    found = {}
    for line in text.splitlines():
        if line.startswith(("#sample=>", "#biosample_id=>")):
            pairs = dict(pair.split("=", 1) for pair in line.split("=>", 1)[1].split(";"))
            found[pairs["biosample_id"]] = {RENAMED.get(name, name): value for name, value in pairs.items()}
    return found


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.pgxseg")), ids=lambda file: file.stem)
def test_what_comes_out_is_what_went_in(store, tmp_path, file):
    dataset = "real_" + file.stem.replace("-", "_")
    import_files([file], uri=store.uri, dataset=dataset, progress=False)
    with Gateway(store.uri, [dataset], log=tmp_path / "log") as gateway:
        first, second = (gateway.ask("/services/pgxsegvariants?allData=true") for _ in range(2))
    went_in = file.read_text()
    assert first.body == second.body
    assert table(first.text) == table(went_in)
    came_out = samples(first.text)
    for biosample, pairs in samples(went_in).items():
        for name, value in pairs.items():
            # A code of 2021 comes back in its current spelling.
            assert came_out[biosample][name] == value.replace("PMID:", "pubmed:"), (biosample, name)
