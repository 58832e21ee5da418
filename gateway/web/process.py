"""The C library's allocator, Python's collector, its threads and the system, told what a streaming process is like.

Replies and chunks of about a megabyte come and go thousands of times a minute, in several threads.  By default glibc
gives such blocks back to the system at once and takes them anew: page faults then cost more than all other work of
reading from the database.  One arena that keeps up to 32 MiB of what was freed halves the cost and does not grow.

What was made at the start lives as long as the process: looked through for garbage again and again, it stops all
threads for 30 ms each time.

A thread that wants the interpreter asks for it after 5 ms by default: too long for an event loop beside encoders.

Systems let a process open some thousand files where it does not ask for more: fewer than clients it may have.
"""

import ctypes
import gc
import resource
import sys
from contextlib import suppress
from typing import Final

__all__ = ["keep_freed_memory", "leave_alone", "open_many", "take_short_turns"]

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
# Blocks beyond a slice's go back to the system at once, so that what is large and rare leaves no holes.
_LARGE: Final = 5 * 1024 * 1024
_KEPT: Final = 32 * 1024 * 1024
_TURN: Final = 0.0005  # seconds


def keep_freed_memory() -> bool:
    """Set the allocator up, before threads are started; False where it is none that knows these settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _KEPT))
    done = [mallopt(name, value) == 1 for name, value in wanted]
    return all(done)


def leave_alone() -> None:
    """Take all objects that there are now out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()


def take_short_turns() -> None:
    """Let threads wait for the interpreter no longer than half a millisecond each."""
    sys.setswitchinterval(_TURN)


def open_many() -> int:
    """Let this process open as many files, sockets among them, as it may; returns how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
