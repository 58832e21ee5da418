"""What is noted of each command that is sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway import metrics, spans
from gateway.db.driver import Command
from gateway.metrics import Spent, lasted

__all__ = ["Shaping", "observed"]

Shaping = Spent
"""The seconds in which a reply was shaped, where that is done before it is given back."""


@contextmanager
def observed(command: Command, shaping: Shaping | None = None) -> Iterator[None]:
    """Measure and trace the block, which sends a command, without the seconds in which its reply was shaped."""
    name = next(iter(command))
    with spans.span(f"database {name}"), lasted(metrics.DATABASE_SECONDS, name, but=shaping):
        yield
