"""Small files that were derived from complete data and are kept beside it: its indexes.  Blocking.

    .index  of which data they are, by its SHA-256, and their own
    .tbi    the index of tabix, as it is delivered
    .csi    the other one

They are read whole, and compared with their SHA-256 each time.  What is damaged, or was derived from other data of the
same name, counts as none: it can be made again of the data.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from gateway.spool.files import Files, open_own
from gateway.spool.room import Room

__all__ = ["Beside"]

_INDEX: Final = "index"
_OF: Final = "of"


class Beside:
    """What is kept beside the data of a folder.  Any method may raise OSError."""

    def __init__(self, files: Files, room: Room) -> None:
        self._files = files
        self._room = room

    def keep(self, digest: str, sha256: str, found: Mapping[str, bytes]) -> None:
        """Keep what was derived from data that has this SHA-256."""
        told = {_OF: sha256, **{kind: hashlib.sha256(data).hexdigest() for kind, data in found.items()}}
        self._room.make(self._files.size_of(told) + sum(map(len, found.values())))
        for kind, data in found.items():
            self._files.replace(digest, kind, data)
        self._files.write(digest, _INDEX, told)

    def read(self, digest: str, kind: str, sha256: str) -> bytes | None:
        """What was derived from data that has this SHA-256; None if there is none, or it is damaged."""
        told = self._files.read(digest, _INDEX)
        if told is None or told.get(_OF) != sha256 or kind not in told:
            return None
        try:
            with open_own(self._files.name(digest, kind)) as file:
                data = file.readall()
        except FileNotFoundError:
            return None
        return data if hashlib.sha256(data).hexdigest() == told[kind] else None
