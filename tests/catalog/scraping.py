"""Scrapes that gather in the thread of the test: another thread would not see the test's transaction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from catalog.api import metrics
from catalog.models import patience
from front.counts import Counts

TOKEN = "0123456789" * 3


class AtOnce:
    """A thread that has ended when `start` returns."""

    def __init__(self, *, target: Callable[..., None], args: tuple[object, ...], name: str, daemon: bool) -> None:
        self.start = lambda: target(*args)


@pytest.fixture
def fresh_metrics(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Metrics of a process that has counted nothing yet. Returns its counts."""
    settings.METRICS_TOKEN = TOKEN
    fresh = Counts()
    monkeypatch.setattr(metrics.SHARED_COUNTS, "_counts", fresh)
    monkeypatch.setattr("catalog.admin.logins.counts", fresh)
    monkeypatch.setattr(patience, "Thread", AtOnce)
    monkeypatch.setattr(connection, "close", lambda: None)
    gather_again()
    return fresh


def gather_again() -> None:
    """Forget the figures that are cached."""
    metrics._FIGURES._value = metrics._QUEUE._value = None
