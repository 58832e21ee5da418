"""What is noted of each pass: its line in the log, and what is counted of it."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway import metrics, spans
from gateway.download_types import Plan
from gateway.errors import GatewayError, refusal
from gateway.logs import fields
from gateway.metrics import Spent
from gateway.rows import NotToBeKept, Tally, delivered

__all__ = ["Account", "observed"]

log = logging.getLogger("gateway.flow")


class Account:
    """What is noted of a pass."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.spent = Spent()
        self.size = 0

    @contextmanager
    def yielded(self, chunk: bytes) -> Iterator[None]:
        """Count a chunk, and how long it takes until the next is wanted."""
        self.size += len(chunk)
        metrics.ROW_BYTES.add(len(chunk))
        began = time.monotonic()
        try:
            yield
        finally:
            held = time.monotonic() - began
            self.spent.held += held
            metrics.PASS_HELD_SECONDS.add(held, self.kind)

    def told(self, plan: Plan, tallies: Sequence[Tally], seconds: float) -> dict[str, str | int | float]:
        """What is said of it at its end."""
        return {
            "digest": plan.digest,
            "datasets": ",".join(sorted({part.dataset_state.dataset for part in plan.parts})),
            "format": plan.form,
            "rows": delivered(tallies),
            "bytes": self.size,
            "seconds": round(seconds, 3),
            "database_seconds": round(self.spent.database, 3),
            "encoding_seconds": round(self.spent.encoding, 3),
            "held_seconds": round(self.spent.held, 3),
            "reads": self.spent.reads,
            "retries": self.spent.retries,
        }


@contextmanager
def observed(plan: Plan, tallies: Sequence[Tally]) -> Iterator[Account]:
    """Count a pass, and write its line when it is over, however it ends."""
    began, outcome, reason = time.monotonic(), "complete", None
    account = Account("export" if plan.whole else "page")
    span = spans.begin("pass")
    with metrics.PASSES_RUNNING.counted(account.kind):
        try:
            yield account
        except NotToBeKept:
            reason = "it cannot be told whether all was read of one moment"
            raise
        except (GeneratorExit, asyncio.CancelledError):
            outcome = "left"
            raise
        except MemoryError as error:
            refused = refusal(error)
            outcome, reason = "failed", str(refused)
            raise refused from error
        except Exception as error:
            outcome, reason = "failed", str(error) if isinstance(error, GatewayError) else type(error).__name__
            raise
        finally:
            metrics.PASSES.add(1, account.kind, outcome)
            metrics.PASS_SECONDS.observe(time.monotonic() - began, account.kind)
            told = account.told(plan, tallies, time.monotonic() - began) | {"outcome": outcome}
            span.say(**told)
            span.end(None if outcome == "complete" else reason or outcome)
            log.log(logging.INFO if plan.whole else logging.DEBUG, "pass", extra=fields(**told, reason=reason))
