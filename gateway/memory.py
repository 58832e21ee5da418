"""Memory of the system's own, which goes back to it as soon as nobody has it.

The allocator would leave holes of megabytes between its smaller blocks.
"""

import errno
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

__all__ = ["mapped"]


def mapped(size: int) -> mmap:
    """So many bytes, cleared; MemoryError where the system has none, as of any other memory."""
    try:
        return mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"the system has no {size} bytes") from error
