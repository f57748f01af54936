from __future__ import annotations

import pytest
from celery import current_app

from tests.catalog.bundled import _bundled_once, bundled

__all__ = ["_bundled_once", "bundled"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages to the worker."""
    names: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: names.append(name))
    return names
