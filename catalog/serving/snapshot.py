"""The published revision, in the memory of a serving process.

Every answer comes from one `Snapshot`, so from one revision: its count, its page and its figures agree by construction,
and reads go on while the database is down. A background thread follows the published revision and swaps the snapshot
by one assignment; readers hold on to the one that they began with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime

import orjson
from django.conf import settings
from django.db import connection, transaction

from catalog import registry
from catalog.models import OfferVersion, Provider, Revision

logger = logging.getLogger(__name__)


class NotReady(Exception):
    """No revision could be read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One offer: its finished document, and what it is selected by."""

    document: bytes
    gateway: str
    id: str
    name: str
    provider_key: str | None
    provider_slug: str | None
    model_type: str
    tags: frozenset[str]
    """Lower case."""
    is_withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """What gateways tell of a provider; empty where none does."""

    name: str = ""
    headquarters: str = ""
    status_page_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    revision: int
    published_at: datetime
    rows: tuple[Row, ...]
    """By id, then gateway."""
    rows_of_id: dict[str, tuple[Row, ...]]
    providers: dict[str, ProviderRow]
    """By key."""


_held: Snapshot | None = None


def current() -> Snapshot:
    """The snapshot that this process serves. Raises NotReady before the first one is there."""
    if _held is None:
        raise NotReady("no published revision has been read yet")
    return _held


def refresh() -> None:
    """Serve the newest published revision. Raises DatabaseError, leaving the old one, where it cannot be read."""
    global _held
    newest = Revision.objects.newest()
    # The time too: after a restore, a number that was served before may be another revision.
    if _held is None or (newest.number, newest.published_at) != (_held.revision, _held.published_at):
        _held = load()


def load() -> Snapshot:
    with _one_moment():
        newest = Revision.objects.newest()
        rows = sorted(_rows(), key=lambda row: (row.id, row.gateway))
        providers = {key: ProviderRow(**facts) for key, facts in _provider_facts()}
    rows_of_id: dict[str, tuple[Row, ...]] = {}
    for row in rows:
        rows_of_id[row.id] = (*rows_of_id.get(row.id, ()), row)
    return Snapshot(
        revision=newest.number,
        published_at=newest.published_at,
        rows=tuple(rows),
        rows_of_id=rows_of_id,
        providers=providers,
    )


def start_following() -> None:
    """Read the newest revision now, and from then on in a thread of this process."""
    _refresh_or_say_why()
    threading.Thread(target=_follow, name="snapshot", daemon=True).start()


def _follow() -> None:
    while True:
        time.sleep(settings.SNAPSHOT_POLL_SECONDS)
        _refresh_or_say_why()


_is_failing = False


def _refresh_or_say_why() -> None:
    """Never raises: a thread that dies would leave the process serving one revision for ever."""
    global _is_failing
    try:
        refresh()
    except Exception:
        if not _is_failing:
            logger.exception("The newest revision cannot be read; the last one that could stays served")
        _is_failing = True
        connection.close()  # a broken connection would fail for ever
    else:
        if _is_failing:
            logger.warning("The newest revision can be read again")
        _is_failing = False


@contextmanager
def _one_moment() -> Iterator[None]:
    """All reads within see the database as it stood at one moment, and keep no writer waiting."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # Not atomic(): that begins IMMEDIATE here (settings), which locks writers out.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _rows() -> Iterator[Row]:
    columns = ("document", "offer__gateway__slug", "offer__provider__key")
    for document, gateway, provider_key in OfferVersion.objects.current().values_list(*columns).iterator():
        shown = orjson.loads(document)
        yield Row(
            document=document.encode(),
            gateway=gateway,
            id=shown["id"],
            name=shown["name"],
            provider_key=provider_key and registry.PROVIDERS.key(provider_key),
            provider_slug=shown["provider_slug"],
            model_type=shown["model_type"],
            tags=frozenset(tag.lower() for tag in shown["tags"]),
            is_withdrawn=shown["withdrawn_at"] is not None,
        )


def _provider_facts() -> Iterator[tuple[str, dict[str, str]]]:
    names = [field.name for field in fields(ProviderRow)]
    told: dict[str, dict[str, str]] = {}
    for row in Provider.objects.order_by("pk").values("key", *names):
        facts = told.setdefault(registry.PROVIDERS.key(row.pop("key")), row)
        # Of several spellings each may tell something.
        facts.update({name: value for name, value in row.items() if value and not facts[name]})
    yield from told.items()
