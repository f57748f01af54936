"""Sends one request to a gateway apart from any run, for applications above the catalogue."""

from __future__ import annotations

from django.conf import settings

from catalog import gateway_settings, registry
from catalog.adapter.contract import Request
from catalog.sync import fetch

SECONDS = 20
"""The longest time for the request."""
MOST_MEBIBYTES = 16


def may_ask(gateway: str) -> bool:
    """Return whether the operator lets the gateway be asked: it is enabled, and not read from a file alone."""
    applying = gateway_settings.settings_of(gateway)
    return applying.is_enabled and applying.source.value != "bundled"


def fetched(gateway: str, request: Request) -> bytes:
    """Return the answer to one request that is sent once and without a key. Raises GatewayError."""
    limits = fetch.Limits(
        connect_seconds=min(settings.FETCH_CONNECT_SECONDS, SECONDS),
        idle_seconds=min(settings.FETCH_IDLE_SECONDS, SECONDS),
        total_seconds=SECONDS,
        max_bytes=min(settings.FETCH_MAX_MEBIBYTES, MOST_MEBIBYTES) * 2**20,
        max_ratio=settings.FETCH_MAX_RATIO,
        attempts=1,
    )
    with fetch.Fetcher(
        registry.GATEWAYS[gateway],
        bases=settings.GATEWAY_BASES[gateway],
        key=None,
        limits=limits,
        user_agent=settings.USER_AGENT,
    ) as fetcher:
        return fetcher.get(request)
