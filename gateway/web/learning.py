"""What this gateway has delivered, for estimates: from each whole file, and at the start from those that are kept."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.download_types import Plan
from gateway.errors import GatewayError
from gateway.flow.sizes import Kind, Sizes
from gateway.logs import fields
from gateway.planning.format_choice import choose
from gateway.rows import Tally, delivered
from gateway.spool.spool import Spool
from gateway.web.messages.request import DownloadRequest

__all__ = ["learn", "learn_from"]

log = logging.getLogger("gateway.web")

_RECORDS: Final = frozenset({"biosamples", "individuals"})
"""Entities with a row for each.  Of frequencies there is nothing to learn: they are as long as the genome has bins."""
_MOST: Final = 300  # kept exports that are looked at


def learn(sizes: Sizes, plan: Plan, tallies: Sequence[Tally], size: int) -> None:
    """Heed a whole file of so many bytes."""
    if len(plan.datasets) != 1 or not tallies:
        return
    kind = Kind(plan.datasets[0], plan.form, plan.entity, bool(plan.packing))
    if plan.entity == "variants":
        documents = sum(tally.documents for tally in tallies if tally.collection == tallies[-1].collection)
        sizes.learn(kind, documents, max(tally.samples for tally in tallies), size)
    elif plan.entity == "analyses":  # rows are of them, of their segments …: they are asked for by samples
        sizes.learn(kind, 0, max(tally.samples for tally in tallies), size)
    elif plan.entity in _RECORDS:
        sizes.learn(kind, 0, delivered(tallies), size)


async def learn_from(spool: Spool, sizes: Sizes) -> None:
    """Heed the exports that are kept, the oldest first, so that the newest weigh most."""
    try:
        kept = [one for one in await spool.listed() if one.complete and len(one.datasets) == 1][:_MOST]
        for one in reversed(kept):
            record = await spool.recall(one.digest)
            if record is not None:
                _heed(sizes, record, one.rows, one.size)
    except OSError as error:
        log.warning("kept exports cannot be read: sizes are estimated without them", extra=fields(reason=error))


def _heed(sizes: Sizes, record: Mapping[str, Any], rows: int, size: int) -> None:
    try:
        asked = DownloadRequest.kept(record)
        plain, form, packed = choose(asked.ask(), asked.accept)
        expected = record["expected"].get("samples")
    except (GatewayError, LookupError, TypeError, ValueError, AttributeError):  # of another version
        return
    kind = Kind(str(record["datasets"][0]), form.name, plain.entity, packed)
    samples = expected if isinstance(expected, int) else None
    if plain.entity == "variants":
        sizes.learn(kind, rows, samples, size)
    elif plain.entity == "analyses" and samples is not None:
        sizes.learn(kind, 0, samples, size)
    elif plain.entity in _RECORDS:
        sizes.learn(kind, 0, rows, size)
