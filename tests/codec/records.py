"""Record plans under test, and whether the two engines agree about a batch: the core says the same, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import gateway.codec
from gateway.codec import Camel, Known, Listed, Object, RecordPlan, Renewal, Rest, Value
from gateway.formats.beacon_records import RECORDS
from gateway.rows import Rows
from tests.codec.engines import outcome

try:
    from gateway.codec import _c
except ImportError:
    _c = None

__all__ = ["PLANS", "disagreement", "sure"]


def _renewed(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "renewed": True}


_VARIANTS = RECORDS["variants"].plan
assert _VARIANTS
# Every shape; a field that several of them tell, one that is told although nothing leaves it out.
_EVERYTHING = RecordPlan(
    Object(
        (
            ("none", Value(())),
            ("rest", Listed(Object((("all", Rest(frozenset({"key", "s", "old_one"}))),)))),
            ("values", Known((("one", Value(("s", "n", "x"))), ('"two"\n', Value(("_id",)))))),
            ("camel", Listed(Camel("a"))),
            ("again", Value(("x", "key"))),
        )
    ),
    Renewal(frozenset({"old_one"}), frozenset({"list"}), _renewed),
)
PLANS: Sequence[tuple[RecordPlan, str]] = ((_VARIANTS, "biosample_id"), (_EVERYTHING, "key"))


def sure(arrays: Sequence[bytes], plan: RecordPlan, key: str, **how: Any) -> Rows | None:
    """The records as the core writes them; None where it is unsure."""
    assert _c is not None, "the compiled engine is not built"
    return _c.sure_json_rows(arrays, plan, key, **how)


def disagreement(arrays: Sequence[bytes], plan: RecordPlan, key: str, **how: Any) -> tuple[Any, Any] | None:
    """What both engines said, where that is not the same; a core that is unsure says nothing."""
    how = {"before": b",\n", "after": b"", **how}
    found = sure(arrays, plan, key, **how)
    if found is None:
        return None
    expected = outcome(lambda: gateway.codec.json_rows(arrays, plan, key, **how))
    return None if expected == ("returned", found) else (expected, found)
