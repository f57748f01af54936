"""The bundled catalogues of all gateways for a whole module of tests that only read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from catalog import registry
from catalog.serving import snapshot
from catalog.serving.snapshot import Snapshot
from tests.catalog.syncing import sync


@pytest.fixture(scope="module")
def _bundled_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), transaction.atomic():
        for slug in registry.GATEWAYS:
            sync(slug, source="bundled")
        yield snapshot.load()
        transaction.set_rollback(True)


@pytest.fixture
def bundled(_bundled_once: Snapshot, db: None, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """They are in the tables, and served."""
    monkeypatch.setattr(snapshot, "_held", _bundled_once)
    return _bundled_once
