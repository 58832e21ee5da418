"""Programs that read our files as users do."""

import shutil
import subprocess

import pytest

__all__ = ["said", "tool"]


def tool(name: str) -> str:
    """Where a program is; skips the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said(*command: object) -> str:
    """What a command prints; it may not complain."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
