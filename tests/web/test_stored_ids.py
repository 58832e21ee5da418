"""Whatever id can be imported can be asked for: by parameter, by path, by POST."""

from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.demo.store import Store
from gateway.loading import BadLine, import_files
from tests.harness import Gateway

# Names of cell lines and samples as they are, and all that a URL uses for itself.
IDS = [
    *("NCI/ADR-X", "HL-00(TB)", "DEMO 1 (B)", "a;b", "#1", "100%", "%2F", "a=b&c?d", "a+b", "O'Brien", "Ä~é|\\", "[x]"),
    *("g_variants", "a/g_variants", "x/../y", "!x", "{ids}", "individuals"),
]


def rows(ids: list[str]) -> str:
    return "".join(f"{name.replace('%', '%25').replace('#', '%23')}\t1\t1000\t2000\t-0.5\n" for name in ids)


def test_what_is_stored_can_be_asked_for(store: Store, tmp_path: Path):
    file = tmp_path / "f.pgxseg"
    lines = "".join(
        f"#sample=>biosample_id=s{at};individual_id={name.replace('%', '%25').replace(';', '%3B')}\n"
        for at, name in enumerate(IDS)
    )
    file.write_text(rows(IDS) + lines)
    import_files([file], uri=store.uri, dataset="stored_ids", progress=False)
    with Gateway(store.uri, ["stored_ids"], log=tmp_path / "log") as gateway:
        for name in IDS:
            spelled = quote(name, safe="")
            body = {"query": {"requestParameters": {"g_variant": {"biosampleIds": [name]}}}}
            for answer in (
                gateway.ask(f"/beacon/g_variants?output=pgxseg&biosampleIds={spelled}"),
                gateway.ask(f"/beacon/biosamples/{spelled}/g_variants?output=pgxseg"),
                gateway.ask("/beacon/g_variants?output=pgxseg", "POST", body),
            ):
                assert answer.status == 200, (name, answer.text)
                (row,) = answer.rows
                assert row.startswith(name.replace("%2F", "%252F").replace("#", "%23") + "\t"), name
            found = gateway.ask(f"/beacon/individuals/{spelled}/biosamples").json
            assert found["responseSummary"]["numTotalResults"] == 1, name
        several = ",".join(quote(name, safe="") for name in IDS)
        assert len(gateway.ask(f"/services/pgxsegvariants/{several}").rows) == len(IDS)


@pytest.mark.parametrize("name", ["a,b", "null", "..", "x" * 129, "a\u00a0b", "$x", "a%09b"])
@pytest.mark.parametrize(
    "line", ["{}\t1\t1000\t2000\t-0.5", "#sample=>biosample_id={}", "#sample=>id=s;individual_id={}"]
)
def test_what_cannot_be_asked_for_is_not_stored(store: Store, tmp_path: Path, name: str, line: str):
    file = tmp_path / "f.pgxseg"
    file.write_text(line.format(name) + "\n")
    with pytest.raises(BadLine, match=r"cannot be asked for|no biosample_id"):
        import_files([file], uri=store.uri, dataset="refused_ids", progress=False)
