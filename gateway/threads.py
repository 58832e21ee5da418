"""Threads that do their work when others have done theirs, and the memory that they leave."""

import ctypes
import os
import sys
import threading
from contextlib import suppress
from typing import Final

__all__ = ["apart_from_others", "give_back", "give_way"]

_MMAP_THRESHOLD: Final = -3  # of mallopt
_TRIM_THRESHOLD: Final = -1
_APART: Final = 256 * 1024
_KEPT: Final = 4 * 1024 * 1024

# Levels: a third of the processor's time against a thread that does not give way.
_NICER: Final = 5


def give_way() -> None:
    """Let the calling thread do its work when the others, the event loop's and other programs', have done theirs."""
    if sys.platform == "linux":  # elsewhere threads have no priorities of their own
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)


def give_back() -> None:
    """Let the system have the memory that is free between what is in use, where the allocator is one that can."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def apart_from_others() -> None:
    """Have the system give each large block from now on, where the allocator is one that can.

    For who needs a dozen blocks of any size for a moment: among others they leave holes as large as themselves.  It
    costs page faults, so not before.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _APART)
        mallopt(_TRIM_THRESHOLD, _KEPT)
