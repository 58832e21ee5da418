"""What running plans needs, opened and closed in one place: for the server's lifetime, or for one export."""

from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from gateway.config import Config
from gateway.db.catalog import Catalog
from gateway.db.clients import client
from gateway.db.driver import Connection, Driver
from gateway.db.genes import Genes
from gateway.db.source import Source
from gateway.db.term_list import TermLists
from gateway.flow.pump import Pump
from gateway.flow.run import Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.threads import give_way

__all__ = ["Resources", "opened"]

# A connection, and a thread that waits for it, for each read that may be under way at once.
_CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Resources:
    """The database, what is known of its datasets, its terms and genes, the threads that compress, and the pump."""

    source: Source
    catalog: Catalog
    terms: TermLists
    genes: Genes
    executor: ThreadPoolExecutor
    pump: Pump


@asynccontextmanager
async def opened(config: Config, connect: Callable[[Connection], Driver] = client) -> AsyncGenerator[Resources, None]:
    """Resources as the settings say, closed at the end of the block; nothing is connected before the first read."""
    connection = Connection(uri=config.mongo_uri, timeout=config.query_timeout, size=_CONNECTIONS, driver=config.driver)
    source = Source(connection, connect)
    catalog = Catalog(source, ttl=config.version_ttl, query_buffers=config.query_buffers, genes=config.genes)
    terms = TermLists(source)
    shaping = ThreadPoolExecutor(config.encode_threads, thread_name_prefix="shape", initializer=give_way)
    # What is quick, and must not stand behind folds in Python.
    packing = ThreadPoolExecutor(config.encode_threads, thread_name_prefix="pack", initializer=give_way)
    # Half of the connections is for what must not stand behind slices.
    slicing = Slicing(rows=config.slice_rows, flights=config.flights, together=_CONNECTIONS // 2)
    scheduler = EncodeScheduler(config.encode_threads)
    pump = Pump(
        source,
        catalog,
        shaping,
        scheduler,
        slicing=slicing,
        retry_window=config.retry_window,
        count_budget=config.count_budget,
        selection_budget=config.selection_budget,
    )
    try:
        yield Resources(source, catalog, terms, catalog.genes, packing, pump)
    finally:
        await pump.totals.close()
        await terms.close()
        await catalog.close()
        await source.close()
        scheduler.close()
        shaping.shutdown(cancel_futures=True)
        packing.shutdown(cancel_futures=True)
