"""The rate limit of a client, and which requests are of one client."""

from __future__ import annotations

import re
import time
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import limits
from access.limits import Limiter, client_of


def seconds_to_wait(limiter: Limiter, client: str, *, limit: int) -> int:
    quota = limiter.count(client, policy="address", limit=limit)
    return quota.seconds_left if quota.is_exceeded else 0


def test_a_client_over_its_limit_waits_for_the_next_window_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [120.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    limiter = Limiter()
    assert [seconds_to_wait(limiter, "a", limit=2) for _ in range(2)] == [0, 0]
    now[0] = 150.5

    assert [seconds_to_wait(limiter, client, limit=2) for client in ("a", "b")] == [30, 0]
    now[0] = 180.0
    assert seconds_to_wait(limiter, "a", limit=2) == 0


def test_the_headers_are_those_of_the_drafts_rate_limit_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 138.0)
    limiter = Limiter()

    sent = [dict(limiter.count("a", policy="key", limit=2).headers)["RateLimit"] for _ in range(4)]

    assert sent == ['"key";r=1;t=42', '"key";r=0;t=42', '"key";r=0;t=42', '"key";r=0;t=42']
    assert limiter.count("b", policy="key", limit=2).headers[0] == ("RateLimit-Policy", '"key";q=2;w=60')


def test_a_flood_of_addresses_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CLIENTS", 100)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    limiter = Limiter()

    used = [limiter.count(f"192.0.2.{number}", policy="address", limit=1).used for number in (*range(101), 0, 0)]

    assert used == [1] * 102 + [2]


@pytest.mark.parametrize(
    ("hops", "forwarded", "client"),
    [
        (0, None, "192.0.2.1"),
        (0, "203.0.113.7", "192.0.2.1"),  # no proxy is trusted
        (1, None, "192.0.2.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "invented, 203.0.113.7", "203.0.113.7"),
        (2, "invented,203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),  # a request from within, through one proxy alone
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        (1, "203.0.113.7:5678", "203.0.113.7"),
        (1, "[2001:db8:1:2::9]:5678", "2001:db8:1:2::/64"),
        (1, "fe80::1%eth0", "fe80::/64"),
        (1, "not:an:address", "192.0.2.1"),  # none of our proxies writes that, so the proxy itself is counted
        (1, "unknown", "192.0.2.1"),
        (1, "203.0.113.7, ", "192.0.2.1"),
        (1, "9" * 100_000, "192.0.2.1"),
    ],
)
def test_a_client_is_the_address_from_the_last_trusted_proxy(hops: int, forwarded: str | None, client: str) -> None:
    environ: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.1"}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_of(environ, trusted_hops=hops) == client


def test_other_headers_with_a_clients_address_are_not_read() -> None:
    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_FORWARDED": "for=203.0.113.7", "HTTP_X_REAL_IP": "203.0.113.7"}

    assert client_of(environ, trusted_hops=1) == "192.0.2.1"


def spellings(address: IPv4Address | IPv6Address) -> st.SearchStrategy[str]:
    """The ways in which proxies write an address: with or without a port, brackets and spaces, in full or short."""
    ports = st.integers(0, 65535)
    if isinstance(address, IPv4Address):
        bare = st.sampled_from([str(address), f"::ffff:{address}"])
        return bare | ports.map(lambda port: f"{address}:{port}")
    written = st.sampled_from([str(address), address.exploded, address.exploded.upper()])
    in_brackets = written.map(lambda text: f"[{text}]")
    return written | in_brackets | st.tuples(in_brackets, ports).map(lambda pair: f"{pair[0]}:{pair[1]}")


@given(data=st.data(), address=st.ip_addresses(), hops=st.integers(1, 4), invented=st.text(max_size=30))
def test_all_spellings_of_an_address_are_one_client(
    data: st.DataObject, address: IPv4Address | IPv6Address, hops: int, invented: str
) -> None:
    first, second = (data.draw(spellings(address)) for _ in range(2))
    nearer = data.draw(st.lists(st.ip_addresses().map(str), min_size=hops - 1, max_size=hops - 1))
    environ = {"REMOTE_ADDR": "192.0.2.1"}

    clients = [
        client_of(environ | {"HTTP_X_FORWARDED_FOR": ",".join(entries)}, trusted_hops=hops)
        for entries in ([first, *nearer], [invented, f" {second}\t", *nearer], [invented, invented, second, *nearer])
    ]

    assert len(set(clients)) == 1


@given(forwarded=st.text(max_size=60), hops=st.integers(0, 10))
def test_no_header_makes_a_client_of_anything_but_an_address(forwarded: str, hops: int) -> None:
    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": forwarded}

    client = client_of(environ, trusted_hops=hops)

    assert re.fullmatch(r"[0-9.]+|[0-9a-f:]+/64", client)


def test_an_answer_without_a_body_is_a_tenth_of_a_request() -> None:
    limiter = Limiter()

    for _ in range(90):
        used = limiter.count("a", policy="address", limit=10)
        assert not used.is_exceeded
        limiter.give_back("a")

    assert [limiter.count("a", policy="address", limit=10).is_exceeded for _ in range(2)] == [False, True]
    assert limiter.count("b", policy="address", limit=10).used == 1
