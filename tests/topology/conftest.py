"""Topologies over the session's embedded database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gateway.demo.store import Store
from tests.topology import ReplicaSet, Sharded, Standalone


@pytest.fixture
def replica_set(store: Store) -> Iterator[Callable[..., ReplicaSet]]:
    """Starts replica sets of a version."""
    with ExitStack() as stack:
        yield lambda version="5.0", members=3: stack.enter_context(ReplicaSet(version, members=members, store=store))


@pytest.fixture
def rs(replica_set: Callable[..., ReplicaSet]) -> ReplicaSet:
    """Three members of 5.0, with a collection of ten documents that have an index."""
    running = replica_set()
    client = running.client()
    client.demo.things.insert_many([{"_id": number, "n": number % 3} for number in range(10)])
    client.demo.things.create_index("n")
    return running


@pytest.fixture
def standalone(store: Store) -> Iterator[Callable[..., Standalone]]:
    """Starts standalones of a version."""
    with ExitStack() as stack:
        yield lambda version="5.0": stack.enter_context(Standalone(version, store=store))


@pytest.fixture
def sharded(store: Store) -> Iterator[Callable[..., Sharded]]:
    """Starts sharded clusters of a version."""
    with ExitStack() as stack:
        yield lambda version="5.0", **options: stack.enter_context(Sharded(version, store=store, **options))
