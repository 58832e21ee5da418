"""Replies that the replay upstream keeps: making one costs more than all that a gateway does with it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

__all__ = ["KeptReplies"]

_MOST: Final = 320 * 1024 * 1024  # bytes of all replies: a cohort of a million variants, cut in two ways


class KeptReplies:
    """Batches by what they are of, for all connections; those asked for longest ago are forgotten."""

    def __init__(self, most: int = _MOST) -> None:
        """Keep so many bytes at most."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0

    def found(self, key: Hashable, make: Callable[[], bytes | bytearray]) -> bytes:
        """The batch of that name, which is made where it is not there."""
        with self._lock:
            batch = self._kept.get(key)
            if batch is not None:
                self._kept.move_to_end(key)
                return batch
        batch = bytes(make())
        with self._lock:
            if key not in self._kept:
                self._kept[key] = batch
                self._size += len(batch)
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])
        return batch
