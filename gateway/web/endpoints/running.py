"""`/gateway/running`: exports that are being produced or are kept; never what was asked for."""

import logging
import time
from typing import Any, Final

from aiohttp import web

from gateway.errors import Busy
from gateway.formats import FORMATS
from gateway.logs import fields
from gateway.spool.spool import Listed
from gateway.web.app_keys import SPOOL, VIEW
from gateway.web.endpoints.asking import Answer, answering

__all__ = ["running"]

log = logging.getLogger("gateway.web")

_MOST: Final = 50
_OUTPUTS: Final = {form.name: form.words[0] for form in FORMATS}


@answering
async def running(request: web.Request) -> Answer:
    """The exports of datasets whose records the caller may see: what grows first, then the newest."""
    view, spool = request[VIEW], request.app.get(SPOOL)
    nothing: dict[str, Any] = {"number": 0, "bytes": 0}
    if spool is None:
        return Answer({"spool": False, "exports": [], "complete": nothing}, passing=True)
    try:
        seen = [one for one in await spool.listed() if view.admits(one.datasets)]
    except OSError as error:
        log.warning("the spool cannot be used", extra=fields(reason=error))
        raise Busy("the spool cannot be read now; try again soon") from error
    complete = [one for one in seen if one.complete]
    shown = sorted(seen, key=lambda one: one.complete)[:_MOST]
    total = {"number": len(complete), "bytes": sum(one.size for one in complete)}
    return Answer({"spool": True, "exports": list(map(_described, shown)), "complete": total}, passing=True)


def _described(one: Listed) -> dict[str, Any]:
    return {
        "dataset": ",".join(one.datasets),
        "output": _OUTPUTS.get(one.form, one.form),
        "packed": one.packed,
        "state": "complete" if one.complete else "producing",
        "rows": one.rows,
        "bytes": one.size,
        "age": round(max(0.0, time.time() - one.since), 1),
    }
