"""The error tree: every failure a caller can meet, with its HTTP status and what the caller can do about it.

GatewayError
 ├── BadRequest           400  a parameter is malformed or contradicts another: mend the request
 │    └── Unsupported          it may mean something to another Beacon
 ├── Unauthorized         401  the token is not valid: get another, or ask without
 ├── Forbidden            403  the dataset answers the caller with less than was asked for: ask for numbers
 ├── NotFound             404  no such path, dataset or id
 ├── MethodNotAllowed     405  the path exists, the method does not
 ├── NotAcceptable        406  no such output: choose one of those named
 ├── RequestTimeout       408  the head or the body of the request did not come within its time
 ├── Gone                 410  the data that an immutable address names is no longer there: ask the live query
 ├── NotMatched           412  the export is not the one that `If-Match` names
 ├── TooLarge             413  the request body is larger than allowed
 ├── AddressTooLong       414  the URL is longer than allowed: ask by POST
 ├── BadRange             416  the range begins behind the end; `Content-Range` says where that is
 ├── ExpectationFailed    417  an `Expect` header that is not `100-continue`
 ├── TooManyRequests      429  this client has all that one may have: come again after `retry_after` seconds
 ├── HeadersTooLarge      431  the header fields are longer, or more, than allowed
 ├── NotSupported         501  a way of talking that is not supported: WebSocket, transfer codings
 ├── BeaconDown           502  the Beacon behind the gateway cannot be reached
 ├── Busy                 503  too many passes run: come again after `retry_after` seconds
 ├── TooCostly            503  the request needs more of the database than one may: ask for less
 ├── DatabaseDown         503  the database cannot be reached: come again after `retry_after` seconds
 ├── NoTemporaryRoom      503  there is no room for files to sort in: come again after `retry_after` seconds
 ├── NoMemory             503  the system has no memory for it: come again after `retry_after` seconds
 ├── SystemRefused        503  the system refuses what is needed: come again after `retry_after` seconds
 ├── KeysMissing          503  what tokens are verified with cannot be read now: come again after `retry_after` seconds
 ├── DatabaseSlow         504  the database did not answer within its time
 ├── BeaconSlow           504  the Beacon behind the gateway did not answer within its time
 ├── VersionNotSpoken     505  another version of HTTP
 ├── DatabaseRefused      500  the database refuses for a reason that will not change: its operator must mend it
 │    └── NoSuchIndex          it does not have the index that a read names: the read goes without
 ├── SnapshotLost         503  the database no longer knows the moment that a pass reads at: read at another one
 ├── DatasetChanged       503  the data changed under a running pass: ask anew
 └── BadDocument          500  a stored document is not valid BSON or does not fit its format

Drivers' exceptions are translated in `db/source.py` and nowhere else; `web/app.py` turns this tree into responses.
To the command line it is a `Failure`, as is the tree of `fetch/errors.py`, which has exit codes of its own.
"""

import errno
import os
from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "AddressTooLong",
    "BadDocument",
    "BadRange",
    "BadRequest",
    "BeaconDown",
    "BeaconSlow",
    "Busy",
    "DatabaseDown",
    "DatabaseRefused",
    "DatabaseSlow",
    "DatasetChanged",
    "ExpectationFailed",
    "Failure",
    "Forbidden",
    "GatewayError",
    "Gone",
    "HeadersTooLarge",
    "KeysMissing",
    "MethodNotAllowed",
    "NoMemory",
    "NoSuchIndex",
    "NoTemporaryRoom",
    "NotAcceptable",
    "NotFound",
    "NotMatched",
    "NotSupported",
    "RequestTimeout",
    "SnapshotLost",
    "SystemRefused",
    "TooCostly",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unsupported",
    "VersionNotSpoken",
    "plain",
    "refusal",
]


def plain(text: str) -> str:
    """A message as one line that a terminal can be shown.

    Messages quote servers, files and documents: what would control the terminal becomes a space.
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def refusal(error: OSError | MemoryError, what: str = "what this needs") -> "GatewayError":
    """What the system refused, as it is told: no file names, which a system's own messages have."""
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        return NoMemory("the gateway has no memory for this now; try again later")
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return SystemRefused(f"the system refuses {what}: {reason}")


class Failure(Exception):
    """What stops a command; the message says why, and `code` is the exit code."""

    code: ClassVar[int] = 1


class GatewayError(Failure):
    """A failure with an HTTP status; `parameter` names the request parameter at fault, where one is.

    `headers` are those that its response has beside the usual ones; `limit` is the one that the request went beyond,
    as counters call it, where that is why.
    """

    status = 500
    retry_after: int | None = None
    limit: str = ""

    def __init__(
        self,
        message: str,
        *,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
        limit: str | None = None,
    ) -> None:
        super().__init__(message)
        self.limit = self.limit if limit is None else limit
        self.message = message
        self.parameter = parameter
        self.headers = dict(headers or {})


class BadRequest(GatewayError):
    """A parameter is malformed or contradicts another."""

    status = 400


class Unsupported(BadRequest):
    """A parameter, or a value of it, that is not supported here; another Beacon may know it."""


class Unauthorized(GatewayError):
    """The token of the request is not valid, whatever is asked with it."""

    status = 401


class Forbidden(GatewayError):
    """The caller may see the dataset, but not as much of it as was asked for."""

    status = 403


class NotFound(GatewayError):
    """No such path, dataset or id."""

    status = 404


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    status = 405


class NotAcceptable(GatewayError):
    """No such output."""

    status = 406


class RequestTimeout(GatewayError):
    """The head or the body of the request did not come within its time."""

    status = 408
    retry_after = 1


class Gone(GatewayError):
    """What an immutable address names can no longer be made; the live query has newer data."""

    status = 410


class NotMatched(GatewayError):
    """The export is not the one that the request's `If-Match` names."""

    status = 412


class TooLarge(GatewayError):
    """The request body is larger than allowed."""

    status = 413
    limit = "body"


class AddressTooLong(GatewayError):
    """The URL is longer than allowed."""

    status = 414
    limit = "address"


class BadRange(GatewayError):
    """No byte of the range is there; the headers tell the length."""

    status = 416


class ExpectationFailed(GatewayError):
    """The request expects what is not understood."""

    status = 417


class TooManyRequests(GatewayError):
    """This client has, or had, all that one may have."""

    status = 429
    retry_after = 10


class HeadersTooLarge(GatewayError):
    """The header fields of the request are longer, or more, than allowed."""

    status = 431
    limit = "head"


class NotSupported(GatewayError):
    """The request wants a way of talking that is not supported."""

    status = 501


class BeaconDown(GatewayError):
    """The Beacon behind the gateway cannot be reached, or what it says is no HTTP."""

    status = 502
    retry_after = 5


class Busy(GatewayError):
    """Too many passes run already."""

    status = 503
    retry_after = 10


class TooCostly(GatewayError):
    """The request needs more of the database before its first byte than one may."""

    status = 503
    retry_after = 60
    limit = "database"


class DatabaseDown(GatewayError):
    """The database cannot be reached."""

    status = 503
    retry_after = 5


class NoTemporaryRoom(GatewayError):
    """What a pass gathers before it writes it cannot be put into temporary files."""

    status = 503
    retry_after = 60


class NoMemory(GatewayError):
    """The system has no memory for what is to be done."""

    status = 503
    retry_after = 10


class SystemRefused(GatewayError):
    """The system refuses what is needed for a request: it has no more files to open, or a disk cannot be read."""

    status = 503
    retry_after = 10


class KeysMissing(GatewayError):
    """The keys, or the list, that tokens are verified with cannot be had."""

    status = 503
    retry_after = 10


class DatabaseSlow(GatewayError):
    """The database did not answer within its time."""

    status = 504
    retry_after = 30


class BeaconSlow(GatewayError):
    """The Beacon behind the gateway did not answer within its time."""

    status = 504
    retry_after = 30


class VersionNotSpoken(GatewayError):
    """The request is of another version of HTTP."""

    status = 505


class DatabaseRefused(GatewayError):
    """The database refuses a read for a reason that will not change by itself: rights, an unknown option."""

    status = 500


class NoSuchIndex(DatabaseRefused):
    """The database does not have the index that a read names; never told to clients."""


class SnapshotLost(GatewayError):
    """The database cannot read at a moment any more; never told to clients while there is another way to read."""

    status = 503
    retry_after = 1


class DatasetChanged(GatewayError):
    """The data changed under a running pass; the same request, asked anew, gives the new data."""

    status = 503
    retry_after = 5


class BadDocument(GatewayError):
    """A stored document is not valid BSON, or does not fit its format; the message names the document."""
