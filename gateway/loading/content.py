"""A document's content: as the database gives it back, what changes it into another, and a number for it."""

import re
from hashlib import sha256
from typing import Any, Final

import bson
from bson import ObjectId

__all__ = ["difference", "digest", "merged", "plain"]

Document = dict[str, Any]

_HEX_ID: Final = re.compile(r".*-([0-9a-f]{24})")


def plain(collection: str, document: Document) -> Document:
    """The document as the database would give it back (lists, milliseconds), with an `_id`."""
    key = document["id"]
    if "_id" not in document:
        match = _HEX_ID.fullmatch(key)
        hexadecimal = match[1] if match else sha256(f"{collection}\0{key}".encode()).hexdigest()[:24]
        document = {"_id": ObjectId(hexadecimal), **document}
    if collection == "variants":
        return document  # never compared with stored ones
    stored: Document = bson.decode(bson.encode(document))
    return stored


def merged(old: Document, new: Document, *, keep_id: bool = False) -> Document:
    """`old` with the fields of `new`, objects merged field by field, all else replaced."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = merged(before, value)
        elif not (keep_id and key == "_id"):
            result[key] = value
    return result


def difference(old: Document, new: Document, prefix: str = "") -> Document:
    """What to `$set` (dotted paths) so that `old` becomes `merged(old, new)`."""
    change: Document = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            change |= difference(before, value, f"{prefix}{key}.")
        elif prefix + key != "_id" and (key not in old or before != value):
            change[prefix + key] = value
    return change


def digest(collection: str, document: Document) -> int:
    """A number for a document's content, whatever the order of its fields."""
    return int.from_bytes(sha256(collection.encode() + b"\0" + bson.encode(_sorted(document))).digest(), "big")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
