"""htsget and DRS where not all is public: what is not allowed is not there, and no token goes elsewhere."""

import gzip

from tests.harness import Answer, until
from tests.web import protocols
from tests.web.access.conftest import Guarded
from tests.web.conftest import path_of

SECRET = "/htsget/variants/secret"
OBJECTS = "/ga4gh/drs/v1/objects"


def word(answer: Answer) -> tuple[int, str]:
    return answer.status, protocols.htsget("error", answer)["error"]


def test_a_ticket_has_the_token_that_it_was_asked_with(guarded: Guarded):
    gateway, token = guarded.gateway, f"Bearer {guarded.tokens['alice']}"
    ticket = gateway.ask(SECRET, Authorization=token)
    urls = protocols.htsget("ticket", ticket)["urls"]
    sent = [url["headers"] for url in urls if "headers" in url]
    assert sent
    assert {headers["Authorization"] for headers in sent} == {token}
    whole = gateway.ask("/beacon/g_variants?datasetIds=secret&allData=true&output=vcf.gz", Authorization=token).body
    assert gzip.decompress(protocols.assembled(gateway, ticket)) == gzip.decompress(whole)
    bare = [gateway.ask(url["url"].removeprefix(gateway.url)) for url in urls if "headers" in url]
    assert {answer.status for answer in bare} == {404}
    assert token not in gateway.log
    assert ticket.headers["Cache-Control"] == "private, no-store"


def test_a_token_is_told_to_nobody_else(guarded: Guarded):
    """Not with data that need none, nor to a host that the request alone names."""
    gateway, token = guarded.gateway, f"Bearer {guarded.tokens['alice']}"
    assert guarded.tokens["alice"] not in gateway.ask("/htsget/variants/demo", Authorization=token).text
    strange = gateway.ask(SECRET, Authorization=token, Host="evil.example")
    assert word(strange) == (403, "PermissionDenied")
    assert guarded.tokens["alice"] not in strange.text


def test_what_may_not_be_seen_is_not_there(guarded: Guarded):
    gateway = guarded.gateway
    for name in ("secret", "nothing"):
        said = (
            word(gateway.ask(f"/htsget/variants/{name}")),
            word(gateway.ask(f"/htsget/variants/{name}/pgxbs-kftv0022")),
        )
        assert said == ((404, "NotFound"), (404, "NotFound"))
    one, other = (gateway.ask(f"/htsget/variants/{name}").text for name in ("secret", "nobody"))
    assert one.replace("secret", "nobody") == other
    for name in ("flat", "flat/NCIT:C3058", "flat/nobody", "odd"):  # numbers, or less, but no file
        assert word(gateway.ask(f"/htsget/variants/{name}")) == (403, "PermissionDenied")
    assert gateway.ask("/htsget/variants/flat?class=header", Authorization="Bearer x").status == 401
    assert word(gateway.ask("/htsget/variants/demo", Authorization="Bearer x")) == (401, "InvalidAuthentication")
    assert word(gateway.ask("/htsget/variants/demo", Authorization="Bearer")) == (400, "InvalidInput")


def test_an_object_is_there_for_who_may_have_it(guarded: Guarded):
    gateway, token = guarded.gateway, f"Bearer {guarded.tokens['alice']}"
    query = "/beacon/g_variants?datasetIds=secret&allData=true&output=pgxseg"
    issued = gateway.ask(f"{query}&ticket=true", Authorization=token)
    own, digest = path_of(issued, "self"), issued.json["digest"]
    until(lambda: gateway.ask(own, Authorization=token).json["state"] == "complete")
    body = {"bulk_object_ids": [digest, own.rpartition("/")[2]]}
    for name in body["bulk_object_ids"]:
        path = f"{OBJECTS}/{name}"
        assert gateway.ask(path).status == gateway.ask(path, "OPTIONS").status == 404
        assert "secret" not in gateway.ask(path).text
        found = protocols.drs("object", gateway.ask(path, Authorization=token))
        (method,) = found["access_methods"]
        assert method["authorizations"]["supported_types"] == ["BearerAuth"]
        rights = protocols.drs("authorizations", gateway.ask(path, "OPTIONS", Authorization=token))
        assert rights == method["authorizations"] == {"drs_object_id": digest, "supported_types": ["BearerAuth"]}
    assert gateway.ask(OBJECTS, "POST", body).json["summary"]["resolved"] == 0
    assert gateway.ask(OBJECTS, "POST", body, Authorization=token).json["summary"]["resolved"] == 2
    assert protocols.drs("error", gateway.ask(f"{OBJECTS}/{digest}", Authorization="Bearer x"))["status_code"] == 401
