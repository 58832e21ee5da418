"""The first look at the datasets, beside serving: what is wrong with them is told at the start, not by a client."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.db.failures import known_down
from gateway.errors import DatabaseDown, DatabaseSlow, GatewayError, NotFound, SnapshotLost
from gateway.logs import fields

__all__ = ["look"]

log = logging.getLogger("gateway.web")

_FIRST_PAUSE: Final = 1.0  # seconds
_LONGEST_PAUSE: Final = 60.0


async def look(catalog: Catalog, datasets: Sequence[str], found: Callable[[DatasetState], None]) -> None:
    """Read what is known of each dataset, once: `found` is told.

    A database that is down is told in one line, and asked again.
    """
    pause, away = _FIRST_PAUSE, False
    waiting = list(datasets)
    while waiting:
        try:
            found(await catalog.state(waiting[0]))
        except NotFound as error:
            log.warning("a dataset holds no data", extra=fields(dataset=waiting[0], reason=error))
        except (DatabaseDown, DatabaseSlow, SnapshotLost) as error:
            if not away:
                log.warning(
                    "the database cannot be read; it is asked again until it answers", extra=fields(reason=error)
                )
            away = True
            known_down.set(True)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        except GatewayError as error:
            log.warning("a dataset cannot be read", extra=fields(dataset=waiting[0], reason=error))
        if away:
            log.info("the database answers")
            known_down.set(False)
        waiting.pop(0)
        pause, away = _FIRST_PAUSE, False
