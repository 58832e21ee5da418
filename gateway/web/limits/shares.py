"""The spool's bytes, by the client that first asked for them: no client's exports push out all of the others'.

Who has more loses its own oldest exports first.  What is too large for one client's share is delivered directly.
Counted by each process for itself, in memory: no address of a client is on the disk.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.spool.making import Charge, Unspooled
from gateway.web.limits.addresses import current

__all__ = ["Shares"]

_KNOWN: Final = 100_000  # complete exports; of more the oldest are of nobody


class Shares:
    """What each client has of `most` bytes; `give_up` has a complete export removed."""

    def __init__(self, most: Callable[[], int], give_up: Callable[[str], None]) -> None:
        self._most = most
        self._give_up = give_up
        self._sizes: Counter[str] = Counter()  # of all that is a client's, and of what grows for it
        self._kept: dict[str, dict[str, int]] = {}  # sizes of complete exports by client and digest, the oldest first
        self._owners: dict[str, str] = {}  # by digest, the oldest first

    @contextmanager
    def writing(self, digest: str) -> Iterator[Charge]:
        """What hears of the bytes of an export while it is written, on behalf of the current client."""
        client, own = current.get(), 0
        self._forget(digest)  # it is gone, or damaged: whoever makes it now has it
        if not client:
            yield lambda _: None
            return

        def charge(size: int) -> None:
            nonlocal own
            own += size
            self._sizes[client] += size
            while self._sizes[client] > self._most():
                self._remove_oldest(client, own)

        try:
            yield charge
        except BaseException:
            self._take_back(client, own)
            raise
        self._forget(digest)
        self._kept.setdefault(client, {})[digest] = own
        self._owners[digest] = client
        while len(self._owners) > _KNOWN:
            self._forget(next(iter(self._owners)))

    def _forget(self, digest: str) -> None:
        client = self._owners.pop(digest, None)
        if client is not None:
            self._take_back(client, self._kept[client].pop(digest))
            if not self._kept[client]:
                del self._kept[client]

    def _take_back(self, client: str, size: int) -> None:
        self._sizes[client] -= size
        if not self._sizes[client]:
            del self._sizes[client]

    def _remove_oldest(self, client: str, own: int) -> None:
        oldest = next(iter(self._kept.get(client, ())), None)
        if oldest is None:
            raise Unspooled("no client may have so much of the spool", lasting=own > self._most())
        self._forget(oldest)
        self._give_up(oldest)
