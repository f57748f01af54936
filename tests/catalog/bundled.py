"""The bundled catalogues, for tests that start with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from django.db import transaction

from access.keys import Keys
from catalog import registry
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from tests.catalog import kept
from tests.catalog.syncing import sync

RECORDED = ("openrouter", "portkey", "featherless", "chutes")
"""The gateways whose catalogues the examples of the documents and tests show."""


@kept.once
def publish_chutes() -> None:
    sync()


@kept.once
def publish_recorded() -> None:
    for slug in RECORDED:
        sync(slug, source="bundled")


def publish_all() -> None:
    publish_recorded()
    for slug in registry.GATEWAYS:
        if slug not in RECORDED:
            sync(slug, source="bundled")


def serve_chutes() -> Snapshot:
    """Publish the bundled catalogue of Chutes and serve it, in a process that serves nothing yet.

    Its snapshot is loaded once, and each call gets a copy of which nothing is derived yet.
    """
    publish_chutes()
    loaded = _load_chutes_once()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load", lambda: replace(loaded, identity=object()))
        following.FOLLOWER.refresh()
    return following.FOLLOWER.current()


@cache
def _load_chutes_once() -> Snapshot:
    return loading.load()


@cache
def _load_once() -> Snapshot:
    """Load the recorded catalogues, which are the same in all modules of a process: a snapshot never changes."""
    return loading.load()


@pytest.fixture(scope="module")
def _bundled_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), transaction.atomic():
        publish_recorded()
        kept.count_rows()
        yield _load_once()
        transaction.set_rollback(True)


@pytest.fixture
def bundled(_bundled_once: Snapshot, db: None, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """The snapshot of the recorded catalogues, stored and served. All tests of a module share it, so they only read."""
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=_bundled_once))
    return _bundled_once
