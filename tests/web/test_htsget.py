"""htsget: what its client, from PyPI, downloads is what bcftools finds in the whole file; its rules, one by one.

The rules are those of the specification, and what the public compliance suite asserts: status, schema, and the records
of the blocks put together.
"""

import gzip
import io
import random
from pathlib import Path
from typing import Any

import htsget as client
import pytest

from gateway.demo.store import Store
from gateway.genome import CHROMOSOMES
from tests.harness import Answer, Gateway, until
from tests.web import protocols
from tests.web.test_vcf_files import said, tool

MEDIA = "application/vnd.ga4gh.htsget.v1.3.0+json; charset=utf-8"
CODE = "/htsget/variants/NCIT:C3058"
WHOLE = "/htsget/variants/demo"


def records(file: bytes) -> list[str]:
    """The records of a packed VCF."""
    return [line for line in gzip.decompress(file).decode().splitlines() if not line.startswith("#")]


def of_region(lines: list[str], *regions: tuple[str, int, int]) -> list[str]:
    """Those of the records that overlap one of some regions, 0-based."""

    def place(line: str) -> tuple[str, int, int]:
        name, position, _, reference, _, _, _, info = line.split("\t")[:8]
        said = dict(pair.partition("=")[::2] for pair in info.split(";"))
        start = int(position) - 1
        return name, start, int(said.get("END", start + len(reference)))

    found = []
    for line in lines:
        name, start, end = place(line)
        if any(name == other and start < stop and begin < end for other, begin, stop in regions):
            found.append(line)
    return found


def file_of(gateway: Gateway, path: str, body: Any = None) -> bytes:
    ticket = gateway.ask(path, "POST" if body is not None else "GET", body)
    assert ticket.status == 200, ticket.text
    assert ticket.headers["Content-Type"] == MEDIA
    assert ticket.headers["Cache-Control"] == "no-store"
    return protocols.assembled(gateway, ticket)


@pytest.fixture(scope="module")
def whole(gateway: Gateway) -> bytes:
    """The file that regions are of, as it is downloaded."""
    return gateway.ask("/beacon/g_variants?allData=true&output=vcf.gz").body


@pytest.mark.parametrize("path", ["/htsget/service-info", "/htsget/variants/service-info"])
def test_it_says_what_it_is(gateway: Gateway, path: str):
    answer = gateway.ask(path)
    protocols.service_info().validate(answer.json)
    told = protocols.htsget("service", answer)
    assert (told["datatype"], told["formats"]) == ("variants", ["VCF"])


# --- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("demo", "allData=true"),
        ("NCIT:C3058", "filters=NCIT:C3058"),
        ("NCIT%3AC3058", "filters=NCIT:C3058"),
        ("NCIT:C3058?format=VCF", "filters=NCIT:C3058"),
        ("NCIT:C3058?format=vcf&fields=POS&tags=&notags=a,b&encryptionScheme=x", "filters=NCIT:C3058"),
        ("icdom-85003", "filters=icdom-85003"),
        ("pgxbs-kftv0022", "biosampleIds=pgxbs-kftv0022"),
        ("flat", "allData=true&datasetIds=flat"),
        ("flat/NCIT:C3058", "filters=NCIT:C3058&datasetIds=flat"),
        ("FLAT%2Fpgxbs-kftv0022", "biosampleIds=pgxbs-kftv0022&datasetIds=flat"),
    ],
)
def test_all_of_a_file(gateway: Gateway, name: str, query: str):
    expected = gateway.ask(f"/beacon/g_variants?{query}&output=vcf.gz").body
    found = file_of(gateway, f"/htsget/variants/{name}")
    assert gzip.decompress(found) == gzip.decompress(expected)
    assert records(found)


def test_a_header_alone_is_a_file(gateway: Gateway, whole: bytes, tmp_path: Path):
    (tmp_path / "header.vcf.gz").write_bytes(file_of(gateway, f"{WHOLE}?class=header&format=VCF"))
    (tmp_path / "whole.vcf.gz").write_bytes(whole)
    view = (tool("bcftools"), "view", "--no-version")
    assert said(*view, tmp_path / "header.vcf.gz") == said(*view, "-h", tmp_path / "whole.vcf.gz")
    assert file_of(gateway, WHOLE, {"class": "header"}) == (tmp_path / "header.vcf.gz").read_bytes()


# --- regions ---------------------------------------------------------------------------------------------------------


def some_regions() -> list[tuple[str, int | None, int | None]]:
    """Those that are easily wrong, and some more."""
    size = CHROMOSOMES["9"].size
    odd: list[tuple[str, int | None, int | None]] = [
        ("9", 21_000_000, 22_000_000),
        ("chr9", None, 22_000_000),
        ("9", size - 1, size),
        ("9", size - 1, None),
        ("9", size, size + 10),
        ("9", size + 10, None),
        ("9", 0, 1),
        ("9", 2**32 - 2, 2**32 - 1),
        ("MT", None, None),
        ("X", None, None),
        ("1", None, None),
    ]
    chance = random.Random(15)
    for _ in range(15):
        name, chromosome = chance.choice(list(CHROMOSOMES.items()))
        start = chance.randrange(chromosome.size)
        odd.append((name, start, start + 1 + chance.randrange(10 ** chance.randrange(9))))
    return odd


def test_the_client_downloads_what_bcftools_finds(gateway: Gateway, whole: bytes, tmp_path: Path):
    bcftools = tool("bcftools")
    (tmp_path / "whole.vcf.gz").write_bytes(whole)
    said(bcftools, "index", tmp_path / "whole.vcf.gz")
    found = 0
    for name, start, end in some_regions():
        output = io.BytesIO()
        client.get(gateway.url + WHOLE, output, reference_name=name, start=start, end=end, max_retries=0)
        (tmp_path / "part.vcf.gz").write_bytes(output.getvalue())
        said(bcftools, "index", "-f", tmp_path / "part.vcf.gz")
        bare = name.removeprefix("chr")
        first = (start or 0) + 1
        region = f"{bare}:{first}-{max(first, CHROMOSOMES[bare].size) if end is None else end}"
        expected, part = (
            said(bcftools, "view", "--no-version", "-r", region, tmp_path / f"{file}.vcf.gz")
            for file in ("whole", "part")
        )
        assert part == expected, region
        found += len(part.splitlines())
    assert found > 1000


def test_bcftools_itself_reads_tickets(gateway: Gateway, whole: bytes):
    view = (tool("bcftools"), "view", "-H", f"{gateway.url}{WHOLE}?referenceName=9&start=21000000&end=22000000")
    region = ("9", 21_000_000, 22_000_000)
    found, expected = of_region(said(*view).splitlines(), region), of_region(records(whole), region)
    assert [line.split("\t")[:8] for line in found] == [line.split("\t")[:8] for line in expected]
    assert expected


def test_several_regions_are_one_file_with_each_record_once(gateway: Gateway, whole: bytes):
    lines = records(whole)
    regions = [("X", 0, 10**8), ("2", 10**7, 2 * 10**8), ("2", 10**8, 10**8 + 1), ("9", 21_000_000, 22_000_000)]
    posted = [{"referenceName": name, "start": start, "end": end} for name, start, end in regions]
    posted.append({"referenceName": "chr17"})
    found = records(file_of(gateway, WHOLE, {"format": "VCF", "regions": posted, "tags": ["a"], "notags": []}))
    assert len(found) == len(set(found)) < len(lines)
    asked = [*regions, ("17", 0, CHROMOSOMES["17"].size)]
    assert of_region(found, *asked) == of_region(lines, *asked)
    assert [line for line in lines if line in set(found)] == found


def test_as_many_regions_as_a_body_holds_cost_little_more_than_one(gateway: Gateway):
    """Each of them asks for all bins of a chromosome: one after the other they took most of an hour."""
    region = '{"referenceName":"1"}'
    body = b'{"regions":[' + b",".join([region.encode()] * (1_000_000 // len(region))) + b"]}"
    answer = gateway.ask(WHOLE, "POST", body)
    assert answer.json == gateway.ask(WHOLE, "POST", f'{{"regions":[{region}]}}'.encode()).json


@pytest.mark.parametrize("where", ["referenceName=9&start=5&end=5", "referenceName=MT"])
def test_nothing_in_a_region_is_a_file_without_records(gateway: Gateway, where: str):
    assert records(file_of(gateway, f"/htsget/variants/pgxbs-kftv0022?{where}")) == []


def test_what_lies_between_is_ranges_of_the_immutable_address(gateway: Gateway, whole: bytes):
    issued = gateway.ask("/beacon/g_variants?allData=true&output=vcf.gz&ticket=true").json
    blocks = protocols.htsget("ticket", gateway.ask(WHOLE))["urls"]
    first, *between, last = blocks
    assert (first["url"][:13], last["url"][:13]) == ("data:;base64,", "data:;base64,")
    assert (first["class"], last["class"]) == ("header", "body")
    ranges = [block for block in between if "headers" in block]
    assert {block["url"] for block in ranges} == {issued["address"]}
    assert all(set(block["headers"]) == {"If-Match", "Range"} for block in ranges)
    size = sum(len(gateway.ask(issued["address"].removeprefix(gateway.url), **b["headers"]).body) for b in ranges)
    assert len(whole) * 0.5 < size < len(whole)


# --- errors ----------------------------------------------------------------------------------------------------------

BY_GET = [
    ("nobody", 404, "NotFound"),
    ("NCIT:C0000001", 404, "NotFound"),
    ("elsewhere/NCIT:C3058", 404, "NotFound"),
    ("flat/", 404, "NotFound"),
    ("flat/demo", 404, "NotFound"),
    ("NCIT:C3058,NCIT:C2955", 404, "NotFound"),
    ("!NCIT:C3058", 404, "NotFound"),
    ("age:%3EP50Y", 404, "NotFound"),
    ("%7B%22$ne%22:1%7D", 404, "NotFound"),
    ("%00", 404, "NotFound"),
    ("NCIT:C3058?format=BCF", 400, "UnsupportedFormat"),
    ("NCIT:C3058?format=", 400, "UnsupportedFormat"),
    ("NCIT:C3058?class=body", 400, "InvalidInput"),
    ("NCIT:C3058?class=header&referenceName=1", 400, "InvalidInput"),
    ("NCIT:C3058?class=header&tags=", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=chr99", 404, "NotFound"),
    ("NCIT:C3058?referenceName=*", 404, "NotFound"),
    ("NCIT:C3058?start=1", 400, "InvalidInput"),
    ("NCIT:C3058?end=1", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&referenceName=8", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&start=-1", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&start=4294967296", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&start=%D9%A3", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&end=x", 400, "InvalidInput"),
    ("NCIT:C3058?referenceName=9&start=6&end=5", 400, "InvalidRange"),
    ("NCIT:C3058?tags=a,b&notags=b", 400, "InvalidInput"),
    ("NCIT:C3058?access_token=x", 400, "InvalidInput"),
]
BY_POST: list[tuple[str, Any, int, str]] = [
    ("", {"regions": []}, 400, "InvalidInput"),
    ("", {"regions": {}}, 400, "InvalidInput"),
    ("", {"regions": ["9"]}, 400, "InvalidInput"),
    ("", {"regions": [{"start": 1}]}, 400, "InvalidInput"),
    ("", {"regions": [{"referenceName": "9", "start": "1"}]}, 400, "InvalidInput"),
    ("", {"regions": [{"referenceName": "9", "start": True}]}, 400, "InvalidInput"),
    ("", {"regions": [{"referenceName": "9", "start": 1.5}]}, 400, "InvalidInput"),
    ("", {"regions": [{"referenceName": "9", "start": 5, "end": 5}]}, 400, "InvalidRange"),
    ("", {"regions": [{"referenceName": "9"}, {"referenceName": "99"}]}, 404, "NotFound"),
    ("", {"referenceName": "9"}, 400, "InvalidInput"),
    ("", {"class": "header", "regions": [{"referenceName": "9"}]}, 400, "InvalidInput"),
    ("", {"class": ["header"]}, 400, "InvalidInput"),
    ("", {"format": "BCF"}, 400, "UnsupportedFormat"),
    ("", {"tags": "a"}, 400, "InvalidInput"),
    ("", {"tags": ["a"], "notags": ["a"]}, 400, "InvalidInput"),
    ("", [], 400, "InvalidInput"),
    ("", b"{", 400, "InvalidInput"),
    ("", b"null", 400, "InvalidInput"),
    ("?format=VCF", {}, 400, "InvalidInput"),
    ("", b" " * 1_100_000, 413, "PayloadTooLarge"),
]


def refused(answer: Answer, status: int, word: str) -> None:
    assert answer.status == status, answer.text
    told = protocols.htsget("error", answer)
    assert told["error"] == word, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")


def test_what_is_refused(gateway: Gateway):
    for path, status, word in BY_GET:
        refused(gateway.ask(f"/htsget/variants/{path}"), status, word)
    for query, body, status, word in BY_POST:
        refused(gateway.ask(CODE + query, "POST", body), status, word)
    refused(gateway.ask("/htsget/reads/NCIT:C3058"), 404, "NotFound")
    refused(gateway.ask(CODE, "DELETE"), 405, "MethodNotAllowed")


def test_a_gateway_that_keeps_no_files_has_no_tickets(direct: Gateway):
    refused(direct.ask("/htsget/variants/b400v250"), 404, "NotFound")
    assert direct.ask("/htsget/service-info").status == 200


# --- files that are being made ---------------------------------------------------------------------------------------


def test_a_file_that_is_being_made_is_asked_for_again(store: Store, demo: str, tmp_path: Path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", htsget_wait=0) as gateway:
        path = f"{CODE}?referenceName=9"
        first = gateway.ask(path)
        refused(first, 503, "ServiceUnavailable")
        assert int(first.headers["Retry-After"]) > 0
        until(lambda: gateway.ask(path).status == 200)
        assert records(file_of(gateway, path))


# --- handovers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "query", "name"),
    [
        ("g_variants", "filters=NCIT:C3058", "demo/NCIT:C3058"),
        ("biosamples", "filters=NCIT:C3058&datasetIds=flat", "flat/NCIT:C3058"),
        ("analyses", "biosampleIds=pgxbs-kftv0022", "demo/pgxbs-kftv0022"),
        ("g_variants", "filters=NCIT:C3058,NCIT:C2955&filterLogic=OR", ""),
        ("g_variants", "filters=!NCIT:C3058", ""),
        ("g_variants", "filters=NCIT:C3058&includeDescendantTerms=false", ""),
        ("g_variants", "filters=NCIT:C3058&referenceName=9&start=21000000&end=22000000", ""),
        ("g_variants", "biosampleIds=pgxbs-kftv0022,pgxbs-kftv00cc", ""),
    ],
)
def test_result_sets_hand_over_to_it(gateway: Gateway, entity: str, query: str, name: str):
    (found,) = gateway.ask(f"/beacon/{entity}?{query}&limit=1").json["response"]["resultSets"]
    handed = {one["info"]["contentId"]: one["url"] for one in found["resultsHandovers"]}
    assert handed.get("htsget", "") == (f"{gateway.url}/htsget/variants/{name}" if name else "")
    if name:
        expected = gateway.ask(handed["vcf"].removeprefix(gateway.url) + ".gz").body
        found = file_of(gateway, handed["htsget"].removeprefix(gateway.url))
        assert gzip.decompress(found) == gzip.decompress(expected)
