"""The published revision, in the memory of a serving process.

Every answer comes from one `Snapshot`, so from one revision: its count, its page and its figures agree by construction,
and reads go on while the database is down. A background thread follows the published revision and swaps the snapshot
by one assignment; readers hold on to the one that they began with. Only the versions that were opened since are read:
a whole new snapshot, made while requests come in, would be felt by all of them.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import reduce
from operator import or_

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from access import keys
from catalog import registry
from catalog.models import CanonicalModel, IdentityStatement, OfferVersion, Provider, Revision
from catalog.models.moment import one_moment
from catalog.serving import derived, unhurried
from catalog.serving.index import Identity, Index, Row

logger = logging.getLogger(__name__)

START_SECONDS = 5.0
"""So long a process takes no requests, which others can answer, while it reads its first snapshot; then it refuses them
with 503, and says that it lives."""
LONGEST_SILENCE_SECONDS = 5.0
"""A database that has not answered for so long does not answer."""


class NotReady(Exception):
    """No revision could be read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """What gateways tell of a provider; empty where none does."""

    name: str = ""
    headquarters: str = ""
    status_page_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Snapshot:
    """Never changes. Compared by what it is, not by what it holds."""

    revision: int
    published_at: datetime
    index: Index
    providers: dict[str, ProviderRow]
    """By key, of those that gateways tell something of."""
    redirects: dict[str, str] = field(default_factory=dict)
    """The slug that a model goes by, by one that it had before it was merged, or by an alias; those in lower case."""
    build_seconds: float = 0.0
    identity: object = field(default_factory=object)
    """For what is derived from this snapshot and must not outlive it, nor keep it in memory."""

    @property
    def rows(self) -> list[Row]:
        """By id, then gateway."""
        return [self.index.rows[position] for position in self.index.positions]

    def rows_of_id(self, offer_id: str) -> list[Row]:
        """By gateway."""
        return self.index.rows_of_id(offer_id)


_held: Snapshot | None = None


def current() -> Snapshot:
    """The snapshot that this process serves. Raises NotReady before the first one is there."""
    if _held is None:
        raise NotReady("no published revision has been read yet")
    return _held


def is_failing() -> bool:
    """Whether the newest revision could not be read at the last try."""
    return _is_failing


def published_revision() -> int | None:
    """The newest revision of which the database told at the last question; None while it does not answer."""
    is_silent = _waiting_since is not None and time.monotonic() - _waiting_since > LONGEST_SILENCE_SECONDS
    return None if is_silent else _published


_published: int | None = None
_waiting_since: float | None = None


def refresh() -> None:
    """Serve the newest published revision. Raises DatabaseError, leaving the old one, where it cannot be read."""
    global _held, _published
    before = _held
    with _asking():
        newest = Revision.objects.newest()
        _published = newest.number
    if before is None:
        _held = load()
    # The time too: after a restore, a number that was served before may be another revision.
    elif (newest.number, newest.published_at) != (before.revision, before.published_at):
        after = _caught_up(before) or load()
        derived.carry_on(before, after)  # before anybody can ask: a request would make it anew, and others wait for it
        _held = after


@contextmanager
def _asking() -> Iterator[None]:
    """Around a short question to the database."""
    global _published, _waiting_since
    _waiting_since = time.monotonic()
    try:
        yield
    except Exception:
        _published = None
        raise
    finally:
        _waiting_since = None


def load() -> Snapshot:
    """The newest revision, read whole."""
    began = time.perf_counter()
    with one_moment():
        newest = Revision.objects.newest()
        rows = _rows(OfferVersion.objects.current())
        providers, redirects = _provider_facts(), _redirects()
    return _snapshot(newest, Index.of(rows), providers, redirects, began=began)


def _caught_up(held: Snapshot) -> Snapshot | None:
    """The newest revision, made of this one and what was published since.

    None where that cannot be: this one is no ancestor of it, or an offer went without a version that says so.
    """
    began = time.perf_counter()
    with one_moment():
        newest = Revision.objects.newest()
        if not Revision.objects.filter(number=held.revision, published_at=held.published_at).exists():
            return None  # another database, be it an older state of the same
        is_news = Q(from_revision__gt=held.revision) | Q(offer__identified_in__gt=held.revision)
        rows = _rows(OfferVersion.objects.current().filter(is_news))
        count = OfferVersion.objects.current().count()
        providers, redirects = _provider_facts(), _redirects()
    index = held.index.with_rows(rows)
    return _snapshot(newest, index, providers, redirects, began=began) if len(index) == count else None


def _snapshot(
    newest: Revision, index: Index, providers: dict[str, ProviderRow], redirects: dict[str, str], *, began: float
) -> Snapshot:
    return Snapshot(
        revision=newest.number,
        published_at=newest.published_at,
        index=index,
        providers=providers,
        redirects=redirects,
        build_seconds=time.perf_counter() - began,
    )


def start_following() -> None:
    """Serve the newest revision from now on, in a thread. Returns when it is served, or START_SECONDS have passed."""
    has_tried = threading.Event()
    threading.Thread(target=_begin, args=(has_tried,), name="snapshot", daemon=True).start()
    has_tried.wait(START_SECONDS)


def _begin(has_tried: threading.Event) -> None:
    with unhurried.alone():
        _refresh_or_say_why()
    # What is loaded by now stays: without this, the collector would look through the whole catalogue in some request.
    gc.collect()
    gc.freeze()
    has_tried.set()
    _follow()


def _follow() -> None:
    while True:
        time.sleep(settings.SNAPSHOT_POLL_SECONDS)
        _refresh_or_say_why()


_is_failing = False


def _refresh_or_say_why() -> None:
    """Never raises: a thread that dies would leave the process serving one revision for ever."""
    global _is_failing
    try:
        with _asking():
            keys.refresh()  # first: a revision that cannot be read must keep no revoked key alive
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


def _rows(versions: QuerySet[OfferVersion]) -> list[Row]:
    # A few at a time: a fetch of many would hold the interpreter while it makes them Python's.
    told = versions.order_by("pk").values_list(
        "document", "offer__canonical__slug", "offer__variant", "offer__identity_rule", "offer__identity_evidence"
    )
    return [
        Row.of(
            document.encode(),
            Identity(model=slug, variant=variant, rule=sys.intern(rule), evidence=evidence) if slug else None,
        )
        for document, slug, variant, rule, evidence in unhurried.unhurried(told.iterator(chunk_size=100))
    ]


def _redirects() -> dict[str, str]:
    """Of models that were merged, and of what curators call models beside their slugs."""
    merged = CanonicalModel.objects.exclude(redirect=None).values_list("key", "redirect__slug")
    aliases = IdentityStatement.objects.filter(kind=IdentityStatement.Kind.ALIAS)
    led = {
        spelling.casefold(): redirect or slug
        for spelling, slug, redirect in aliases.values_list("spelling", "model__slug", "model__redirect__slug")
    }
    own = CanonicalModel.objects.filter(redirect=None, key__in=list(led)).values_list("key", flat=True)
    return {spelling: slug for spelling, slug in led.items() if spelling not in set(own)} | dict(merged.iterator())


def _provider_facts() -> dict[str, ProviderRow]:
    names = [told.name for told in fields(ProviderRow)]
    is_told = reduce(or_, (~Q(**{name: ""}) for name in names))
    told: dict[str, dict[str, str]] = {}
    for row in Provider.objects.filter(is_told).order_by("pk").values("key", *names):
        facts = told.setdefault(registry.PROVIDERS.key(row.pop("key")), row)
        # Of several spellings each may tell something.
        facts.update({name: value for name, value in row.items() if value and not facts[name]})
    return {key: ProviderRow(**facts) for key, facts in told.items()}
