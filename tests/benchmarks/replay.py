"""The replay upstream: speaks enough of MongoDB's wire protocol to hand out documents faster than any database.

    python -m tests.benchmarks.replay [PORT]

Datasets are those of `cohort`, whatever their size: every name `b<biosamples>v<variants>` exists, and with
`p<milliseconds>` behind it so does one whose variants take their time.  `serverStatus` counts queries and
documents.
Conditions on ids of biosamples and on `_id` are honoured, all others match everything.  It is a standalone of 7.0: it
refuses what that refuses (`tests.topology` has the rules), unknown fields and read concerns of clusters among it.
A thread a connection; a reply's bytes are patched and sent from memory that the thread keeps.  Those of cohorts of a
million variants and less are kept as they are and sent again: patching takes as long as a gateway does with them.
"""

import re
import socket
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any, Final

import bson
from bson import ObjectId

from tests.benchmarks.child import Child
from tests.benchmarks.cohort import (
    STAMP,
    Cohort,
    Template,
    array,
    biosample,
    biosample_id,
    frame,
    rows_of,
    template,
    variant,
)
from tests.benchmarks.kept_replies import KeptReplies
from tests.topology import concern, strict
from tests.topology.failures import Refused
from tests.topology.versions import Version

__all__ = ["Replay"]

Document = dict[str, Any]

_OP_MSG: Final = 2013
_HEADER: Final = 16
_FIRST_BATCH: Final = 101  # as MongoDB does where no size is asked for
_BATCH: Final = 20_000
_MOST: Final = 70_000  # rows that fit 16 MiB
_TEMPLATES: Final = 16
_KEPT_ROWS: Final = 1_000_000  # of cohorts whose replies are kept
_COLLECTIONS: Final = {
    "biosamples": ("id", "histological_diagnosis.id"),
    "variants": ("biosample_id", "variant_state.id"),
    "collations": ("id",),
    "dataversion": (),
}
_VERSION: Final = Version("7.0")
_HELLO: Final = {
    "helloOk": True,
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0,
    "maxWireVersion": _VERSION.wire,
    "readOnly": False,
    "ok": 1.0,
}
_NEWEST: Final = {"_id": -1}
_COUNTER = count(1)
_FINDS: Final[list[str]] = []
_RETURNED: Final[list[int]] = []  # documents of each reply
_KEPT: Final = KeptReplies()


@dataclass(slots=True)
class _Cursor:
    """Documents that were asked for: how many there are, how many were sent, and how a batch of them is made."""

    name: str
    total: int
    batch: Callable[[int, int], bytes | bytearray]
    sent: int = 0


def _ids(condition: Document, field: str, most: int) -> range | list[int]:
    """The numbers of the biosamples that a condition selects, ascending."""
    wanted = condition.get(field)
    if isinstance(wanted, str):
        wanted = {"$in": [wanted]}
    if not isinstance(wanted, dict):
        return range(most)
    if "$in" in wanted:
        numbers = (int(text[6:]) for text in wanted["$in"] if re.fullmatch(r"pgxbs-\d{8}", text))
        return sorted({number for number in numbers if number < most})
    after = wanted.get("$gt") or ""
    return range(int(after[6:]) + 1 if after else 0, most)


@lru_cache(maxsize=64)
def _sample_batch(numbers: tuple[int, ...], fields: frozenset[str]) -> bytes:
    documents = map(biosample, numbers)
    if fields <= {"_id", "id"}:
        documents = ({field: document[field] for field in sorted(fields)} for document in documents)
    return array([bson.encode(document) for document in documents])


class _Connection:
    """One client's connection, with cursors and memory of its own."""

    def __init__(self, peer: socket.socket, cursors: dict[int, _Cursor]) -> None:
        self._peer = peer
        self._cursors = cursors
        self._templates: dict[tuple[int, int, int, bool], Template] = {}

    def run(self) -> None:
        """Answer until the client leaves."""
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._peer:
            try:
                while header := self._peer.recv(_HEADER, socket.MSG_WAITALL):
                    size, request, _, _ = (int.from_bytes(header[at : at + 4], "little") for at in range(0, 16, 4))
                    message = self._peer.recv(size - _HEADER, socket.MSG_WAITALL)
                    # Flag bits, a byte for the kind of section, then the command.
                    length = int.from_bytes(message[5:9], "little")
                    self._send(request, self._answer(bson.decode(message[5 : 5 + length])))
            except ConnectionError:
                return

    def _send(self, request: int, pieces: tuple[bytes | bytearray, ...]) -> None:
        size = _HEADER + 5 + sum(map(len, pieces))
        words = (size, next(_COUNTER) & 0x7FFFFFFF, request, _OP_MSG, 0)
        head = b"".join(word.to_bytes(4, "little") for word in words) + b"\0"
        views = [head, *pieces]
        sent = self._peer.sendmsg(views)
        for view in views:
            if sent < len(view):
                self._peer.sendall(memoryview(view)[sent:])
            sent = max(0, sent - len(view))

    def _answer(self, command: Document) -> tuple[bytes | bytearray, ...]:
        name = next(iter(command))
        if name in {"hello", "ismaster", "isMaster"}:
            writable = "isWritablePrimary" if name == "hello" else "ismaster"
            told = {writable: True, "localTime": datetime.now(UTC), "connectionId": threading.get_native_id()}
            return (bson.encode({**_HELLO, **told}),)
        try:
            _check(name, command)
            cohort = Cohort.named(command["$db"])
            if cohort is not None and name in {"find", "getMore"}:
                return self._batch(command, cohort)
            if cohort is not None and name in {"listCollections", "listIndexes", "aggregate"}:
                documents = [bson.encode(document) for document in _listed(name, command, cohort)]
                return self._framed(f"{command['$db']}.$cmd", array(documents), "firstBatch", 0)
            return (bson.encode(self._said(name, command, cohort)),)
        except Refused as refused:
            return (bson.encode(refused.reply(_VERSION.major)),)

    def _said(self, name: str, command: Document, cohort: Cohort | None) -> Document:
        """The answer to a command that asks for no documents."""
        if name == "count" and cohort is not None:
            return {"n": _total(command[name], cohort, command.get("query", {})), "ok": 1.0}
        if name == "killCursors":
            return {"cursorsKilled": [c for c in command["cursors"] if self._cursors.pop(c, None)], "ok": 1.0}
        if name == "serverStatus":
            open_cursors = {"open": {"total": len(self._cursors)}}
            metrics = {"cursor": open_cursors, "document": {"returned": sum(_RETURNED)}}
            return {"opcounters": {"query": len(_FINDS)}, "metrics": metrics, "ok": 1.0}
        if name == "explain":
            field, index = next(iter(command[name]["filter"])), command[name]["hint"]
            scan = {"stage": "IXSCAN", "keyPattern": {field: 1}, "indexName": index, "isMultiKey": False}
            return {"queryPlanner": {"winningPlan": {"stage": "FETCH", "inputStage": scan}}, "ok": 1.0}
        if name in {"ping", "endSessions"}:
            return {"ok": 1.0}
        raise Refused(59, f"no such command: '{name}'")

    @staticmethod
    def _framed(name: str, batch: bytes | bytearray, key: str, cursor: int) -> tuple[bytes | bytearray, ...]:
        before, after = frame(name, len(batch), key, cursor)
        return before, batch, after

    def _batch(self, command: Document, cohort: Cohort) -> tuple[bytes | bytearray, ...]:
        """The answer to a `find` or a `getMore`."""
        if cohort.pause and "variants" in command.values():
            time.sleep(cohort.pause / 1000)
        if "find" in command:
            _FINDS.append(command["find"])
            number, cursor, key = 0, self._found(command, cohort), "firstBatch"
            size = command.get("batchSize", _FIRST_BATCH)
        else:
            number, key = int(command["getMore"]), "nextBatch"
            found = self._cursors.pop(number, None)
            if found is None:
                raise Refused(43, f"cursor id {number} not found")
            cursor, size = found, command.get("batchSize") or _BATCH
        many = min(size, _MOST, cursor.total - cursor.sent)
        batch = cursor.batch(cursor.sent, many)
        cursor.sent += many
        _RETURNED.append(many)
        left = cursor.sent < cursor.total and not command.get("singleBatch")
        if left:
            number = number or next(_COUNTER)
            self._cursors[number] = cursor
        return self._framed(cursor.name, batch, key, number if left else 0)

    def _found(self, command: Document, cohort: Cohort) -> _Cursor:
        collection, condition = command["find"], command.get("filter", {})
        name, limit = f"{command['$db']}.{collection}", abs(command.get("limit") or 0)
        if collection == "variants":
            total, batch = self._variants(cohort, condition)
        elif collection == "biosamples":
            numbers = _ids(condition, "id", cohort.biosamples)
            asked = command.get("projection", {})
            # One that only leaves fields out is of all the others.
            projection = {"_id": 1, **(asked if any(asked.values()) else {"all": 1})}
            fields = frozenset(field for field, wanted in projection.items() if wanted)
            total = len(numbers)

            def batch(first: int, many: int) -> bytes:
                return _sample_batch(tuple(numbers[first : first + many]), fields)
        else:
            documents = [bson.encode(document) for document in _small(collection, cohort, condition)]
            total = len(documents)

            def batch(first: int, many: int) -> bytes:
                return array(documents[first : first + many])

        if command.get("sort") == _NEWEST:  # one is asked for
            return _Cursor(name, min(total, 1), lambda _, many: batch(total - 1, many))
        return _Cursor(name, min(total, limit) if limit else total, batch)

    def _variants(self, cohort: Cohort, condition: Document) -> tuple[int, Callable[[int, int], bytes | bytearray]]:
        numbers = _ids(condition, "biosample_id", cohort.biosamples)
        begin, end = _window(cohort, numbers, condition.get("_id"))
        return end - begin, lambda first, many: self._kept(cohort, numbers, begin + first, many)

    def _kept(self, cohort: Cohort, numbers: range | list[int], first: int, many: int) -> bytes | bytearray:
        lowest, highest = first // cohort.variants, (first + many - 1) // cohort.variants
        if not many or cohort.rows > _KEPT_ROWS or numbers[highest] - numbers[lowest] != highest - lowest:
            return self._rows(cohort, numbers, first, many)
        key = (cohort.name, numbers[lowest] * cohort.variants + first % cohort.variants, many)
        return _KEPT.found(key, lambda: self._rows(cohort, numbers, first, many))

    def _rows(self, cohort: Cohort, numbers: range | list[int], first: int, many: int) -> bytes | bytearray:
        if not many:
            return array([])
        period = cohort.variants
        phase = first % (250 if period % 250 == 0 else period)
        key = (many, phase, 250 if period % 250 == 0 else period)
        own = self._templates.pop((*key, cohort.scattered), None) or template(*key).copy()
        self._templates[(*key, cohort.scattered)] = own
        if len(self._templates) > _TEMPLATES:
            del self._templates[next(iter(self._templates))]
        return own.patch(*rows_of(cohort, numbers, first, many), scattered=cohort.scattered)


def _window(cohort: Cohort, numbers: Sequence[int], wanted: Any) -> tuple[int, int]:
    """Which of the variants of these biosamples, one after another, a condition on `_id` selects: from where to where.

    All ids are ObjectIds, ascending, and comparisons see one type only, as `$type` does.
    """
    end = len(numbers) * cohort.variants

    def behind(key: ObjectId) -> int:
        """How many of these variants have no larger id."""
        stamp, number, row = key.binary[:4], *(int.from_bytes(key.binary[at : at + 4]) for at in (4, 8))
        if stamp != STAMP:
            return 0 if stamp < STAMP else end
        before = bisect_left(numbers, number)
        there = before < len(numbers) and numbers[before] == number
        return before * cohort.variants + (min(row + 1, cohort.variants) if there else 0)

    def key_at(place: int) -> ObjectId:
        number, row = numbers[place // cohort.variants], place % cohort.variants
        return ObjectId(STAMP + number.to_bytes(4) + row.to_bytes(4))

    match wanted:
        case None:
            return 0, end
        case ObjectId():
            place = behind(wanted)
            return (place - 1, place) if place and wanted == key_at(place - 1) else (0, 0)
        case {"$gt": key, **others} if not others:
            return (behind(key) if isinstance(key, ObjectId) else end), end
        case {"$not": {"$gt": key}, **others}:
            last = behind(key) if isinstance(key, ObjectId) else end
            begin, _ = _window(cohort, numbers, others or None)
            return min(begin, last), last
        case {"$type": types, **others} if not others:
            return 0, end if "objectId" in types else 0
    raise Refused(2, f"the replay upstream does not know this condition on _id: {wanted!r}")


def _check(name: str, command: Document) -> None:
    """Refuse what a standalone refuses."""
    strict.check(name, command, _VERSION)
    if "$and" in command.get("filter", command.get("query", {})):  # conditions that must not be missed may hide there
        raise Refused(2, "the replay upstream does not know $and")
    if command.get("sort", {"_id": 1}) not in ({"_id": 1}, {"id": 1}, _NEWEST) or (
        command.get("sort") == _NEWEST and command.get("limit") != 1
    ):
        raise Refused(2, f"the replay upstream does not sort by {command['sort']!r}")
    read_concern = concern.parse(command, _VERSION)
    if name in {"find", "aggregate", "count"}:
        concern.alone(read_concern)
    elif read_concern.given:
        raise Refused(72, f"Command {name} does not support readConcern")
    if name == "aggregate" and "cursor" not in command:
        raise Refused(9, "The 'cursor' option is required, except for aggregate with the explain argument")


def _listed(name: str, command: Document, cohort: Cohort) -> list[Document]:
    if name == "listCollections":
        return [{"name": collection, "type": "collection"} for collection in _COLLECTIONS]
    if name == "listIndexes":
        fields = ("_id", *_COLLECTIONS.get(command[name], ()))
        return [{"v": 2, "key": {field: 1}, "name": f"{field}_1"} for field in fields]
    match command["pipeline"]:
        case (
            [{"$match": condition}, {"$count": "n"} | {"$group": {"_id": 1 | None, "n": {"$sum": _}}}]
            # No key is a list.
            | [{"$match": condition}, {"$project": {"n": {"$cond": [{"$isArray": _}, 0, 1]}}}, {"$group": _}]
        ):
            total = _total(command[name], cohort, condition)
            return [{"n": total}] if total else []
        case [{"$match": condition}, {"$limit": most}, {"$count": "n"}]:
            total = min(most, _total(command[name], cohort, condition))
            return [{"n": total}] if total else []
        case [{"$match": condition}, {"$group": {"_id": "$id"}}, {"$limit": most}]:
            numbers = _ids(condition, "id", cohort.biosamples) if command[name] == "biosamples" else ()
            return [{"_id": biosample_id(number)} for number in numbers[:most]]
        case [{"$sort": {"id": 1}}, {"$limit": among}, {"$match": condition}, {"$limit": most}, {"$project": _}] if (
            command[name] == "biosamples"
        ):
            numbers = _ids(condition, "id", min(among, cohort.biosamples))
            return [{"id": biosample_id(number)} for number in numbers[:most]]
    raise Refused(2, f"the replay upstream does not know this pipeline: {command['pipeline']!r}")


def _total(collection: str, cohort: Cohort, condition: Document) -> int:
    if collection == "variants":
        begin, end = _window(cohort, _ids(condition, "biosample_id", cohort.biosamples), condition.get("_id"))
        return end - begin
    if collection == "biosamples":
        return len(_ids(condition, "id", cohort.biosamples))
    return len(_small(collection, cohort, condition))


def _small(collection: str, cohort: Cohort, condition: Document) -> list[Document]:
    """The documents of a collection of few: filters, and what the dataset states of itself."""
    if collection == "collations":
        asked = condition.get("id", {"$in": ["NCIT:C3262"]})
        codes = [asked] if isinstance(asked, str) else asked["$in"]
        fields = {"db_key": "histological_diagnosis.id", "entity": "biosample", "count": cohort.biosamples}
        return [{"_id": code, "id": code, "label": "Neoplasm", "child_terms": [code], **fields} for code in codes]
    if collection == "dataversion":
        counts = {"biosamples": cohort.biosamples, "variants": cohort.rows, "collations": 1}
        last = {"variants": variant(cohort.biosamples - 1, cohort.variants - 1)["_id"]}
        return [{"_id": cohort.name, "version": "1", "counts": counts, "last": last}]
    return []


# --- the server and its process --------------------------------------------------------------------------------------


def serve(port: int) -> None:
    """Accept for ever."""
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listening:
        print(f"mongodb://127.0.0.1:{listening.getsockname()[1]}/?directConnection=true", flush=True)
        cursors: dict[int, _Cursor] = {}
        while True:
            peer, _ = listening.accept()
            threading.Thread(target=_Connection(peer, cursors).run, daemon=True).start()


class Replay(Child):
    """The replay upstream in a process of its own."""

    def __init__(self) -> None:
        super().__init__("tests.benchmarks.replay", "0")
        self.uri = self.line().strip()
        assert self.uri.startswith("mongodb://"), "the replay upstream did not start"


if __name__ == "__main__":
    serve(int(sys.argv[1]) if sys.argv[1:] else 27027)
