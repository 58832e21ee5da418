"""What every format of the table keeps: names, HEAD, ETag, packing, empty selections, odd data, refusals."""

import gzip
import re
from urllib.parse import quote

import pytest

from gateway.download_types import Entity
from gateway.formats import FORMATS, Format
from tests.harness import Answer, Gateway

PATHS: dict[Entity, str] = {
    "variants": "/beacon/g_variants",
    "biosamples": "/beacon/biosamples",
    "individuals": "/beacon/individuals",
    "analyses": "/beacon/analyses",
    "runs": "/beacon/runs",
    "frequencies": "/services/intervalFrequencies",
}
BEACON: tuple[Entity, ...] = ("variants", "biosamples", "individuals", "analyses")
QUERY = "biosampleIds=pgxbs-kftv0022,pgxbs-kftv00cc"
EACH = [(form, entity) for form in FORMATS for entity in form.entities if entity in PATHS]
each = pytest.mark.parametrize(("form", "entity"), EACH, ids=[f"{form.name}-{entity}" for form, entity in EACH])


def path(form: Format, entity: Entity, query: str = QUERY) -> str:
    return f"{PATHS[entity]}?{query}&output={form.words[0]}"


_found: dict[tuple[str, str], Answer] = {}


def once(gateway: Gateway, path: str) -> Answer:
    """The answer, asked for once: for what others are compared with."""
    if (gateway.url, path) not in _found:
        _found[gateway.url, path] = gateway.ask(path)
    return _found[gateway.url, path]


def test_no_two_formats_of_the_same_records_share_a_file_name(gateway: Gateway):
    """`wget -c` would join the end of the one to the beginning of the other."""
    names = [gateway.ask(path(form, entity), "HEAD").headers["Content-Disposition"] for form, entity in EACH]
    assert sorted(set(names)) == sorted(names)


def test_filters_joined_by_or_have_a_name_of_their_own(gateway: Gateway):
    asked = "/beacon/biosamples?filters=NCIT:C3058,NCIT:C4017&output=pgxseg"
    both, either = (gateway.ask(asked + more, "HEAD") for more in ("", "&filterLogic=OR"))
    assert both.headers["Content-Disposition"] != either.headers["Content-Disposition"]


@each
def test_a_download_has_its_name_its_etag_and_its_head(gateway: Gateway, form: Format, entity: Entity):
    answer, head = once(gateway, path(form, entity)), gateway.ask(path(form, entity), "HEAD")
    assert (answer.status, answer.whole) == (200, True), answer.text[:300]
    assert answer.headers["Content-Type"] == form.media
    assert answer.headers["Content-Disposition"].endswith(f'_{entity}.{form.extension}"')
    assert ("attachment" in answer.headers["Content-Disposition"]) == form.attachment
    assert head.body == b""
    for name in ("ETag", "Content-Type", "Content-Disposition"):
        assert head.headers[name] == answer.headers[name]
    again = gateway.ask(path(form, entity), If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert gateway.ask(path(form, entity)).body == answer.body
    for word in form.words:
        assert gateway.ask(f"{PATHS[entity]}?{QUERY}&method={word}").body == answer.body


@each
def test_gz_unpacks_to_the_same_bytes(gateway: Gateway, form: Format, entity: Entity):
    packed = gateway.ask(path(form, entity) + ".gz")
    assert packed.headers["Content-Type"] == "application/gzip"
    assert packed.headers["Content-Disposition"].endswith(f'.{form.extension}.gz"')
    if form.by_position != "packed":  # such files are in test_sorted_files
        assert gzip.decompress(packed.body) == once(gateway, path(form, entity)).body


@each
def test_nothing_selected_is_a_whole_file_without_rows(gateway: Gateway, form: Format, entity: Entity):
    answer = gateway.ask(path(form, entity, "biosampleIds=nobody"))
    assert (answer.status, answer.whole) == (200, True)
    full = once(gateway, path(form, entity))
    assert len(answer.body) < len(full.body)
    assert b"pgxbs-" not in answer.body


@each
def test_odd_documents_break_nothing(gateway: Gateway, form: Format, entity: Entity):
    answer = gateway.ask(path(form, entity, "allData=true&datasetIds=odd&limit=0"))
    assert (answer.status, answer.whole) == (200, True), answer.text[:300]
    if not form.library:  # others are read in test_arrow_files
        answer.body.decode()


@each
def test_both_models_have_their_rows(gateway: Gateway, form: Format, entity: Entity):
    """As many lines in a dataset of 2021, which had no fusions, and neither sexes nor platforms in its tables."""
    new = gateway.ask(path(form, entity, "filters=pgx:icdom-85003&datasetIds=demo&limit=0"))
    old = gateway.ask(path(form, entity, "filters=icdom-85003&datasetIds=flat&limit=0"))
    assert (new.status, old.status, old.whole) == (200, 200, True)
    if form.library or form.links:  # no lines; rows are compared in test_arrow_files
        return
    lines = len(old.text.splitlines())
    assert lines > 3
    fusions = len(re.findall("Adjacency|\tBND\t|SVTYPE=BND|fusion", new.text))
    if "matrix" in form.name or form.name in {"cnvstats", "samplesplot"}:
        return  # callsets of 2021 do not say what they are of: all count
    assert 0.98 * (len(new.text.splitlines()) - fusions) - 1 <= lines <= len(new.text.splitlines())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_what_a_format_does_not_hold_is_variants_or_refused(gateway: Gateway, form: Format):
    for entity in set(BEACON) - set(form.entities):
        answer = gateway.ask(path(form, entity))
        if "variants" in form.entities:
            assert answer.status == 200
            same = once(gateway, path(form, "variants")).body
            assert form.links or answer.body == same  # links are to files of the same bytes, by other questions
        elif form.entities[0] in PATHS:  # what is computed from segments, for all samples that own them
            assert (answer.status, answer.headers["Content-Type"]) == (200, form.media)
        else:
            assert answer.status == 406
            assert "output" in answer.json["error"]["errorMessage"]
    assert gateway.ask(f"/beacon/nothing?output={form.words[0]}").status == 404


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_pages_where_there_are_pages(gateway: Gateway, form: Format):
    if form.entities[0] not in PATHS:
        return
    answer = gateway.ask(path(form, form.entities[0], f"{QUERY}&limit=1"))
    assert answer.status == (200 if form.pages else 400)
    if not form.pages:
        assert "limit" in answer.json["error"]["errorMessage"]


PAGED: dict[Entity, str] = {**PATHS, "collations": "/services/collations"}


@pytest.mark.parametrize(
    ("form", "entity"),
    [(form, entity) for form in FORMATS if form.pages for entity in form.entities if entity in PAGED],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_a_page_is_one_or_it_is_said_that_there_is_none(gateway: Gateway, form: Format, entity: Entity):
    asked = f"{PAGED[entity]}?{'' if entity == 'collations' else QUERY}&output={form.words[0]}"
    whole = gateway.ask(f"{asked}&limit=0")
    first, second = (gateway.ask(f"{asked}&limit=1&skip={skip}") for skip in (0, 1))
    assert whole.status == first.status == second.status == 200
    bodies = [re.sub(rb'"(meta|info)":.*', b"", answer.body) for answer in (whole, first, second)]
    told = f"limit and skip do not apply to {form.name}, which is of all samples that are selected"
    assert ("limit" in first.headers.get("Warning", "")) is form.of_all
    assert len({*bodies}) == (1 if form.of_all else 3)
    if form.of_all:
        assert told in first.headers["Warning"]
        assert (told in first.text) is (form.media == "application/json")
        assert told not in whole.text + whole.headers.get("Warning", "")


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_services_deliver_their_format(gateway: Gateway, form: Format):
    for word in form.services if form.entities[0] in PATHS else ():
        asked = path(form, form.entities[0])
        assert gateway.ask(f"/services/{word}?{QUERY}").body == once(gateway, asked).body


def test_bad_words_for_formats_are_named(gateway: Gateway):
    for query, parameter in (
        ("groupBy=$where", "groupBy"),
        ("groupBy=nothing_known", "groupBy"),
        ("plotPars=justaword", "plotPars"),
        ("plotPars=$a=1", "plotPars"),
        ("deliveryKeys=a.b", "deliveryKeys"),
    ):
        answer = gateway.ask(f"/beacon/g_variants?filters=NCIT:C3058&output=pgxseg&{quote(query, safe='=&')}")
        assert answer.status == 400
        assert parameter in answer.json["error"]["errorMessage"]


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_lists_all_formats_with_urls_that_work(gateway: Gateway):
    page = gateway.ask("/").text
    urls = [url.replace("&amp;", "&") for url in re.findall(r'href="[.](/[^"]+[?;]output=[^"]+)"', page)]
    for form in FORMATS:
        assert form.words[0] in page
        assert sum(re.search(f"[?&]output={form.words[0]}$", url) is not None for url in urls) == len(form.entities)
    assert {gateway.ask(url, "HEAD").status for url in urls} == {200}


def test_the_page_tells_of_what_resumes(gateway: Gateway, direct: Gateway):
    page = gateway.ask("/").text
    assert "pgx-gateway fetch" in page
    (url,) = re.findall(r'href="[.](/[^"]+ticket=true)"', page)
    ticket = gateway.ask(url.replace("&amp;", "&")).json
    assert gateway.ask(ticket["address"].removeprefix(gateway.url), "HEAD").status == 200
    without = direct.ask("/").text  # there it would be refused
    assert "pgx-gateway fetch" in without
    assert "ticket" not in without
