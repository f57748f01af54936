"""Runs of the sync, and looks at what they left in the tables."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.db import connection

from catalog.gateways.chutes import Chutes
from catalog.models import OfferVersion, Revision, SyncRun
from catalog.sync import run
from tests.factories import write_listing

Json = Any

SCHEDULE_AND_LEASE = (
    "Gateway.next_run_at",
    "Gateway.last_success_at",
    "Gateway.lease_token",
    "Gateway.lease_expires_at",
)


class Shop(Chutes):
    """A second gateway, for what can only be seen with two."""

    slug = "shop"
    name = "Shop"


def sync(slug: str = "chutes", *, source: str | None = None, dry_run: bool = False) -> run.Report:
    return run.run_gateway(slug, trigger=SyncRun.Trigger.COMMAND, source=source, dry_run=dry_run)


def sync_rows(folder: Path, rows: Iterable[Json] | bytes, *, slug: str = "chutes") -> run.Report:
    """One run that finds these rows in the bundled catalogue; `folder` must be FIXTURES_DIR."""
    write_listing(folder, rows, slug=slug)
    return sync(slug)


def published() -> tuple[int, dict[str, str]]:
    """What is served: the number of the revision, and the text of each document by the offer's id."""
    current = OfferVersion.objects.current().order_by("offer__gateway", "offer__model_id")
    return Revision.objects.newest().number, dict(current.values_list("offer__model_id", "document"))


def served() -> dict[str, Json]:
    return {model_id: json.loads(document) for model_id, document in published()[1].items()}


def stored(*, leaving_out: Collection[str] = ()) -> dict[str, list[dict[str, object]]]:
    """Everything in every table. `leaving_out` names tables ("SyncRun") and columns ("Gateway.next_run_at")."""
    return {
        model.__name__: [
            {name: value for name, value in row.items() if f"{model.__name__}.{name}" not in leaving_out}
            for row in model._default_manager.order_by("pk").values()
        ]
        for model in apps.get_models()
        if model.__name__ not in leaving_out
    }


def environment(*, data_dir: Path, fixtures_dir: Path, redis_url: str = "") -> dict[str, str]:
    """For a process of the product's own that works on the database of this test."""
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(data_dir),
        "FIXTURES_DIR": str(fixtures_dir),
        "REDIS_URL": redis_url,
    }


def database_url() -> str:
    of = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of['NAME']}"
    return f"postgres://{quote(of['USER'])}:{quote(of['PASSWORD'])}@{of['HOST']}:{of['PORT']}/{of['NAME']}"
