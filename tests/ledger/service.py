"""The service that the ledger asks: the product's own sync fills an empty database, at fixed times.

Two publications of each gateway give the history something to show. The first one is an earlier state of the bundled
catalogues, made here. A day later come the bundled catalogues themselves.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
import time_machine

Json = Any
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

BEGINNING = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

METRICS_TOKEN = "ledger-ledger-ledger-metrics"  # noqa: S105  a secret of this service only
SESSION = "ledgerledgerledgerledgerledger00"
"""The cookie of a superuser who is logged in."""
KEYS: dict[str, Json] = {
    "gwz_ledger-reader": {"requests_per_minute": 0},
    "gwz_ledger-syncer": {"requests_per_minute": 0, "scopes": ["sync"]},
    "gwz_ledger-hasty": {"requests_per_minute": 2},
    "gwz_ledger-revoked": {"revoked_at": BEGINNING},
    "gwz_ledger-expired": {"expires_at": BEGINNING},
}
"""The permissions of the clients' keys, by their secrets."""


@contextmanager
def running(scratch: Path) -> Iterator[Application]:
    """Fill the database of the environment, which must be empty, and yield the WSGI application.

    The clock does not move until the end. `scratch` is a folder for temporary files.
    """
    with time_machine.travel(BEGINNING, tick=False) as clock:
        django.setup()
        from django.conf import settings
        from django.test.utils import override_settings
        from django.utils import timezone

        bundled: Path = settings.FIXTURES_DIR
        _run("migrate")
        _make_keys()
        _make_session()
        with patch("catalog.publication.clock.database_time", timezone.now):  # PostgreSQL's own clock continues
            with override_settings(FIXTURES_DIR=_earlier(bundled, scratch / "earlier")):
                _sync_all(bundled, clock)
            clock.shift(DAY)
            _sync_all(bundled, clock)
        clock.shift(DAY)
        with patch("time.monotonic", return_value=1_000.0):
            yield import_module("gatewayz.wsgi").application


def _sync_all(bundled: Path, clock: time_machine.Traveller) -> None:
    for file in sorted(bundled.glob("*_catalog.json")):
        clock.shift(MINUTE)
        _run("sync", file.name.removesuffix("_catalog.json"), source="bundled")


def _run(command: str, *arguments: str, **options: Json) -> None:
    from django.core.management import call_command

    call_command(command, *arguments, **options, stdout=StringIO())


def _earlier(bundled: Path, folder: Path) -> Path:
    """Write catalogues in which some models are missing, some cost twice as much, and some additional ones exist."""
    shutil.copytree(bundled, folder)
    for file in folder.glob("*_catalog.json"):
        rows: list[Json] = json.loads(file.read_text("utf-8"))
        kept = [_dearer(row) if place % 10 == 7 else row for place, row in enumerate(rows) if place % 10 != 3]
        gone = [{**row, "id": f"{row['id']}-preview"} for row in rows[:30:10]]
        file.write_text(json.dumps([*kept, *gone]), "utf-8")
    return folder


def _dearer(value: Json, *, is_price: bool = False) -> Json:
    match value:
        case dict():
            return {name: _dearer(part, is_price=is_price or "pric" in name) for name, part in value.items()}
        case bool() | None:
            return value
        case int() | float() if is_price:
            return value * 2
        case str() if is_price and value.replace(".", "", 1).isdigit():
            return f"{Decimal(value) * 2:f}"
    return value


def _make_keys() -> None:
    from django.apps import apps

    # Found by its name only: the model may move to another app.
    (model,) = (found for found in apps.get_models() if found.__name__ == "ApiKey")
    for secret, fields in KEYS.items():
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        model._default_manager.create(name=secret, prefix=secret[:10], digest=hashed, **fields)


def _make_session() -> None:
    from django.contrib import auth
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session

    user = User.objects.create_superuser("ledger")
    stored = {
        auth.SESSION_KEY: str(user.pk),
        auth.BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    Session.objects.save(SESSION, stored, BEGINNING + 30 * DAY)
