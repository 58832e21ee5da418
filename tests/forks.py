"""Gateways that start at once: forked from a process that has imported what `serve` imports, and done nothing else.

`python -m tests.forks FD` is that process.  A forked gateway differs from `python -m gateway` in that modules are not
imported anew, which is most of a start, and in that sets of texts have the same order in all of them.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO

from gateway.cli import main

__all__ = ["Forked", "available", "forking"]

_MOST = 100_000  # bytes of a message
_parents: list[socket.socket] = []


@contextmanager
def forking() -> Iterator[None]:
    """Start the process that forks; it ends with the context, or with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    command = [sys.executable, "-m", "tests.forks", str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            env=clean,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    with process, ours:
        _parents.append(ours)
        yield
        _parents.clear()
        ours.shutdown(socket.SHUT_RDWR)


def available() -> bool:
    """Whether there is a process that forks."""
    return bool(_parents)


class Forked:
    """A forked command of the gateway, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, arguments: Sequence[str], error: IO[str]) -> None:
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        with theirs:
            clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
            message = json.dumps([list(arguments), clean]).encode()
            socket.send_fds(_parents[0], [message], [theirs.fileno(), writing, error.fileno()])
        os.close(writing)
        self.stdout = os.fdopen(reading)
        self.pid = int(self._told.recv(_MOST))
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, that of a signal below zero, or None while it runs."""
        return self._ended(0)

    def wait(self, seconds: float) -> int:
        """The exit code, once there is one."""
        code = self._ended(seconds)
        if code is None:
            raise subprocess.TimeoutExpired("a forked gateway", seconds)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, and nobody has told of it yet
                os.kill(self.pid, number)

    def _ended(self, seconds: float) -> int | None:
        if self._code is None and select.select([self._told], [], [], seconds)[0]:
            self._code = int(self._told.recv(_MOST))
            self._told.close()
        return self._code


def _serve(control: socket.socket) -> int:
    """Fork as often as asked; returns in each forked gateway as well, at its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for gateways
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MOST, 3)
        if not message:
            return 0
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            arguments, environment = json.loads(message)
            os.environ.clear()
            os.environ.update(environment)
            return _run(arguments, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _run(arguments: list[str], told: int, output: int, error: int) -> int:
    """Run a gateway in a child, and tell its process id and how it ended."""
    pid = os.fork()
    if pid == 0:
        os.dup2(output, 1)
        os.dup2(error, 2)
        for descriptor in (told, output, error):
            os.close(descriptor)
        sys.argv = ["pgx-gateway", *arguments]
        return main(arguments)
    os.close(output)
    os.close(error)
    os.write(told, b"%d" % pid)
    os.write(told, b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


if __name__ == "__main__":
    for module in ("gateway.cli.command_line", "gateway.web.server", "gateway.web.workers"):
        import_module(module)
    gc.freeze()
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
