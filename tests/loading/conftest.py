"""A fresh dataset for each test, in the session's embedded database."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

_NUMBERS = count()


@pytest.fixture
def dataset(mongo: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """An empty dataset, dropped afterwards."""
    name = f"loading{next(_NUMBERS)}"
    yield mongo[name]
    mongo.drop_database(name)
