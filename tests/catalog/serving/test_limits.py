"""How often a client may ask, and who a client is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from catalog.serving import limits
from catalog.serving.limits import Limiter, client_of


def test_a_client_is_told_how_long_to_wait_and_others_are_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [120.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    limiter = Limiter(2)
    assert [limiter.seconds_to_wait("a") for _ in range(2)] == [0, 0]
    now[0] = 150.5

    assert [limiter.seconds_to_wait(client) for client in ("a", "b")] == [30, 0]
    now[0] = 180.0
    assert limiter.seconds_to_wait("a") == 0


def test_without_a_limit_nobody_waits() -> None:
    limiter = Limiter(0)

    assert {limiter.seconds_to_wait("a") for _ in range(10_000)} == {0}


def test_a_flood_of_addresses_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CLIENTS", 100)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    limiter = Limiter(1)

    for number in range(1_000):
        limiter.seconds_to_wait(str(number))

    assert len(limiter._counts) <= 101


@pytest.mark.parametrize(
    ("hops", "forwarded", "client"),
    [
        (0, None, "192.0.2.1"),
        (0, "203.0.113.7", "192.0.2.1"),  # nobody is trusted
        (1, None, "192.0.2.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "invented, 203.0.113.7", "203.0.113.7"),
        (2, "invented,203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),  # a request from within, through one proxy alone
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        (1, "not:an:address", "not:an:address"),
    ],
)
def test_a_client_is_who_the_last_trusted_proxy_says(hops: int, forwarded: str | None, client: str) -> None:
    environ: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.1"}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_of(environ, trusted_hops=hops) == client
