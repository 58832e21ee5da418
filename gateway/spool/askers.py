"""Who waits for an export: its pass is begun on behalf of one of them who may have another."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import Context, copy_context

from gateway.errors import TooManyRequests
from gateway.spool.making import Charge, Pass, Slot

__all__ = ["Askers"]


class Askers:
    """Those who wait, in their order; each is known by the context in which it asked."""

    def __init__(self) -> None:
        self._contexts: dict[object, Context] = {}

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be one of them for the block."""
        own = object()
        self._contexts[own] = copy_context()
        try:
            yield
        finally:
            del self._contexts[own]

    @contextmanager
    def place(self, slot: Slot, one: Pass) -> Iterator[Charge]:
        """Hold a place for the block: that of the first who may have one.  Raises what the last is refused with."""
        with ExitStack() as held:
            yield self._taken(slot, one, held)

    def _taken(self, slot: Slot, one: Pass, held: ExitStack) -> Charge:
        *others, last = tuple(self._contexts.values()) or (copy_context(),)
        for context in others:
            with suppress(TooManyRequests):  # which is said to this one alone
                return self._of(context, slot(one), held)
        return self._of(last, slot(one), held)

    @staticmethod
    def _of(context: Context, place: AbstractContextManager[Charge], held: ExitStack) -> Charge:
        charge = context.run(place.__enter__)
        held.push(place)
        return charge
