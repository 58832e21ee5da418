"""How the tests of pgxseg lay out a download, and encode documents with its parts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import bson

from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, FilterTerm, Part, Selection, Wanted
from gateway.formats import pgxseg

__all__ = ["encoded", "parts"]


def parts(
    *filters: FilterTerm,
    limit: int | None = None,
    skip: int = 0,
    group_by: str | None = None,
    plot_pars: tuple[tuple[str, str], ...] = (),
    said: Mapping[str, str] = MappingProxyType({}),
    **selected: Any,
) -> tuple[Part, Part]:
    """The two parts of a download: sample lines, rows."""
    wanted = Wanted(
        ask=Ask(filters=filters, limit=limit, skip=skip, group_by=group_by, plot_pars=plot_pars),
        datasets=((DatasetState(dataset="progenetix", version="1"), Selection(dataset="progenetix", **selected)),),
        beacon_id="org.progenetix",
        base="",
        address="",
        page_limit=200,
        **said,
    )
    samples, rows = pgxseg.FORMAT.parts(wanted)
    return samples, rows


def encoded(part: Part, *documents: dict) -> str:
    batch = bson.encode({str(number): document for number, document in enumerate(documents)})
    return part.encode([batch]).data.decode()
