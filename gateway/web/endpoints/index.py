"""The page at `/` and `/gateway/`: what is known without the database; its scripts ask for the rest."""

import hashlib
import re
from html import escape
from typing import Final

from aiohttp import web

from gateway import __version__
from gateway.formats import OFFERED, Format
from gateway.page import html
from gateway.web.app_keys import CONFIG, SPOOL, VIEW
from gateway.web.messages.about import organization
from gateway.web.messages.headers import PRIVATE, is_known

__all__ = ["page"]

_EXAMPLES: Final = (
    ("All variants of the glioblastoma samples", "beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants"),
    ("Glioblastomas by their ICD-O morphology", "beacon/variants/?filters=pgx:icdom-94403&method=pgxseg"),
    (
        "Losses over CDKN2A, as Beacon v2 JSON",
        "beacon/g_variants/?referenceName=9&start=21500001,21967753&end=21967753,22500000&variantType=DEL",
    ),
    ("Breast carcinoma samples, as Beacon v2 JSON", "beacon/biosamples?filters=pgx:icdom-85003"),
)
# Scripts, styles and pictures are our own files; pictures that a script makes of them are blobs.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


async def page(request: web.Request) -> web.Response:
    """The page; it does not wait for the database."""
    view, config = request[VIEW], request.app[CONFIG]
    # Relative: what stands before the gateway may have put a path before all of its own.
    root = "../" if request.path == "/gateway/" else "./"
    spool = SPOOL in request.app
    name, _ = organization(config, "")
    text = html(
        root,
        site=escape(config.beacon_name or name),
        public=escape(config.public_url),
        spool=str(spool).lower(),
        restricted=str(view.differs).lower(),
        datasets="".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in view.granted),
        licence=escape(config.licence or "not stated"),
        citation=f"<dt>Citation</dt><dd>{escape(config.citation)}</dd>" if config.citation else "",
        ticket=_TICKET.format(url=escape(root + _EXAMPLES[0][1])) if spool else "",
        examples="".join(f"<li>{escape(what)}<br>{_link(root + url, url)}</li>" for what, url in _EXAMPLES),
        outputs="".join(_row(form, root) for form in OFFERED),
        version=escape(__version__),
    )
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        **({"Cache-Control": PRIVATE, "Vary": "Authorization"} if view.differs else {"Cache-Control": "no-cache"}),
        "ETag": etag,
    }
    if is_known(request, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(text=text, content_type="text/html", headers=headers)


def _link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}"><code>{escape(text)}</code></a>'


def _row(form: Format, root: str) -> str:
    """A format in the table of the page: its words, what it is, a URL to try for each entity."""
    words = " ".join(f"<code>{escape(word)}</code>" for word in form.words)
    links = []
    for entity in form.entities:
        name = "g_variants" if entity == "variants" else entity
        where = "services/collations" if entity == "collations" else f"beacon/{name}"
        where = "beacon/biosamples" if entity == "frequencies" else where
        query = "" if entity in {"cohorts", "datasets"} else "filters=NCIT:C3058&"
        url = f"{root}{where}?{query}output={form.words[0]}"
        links.append(f'<a href="{escape(url)}">{escape(entity)}</a>')
    head = f'<tr data-output="{escape(form.words[0])}" data-pages="{str(form.pages).lower()}">'
    return f"{head}<td>{words}<td>{_marked(form.summary)}<td>{', '.join(links)}</tr>\n"


def _marked(text: str) -> str:
    """A sentence of the formats table as HTML."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


# Where exports are kept, they have an address of their own.
_TICKET: Final = """
<p>With <code>&amp;ticket=true</code> behind it, the URL of a file answers with its
<a href="{url}&amp;ticket=true">ticket</a>: how far the file is, its SHA-256, and an address that always means these
very bytes. <code>wget -c</code> and <code>curl -C -</code> resume safely from it, and a paper can cite it.</p>"""
