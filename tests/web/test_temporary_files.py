"""A full folder of temporary files is told as that, once; no download that needed it looks complete."""

import re
from pathlib import Path

import pytest

from tests.harness import Gateway
from tests.web.conftest import SMALL, Quick

PATHS = (
    "output=bed",
    "output=bed.gz",
    "output=parquet&sorted=position",
    "output=vcf.gz",
)
"""What gathers more in temporary files than the small disk holds."""


@pytest.mark.parametrize(("spool", "paths"), [(True, PATHS), (False, PATHS[1:2])])
def test_a_full_folder_of_temporary_files(
    quick: Quick, tmp_path: Path, small_disk: Path, spool: bool, paths: tuple[str, ...]
):
    settings = {"spool": tmp_path / "spool"} if spool else {"no_spool": True}
    uri, before = quick.arguments[0], f"export TMPDIR={small_disk}"
    with Gateway(uri, ["b800v250"], log=tmp_path / "log", before=before, **settings) as full:
        for number, path in enumerate(paths, 1):
            answer = full.ask(f"/beacon/g_variants?allData=true&{path}")
            if answer.status == 200:
                assert not answer.whole
            else:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
                assert "temporary files" in answer.json["error"]["errorMessage"]
            assert full.log.count("temporary files cannot be written") == number, "it is tried once"
        assert full.ask(f"{SMALL}").whole, "others are not concerned"
        assert f"folder={small_disk} variable=TMPDIR" in full.log
        assert not re.search("spool cannot be used|Traceback|Exception ignored", full.log)
        assert not list(small_disk.iterdir())
