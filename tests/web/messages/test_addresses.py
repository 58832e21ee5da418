"""Immutable addresses as text: the question in them is the canonical one, comes back whole, or is not believed."""

import base64
import random
import re
import zlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.errors import BadRequest, GatewayError, NotFound
from gateway.planning.question import outspoken
from gateway.web.messages import addresses
from gateway.web.messages.request import DownloadRequest

DIGEST = "0123456789abcdef0123456789abcdef01234567"
DEFAULT = ["progenetix"]
BASE = "https://data.example"
# No URL can say it.
MIXED = {"query": {"filters": [{"id": "NCIT:C3058", "includeDescendantTerms": False}, {"id": "NCIT:C2955"}]}}


def asking(url: str, body: object | None = None, accept: str = "") -> DownloadRequest:
    found = urlsplit(url)
    return DownloadRequest(found.path, tuple(parse_qsl(found.query, keep_blank_values=True)), body, accept, BASE)


@pytest.mark.parametrize(
    ("request_", "question"),
    [
        (
            asking("/beacon/biosamples/?method=callsetsvariants&filters=NCIT:C3058"),
            "/beacon/biosamples?filters=NCIT:C3058&datasetIds=progenetix&output=callsetsvariants",
        ),
        (
            asking("/services/pgxsegvariants/pgxbs-2,pgxbs-1?dataset_ids=cellz"),
            "/beacon/g_variants?biosampleIds=pgxbs-1,pgxbs-2&datasetIds=cellz&output=pgxseg",
        ),
        (
            asking("/beacon/variants?filters=icdom-85003&includeDescendantTerms=no", accept="text/x-vcf"),
            "/beacon/g_variants?filters=pgx:icdom-85003&includeDescendantTerms=false&datasetIds=progenetix&output=vcf",
        ),
        (
            asking("/services/intervalFrequencies?filters=B,A&output=pgxfreq&genomeBinning=5Mb&minNumber=7"),
            (
                "/services/intervalFrequencies?filters=B,A&datasetIds=progenetix&output=pgxfreq"
                "&genomeBinning=5Mb&minNumber=7"
            ),
        ),
        (
            asking("/services/collations/NCIT?deliveryKeys=label,id&includeDescendantTerms=false&collationTypes=x"),
            (
                "/services/collations?output=collations&filters=NCIT&collationTypes=x"
                "&includeDescendantTerms=false&deliveryKeys=id,label"
            ),
        ),
        # An envelope repeats whether a dataset was named.
        (asking("/beacon/g_variants?limit=0&filters=A"), "/beacon/g_variants?filters=A&output=json&limit=0"),
        (
            asking("/beacon/g_variants?output=igv&plotPars=a=1::b=%26%20%2B&groupBy=NCIT", {"query": {}}),
            "/beacon/g_variants?datasetIds=progenetix&output=igv&groupBy=ncit&plotPars=a%3D1%3Bb%3D%26+%2B",
        ),
        (
            asking("/beacon/g_variants?filters=A,!B&filterLogic=or&output=jsonl&allData=1&includeHandovers=0"),
            (
                "/beacon/g_variants?filters=A,!B&filterLogic=OR&datasetIds=progenetix&output=jsonl"
                "&allData=true&includeHandovers=false"
            ),
        ),
        # What no canonical form says is asked as it was.
        (
            asking("/beacon/variants?_=1&filters=A&output=bed"),
            "/beacon/variants?_=1&filters=A&output=bed&datasetIds=progenetix",
        ),
        (
            asking("/beacon/g_variants?output=pgxseg", MIXED),
            (
                "/beacon/g_variants?output=pgxseg&datasetIds=progenetix\n"
                '{"layer 0": {}, "layer 1": {"filters": [{"id": "NCIT:C3058", "includeDescendantTerms": false}, '
                '{"id": "NCIT:C2955"}]}}'
            ),
        ),
    ],
)
def test_a_question_is_canonical_and_means_the_same(request_: DownloadRequest, question: str):
    assert request_.question(DEFAULT) == question
    segment = addresses.written(DIGEST, question)
    assert re.fullmatch(r"[0-9a-f]{40}-[A-Za-z0-9_-]+", segment)
    assert addresses.read(segment) == (DIGEST, question)
    again = DownloadRequest.asked(question, BASE)
    assert again.ask() == outspoken(request_.ask(), request_.accept, DEFAULT)
    assert again.body is not None or again.question(DEFAULT) == question


def test_all_spellings_have_one_question():
    spelled = (
        asking("/beacon/variants?referenceName=chr9&start=5,1&end=9,7&variantType=DEL&method=PGXSEG"),
        asking("/beacon/g_variants/?end=7&end=9&start=1&start=5&reference_name=9&variantType=del&output=pgxseg"),
        asking(
            "/beacon/g_variants?output=pgxseg",
            {"query": {"requestParameters": {"g_variant": {"referenceName": "NC_000009.12", "start": [1, 5]}}}}
            | {"end": [9, 7], "variant_type": "DEL"},
        ),
    )
    assert len({request.question(DEFAULT) for request in spelled}) == 1


def test_what_fits_in_a_url_fits_in_an_address():
    chance = random.Random(1)
    ids = [f"pgxbs-kft{chance.randrange(36**5):05}" for _ in range(520)]
    url = "/beacon/g_variants?output=pgxseg&biosampleIds=" + ",".join(ids)
    question = asking(url).question(DEFAULT)
    segment = addresses.written(DIGEST, question)
    assert (len(url) > 7_500, len(DIGEST) < len(segment) < 6_200) == (True, True)
    assert addresses.read(segment) == (DIGEST, question)
    # Longer ones stay with the host that knows them.
    assert addresses.written(DIGEST, "/" + "x" * 64 * 1024) == DIGEST
    assert addresses.written(DIGEST, "") == DIGEST
    noise = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9_000))
    assert addresses.written(DIGEST, noise) == DIGEST


QUESTION = "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg"
WHOLE = addresses.written(DIGEST, QUESTION)


def packed(text: bytes, *, behind: bytes = b"") -> str:
    """A segment whose check is right, of bytes of our own."""
    packer = zlib.compressobj(9, wbits=-15)
    raw = b"\0" + packer.compress(text) + packer.flush() + behind
    check = base64.urlsafe_b64decode(addresses.written(DIGEST, text.decode("latin-1")).partition("-")[2][:8])
    return f"{DIGEST}-" + base64.urlsafe_b64encode(check + raw).rstrip(b"=").decode()


def test_what_was_cut_or_changed_is_not_believed():
    assert addresses.read(packed(b"/" + b"a" * 999)) == (DIGEST, "/" + "a" * 999)
    other = DIGEST.replace("0", "f")
    bad = [WHOLE[:-1], WHOLE[:-2], WHOLE + "A", WHOLE + "AAAA", WHOLE.replace(DIGEST, other), f"{DIGEST}-", DIGEST[1:]]
    bad += [f"{DIGEST}-{said}" for said in ("A", "AAAA", "AAAAAAAA", "AAAAAAAAAAAA", "é", "%2e", "." * 9, "=" * 8)]
    bad += [packed(b"/" + b"a" * 999, behind=b"x"), packed(b"/" * 70_000)]
    bad += [WHOLE[:41] + text for text in ("../" * 3, "\0", "\n", WHOLE[41:] + "=", WHOLE[41:] + "\n")]
    bad += [WHOLE[:n] + ("A" if WHOLE[n] != "A" else "B") + WHOLE[n + 1 :] for n in range(41, len(WHOLE), 7)]
    for segment in bad:
        with pytest.raises(NotFound):
            addresses.read(segment)


@pytest.mark.parametrize(
    "question",
    [
        "/beacon/g_variants?biosampleIds=$where",
        '/beacon/g_variants?output=pgxseg\n{"filters":[{"id":{"$gt":""}}]}',
        "/beacon/g_variants?output=pgxseg\n[]",
        "/beacon/g_variants?output=pgxseg\nnull",
        "/beacon/g_variants?output=pgxseg\n{",
        "/beacon/g_variants?output=pgxseg\n" + "[" * 30_000,
        "/services/pgxsegvariants?filters=x\n{}",
        "/../../etc/passwd",
        "",
        "\n",
        "?" + "&" * 60_000,
        "/beacon/g_variants?start=x&referenceName=9",
        "/beacon/g_variants?" + "filters=a,b&" * 600 + "limit=-1",
    ],
)
def test_a_question_may_say_what_a_request_may(question: str):
    with pytest.raises(GatewayError) as refused:
        DownloadRequest.asked(question, BASE).ask()
    assert refused.value.status in {400, 404}
    assert isinstance(refused.value, BadRequest | NotFound)
