"""In which database the counts are stored.

SQLite has one writer at a time, so there the counts have a file of their own: no publication ever waits for a flush.
PostgreSQL has no such limit, and the counts are in the database of the catalogue.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Model

ALIAS = "usage"
APPS = frozenset({"usage", "routing"})
"""The apps whose tables are there: the ledger of inference is written as often as the counts."""


def alias() -> str:
    """Return the alias of the database that has the counts."""
    return ALIAS if ALIAS in settings.DATABASES else "default"


class UsageRouter:
    """Keeps the tables of these apps in their database, and all others out of it. No query may join both."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return alias() if model._meta.app_label in APPS else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return self.db_for_read(model)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        are_ours = {each._meta.app_label in APPS for each in (one, other)}
        return None if True not in are_ours else len(are_ours) == 1

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label in APPS:
            return db == alias()
        return False if db == ALIAS else None
