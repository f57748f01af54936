from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from catalog import registry
from tests.catalog.syncing import Shop


@pytest.fixture
def fixtures_dir(settings: Settings, tmp_path: Path) -> Path:
    """An empty folder where the bundled catalogues are looked for."""
    settings.FIXTURES_DIR = tmp_path / "fixtures"
    settings.FIXTURES_DIR.mkdir()
    return tmp_path / "fixtures"


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A second gateway beside Chutes, whose rows look the same."""
    gateway = Shop()
    monkeypatch.setitem(registry.GATEWAYS, gateway.slug, gateway)
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, gateway.slug: "bundled"}
    return gateway
