"""The C library's allocator, Python's collector and its threads, told what a streaming process is like.

Replies and chunks of about a megabyte come and go thousands of times a minute, in several threads.  By default glibc
gives such blocks back to the system at once and takes them anew: page faults then cost more than all other work of
reading from the database.  One arena that keeps up to 32 MiB of what was freed halves the cost and does not grow.

What was made at the start lives as long as the process: looked through for garbage again and again, it stops all
threads for 30 ms each time.

A thread that wants the interpreter asks for it after 5 ms by default: too long for an event loop beside encoders.
"""

import ctypes
import gc
import sys
from typing import Final

__all__ = ["keep_freed_memory", "leave_alone", "take_short_turns"]

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
# The largest that glibc takes.
_KEPT: Final = 32 * 1024 * 1024
_TURN: Final = 0.0005  # seconds


def keep_freed_memory() -> bool:
    """Set the allocator up, before threads are started; False where it is none that knows these settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _KEPT), (_TRIM_THRESHOLD, _KEPT))
    done = [mallopt(name, value) == 1 for name, value in wanted]
    return all(done)


def leave_alone() -> None:
    """Take all objects that there are now out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()


def take_short_turns() -> None:
    """Let threads wait for the interpreter no longer than half a millisecond each."""
    sys.setswitchinterval(_TURN)
