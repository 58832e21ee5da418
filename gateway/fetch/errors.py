"""How a fetch may fail, and the exit code of each; scripts rely on these numbers.

FetchError           1  the disk, a name that is taken, an answer that makes no sense, data that changes all the time
 ├── Contradiction   1  the server states two sizes or two checksums of the same export
 ├── Refused         3  the server said 4xx: the request is wrong, trying again is of no use
 ├── GaveUp          4  no progress for as long as `--give-up` says; what there is stays for the next run
 └── Mismatch        5  the bytes are not those that the server promised, by number or checksum; they were removed

Three more never leave this room: `Broken`, which is tried again, `Gone`, after which the query is asked anew, and
`NoParts`, after which one connection brings all.
"""

from gateway.errors import Failure

__all__ = ["Broken", "Contradiction", "FetchError", "GaveUp", "Gone", "Mismatch", "NoParts", "Refused"]


class FetchError(Failure):
    """The file could not be brought."""


class Contradiction(FetchError):
    """Not all that the server states can be true."""


class Refused(FetchError):
    """The server will not answer this request."""

    code = 3


class GaveUp(FetchError):
    """Nothing moved for too long."""

    code = 4


class Mismatch(FetchError):
    """The bytes are more than the server promised, or have another SHA-256."""

    code = 5


class Broken(Exception):
    """A try ended early; `pause` is how many seconds the server asks to wait, where it does."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Gone(Exception):
    """The export is of a data version that is no more."""


class NoParts(Exception):
    """The server answers with the whole file where a part of it was asked for."""
