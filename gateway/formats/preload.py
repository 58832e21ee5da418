"""The shared libraries of a large package, loaded into the process while its other threads go on.

An import holds the interpreter while the system's loader works: 15 to 60 ms for pyarrow, in which the event loop stands
still.  What is loaded already costs the import nothing more.  Where this does not work, the import does all by itself.
"""

import ctypes
import os
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

__all__ = ["preload"]


def preload(package: str, *modules: str) -> None:
    """Have the system load these extension modules of a package, and the libraries that they need; imports nothing."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    with suppress(AttributeError, OSError, TypeError):  # no such function on this system
        load = ctypes.CDLL(None).dlopen  # a call of a foreign function lets go of the interpreter
        for folder in folders or ():
            for module in modules:
                load(os.fsencode(Path(folder) / f"{module}{EXTENSION_SUFFIXES[0]}"), os.RTLD_NOW)
