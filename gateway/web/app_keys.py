"""What the application carries, by typed keys."""

from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from gateway.config import Config
from gateway.db.catalog import Catalog
from gateway.db.genes import Genes
from gateway.db.source import Source
from gateway.db.term_list import TermLists
from gateway.errors import GatewayError
from gateway.flow.pump import Pump
from gateway.flow.sizes import Sizes
from gateway.rights import View
from gateway.spool.spool import Spool
from gateway.web.limits.daily import DailyBytes
from gateway.web.limits.slots import Slots

__all__ = [
    "AWAY",
    "BODIES",
    "CALLER",
    "CATALOG",
    "CLIENTS",
    "CONFIG",
    "DAILY",
    "EXECUTOR",
    "GENES",
    "MEASURED",
    "PAGES",
    "PUMP",
    "REFUSAL",
    "REQUEST_ID",
    "SIZES",
    "SLOTS",
    "SOURCE",
    "SPOOL",
    "STOPPING",
    "TERMS",
    "VIEW",
]

CONFIG = web.AppKey("config", Config)
SOURCE = web.AppKey("source", Source)
CATALOG = web.AppKey("catalog", Catalog)
PUMP = web.AppKey("pump", Pump)
SLOTS = web.AppKey("slots", Slots)
PAGES = web.AppKey("pages", Slots)
"""Of what is small: it never waits for a place of a download."""
BODIES = web.AppKey("bodies", Slots)
"""Of bodies of requests that are being read: they are held in memory."""
DAILY = web.AppKey("daily", DailyBytes)
SPOOL = web.AppKey("spool", Spool)
"""Absent where downloads are delivered directly."""
CLIENTS = web.AppKey("clients", Slots)
MEASURED = web.AppKey("measured", dict[str, int])
"""Lengths of exports that were delivered directly, by digest; the oldest go first."""
AWAY = web.AppKey("away", list[float])
"""When the database was found away last, by the monotonic clock, if it was."""
SIZES = web.AppKey("sizes", Sizes)
"""What deliveries have taught of how large downloads will be."""
GENES = web.AppKey("genes", Genes)
TERMS = web.AppKey("terms", TermLists)
EXECUTOR = web.AppKey("executor", ThreadPoolExecutor)
STOPPING = web.AppKey("stopping", list[bool])
"""Not empty once the server was told to stop."""
REQUEST_ID = web.RequestKey("request_id", str)
REFUSAL = web.RequestKey("refusal", GatewayError)
"""What a request was refused with, if it was."""
CALLER = web.RequestKey("caller", str)
"""Who has shown a valid token, by a name that is none; empty where there was no token."""
VIEW = web.RequestKey("view", View)
"""What the caller may see; for all that answers a request there is nothing else."""
