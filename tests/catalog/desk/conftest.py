from __future__ import annotations

import pytest
from celery import current_app

from catalog.desk import offers_found, renamed
from tests.catalog.bundled import _bundled_once, bundled

__all__ = ["_bundled_once", "bundled"]


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page waits for a new snapshot: in most tests none is ever read, and each page would wait two seconds."""
    monkeypatch.setattr(offers_found, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(renamed, "PATIENCE_SECONDS", 0)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages to the worker."""
    names: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: names.append(name))
    return names
