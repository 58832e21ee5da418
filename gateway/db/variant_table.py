"""The fields of variants that queries ask about, of a whole dataset: answers conditions without the database.

For datasets whose variants are few enough to be held.  Some 40 bytes a variant, whatever its document comes to.  What
it cannot answer as MongoDB would, by the form of a condition or the types that are stored, it does not answer.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bson.int64 import Int64

from gateway.download_types import Condition

__all__ = ["VariantTable"]

_KEY: Final = "biosample_id"
_TEXTS: Final = ("location.sequence_id", "location.chromosome", "variant_state.id")
_NUMBERS: Final = ("location.start", "location.end", "info.var_length")
_MISSING: Final = -1 << 63  # no position, no length
_LARGEST: Final = 1 << 53  # up to which a float has every whole number
_NONE: Final = 0  # the code of a text that a document does not have

_Rows = Sequence[int]


class VariantTable:
    """Columns of variants: `add` documents with `FIELDS`, all that there are; then ask what is `matching`."""

    FIELDS: Final[Mapping[str, int]] = dict.fromkeys((_KEY, *_TEXTS, *_NUMBERS), 1) | {"_id": 0}
    """The projection of the documents to add."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._owners: array[int] = array("i")
        self._texts = {name: array("i") for name in _TEXTS}
        self._numbers = {name: array("q") for name in _NUMBERS}
        self._odd: set[str] = set()  # fields with values that are compared otherwise than here

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, documents: Iterable[Mapping[str, Any]]) -> bool:
        """Take some documents; those of no biosample are passed over.  False if one is of several biosamples."""
        for document in documents:
            owner = document.get(_KEY)
            if isinstance(owner, list):
                return False
            if type(owner) is not str:
                continue
            self._owners.append(self._code(owner))
            for name, texts in self._texts.items():
                texts.append(self._text(name, _found(document, name)))
            for name, numbers in self._numbers.items():
                numbers.append(self._number(name, _found(document, name)))
        return True

    def _code(self, text: str) -> int:
        return self._codes.setdefault(text, len(self._codes) + 1)

    def _text(self, name: str, value: Any) -> int:
        if type(value) is str:
            return self._code(value)
        if value is not None:
            self._odd.add(name)
        return _NONE

    def _number(self, name: str, value: Any) -> int:
        whole = _whole(value)
        if whole is not None and whole != _MISSING:
            return whole
        if value is not None:
            self._odd.add(name)
        return _MISSING

    # --- conditions --------------------------------------------------------------------------------------------------

    def matching(self, condition: Condition) -> dict[str, int] | None:
        """How many variants match, by biosample: those that have any.  None where that cannot be told here."""
        rows = self._matching(condition, range(len(self)))
        if rows is None:
            return None
        names = ["", *self._codes]
        return {names[code]: number for code, number in Counter(map(self._owners.__getitem__, rows)).items()}

    def _matching(self, condition: Condition, rows: _Rows) -> _Rows | None:
        """Those of some rows that match, in their order."""
        for key, value in condition.items():
            found = self._of_branches(key, value, rows) if key in {"$and", "$or"} else self._of_field(key, value, rows)
            if found is None:
                return None
            rows = found
        return rows

    def _of_branches(self, key: str, branches: Sequence[Condition], rows: _Rows) -> _Rows | None:
        if key == "$and":
            for branch in branches:
                found = self._matching(branch, rows)
                if found is None:
                    return None
                rows = found
            return rows
        matched: set[int] = set()
        for branch in branches:
            found = self._matching(branch, rows)
            if found is None:
                return None
            matched.update(found)
        return sorted(matched)

    def _of_field(self, name: str, value: Any, rows: _Rows) -> _Rows | None:
        if name in self._odd:
            return None
        if name in self._texts:
            wanted = _texts(value)
            if wanted is None:
                return None
            column, codes = self._texts[name], {code for text in wanted if (code := self._codes.get(text))}
            return [row for row in rows if column[row] in codes]
        bounds = _bounds(value) if name in self._numbers else None
        if bounds is None:
            return None
        column, (low, high) = self._numbers[name], bounds
        return [row for row in rows if low <= column[row] <= high]


def _found(document: Mapping[str, Any], name: str) -> Any:
    """The value at a dotted path; a list on the way stands for its value, which is none that is compared here."""
    found: Any = document
    for step in name.split("."):
        if isinstance(found, list):
            return found
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _whole(value: Any) -> int | None:
    """A number as a whole one, None for what is none."""
    if type(value) is int or type(value) is Int64:
        return int(value)
    if type(value) is float and abs(value) <= _LARGEST and value.is_integer():
        return int(value)
    return None


def _texts(value: Any) -> Sequence[str] | None:
    """The texts that an equality, or a list of alternatives, asks for; None for any other form."""
    if isinstance(value, Mapping):
        if value.keys() != {"$in"}:
            return None
        texts = value["$in"]
    else:
        texts = [value]
    return texts if all(type(text) is str for text in texts) else None


def _bounds(value: Any) -> tuple[int, int] | None:
    """The smallest and the largest number that an equality or a range asks for; None for any other form."""
    low, high = _MISSING + 1, (1 << 63) - 1
    if value == {}:
        return None
    for operator, bound in value.items() if isinstance(value, Mapping) else (("$eq", value),):
        if type(bound) is not int:
            return None
        if operator in {"$eq", "$gte"}:
            low = max(low, bound)
        elif operator == "$gt":
            low = max(low, bound + 1)
        if operator in {"$eq", "$lte"}:
            high = min(high, bound)
        elif operator == "$lt":
            high = min(high, bound - 1)
        if operator not in {"$eq", "$gte", "$gt", "$lte", "$lt"}:
            return None
    return low, high
