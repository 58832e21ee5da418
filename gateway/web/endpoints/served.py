"""`/gateway/datasets`: what is served, to whom, and under which terms."""

from contextlib import suppress
from typing import Any

from aiohttp import web

from gateway.dataset_state import DatasetState
from gateway.errors import NotFound
from gateway.genome import ASSEMBLY
from gateway.web.app_keys import CATALOG, CONFIG, SPOOL, VIEW
from gateway.web.endpoints.asking import Answer, answering, database

__all__ = ["datasets"]


@answering
async def datasets(request: web.Request) -> Answer:
    """The datasets that the caller sees."""
    app, view = request.app, request[VIEW]
    listed = []
    for name, level in view.granted.items():
        state = None
        with database(app), suppress(NotFound):
            state = await app[CATALOG].state(name)
        config = app[CONFIG]
        listed.append(
            {
                "id": name,
                "name": name,
                "default": name in view.default[:1],
                "granularity": level,
                **_numbers(state if level != "boolean" else None),
                "assembly": ASSEMBLY,
                "licence": config.licence,
                "citation": config.citation,
                "empty": state is None,
            }
        )
    return Answer({"datasets": listed, "spool": SPOOL in app}, guarded=view.differs)


def _numbers(state: DatasetState | None) -> dict[str, Any]:
    """How much there is, and since when."""
    if state is None:
        return {"counts": None, "dataVersion": None}
    names = {"samples": "biosamples", "individuals": "individuals", "analyses": state.analyses, "variants": "variants"}
    counts = {name: state.counts.get(collection, 0) for name, collection in names.items()}
    return {"counts": counts, "dataVersion": state.version}
