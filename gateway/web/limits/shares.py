"""The spool's bytes, by the client that first asked for them: no client's exports push out all of the others'.

Who has more loses its own oldest exports first.  What is too large for one client's share is delivered directly.
Counted by each process for itself, in memory: no address of a client is on the disk.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.spool.making import Charge, Unspooled
from gateway.web.limits.addresses import current

__all__ = ["Shares"]


@dataclass(eq=False, slots=True)
class _Kept:
    """What one pass wrote, and its size in bytes."""

    digest: str
    size: int = 0
    growing: bool = True


class Shares:
    """What each client has of `most` bytes; `give_up` has a complete export removed."""

    def __init__(self, most: Callable[[], int], give_up: Callable[[str], None]) -> None:
        self._most = most
        self._give_up = give_up
        self._of: dict[str, list[_Kept]] = {}  # the oldest first

    @contextmanager
    def writing(self, digest: str) -> Iterator[Charge]:
        """What hears of the bytes of an export while it is written, on behalf of the current client."""
        client = current.get()
        if not client:
            yield lambda _: None
            return
        own = self._of.setdefault(client, [])
        own[:] = [kept for kept in own if kept.growing or kept.digest != digest]
        new = _Kept(digest)
        own.append(new)

        def charge(size: int) -> None:
            new.size += size
            while sum(kept.size for kept in own) > self._most():
                self._remove_oldest(own)

        try:
            yield charge
        except BaseException:
            own.remove(new)
            if not own:
                self._of.pop(client, None)
            raise
        new.growing = False

    def _remove_oldest(self, own: list[_Kept]) -> None:
        oldest = next((kept for kept in own if not kept.growing), None)
        if oldest is None:
            raise Unspooled("no client may have so much of the spool")
        own.remove(oldest)
        self._give_up(oldest.digest)
