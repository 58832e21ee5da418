"""One stranger with one machine against a gateway: what it costs, and what others have of it.

    python -m tests.benchmarks.attacks [on|off] [NAME ...]      (default: on, and all of them)

`heads`: connections whose heads of requests never end.  `abandoned`: downloads that are begun, each a little different,
and left; `held`: the same, not left, and not read either.  `bodies`: requests whose bodies never come, more than the
system allows files.  The stranger has the address 127.0.0.2, others have 127.0.0.1; no proxy is trusted.  `off` takes
the limits away that can be taken away.
"""

import http.client
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from gateway.config import SETTINGS
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

__all__ = ["OFF", "main"]

_STRANGER: Final = "127.0.0.2"
_MEGA: Final = 1_000_000
OFF: Final = {"client_passes": 0, "client_pages": 0, "client_connections": 0, "head_timeout": 0, "body_timeout": 0}
_SLOW: Final = "b4000v250p3000"  # three seconds a read: a pass of a minute, nearly without work
_PAGE: Final = "/beacon/biosamples?limit=3&biosampleIds=pgxbs-00000001"


def connected(gateway: Gateway, address: str = _STRANGER) -> socket.socket:
    """A connection from an address of this machine."""
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=10, source_address=(address, 0))


def request(path: str) -> bytes:
    """A request of a file or a page."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def opened(gateway: Gateway, number: int, sent: Callable[[int], bytes], stack: ExitStack) -> list[socket.socket]:
    """So many connections of the stranger, with what it sends on each; those that were refused are missing."""
    found = []
    for one in range(number):
        with suppress(OSError):
            client = stack.enter_context(connected(gateway))
            client.sendall(sent(one))
            found.append(client)
    return found


def asked(gateway: Gateway, path: str, seconds: float = 5) -> tuple[int, float]:
    """The status that somebody else hears, 0 for none, and how long that took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - began
    except OSError:
        return 0, time.monotonic() - began
    finally:
        connection.close()


def heads(uri: str, folder: str, settings: dict[str, object], number: int = 100) -> str:
    """Bytes of memory that heads without an end take, while they are there and after they left."""
    field = b"X: " + b"x" * 30_000 + b"\r\n"
    with Gateway(uri, [_SLOW], log=Path(folder) / "log", **settings) as gateway:
        asked(gateway, _PAGE)
        before = gateway.rss
        with ExitStack() as stack:
            opened(gateway, number, lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n" + field * 120, stack)
            time.sleep(1)
            during = gateway.rss
        time.sleep(1)
        after = gateway.rss
    each = (during - before) / number / _MEGA
    return f"{number} connections: {each:.2f} MB each, {(after - before) / _MEGA:.0f} MB in all kept after they left"


def abandoned(uri: str, folder: str, settings: dict[str, object], number: int = 64, seconds: float = 20) -> str:
    """What others hear while downloads of the stranger run that nobody reads any more."""
    return _begun(uri, folder, settings, number, seconds, hold=False)


def held(uri: str, folder: str, settings: dict[str, object], number: int = 64, seconds: float = 20) -> str:
    """What others hear while the stranger holds downloads."""
    return _begun(uri, folder, settings, number, seconds, hold=True)


def _begun(uri: str, folder: str, settings: dict[str, object], number: int, seconds: float, *, hold: bool) -> str:
    with Gateway(uri, [_SLOW], log=Path(folder) / "log", grace=0, **settings) as gateway, ExitStack() as stack:
        asked(gateway, _PAGE)
        path = "/beacon/variants?allData=true&output=pgxseg&plotPars=x%d=1"
        opened(gateway, number, lambda one: request(path % one), stack)
        time.sleep(2)
        if not hold:
            stack.close()
        began = time.monotonic()
        pages: Counter[int] = Counter()
        downloads: Counter[int] = Counter()
        waited = []
        while time.monotonic() < began + seconds:
            status, took = asked(gateway, _PAGE, 20)
            pages[status] += 1
            waited.append(took)
            with suppress(OSError), connected(gateway, "127.0.0.1") as client:
                client.settimeout(20)
                client.sendall(request("/beacon/variants?filters=NCIT:C3058&output=vcf"))
                downloads[int(client.recv(12)[9:])] += 1
            time.sleep(0.5)
    told = f"for pages: {dict(pages)} (slowest {max(waited):.1f} s), for downloads: {dict(downloads)}"
    return f"{number} begun and {'held' if hold else 'left'}; in {seconds:g} s others heard, {told}"


def bodies(uri: str, folder: str, settings: dict[str, object], number: int = 1100, seconds: float = 10) -> str:
    """What others hear while more requests wait for their bodies than the system allows files; bytes of the log."""
    post = b"POST /beacon/g_variants HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with Gateway(
        uri, ["b400v250"], log=Path(folder) / "log", before="ulimit -n 1024", max_clients=500, **settings
    ) as gateway:
        asked(gateway, _PAGE)
        size = len(gateway.log)
        with ExitStack() as stack:
            found = opened(gateway, number, lambda _: post, stack)
            began = time.monotonic()
            heard: Counter[int] = Counter()
            exports: Counter[int] = Counter()
            while time.monotonic() < began + seconds:
                heard[asked(gateway, _PAGE)[0]] += 1
                exports[asked(gateway, "/beacon/variants?allData=true&output=pgxseg")[0]] += 1
                time.sleep(0.5)
            size = len(gateway.log) - size
    told = f"for pages: {dict(heard)}, for exports: {dict(exports)}; log {size / 1000:.0f} kB"
    return f"{number} requests, {len(found)} of them sent: in {seconds:g} s others heard, {told}"


_ATTACKS: Final = {"heads": heads, "abandoned": abandoned, "held": held, "bodies": bodies}


def main(arguments: Sequence[str]) -> None:
    """Attack, and print what came of it."""
    off = "off" in arguments
    chosen = [name for name in arguments if name in _ATTACKS] or list(_ATTACKS)
    known = {setting.name for setting in SETTINGS}
    settings = {n: v for n, v in {"trusted_proxies": "", **(OFF if off else {})}.items() if n in known}
    with Replay() as replay:
        for name in chosen:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name}: {_ATTACKS[name](replay.uri, folder, settings)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
