from __future__ import annotations

import pytest

from tests.catalog.bundled import _bundled_once, bundled
from tests.catalog.memory.fresh import nothing_served_yet
from tests.front.web import one_connection

__all__ = ["_bundled_once", "bundled", "nothing_served_yet", "one_connection"]


@pytest.fixture(autouse=True)
def no_limits(settings: object) -> None:
    """Let one address ask as often as a test wants."""
    settings.RATE_LIMIT_PER_MINUTE = settings.PAGE_RATE_LIMIT_PER_MINUTE = 0  # type: ignore[attr-defined]
