"""Requests as words: a request becomes an `Ask`, and an `Ask` the conditions it puts on a dataset's collections.

Pure: values in, values out.  Nothing here waits, reads a clock or a setting, or knows a driver; `beacon_request` reads
a request, `filters` and `variants` know the fields of both document models, `selection` puts it together.  The user's
text only ever becomes a value of a condition: never a key, an operator or the source of a regular expression.

Below are the few words that these modules share.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.download_types import Condition, both
from gateway.errors import BadRequest

__all__ = ["MAX_INTEGER", "Words", "among", "both", "either", "scalar", "shown", "single", "whole"]

Words = Mapping[str, Sequence[str]]
"""The values of a request by canonical parameter name."""

# The largest 32-bit integer: no chromosome, page or limit comes near it, and every BSON reader holds it.
MAX_INTEGER: Final = 2**31 - 1

# What a message repeats of a caller's text: enough to recognise it, too little to flood a log or a header.
_SHOWN: Final = 60

_DIGITS = re.compile(r"[0-9]{1,10}")


def shown(text: str) -> str:
    """A caller's text as messages and headers may repeat it: printable ASCII, at most 60 characters."""
    # Cut twice: before escaping, lest a megabyte is escaped for nothing, and after, because escapes are longer.
    escaped = ascii(text[: _SHOWN + 1])[1:-1]
    return escaped if len(escaped) <= _SHOWN else escaped[: _SHOWN - 3] + "..."


def scalar(name: str, value: object) -> str | None:
    """A JSON scalar as the text that a query string would have, None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) > 2**63:
        raise BadRequest(f"{name}: the number is too large", parameter=name)
    if isinstance(value, (int, float)):
        return str(value)
    raise BadRequest(f"{name} takes text, a number or a list of these", parameter=name)


def single(words: Words, name: str) -> str | None:
    """The only value of a parameter, None where it is absent; several different ones contradict each other."""
    values = list(dict.fromkeys(words.get(name, ())))
    if len(values) > 1:
        raise BadRequest(f"{name} takes one value, not {len(values)}", parameter=name)
    return values[0] if values else None


def whole(name: str, text: str, least: int = 0, most: int = MAX_INTEGER) -> int:
    """A whole number from `least` to `most`."""
    value = int(text) if _DIGITS.fullmatch(text) else None
    if value is None or not least <= value <= most:
        raise BadRequest(f"{name}: '{shown(text)}' is not a whole number from {least} to {most}", parameter=name)
    return value


def among(values: Iterable[str]) -> Any:
    """What a field must be to hold one of `values`: plain equality for one of them."""
    distinct = sorted(set(values))
    return distinct[0] if len(distinct) == 1 else {"$in": distinct}


def either(conditions: Iterable[Condition]) -> Condition:
    """The disjunction of conditions; values asked of the same field become one list."""
    values: dict[str, list[str]] = {}
    others: list[Condition] = []
    for condition in conditions:
        for branch in condition["$or"] if set(condition) == {"$or"} else (condition,):
            field, codes = _codes(branch)
            if codes is not None:
                values.setdefault(field, []).extend(codes)
            elif branch not in others:
                others.append(branch)
    branches = [{field: among(codes)} for field, codes in sorted(values.items())] + others
    return branches[0] if len(branches) == 1 else {"$or": branches}


def _codes(branch: Condition) -> tuple[str, list[str] | None]:
    """The field and the values of a condition that says no more than that a field holds one of some texts."""
    if len(branch) != 1:
        return "", None
    ((field, value),) = branch.items()
    if isinstance(value, str):
        return field, [value]
    listed = value.get("$in") if isinstance(value, dict) and set(value) == {"$in"} else None
    return field, listed if isinstance(listed, list) and not field.startswith("$") else None
