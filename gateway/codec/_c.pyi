from collections.abc import Iterable, Sequence
from typing import Any

from gateway.codec._places import Indexer
from gateway.codec.columns import Header, Plan
from gateway.codec.shapes import RecordPlan
from gateway.codec.sites import SiteRules
from gateway.rows import Array, Rows
from gateway.sorting import Sorter  # the core's is called alike

__all__ = [
    "IMPLEMENTATION",
    "Indexer",
    "Sites",
    "Sorter",
    "count",
    "decode",
    "forget",
    "last_id",
    "lines",
    "parted",
    "rows",
    "sites",
    "split_reply",
    "sure_json_rows",
    "sure_rows",
    "sure_site_rows",
]

IMPLEMENTATION: str

class Sites:
    def __init__(self, rules: SiteRules, *, run_bytes: int = ..., most_files: int = ...) -> None: ...
    def name(self, samples: Iterable[str]) -> None: ...
    def feed(self, rows: Array) -> bytes: ...
    def add(self, sample: bytes, chromosome: bytes, position: int, text: bytes, cell: bytes) -> None: ...
    def records(self, most: int) -> tuple[bytes, int]: ...

def count(array: Array) -> int: ...
def decode(arrays: Sequence[Array]) -> list[dict[str, Any]]: ...
def forget() -> None: ...
def last_id(array: Array) -> Any: ...
def lines(
    arrays: Sequence[Array], header: Header, key: str, start: int = 0, stop: int | None = None
) -> Rows | None: ...
def parted(lines: Array, cells: Sequence[bytes]) -> list[tuple[bytes, int]]: ...
def rows(arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None) -> Rows: ...
def sites(rules: SiteRules) -> Sites | None: ...
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
def sure_site_rows(
    arrays: Sequence[Array], columns: Plan, key: str, *, rules: SiteRules, start: int = 0, stop: int | None = None
) -> Rows | None: ...
