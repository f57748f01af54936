from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from pytest_django.fixtures import Settings

from catalog.sync import fetch
from tests.faults.stage import point_gateways_at, serve
from tests.upstream import Upstream


@pytest.fixture
def waits() -> list[float]:
    """The seconds that would have been waited before another attempt."""
    return []


@pytest.fixture
def upstream(settings: Settings, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """Where both gateways are asked; they answer with their first edition."""
    monkeypatch.setattr("catalog.sync.run.fetch.Fetcher", partial(fetch.Fetcher, sleep=waits.append))
    with Upstream() as upstream:
        point_gateways_at(upstream, settings)
        serve(upstream, 1)
        yield upstream
