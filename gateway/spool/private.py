"""A folder that its user alone can write to.

What lies in the spool is delivered, so whoever can write there can have this server deliver anything.  Such a folder is
refused, not mended: it may be `/tmp`, or one that people share on purpose, and to take it from them would be worse.
"""

import os
import pwd
import stat
from pathlib import Path
from typing import Final

__all__ = ["private_folder"]

_PRIVATE: Final = 0o700
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def private_folder(path: Path, *, trusting: bool = False) -> Path:
    """The folder without links on the way to it, made if it is missing; OSError if others can write to it.

    `trusting`: that others could rename it is no reason to refuse it.
    """
    real = Path(os.path.realpath(path))  # a link may be turned elsewhere later by whoever owns it
    for folder in (*reversed(real.parents), real):
        if not folder.exists():
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
    if not real.is_dir():
        raise NotADirectoryError(f"{real} is no folder")
    state = real.stat()
    mode = stat.S_IMODE(state.st_mode)
    if state.st_uid != os.geteuid():
        raise PermissionError(
            f"{real} belongs to {_name(state.st_uid)}, who could replace what is delivered from it; "
            f"`chown` it to {_name(os.geteuid())}, or name a folder that does not exist yet"
        )
    if mode & _OTHERS:
        # Nor is a group of any use: files are locked, and readable, by one user only.
        raise PermissionError(
            f"others than its owner can write to {real} (mode {mode:04o}), and so replace what is delivered from it; "
            f"`chmod 700 {real}`, or name a folder that does not exist yet"
        )
    for above in () if trusting else real.parents:
        mode = stat.S_IMODE(above.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise PermissionError(
                f"anybody can rename what lies in {above} (mode {mode:04o}), {real} too; `chmod o-w {above}`, "
                "name a folder elsewhere, or, where there are no others, as in a container, say --trust-local-users"
            )
    return real


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
