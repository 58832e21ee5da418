"""The parts of limits by themselves: whose a request is, what is counted, which lines of a log are left out."""

import logging
from contextlib import ExitStack
from ipaddress import ip_network

import pytest
import ujson

from gateway import metrics
from gateway.config import load
from gateway.errors import Busy, TooManyRequests
from gateway.spool.making import Unspooled
from gateway.web.limits import shares as shares_module
from gateway.web.limits.addresses import NOBODY, Proxies, current
from gateway.web.limits.daily import DailyBytes
from gateway.web.limits.door import Door, told
from gateway.web.limits.lines import OneASecond
from gateway.web.limits.shares import Shares
from gateway.web.limits.slots import Slots

PROXIES = Proxies(tuple(map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Who is no trusted proxy is the client, whatever it says.
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", [], "2001:db8:1:2::/64"),
        # From a proxy: the right-most that is none, however many the client has put before it.
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["1.1.1.1", "2.2.2.2,203.0.113.7 , 10.0.0.5"], "203.0.113.7"),
        ("fd00::1", ["2001:db8:1:2::9"], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("127.0.0.1", ["[2001:db8:1:2::9]:4711"], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["1.1.1.1," * 10_000 + "203.0.113.7"], "203.0.113.7"),
        # All of them trusted: the left-most is a client inside; one that cannot be read is one client.
        ("127.0.0.1", ["10.1.1.1, 10.0.0.5"], "10.1.1.1"),
        ("127.0.0.1", ["203.0.113.7, unknown"], "unknown"),
        ("127.0.0.1", ["<script>"], "unknown"),
        # Without the header it is the operator's own.
        ("127.0.0.1", [], NOBODY),
        ("127.0.0.1", ["", " , "], NOBODY),
        (None, [], NOBODY),
        (None, ["203.0.113.7"], "203.0.113.7"),
    ],
)
def test_a_client_is_told_by_the_nearest_address_that_is_no_proxy(peer: str | None, forwarded: list[str], client: str):
    assert PROXIES.client(peer, forwarded) == client


def test_without_trusted_proxies_nobody_is_believed():
    nobody = Proxies(load({"trusted_proxies": ""}, {}).trusted_proxies)
    assert nobody.client("127.0.0.1", ["203.0.113.7"]) == "127.0.0.1"


class Running:
    """A pass."""

    def __init__(self, users: int, left: float) -> None:
        self.users, self.left, self.gone, self.digest = users, left, False, ""

    def give_way(self) -> None:
        self.gone = True


def test_places_are_for_all_together_and_for_each():
    slots = Slots(3, "downloads", each=2)
    with ExitStack() as stack:
        for client, refusal in (("a", None), ("a", None), ("a", TooManyRequests), ("b", None), ("c", Busy)):
            current.set(client)
            if refusal is None:
                stack.enter_context(slots.take())
            else:
                with pytest.raises(refusal) as told, slots.take():
                    pass
                assert told.value.limit == ("downloads" if refusal is Busy else "downloads of a client")
                assert told.value.retry_after
    current.set(NOBODY)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(slots.take())
        with pytest.raises(Busy), slots.take():
            pass
    assert slots.taken == 0


def test_what_nobody_follows_gives_way_the_longest_left_first():
    slots = Slots(3, "downloads", each=2)
    followed, old, new = Running(1, 0.0), Running(0, 1.0), Running(0, 2.0)
    with ExitStack() as stack:
        for client, run in (("a", followed), ("b", new), ("b", old)):
            current.set(client)
            stack.enter_context(slots.take(run))
        stack.enter_context(slots.take())  # b has two already: its own goes
        assert (old.gone, new.gone, slots.taken) == (True, False, 3)
        current.set("c")
        stack.enter_context(slots.take())
        assert (new.gone, slots.taken) == (True, 3)
        with pytest.raises(Busy), slots.take():
            pass
        assert not followed.gone
    assert slots.taken == 0
    current.set(NOBODY)


def test_bytes_of_a_day_are_counted_while_they_go_and_come_back_at_midnight():
    now = 86_400.0 * 20_000 + 100
    daily = DailyBytes(1_000, clock=lambda: now)
    current.set("a")
    with daily.having(lambda: 600):
        pass
    with daily.having(lambda: 400):
        with pytest.raises(TooManyRequests) as told, daily.having(int):
            pass
        current.set("b")
        with daily.having(int):
            pass
    assert told.value.retry_after == 86_400 - 100 + 1
    current.set("a")
    now += 86_400
    with daily.having(int):
        pass
    current.set(NOBODY)


def test_a_client_that_fills_its_share_of_the_spool_loses_its_own():
    gone: list[str] = []
    shares = Shares(lambda: 100, gone.append)
    current.set("a")
    for name in ("one", "two", "three"):
        with shares.writing(name) as charge:
            charge(40)
    assert gone == ["one"]
    with pytest.raises(Unspooled), shares.writing("large") as charge:
        charge(101)
    assert gone == ["one", "two", "three"]
    current.set("b")
    with shares.writing("other") as charge:
        charge(100)
    assert gone == ["one", "two", "three"]
    current.set(NOBODY)


def test_one_line_of_a_kind_is_written_in_a_second():
    now = 0.0
    lines = OneASecond(clock=lambda: now)

    def written(message: str, *values: object) -> str | None:
        record = logging.LogRecord("x", logging.INFO, "file", 1, message, values, None)
        return record.getMessage() if lines.filter(record) else None

    assert written("refused %d", 1) == "refused 1"
    assert [written("refused %d", n) for n in range(5)] == [None] * 5
    assert written("another %d", 1) == "another 1"
    now = 1.0
    assert written("refused %d", 7) == "refused 7 (and 5 like it before)"
    now = 2.0
    assert written("refused %d", 8) == "refused 8"


def test_what_is_refused_is_counted(monkeypatch: pytest.MonkeyPatch):
    counted: list[tuple[str, ...]] = []
    monkeypatch.setattr(metrics.Metric, "add", lambda metric, _, *labels: counted.append((metric.name, *labels)))
    headers, body = told(TooManyRequests("later", limit="downloads of a client"), "org.example", {"X-Shared": "*"})
    assert headers["X-Shared"] == "*"
    assert counted == [("requests", "other", "429"), ("refusals", "TooManyRequests", "downloads of a client")]
    assert headers["Retry-After"] == "10"
    assert ujson.loads(body)["error"] == {"errorCode": 429, "errorMessage": "later"}


class Connected:
    """A connection."""

    def __init__(self, *, idle: bool) -> None:
        self.idle, self.closed = idle, False

    def force_close(self) -> None:
        self.closed = True


def test_idle_connections_go_where_there_are_too_many():
    door = Door(PROXIES, each=2, most=3)
    busy, idle = Connected(idle=False), Connected(idle=True)
    assert [door.enter(one, "203.0.113.7") for one in (busy, idle)] == [None, None]
    third = door.enter(Connected(idle=False), "203.0.113.7")
    assert (third.status, third.limit) == (429, "connections of a client") if third else False
    assert door.enter(Connected(idle=False), "203.0.113.8") is None
    assert door.enter(Connected(idle=False), "203.0.113.9") is None
    assert (idle.closed, busy.closed) == (True, False)
    full = door.enter(Connected(idle=False), "203.0.113.10")
    assert (full.status, full.limit) == (503, "connections") if full else False
    door.leave(busy)
    door.leave(busy)
    assert door.enter(Connected(idle=False), "203.0.113.7") is None
    assert door.enter(Connected(idle=False), "127.0.0.1") is None  # of the operator's there are some more


def test_an_export_is_of_who_made_it_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shares_module, "_KNOWN", 3)
    gone: list[str] = []
    shares = Shares(lambda: 100, gone.append)

    def made(client: str, name: str, size: int) -> None:
        current.set(client)
        with shares.writing(name) as charge:
            charge(size)

    made("a", "one", 60)
    made("b", "one", 60)  # it had been removed meanwhile
    made("a", "two", 60)
    assert gone == []
    made("b", "three", 60)
    assert gone == ["one"]
    for n in range(5):  # what was made long ago is forgotten, and of nobody
        made(f"c{n}", f"small {n}", 1)
    made("a", "four", 90)
    assert gone == ["one"]
    current.set("a")
    with shares.writing("growing") as charge:
        charge(10)
        with pytest.raises(Unspooled) as told:
            made("a", "next", 95)
    assert gone == ["one", "four"]
    assert not told.value.lasting  # others may have it
    with pytest.raises(Unspooled) as told, shares.writing("large") as charge:
        charge(101)
    assert told.value.lasting
    current.set(NOBODY)
