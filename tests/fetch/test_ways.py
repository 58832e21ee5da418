"""Every URL that leads to an export, of a real gateway, leads to the same file, with the same verification."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.cli.command_line import main
from tests.harness import Gateway, until

LIVE = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"
NAME = "demo_NCIT-C3058_variants.pgxseg"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def urls(gateway: Gateway) -> dict[str, str]:
    """What leads to the export: each kind of URL."""
    said = gateway.ask(LIVE + "&ticket=true").json
    until(lambda: gateway.ask(urlsplit(said["self"]).path).json["state"] == "complete", what="the end of a pass")
    return {
        "live": gateway.url + LIVE,
        "as JSON says it": said["query"],
        "live, asking for the ticket": gateway.url + LIVE + "&ticket=true",
        "ticket": said["self"],
        "ticket with a slash": said["self"] + "/",
        "immutable": said["address"],
    }


def test_all_urls_of_an_export_bring_the_same_file(
    gateway: Gateway, urls: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    body = gateway.ask(LIVE).body
    for kind, url in urls.items():
        folder = Path(kind)
        folder.mkdir()
        assert main(["fetch", url, "-o", str(folder)]) == 0
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {NAME: body}
        assert f"SHA-256 {hashlib.sha256(body).hexdigest()}" in capsys.readouterr().err
    for url in urls.values():
        assert main(["fetch", url, "-o", "live"]) == 0
        assert "there already" in capsys.readouterr().err


def test_a_part_is_gone_on_with_by_any_url(gateway: Gateway, urls: dict[str, str], capsys: pytest.CaptureFixture[str]):
    """What was begun with the live URL may be ended with the immutable one, and the other way round."""
    body, said = gateway.ask(LIVE).body, gateway.ask(LIVE + "&ticket=true").json
    for url in urls.values():
        Path(f"{NAME}.part").write_bytes(body[:1000])
        Path(f"{NAME}.part.json").write_text(f'{{"source": "{said["address"]}", "etag": "\\"{said["digest"]}\\""}}')
        assert main(["fetch", url]) == 0
        assert "going on from byte 1,000" in capsys.readouterr().err
        assert Path(NAME).read_bytes() == body
        Path(NAME).unlink()


def test_the_hash_of_an_export_is_a_file_as_well(gateway: Gateway, urls: dict[str, str]):
    assert main(["fetch", urls["immutable"] + ".sha256", "-o", "hash"]) == 0
    assert Path("hash").read_text() == f"{hashlib.sha256(gateway.ask(LIVE).body).hexdigest()}  {NAME}\n"


@pytest.mark.parametrize("path", ["/beacon/g_variants?filters=NCIT:C3058", LIVE + "&limit=5"])
def test_what_has_no_ticket_is_brought_all_the_same(gateway: Gateway, path: str, capsys: pytest.CaptureFixture[str]):
    """A page."""
    assert main(["fetch", gateway.url + path, "-o", "page"]) == 0
    assert Path("page").read_bytes() == gateway.ask(path).body
    assert "no checksum" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/exports/" + "0" * 40, "/exports/" + "0" * 40 + "/" + NAME])
def test_an_export_that_is_not_there_is_refused(gateway: Gateway, path: str, capsys: pytest.CaptureFixture[str]):
    assert main(["fetch", gateway.url + path]) == 3
    assert "no such export" in capsys.readouterr().err
    assert not list(Path().iterdir())
