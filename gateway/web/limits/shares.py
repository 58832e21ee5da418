"""The spool's bytes, by the client that first asked for them: no client's exports push out all of the others'.

Who has more loses its own oldest exports first.  What is too large for one client's share is delivered directly.
Counted by each process for itself, in memory: no address of a client is on the disk.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.spool.making import Charge, Unspooled
from gateway.web.limits.addresses import current

__all__ = ["Shares"]


class Shares:
    """What each client has of `most` bytes; `give_up` has a complete export removed."""

    def __init__(self, most: Callable[[], int], give_up: Callable[[str], None]) -> None:
        self._most = most
        self._give_up = give_up
        self._of: dict[str, dict[str, int]] = {}  # bytes by digest, the oldest first
        self._growing: set[str] = set()

    @contextmanager
    def writing(self, digest: str) -> Iterator[Charge]:
        """What hears of the bytes of an export while it is written, on behalf of the current client."""
        client = current.get()
        if not client:
            yield lambda _: None
            return
        own = self._of.setdefault(client, {})
        own.pop(digest, None)
        own[digest] = 0
        self._growing.add(digest)

        def charge(size: int) -> None:
            own[digest] += size
            while sum(own.values()) > self._most():
                self._remove_oldest(own)

        complete = False
        try:
            yield charge
            complete = True
        finally:
            self._growing.discard(digest)
            if not complete:
                del own[digest]
            if not own:
                self._of.pop(client, None)

    def _remove_oldest(self, own: dict[str, int]) -> None:
        oldest = next((one for one in own if one not in self._growing), None)
        if oldest is None:
            raise Unspooled("no client may have so much of the spool")
        del own[oldest]
        self._give_up(oldest)
