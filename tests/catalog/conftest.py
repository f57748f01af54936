from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from catalog import registry
from catalog.publication import listeners
from catalog.publication.listeners import Statement
from catalog.sync import fetch
from tests.catalog.syncing import Network, Shop


@pytest.fixture
def fixtures_dir(settings: Settings, tmp_path: Path) -> Path:
    """An empty folder in place of the bundled catalogues."""
    settings.FIXTURES_DIR = tmp_path / "fixtures"
    settings.FIXTURES_DIR.mkdir()
    return tmp_path / "fixtures"


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An additional gateway, whose rows look like Chutes' bundled ones; it is read from its bundled catalogue."""
    gateway = Shop()
    monkeypatch.setitem(registry.GATEWAYS, gateway.slug, gateway)
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, gateway.slug: "bundled"}
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, gateway.slug: ""}
    settings.GATEWAY_BASES = {**settings.GATEWAY_BASES, gateway.slug: dict(gateway.hosts)}
    return gateway


@pytest.fixture
def two_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce the gateways to OpenRouter and Chutes, for tests of output that covers every gateway."""
    both = {slug: registry.GATEWAYS[slug] for slug in ("openrouter", "chutes")}
    monkeypatch.setattr(registry, "GATEWAYS", both)  # a new dictionary, because the order of the original one must stay


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Replaces the network: gateways give the answers that the test sets."""
    network = Network()
    monkeypatch.setattr(fetch, "Fetcher", network.connect)
    return network


@pytest.fixture
def shop_api(shop: Shop, network: Network, settings: Settings) -> Network:
    """The shop, read from its API, which gives the answers that the test sets."""
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, shop.slug: "api"}
    return network


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Somebody watches availability: what runs state of it, in their order."""
    heard: list[Statement] = []
    monkeypatch.setattr(listeners, "LISTENERS", [heard.append])
    return heard


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody watches availability, whichever applications are installed."""
    monkeypatch.setattr(listeners, "LISTENERS", [])


@pytest.fixture
def credulous(settings: Settings) -> None:
    """A guard that believes every listing and every price above zero, for tests of other things."""
    settings.GUARD_MISSING_PERCENT = settings.GUARD_REJECTED_PERCENT = 100
    settings.GUARD_PRICE_FACTOR = 1_000_000
