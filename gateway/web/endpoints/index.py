"""The page at `/`."""

import re
from html import escape
from typing import Final

from aiohttp import web

from gateway import __version__
from gateway.formats import OFFERED, Format
from gateway.web.app_keys import SPOOL, VIEW
from gateway.web.messages.headers import PRIVATE

__all__ = ["page"]

_EXAMPLES: Final = (
    ("All variants of the glioblastoma samples", "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants"),
    ("Glioblastomas by their ICD-O morphology", "/beacon/variants/?filters=pgx:icdom-94403&method=pgxseg"),
    (
        "Losses over CDKN2A, as Beacon v2 JSON",
        "/beacon/g_variants?referenceName=9&start=21500001,21967753&end=21967753,22500000&variantType=DEL",
    ),
    ("Breast carcinoma samples, as Beacon v2 JSON", "/beacon/biosamples?filters=pgx:icdom-85003"),
)


async def page(request: web.Request) -> web.Response:
    """A plain page: datasets, formats, URLs to try."""
    view = request[VIEW]
    datasets = "".join(f"<li><code>{escape(name)}</code></li>" for name in view.granted)
    outputs = "".join(map(_row, OFFERED))
    examples = "".join(
        f'<li>{escape(what)}<br><a href="{escape(url)}"><code>{escape(url)}</code></a></li>' for what, url in _EXAMPLES
    )
    ticket = _TICKET if SPOOL in request.app else ""
    text = _PAGE.format(
        version=escape(__version__), datasets=datasets, outputs=outputs, examples=examples, ticket=ticket
    )
    headers = {"Cache-Control": PRIVATE, "Vary": "Authorization"} if view.differs else {}
    return web.Response(text=text, content_type="text/html", headers=headers)


def _row(form: Format) -> str:
    """A format in the table of the page: its words, what it is, a URL to try for each entity."""
    words = " ".join(f"<code>{escape(word)}</code>" for word in form.words)
    links = []
    for entity in form.entities:
        name = "g_variants" if entity == "variants" else entity
        where = "services/collations" if entity == "collations" else f"beacon/{name}"
        where = "beacon/biosamples" if entity == "frequencies" else where
        query = "" if entity in {"cohorts", "datasets"} else "filters=NCIT:C3058&"
        url = f"/{where}?{query}output={form.words[0]}"
        links.append(f'<a href="{escape(url)}">{escape(entity)}</a>')
    return f"<tr><td>{words}<td>{_marked(form.summary)}<td>{', '.join(links)}</tr>\n"


def _marked(text: str) -> str:
    """A sentence of the formats table as HTML."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


# Where exports are kept, they have an address of their own.
_TICKET: Final = f"""
With <code>&amp;ticket=true</code> behind it, the URL of a file answers with its
<a href="{escape(_EXAMPLES[0][1])}&amp;ticket=true">ticket</a>: the progress, the SHA-256, and an address at which
<code>wget -c</code> and <code>curl -C -</code> resume safely."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>pgx-gateway</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
code {{ background: #f2f2f2; padding: .1em .3em; overflow-wrap: anywhere }}
td:first-child code {{ overflow-wrap: normal }}
li {{ margin: .4em 0 }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; vertical-align: top; padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd }}
</style>
<h1>pgx-gateway</h1>
<p>Downloads of genomic variants of any size, streamed from the database as they are read.</p>
<h2>Datasets</h2>
<ul>{datasets}</ul>
<h2>Try</h2>
<ul>{examples}</ul>
<p>On a command line: <code>curl -OJ '…'</code> or <code>wget --content-disposition '…'</code>.</p>
<p>For what is large or must survive the night: <code>pgx-gateway fetch '…'</code> goes on by itself after any break,
and compares the checksum.{ticket}</p>
<h2>Outputs</h2>
<table>
<tr><th><code>output=</code><th>what it is<th>try</tr>
{outputs}</table>
<p>With <code>.gz</code> behind it any of these is a gzip file. <code>method=callsetsvariants</code> is pgxseg with all
variants of the matched samples.</p>
<p><small>version {version} · <a href="ready">status</a> · <a href="openapi.json">OpenAPI</a></small></p>
</html>
"""
