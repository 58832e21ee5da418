from collections.abc import Sequence
from typing import Any

from gateway.codec.columns import Column
from gateway.model import Rows

__all__ = ["IMPLEMENTATION", "count", "decode", "last_id", "rows", "split_reply", "sure_rows"]

IMPLEMENTATION: str

def count(array: bytes) -> int: ...
def decode(arrays: Sequence[bytes]) -> list[dict[str, Any]]: ...
def last_id(array: bytes) -> Any: ...
def rows(
    arrays: Sequence[bytes], columns: Sequence[Column], key: str, start: int = 0, stop: int | None = None
) -> Rows: ...
def split_reply(raw: bytes) -> tuple[int, bytes]: ...
def sure_rows(
    arrays: Sequence[bytes], columns: Sequence[Column], key: str, start: int = 0, stop: int | None = None
) -> Rows | None: ...
