"""Sessions of genome browsers: no data, but links to the files of the same query, which programs open by themselves.

IGV's are XML, which IGV on the desktop and igv.js both read.  UCSC's are lines of custom tracks; a line that is the URL
of a file stands for what is in it.
"""

from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from gateway.download_types import Part, VariantAsk, Wanted
from gateway.formats.base import Format, document_rows

__all__ = ["IGV", "UCSC"]

# GRCh38, as both call it.
_GENOME: Final = "hg38"
_NOTHING: Final = document_rows("biosample_id", lambda _: None)


def _region(queries: tuple[VariantAsk, ...]) -> str:
    """The place that a variant query is about, from 1, both ends inside; empty for none, or several."""
    names = [query.chromosome for query in queries]
    if len(names) != 1 or not names[0]:
        return ""
    name, ends = f"chr{names[0].replace('MT', 'M')}", (*queries[0].start, *queries[0].end)
    return f"{name}:{min(ends) + 1}-{max(*ends, min(ends) + 1)}" if ends else name


def _links(wanted: Wanted) -> list[Mapping[str, str]]:
    return [link for link in wanted.downloads if "url" in link]


def _igv(wanted: Wanted) -> bytes:
    region = _region(wanted.ask.variants) or "All"
    session = ET.Element("Session", genome=_GENOME, locus=region, version="8")
    resources = ET.SubElement(session, "Resources")
    for link in _links(wanted):
        resource = ET.SubElement(resources, "Resource", path=link["url"], type=link["type"])
        if link["index"]:
            resource.set("index", link["index"])
    ET.indent(session)
    text: bytes = ET.tostring(session, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"


def _ucsc(wanted: Wanted) -> bytes:
    region = _region(wanted.ask.variants)
    lines = [f"browser position {region}"] if region else []
    for link in _links(wanted):
        url, name = link["url"], link["name"].removesuffix(".vcf.gz")
        said = f'name="{name}" description="{name}" db={_GENOME} visibility=pack'
        lines.append(
            f"track type=vcfTabix {said} bigDataUrl={url} bigDataIndex={link['index']}" if link["index"] else url
        )
    return "".join(line + "\n" for line in lines).encode()


def _parts(text: Callable[[Wanted], bytes]) -> Callable[[Wanted], tuple[Part, ...]]:
    def parts(wanted: Wanted) -> tuple[Part, ...]:
        ((dataset_state, selection),) = wanted.datasets
        own = Part(
            dataset_state=dataset_state,
            selection=selection,
            collection="variants",
            projection={},
            encode=_NOTHING,
            before=text(wanted),
            fetch=False,
        )
        return (own,)

    return parts


IGV: Final = Format(
    name="igvsession",
    words=("igvsession",),
    media="application/xml",
    accepts=(),
    extension="xml",
    summary="a session of IGV and igv.js: links to `igv`, `vcf.gz` and `bed.gz` of the same query",
    parts=_parts(_igv),
    pages=False,
    links=("igv", "vcf.gz", "bed.gz"),
)
UCSC: Final = Format(
    name="ucsctracks",
    words=("ucsctracks",),
    media="text/plain; charset=utf-8",
    accepts=(),
    extension="txt",
    summary="custom tracks for UCSC's genome browser: links to `vcf.gz` and `bed` of the same query",
    parts=_parts(_ucsc),
    attachment=False,
    pages=False,
    links=("vcf.gz", "bed"),
)
