"""What the system refuses is told as what it is, with the time of another try; no download then looks complete."""

import errno
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.config import load
from gateway.web.app import create_app
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
        assert not re.search("is not kept|cannot be used|Traceback|Exception ignored", full.log)
        assert not list(small_disk.iterdir())


def test_a_folder_of_temporary_files_that_is_gone(quick: Quick, tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    settings = {"log": tmp_path / "log", "before": f"export TMPDIR={folder}", "no_spool": True}
    with Gateway(*quick.arguments, **settings) as running:
        path = "/beacon/g_variants?biosampleIds=pgxbs-00000001&output=bed.gz"
        assert running.ask("/beacon/g_variants?allData=true&output=bed.gz").whole, "it has files there"
        folder.rmdir()
        answer = running.ask("/beacon/g_variants?allData=true&output=bed.gz")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert "No such file or directory" in answer.json["error"]["errorMessage"]
        assert "temporary files cannot be used" in running.log
        assert running.ask(path).whole, "what needs no files is not concerned"
        assert "request failed" not in running.log


async def test_what_the_system_refuses_a_request(quick: Quick):
    """Wherever that is: no internal error, and no names of files."""

    async def refused(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        raise OSError(number, "the system's words", "/a/file") if number else MemoryError

    app = create_app(load({"mongo_uri": quick.arguments[0], "datasets": "b400v250", "no_spool": "true"}, {}))
    app.router.add_get("/refused/{number}", refused)
    async with TestClient(TestServer(app)) as client:
        for number, words in ((0, "no memory"), (errno.ENOMEM, "no memory"), (errno.EMFILE, "Too many open files")):
            async with client.get(f"/refused/{number}") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
                error = (await answer.json())["error"]
                assert words in error["errorMessage"]
                assert "/a/file" not in error["errorMessage"]
