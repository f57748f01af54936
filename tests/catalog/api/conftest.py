from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from tests.catalog.bundled import _bundled_once, bundled, publish_all, serve_chutes
from tests.catalog.memory.fresh import nothing_served_yet
from tests.front.client import FrontClient
from tests.front.web import one_connection

__all__ = ["_bundled_once", "break_database", "bundled", "catalogue", "nothing_served_yet", "one_connection"]


@pytest.fixture
def client() -> Client:
    """A client of Django's views on SQLite, and of the front, which makes most of these answers itself, elsewhere."""
    return Client() if connection.vendor == "sqlite" else FrontClient()


@pytest.fixture
def catalogue(db: None) -> Snapshot:
    """The bundled catalogue of Chutes, synced, published and served."""
    return serve_chutes()


@pytest.fixture
def catalogues(db: None) -> Snapshot:
    """Those of all gateways."""
    publish_all()
    following.FOLLOWER.refresh()
    return following.FOLLOWER.current()


@pytest.fixture
def break_database(db: None) -> Iterator[Callable[[Exception], None]]:
    """From the call on every query fails with this error."""
    with pytest.MonkeyPatch.context() as patch:  # not the test's own: the database must work again when it is undone

        def break_it(error: Exception) -> None:
            def fail(*args: object, **options: object) -> NoReturn:
                raise error

            patch.setattr(BaseDatabaseWrapper, "cursor", fail)

        yield break_it
