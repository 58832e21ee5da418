"""Ids of htsget: a dataset, a filter code, or a biosample; of another dataset than the first, with that before a slash.

What is unknown, and what its caller may not see, is not there.
"""

from typing import Final

from aiohttp import web

from gateway.codes import spellings
from gateway.errors import BadRequest, Forbidden, GatewayError, NotFound
from gateway.query import shown
from gateway.web.app_keys import CATALOG, VIEW
from gateway.web.messages.request import DownloadRequest, lasting_base

__all__ = ["requested"]

_PATH: Final = "/beacon/g_variants"


async def requested(request: web.Request, name: str) -> DownloadRequest:
    """The download that an id means.  Raises Forbidden, NotFound, or what the database raises."""
    view = request[VIEW]
    here = {dataset.lower(): dataset for dataset in view.granted}
    first, slash, rest = name.partition("/")
    if slash and first.lower() in here:
        dataset, code = here[first.lower()], rest
    elif name.lower() in here:
        dataset, code = here[name.lower()], ""
    else:
        dataset, code = view.default[0] if view.default else "", name
    if not dataset or (slash and not code):
        raise _unknown(name)
    if not view.admits([dataset]):
        raise Forbidden(f"of dataset {dataset} you may see {view.granted[dataset]} answers only, and no file of it")
    meant = ("allData", "true") if not code else await _meant(request, dataset, code)
    if meant is None:
        raise _unknown(name)
    pairs = (meant, ("datasetIds", dataset), ("output", "vcf.gz"))
    return DownloadRequest(_PATH, pairs, None, "", lasting_base(request))


async def _meant(request: web.Request, dataset: str, code: str) -> tuple[str, str] | None:
    """The parameter that a code is for, and the code."""
    catalog = request.app[CATALOG]
    state = await catalog.state(dataset)
    if _is_one("filters", code) and await catalog.collations(state, spellings(code)):
        return "filters", code
    if _is_one("biosampleIds", code) and not await catalog.unknown(state, "biosamples", "id", (code,)):
        return "biosampleIds", code
    return None


def _is_one(parameter: str, code: str) -> bool:
    """Whether a text is understood as one code, and nothing else."""
    try:
        ask = DownloadRequest(_PATH, ((parameter, code),), None, "", "").ask()
    except (BadRequest, GatewayError):
        return False
    if parameter == "biosampleIds":
        return ask.biosample_ids == (code,)
    return len(ask.filters) == 1 and not ask.filters[0].excluded and ask.filters[0].operator is None


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no '{shown(name)}' here; ids are filter codes, biosample ids and datasets")
