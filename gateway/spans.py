"""Spans of traces: how to say what is being done, without knowing whether anybody traces it.

Where nobody does, a span costs next to nothing.  `connect` says who does.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

__all__ = ["Span", "Tracer", "begin", "connect", "quietly", "span"]

Value = str | int | float | bool


class Span(Protocol):
    """Something that is being done."""

    def say(self, **attributes: Value | None) -> None:
        """Say of what, or what came of it; None is left out."""
        ...

    def end(self, failed: str | None = None) -> None:
        """It is over, and failed for a reason."""
        ...


class Tracer(Protocol):
    """Who traces."""

    def begin(self, name: str, attributes: Mapping[str, Value]) -> Span:
        """Begin a span within the current one, that is not current itself."""
        ...

    def within(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[object]:
        """A span that is the current one for the block."""
        ...


class _Nothing:
    """The span that nobody traces."""

    def say(self, **attributes: Value | None) -> None:
        pass

    def end(self, failed: str | None = None) -> None:
        pass


_NOTHING: Final = _Nothing()
_tracers: Final[list[Tracer]] = []
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def connect(tracer: Tracer | None) -> None:
    """Have all spans traced from here on, or no longer."""
    _tracers[:] = [] if tracer is None else [tracer]


def begin(name: str, **attributes: Value) -> Span:
    """Begin a span that is ended by its `end`; for what is not a block, as generators are not."""
    return _tracers[0].begin(name, attributes) if _tracers else _NOTHING


def span(name: str, **attributes: Value) -> AbstractContextManager[object]:
    """A span for the block."""
    return _tracers[0].within(name, attributes) if _tracers and not _quiet.get() else nullcontext()


@contextmanager
def quietly(*, quiet: bool) -> Iterator[None]:
    """Trace nothing of the block: of what is done a thousand times the sum is said."""
    token = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(token)
