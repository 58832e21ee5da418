"""Two small datasets, of today's model and of 2021's, and the query buffers of the Beacons that serve them."""

import uuid
from typing import Any

from pymongo import MongoClient

from gateway.demo.cohort import documents
from gateway.loading.writer import load
from tests import datasets

__all__ = ["Buffers"]

Document = dict[str, Any]


class Buffers:
    """The query buffers of a Beacon of today and of one of 2021, as `progenetix-facts` has their documents."""

    def __init__(self, uri: str, mongo: MongoClient[Document]) -> None:
        load(uri, "handed", datasets.thinned(documents(20), most=2))
        datasets.flatten(mongo["handed"], mongo["handed2021"])
        self.demo, self.flat = mongo["handed"], mongo["handed2021"]
        self.today = mongo["_byconHousekeepingDB"].querybuffer
        self.then = mongo["progenetix"].querybuffer
        for collection in (self.today, self.then):
            collection.create_index("id", unique=True)

    def some(self, collection: str, field: str = "id", step: int = 3, *, old: bool = False) -> list[Any]:
        """A field of some documents, in no order."""
        found = (self.flat if old else self.demo)[collection].find({}, {field: 1})
        return sorted((d[field] for d in list(found)[::step]), key=lambda value: str(value)[::-1])

    def keep(self, collection: str, values: Any, *, count: int | None = None, **more: Any) -> str:
        """Store a handover of today; its id."""
        record = {
            "id": str(uuid.uuid4()),
            "ds_id": self.demo.name,
            "collection": collection,
            "entity_id": collection,
            "target_values": values,
            "target_count": len(values) if count is None else count,
            **more,
        }
        self.today.insert_one(record)
        return str(record["id"])

    def keep_old(self, collection: str, key: str, values: Any, **more: Any) -> str:
        """Store a handover of 2021."""
        record = {
            "id": str(uuid.uuid4()),
            "source_db": self.flat.name,
            "source_collection": collection,
            "source_key": key,
            "target_collection": collection,
            "target_key": key,
            "target_values": values,
            "target_count": len(values),
            **more,
        }
        self.then.insert_one(record)
        return str(record["id"])
