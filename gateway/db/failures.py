"""What drivers' exceptions mean, in the gateway's own words."""

import logging
import re
from contextvars import ContextVar
from typing import Final

from bson.errors import BSONError
from pymongo import errors

from gateway import metrics
from gateway.errors import (
    BadDocument,
    DatabaseDown,
    DatabaseRefused,
    DatabaseSlow,
    DatasetChanged,
    GatewayError,
    NoSuchIndex,
    SnapshotLost,
)
from gateway.logs import fields

__all__ = ["known_down", "translated"]

log = logging.getLogger("gateway.db")

known_down: ContextVar[bool] = ContextVar("known_down", default=False)
"""Of a task that asks again and again: that the database is away was told, and is no news."""

# Server codes: the data went away under a query (drop, rename, killed plan); the time allowed was over.
_CHANGED: Final = {175, 43}
_SLOW: Final = {50, 202}
_TAIL: Final = re.compile(", Timeout:|, full error:")
_BAD_VALUE: Final = 2  # also of a hint that names no index, which has no code of its own
# SnapshotTooOld; SnapshotUnavailable, after a change of the catalog of collections.
_SNAPSHOT_LOST: Final = {239, 246}
# What a member says that is going away, coming back or without a primary: another try may go well.
_PASSING: Final = {
    *(6, 7, 24, 46, 83, 89, 91, 112, 133, 134, 189, 234, 237, 249, 262, 279, 317, 365, 384),
    *(9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436),
}


def translated(error: Exception) -> GatewayError:
    """A driver's exception in our words.  The driver's own text goes to the log: it may name hosts."""
    # What follows the first sentence of a driver's message is the topology, or the whole reply.
    news = isinstance(error, errors.OperationFailure | BSONError) or not known_down.get()
    level = logging.WARNING if news else logging.DEBUG
    told = fields(error=type(error).__name__, reason=_TAIL.split(str(error), maxsplit=1)[0])
    log.log(level, "the database failed", extra=told)
    meant = _meant(error)
    metrics.DATABASE_ERRORS.add(1, type(meant).__name__)
    return meant


def _meant(error: Exception) -> GatewayError:
    if isinstance(error, errors.NetworkTimeout | errors.ExecutionTimeout):
        return DatabaseSlow("the database did not answer within its time")
    if isinstance(error, errors.OperationFailure):
        return _refusal(error)
    if isinstance(error, BSONError):
        return BadDocument("the database's reply is not valid BSON")
    return DatabaseDown("the database cannot be reached")


def _refusal(error: errors.OperationFailure) -> GatewayError:
    """What a server's own error means."""
    if error.code in _SLOW:
        return DatabaseSlow("the database did not answer within its time")
    if error.code in _CHANGED:
        return DatasetChanged("the dataset changed during the download; ask again for the new data")
    if error.code in _SNAPSHOT_LOST:
        return SnapshotLost("the database does not know the moment any more that was read at")
    if error.code in _PASSING:
        return DatabaseDown("the database cannot answer now")
    if error.code == _BAD_VALUE and "hint" in str(error):
        return NoSuchIndex("the database does not have an index that it had")
    return DatabaseRefused("the database refuses this; the log says why")
