"""Runs the sync, and reads what the runs left in the tables."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, router
from django.utils import timezone

from catalog.adapter.contract import Config, Listing, Request, Walk
from catalog.adapter.contract import Gateway as Adapter
from catalog.adapter.errors import BadPayload, Unreachable
from catalog.curation import overrides
from catalog.gateways.chutes import Chutes
from catalog.identity.traits import Traits
from catalog.models import Offer, OfferVersion, Revision, SyncRun
from catalog.registry import GATEWAYS
from catalog.sync import run
from catalog.sync.task import Report
from tests import clock
from tests.factories import write_listing

Json = Any

SCHEDULE_AND_LEASE = (
    "Gateway.next_run_at",
    "Gateway.last_success_at",
    "Gateway.lease_token",
    "Gateway.lease_expires_at",
)
WHAT_WAS_READ = ("SyncRun", "RunCount", "RunPage", "Capture")
"""The tables that describe runs and contain nothing published."""


class Shop(Chutes):
    """A second gateway, for tests that need two. Its API lists the rows of Chutes' bundled catalogue.

    A page is `{"rows": [...], "next": "2"}`. The last page has no `next`. `"complete": false` means that rows are
    missing.
    """

    slug = "shop"
    name = "Shop"
    hosts = {"api": "https://shop.example"}
    traits = Traits()
    needs_key_for_auto = False

    def walk(self, config: Config) -> Walk:
        rows: list[Json] = []
        number: str | None = "1"
        is_complete = True
        while number is not None:
            page = yield Request(host="api", path="/models", query={"page": number})
            if not isinstance(page.payload, dict) or "rows" not in page.payload:
                raise BadPayload("Shop's answer holds no rows")
            rows += page.payload["rows"]
            is_complete = is_complete and page.payload.get("complete", True)
            number = page.payload.get("next")
        return Listing(rows=rows, is_complete=is_complete)


class Network:
    """The answers of the gateways' hosts. Its `connect` replaces the Fetcher, so no request leaves the process."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self._answers: dict[str, bytes | Exception] = {}
        self._failures: dict[str, Exception] = {}

    def connect(self, adapter: Adapter, **options: object) -> _Connection:
        return _Connection(self, adapter.slug)

    def answer(self, slug: str, request: Request, payload: Json) -> None:
        """Set the answer to the request: the bytes of the answer, an error, or a payload to be sent as JSON."""
        self._failures.pop(slug, None)
        is_ready = isinstance(payload, bytes | Exception)
        self._answers[_name(slug, request)] = payload if is_ready else json.dumps(payload).encode()

    def fail(self, slug: str, error: Exception) -> None:
        """Make every request to the gateway fail, until an answer is set or the gateway recovers."""
        self._failures[slug] = error

    def recover(self, slug: str) -> None:
        """Restore the answers that the gateway gave before it failed."""
        self._failures.pop(slug, None)

    def list_shop(self, *pages: Sequence[Json] | bytes, is_complete: bool = True) -> None:
        """Make the shop's API list these rows, page by page."""
        for number, rows in enumerate(pages, start=1):
            following = {"next": str(number + 1)} if number < len(pages) else {}
            payload = rows if isinstance(rows, bytes) else {"rows": list(rows), "complete": is_complete, **following}
            self.answer("shop", Request(host="api", path="/models", query={"page": str(number)}), payload)

    def get(self, slug: str, request: Request) -> bytes:
        self.asked.append(request)
        if slug in self._failures:
            raise self._failures[slug]
        found = self._answers.get(_name(slug, request))
        if found is None:
            raise Unreachable(f"{slug}: nothing answers {request.path}")
        if isinstance(found, Exception):
            raise found
        return found


class _Connection:
    def __init__(self, network: Network, slug: str) -> None:
        self._network, self._slug = network, slug

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def get(self, request: Request) -> bytes:
        return self._network.get(self._slug, request)


def _name(slug: str, request: Request) -> str:
    return repr((slug, replace(request, query=dict(sorted(request.query.items())))))


def sync(
    slug: str = "chutes",
    *,
    source: str | None = None,
    dry_run: bool = False,
    trigger: str = SyncRun.Trigger.COMMAND,
) -> Report:
    return run.run_gateway(slug, trigger=trigger, source=source, dry_run=dry_run)


def sync_rows(folder: Path, rows: Iterable[Json] | bytes, *, slug: str = "chutes") -> Report:
    """Run a sync that finds these rows in the bundled catalogue; `folder` must be FIXTURES_DIR."""
    write_listing(folder, rows, slug=slug)
    return sync(slug, source="bundled")


def say_price(model_id: str, amount: str, *, field: str = "hourly_rate", unit: str = "usd_per_hour") -> int:
    """Set a curator's confirmed override of a price."""
    return overrides.set_override(
        Offer.objects.get(model_id=model_id),
        field=field,
        value={"amount": amount, "unit": unit},
        reason="seen on the vendor's page",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )


def clear_price(model_id: str, *, field: str = "hourly_rate") -> int:
    offer = Offer.objects.get(model_id=model_id)
    return overrides.clear_override(offer, field=field, author=None, now=timezone.now())


def published() -> tuple[int, dict[str, str]]:
    """Return what is served: the number of the revision, and the text of each document by the offer's id."""
    current = OfferVersion.objects.current().order_by("offer__gateway", "offer__model_id")
    return Revision.objects.newest().number, dict(current.values_list("offer__model_id", "document"))


def served() -> dict[str, Json]:
    return {model_id: json.loads(document) for model_id, document in published()[1].items()}


def stored(*, leaving_out: Collection[str] = ()) -> dict[str, list[dict[str, object]]]:
    """Return all rows of all tables of the catalogue's database.

    `leaving_out` names tables ("SyncRun") and columns ("Gateway.next_run_at") to skip.
    """
    return {
        model.__name__: [
            {
                name: bytes(value) if isinstance(value, memoryview) else value
                for name, value in row.items()
                if f"{model.__name__}.{name}" not in leaving_out
            }
            for row in model._default_manager.order_by("pk").values()
        ]
        for model in apps.get_models()
        if model.__name__ not in leaving_out and router.db_for_read(model) == DEFAULT_DB_ALIAS
    }


def age_runs(*, hours: float) -> None:
    """Move the start of all runs so far this many hours back."""
    for old in SyncRun.objects.order_by("pk"):
        SyncRun.objects.filter(pk=old.pk).update(started_at=old.started_at - timedelta(hours=hours))


def environment(*, data_dir: Path, fixtures_dir: Path, redis_url: str = "") -> dict[str, str]:
    """Return the environment of a product process that uses this test's database and asks no gateway."""
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(data_dir),
        "FIXTURES_DIR": str(fixtures_dir),
        "REDIS_URL": redis_url,
        **{f"{slug.upper()}_SOURCE": "bundled" for slug in GATEWAYS},
        **clock.environment(),
    }


def database_url() -> str:
    of = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of['NAME']}"
    user, password = quote(of["USER"], safe=""), quote(of["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{of['HOST']}:{of['PORT']}/{of['NAME']}"
