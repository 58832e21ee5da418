from collections.abc import Sequence
from typing import Any

from gateway.codec._places import Indexer
from gateway.codec.columns import Header, Plan
from gateway.codec.shapes import RecordPlan
from gateway.rows import Array, Rows

__all__ = [
    "IMPLEMENTATION",
    "Indexer",
    "count",
    "decode",
    "forget",
    "last_id",
    "lines",
    "rows",
    "split_reply",
    "sure_json_rows",
    "sure_rows",
]

IMPLEMENTATION: str

def count(array: Array) -> int: ...
def decode(arrays: Sequence[Array]) -> list[dict[str, Any]]: ...
def forget() -> None: ...
def last_id(array: Array) -> Any: ...
def lines(
    arrays: Sequence[Array], header: Header, key: str, start: int = 0, stop: int | None = None
) -> Rows | None: ...
def rows(arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None) -> Rows: ...
def split_reply(raw: Array) -> tuple[int, memoryview]: ...
def sure_json_rows(
    arrays: Sequence[Array],
    plan: RecordPlan,
    key: str,
    *,
    before: bytes = b"",
    after: bytes = b"",
    start: int = 0,
    stop: int | None = None,
) -> Rows | None: ...
def sure_rows(
    arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None
) -> Rows | None: ...
