"""What a proxy sends to the gateway is what the gateway answers: the rules against the tables that they come from."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.cli.command_line import main
from gateway.cli.proxy_config import configuration
from gateway.errors import GatewayError
from gateway.formats import FORMATS
from gateway.planning.format_choice import choose
from gateway.planning.proxy_rules import rules
from gateway.planning.route_table import EXTENSIONS, ROUTES
from gateway.query.beacon_request import parse_request
from gateway.query.parameters import NO_FORMATS, PARAMETERS
from tests.proxies import DEPLOY

STAY, GO = (list(map(re.compile, patterns)) for patterns in (rules().stay, rules().go))
WORDS = sorted({word for form in FORMATS for word in (*form.words, *form.whole, *form.also)})
SERVERS = ("nginx", "apache")


def goes(line: str) -> bool:
    """Whether a request goes to the gateway."""
    return any(each.search(line) for each in GO) and not any(each.search(line) for each in STAY)


def answers(url: str) -> bool:
    """Whether the gateway has such a path and output."""
    path, query = urlsplit(url)[2:4]
    try:
        choose(parse_request(path, parse_qsl(query), routes=ROUTES), "*/*")
    except GatewayError:
        return False
    return True


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_deployed_is_what_the_command_prints(name, capsys, monkeypatch):
    monkeypatch.delenv("GATEWAY_QUERY_BUFFERS", raising=False)
    assert main(["proxy-config", name]) == 0
    assert capsys.readouterr().out == configuration(name) == (DEPLOY / f"{name}.conf").read_text()
    assert main(["proxy-config", name, "--query-buffers="]) == 0
    assert capsys.readouterr().out == configuration(name, handovers=False)
    assert main(["proxy-config", name, "--datasets=a,b"]) == 0
    assert capsys.readouterr().out == configuration(name, datasets=["a", "b"])
    assert main(["proxy-config", name, "--keep-plots"]) == 0
    assert capsys.readouterr().out == configuration(name, plots=False)


@pytest.mark.parametrize("name", SERVERS)
def test_addresses_are_those_given(name):
    text = configuration(name, gateway="[::1]:9001", beacon="beacon:9002", listen="9003")
    assert not re.search(r":(80|8080|8000)\b|listen 80;", text)
    assert {"[::1]:9001", "beacon:9002", "9003"} <= set(re.findall(r"[\w.\[\]:]*900\d", text.replace("*:", "")))


@pytest.mark.parametrize("wrong", [["--gateway", "here"], ["--beacon", "a:1 ;"], ["--listen", "70000"], []])
def test_what_is_no_address(wrong):
    with pytest.raises(SystemExit) as caught:
        main(["proxy-config", *(["nginx"] if wrong else []), *wrong])
    assert caught.value.code == 2


@pytest.mark.parametrize("route", list(ROUTES), ids=lambda route: route.path)
def test_outputs_go_where_they_are_answered(route):
    """Each output of each path; plain JSON of a Beacon's own paths stays."""
    path = route.path.replace("{ids}", "NCIT:C3058")
    service = path.startswith("/services/")
    for number, word in enumerate((*WORDS, "vcf.gz", "json.gz", "ids", "codematches", "mapplot", "pgxsegs", "ucsc")):
        form = (f"?filters=NCIT:C3058&output={word}", f"/?method={word.upper()}&filters=NCIT:C3058")[number % 2]
        url = path + form
        own = word not in {"json", *NO_FORMATS} and route.entity not in {"cohorts", "datasets"}
        expected = answers(url) and (service or own)
        if path == "/services/sampletable/analyses" and word in {"val", "values", "svg"}:
            expected = False  # there could be ids in this place
        assert goes(f"GET {url} HTTP/1.1") == goes(f"HEAD {url}") == goes(f"OPTIONS {url}") == expected, url
        assert goes(f"POST {url}") == (expected and route.post), url
    assert not goes(f"DELETE {path}?output=pgxseg")
    assert goes(f"GET {path}") == goes(f"GET {path}?filters=NCIT:C3058 HTTP/1.1") == service
    assert not goes(f"GET {path}/more/and/more?output=pgxseg")
    assert not goes(f"GET /proxy{path}?output=pgxseg")


def test_indexes_go_where_their_files_do():
    for word in ("vcf.gz.tbi", "vcf.gz.csi", "VCF.gz.TBI"):
        for path in ("/services/vcf?filters=NCIT:C3058&", "/beacon/biosamples/?", "/beacon/g_variants?allData=true&"):
            assert goes(f"GET {path}output={word}")
            assert not goes(f"GET {path}output={word}x")
    for kind in (".tbi", ".csi", ".tbi.sha256"):
        assert goes(f"GET /exports/{'0' * 40}-abc/a.vcf.gz{kind} HTTP/1.1")


@pytest.mark.parametrize("parameter", [p for p in PARAMETERS if p.use == "narrows"], ids=lambda p: p.name)
def test_parameters_that_are_refused_stay(parameter):
    for name in (*parameter.aliases[:1], re.sub("([A-Z])", r"_\1", parameter.name).lower()):
        for path in ("/services/pgxsegvariants?", "/services/samplematrix/?limit=1&", "/beacon/g_variants?output=vcf&"):
            if name.lower() in {"id", "ids"} and path.startswith("/beacon"):
                continue
            assert not goes(f"GET {path}{name}=x&filters=NCIT:C3058 HTTP/1.1"), name
            assert goes(f"GET {path}{name}=&filters=NCIT:C3058 HTTP/1.1"), name  # not given
            assert goes(f"GET {path}my{name}=x&filters=NCIT:C3058"), name


def test_pages_of_formats_without_pages_stay_but_for_those_of_handovers():
    for path in ("/services/vcfvariants", "/services/vcf/pgxbs-1", "/services/variantsbedfile/"):
        assert not goes(f"GET {path}?filters=NCIT:C3058&skip=0&limit=200 HTTP/1.1")
        assert goes(f"GET {path}?filters=NCIT:C3058&skip=0&limit=0 HTTP/1.1")
        assert goes(f"GET {path}?limit=200&accessid=0a1b&skip=0 HTTP/1.1")
    assert goes("GET /services/pgxsegvariants?filters=NCIT:C3058&limit=200 HTTP/1.1")


PLOTS = {
    "/services/collationplots/NCIT:C3058": 1,
    "/services/collationplots?filters=NCIT:C3058,icdom&plotType=histoplot&plotPars=plot_width=800::plot_title=A": 1,
    "/services/sampleplots?datasetIds=d&accessid=0a1b2c3d&plotType=histoplot": 1,
    "/services/sampleplots/?datasetIds=d&accessid=0a1b2c3d&plot_type=samplesplot&limit=200&skip=0": 1,
    "/services/intervalFrequencies/?id=NCIT:C3058&output=histoplot": 1,
    "/services/intervalFrequencies?filters=NCIT:C3058&plotType=histoplot": 1,
    "/services/collationplots?filters=NCIT:C3058&plotType=histoheatplot": 0,
    "/services/collationplots?filters=NCIT:C3058&plotType=samplesplot": 0,
    "/services/sampleplots?filters=NCIT:C3058&plotType=histosparkplot": 0,
    "/services/sampleplots?filters=NCIT:C3058&plotPars=plotChros=9::plotGeneSymbols=CDKN2A": 0,
    "/services/sampleplots?filters=NCIT:C3058&plot_pars=plot_width%3D9%3A%3Aplot_region_labels%3D8": 0,
    "/services/sampleplots?datasetIds=upload&fileId=a": 0,
    "/services/sampleplots?testMode=true&plotType=samplesplot": 0,
    "/services/collationplots?collationTypes=icdom&minNumber=1000": 0,
    "/services/collationplots?filters=NCIT:C3058&geneId=CDKN2A": 0,
    "/services/sampletable?filters=NCIT:C3058&plotType=histoplot": 0,
    "/beacon/biosamples?filters=NCIT:C3058&output=table&plotType=histoplot": 0,
}


@pytest.mark.parametrize("url", PLOTS)
def test_plots_that_are_drawn_here_go_unless_they_are_to_stay(url: str):
    keep = [re.compile(pattern) for pattern in rules(plots=False).stay]
    for line in (f"GET {url}", f"HEAD {url} HTTP/1.1"):
        assert goes(line) == bool(PLOTS[url])
        assert any(pattern.search(line) for pattern in keep)
    assert not any(pattern.search("GET /services/pgxsegvariants?filters=NCIT:C3058") for pattern in keep)


def test_files_by_name_go_by_their_extension():
    for extension in EXTENSIONS:
        for name in (f"x.{extension}", f"a%2F.b.{extension.upper()}?filters=NCIT:C3058", f".{extension}?allData=true"):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert goes(f"{method} /beacon/variants/{name} HTTP/1.1"), name
            assert not goes(f"POST /beacon/variants/{name} HTTP/1.1")
            assert not goes(f"GET /beacon/g_variants/{name} HTTP/1.1")  # which may be an id
    for name in ("x", "x.doc", "x.seg/y", "x.seg.bz2", "x.seg?geneId=TP53", "seg", "x.segs"):
        assert not goes(f"GET /beacon/variants/{name} HTTP/1.1"), name


def test_handovers_stay_where_no_query_buffer_is_read():
    line = "GET /services/pgxsegvariants?datasetIds=d&accessid=0a1b2c3d HTTP/1.1"
    assert goes(line)
    assert any(re.search(pattern, line) for pattern in rules(handovers=False).stay)
    assert configuration("nginx", handovers=False) != configuration("nginx")


def test_other_datasets_stay_where_it_is_said_which_are_served():
    known = [re.compile(pattern) for pattern in rules(datasets=["progenetix", "refcnv"]).stay]
    for value, stays in (("progenetix", 0), ("refcnv,progenetix", 0), ("", 0), ("cellz", 1), ("progenetix,cellz", 1)):
        for name in ("datasetIds", "dataset_ids", "datasetId"):
            line = f"GET /services/pgxsegvariants?{name}={value}&filters=NCIT:C3058 HTTP/1.1"
            assert any(each.search(line) for each in known) == bool(stays), line
            assert goes(line)


def test_datasets_of_a_file_of_settings_are_those_that_the_gateway_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "gateway.toml").write_text('datasets = ["cellz", "other"]\n')
    assert main(["proxy-config", "nginx", "--config", str(tmp_path / "gateway.toml")]) == 0
    by_file = capsys.readouterr().out
    assert main(["proxy-config", "nginx", "--datasets", "cellz,other"]) == 0
    assert "(cellz|other)" in by_file
    assert by_file == capsys.readouterr().out


def test_protocols_of_ga4gh_go_to_the_gateway():
    for method, path, expected in (
        ("GET", "/htsget/variants/NCIT:C3058?referenceName=9&limit=1", True),
        ("HEAD", "/htsget/service-info", True),
        ("POST", "/htsget/variants/demo/NCIT:C3058", True),
        ("GET", "/ga4gh/drs/v1/objects/0a1b", True),
        ("POST", "/ga4gh/drs/v1/objects", True),
        ("OPTIONS", "/ga4gh/drs/v1/objects/0a1b", True),
        ("DELETE", "/ga4gh/drs/v1/objects/0a1b", False),
        ("GET", "/ga4gh/wes/v1/service-info", False),
        ("GET", "/htsgets/", False),
    ):
        assert goes(f"{method} {path} HTTP/1.1") == expected, path
