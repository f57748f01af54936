"""The published revision, in the memory of a serving process.

Every answer uses one `Snapshot`, so one revision: its count, its page and its figures agree by construction, and reads
continue while the database is down. A background thread follows the published revision and swaps the snapshot by one
assignment; readers keep the one that they began with. An update reads only the versions that were opened since: a
complete rebuild, during requests, would slow down all of them.
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
from catalog.memory import derived, unhurried
from catalog.memory.index import Index
from catalog.memory.rows import Identity, Row
from catalog.models import CanonicalModel, IdentityStatement, OfferVersion, Provider, Revision
from catalog.models.moment import one_moment

logger = logging.getLogger(__name__)

START_SECONDS = 5.0
"""How long a process waits for its first snapshot before it accepts requests, which others can answer until then. After
that it refuses them with 503, but reports that it is alive."""
LONGEST_SILENCE_SECONDS = 5.0
"""A database that has not answered for this long counts as down."""


class NotReady(Exception):
    """No revision has been read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """What gateways report about a provider. A field is empty if no gateway reports it."""

    name: str = ""
    headquarters: str = ""
    status_page_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Snapshot:
    """One published revision. It never changes, and compares by object identity, not by content."""

    revision: int
    published_at: datetime
    index: Index
    providers: dict[str, ProviderRow]
    """By key: the providers about which gateways report something."""
    redirects: dict[str, str] = field(default_factory=dict)
    """The current slug of a model, by a slug from before a merge or by an alias. The keys are in lower case."""
    build_seconds: float = 0.0
    identity: object = field(default_factory=object)
    """A key for values derived from this snapshot, which must neither outlive it nor keep it in memory."""

    @property
    def rows(self) -> list[Row]:
        """The rows by id, then by gateway."""
        return [self.index.rows[position] for position in self.index.positions]

    def rows_of_id(self, offer_id: str) -> list[Row]:
        """Return the offers of this id, by gateway."""
        return self.index.rows_of_id(offer_id)


_held: Snapshot | None = None


def current() -> Snapshot:
    """Return the snapshot that this process serves. Raise NotReady if the first one has not been read yet."""
    if _held is None:
        raise NotReady("no published revision has been read yet")
    return _held


def is_failing() -> bool:
    """Whether the last attempt to read the newest revision failed."""
    return _is_failing


def published_revision() -> int | None:
    """Return the newest revision that the database reported at the last poll; None while it does not answer."""
    is_silent = _waiting_since is not None and time.monotonic() - _waiting_since > LONGEST_SILENCE_SECONDS
    return None if is_silent else _published


_published: int | None = None
_waiting_since: float | None = None


def refresh() -> None:
    """Serve the newest published revision. Raise DatabaseError, and keep the old one, if it cannot be read."""
    global _held, _published
    before = _held
    with _asking():
        newest = Revision.objects.newest()
        _published = newest.number
    if before is None:
        _held = load()
    # The time is compared too: after a restore, a number that was served before may be another revision.
    elif (newest.number, newest.published_at) != (before.revision, before.published_at):
        after = _caught_up(before) or load()
        derived.carry_on(before, after)  # before requests see it: one would recompute it, and others would wait
        _held = after


@contextmanager
def _asking() -> Iterator[None]:
    """Mark the time of a short query to the database."""
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
    """Read the newest revision completely."""
    began = time.perf_counter()
    with one_moment():
        newest = Revision.objects.newest()
        rows = _rows(OfferVersion.objects.current())
        providers, redirects = _provider_facts(), _redirects()
    return _snapshot(newest, Index.of(rows), providers, redirects, began=began)


def _caught_up(held: Snapshot) -> Snapshot | None:
    """Build the newest revision from this snapshot and everything published since.

    Return None if that is impossible: this snapshot is not an ancestor of it, or an offer vanished without a version
    that records it.
    """
    began = time.perf_counter()
    with one_moment():
        newest = Revision.objects.newest()
        if not Revision.objects.filter(number=held.revision, published_at=held.published_at).exists():
            return None  # another database, possibly an older state of the same one
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
    """Follow the newest revision in a thread. Return when it is served, or after START_SECONDS."""
    has_tried = threading.Event()
    threading.Thread(target=_begin, args=(has_tried,), name="snapshot", daemon=True).start()
    has_tried.wait(START_SECONDS)


def _begin(has_tried: threading.Event) -> None:
    with unhurried.alone():
        _refresh_or_say_why()
    # Freeze what is loaded by now: otherwise the collector would scan the whole catalogue during some request.
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
    """Refresh the snapshot. Never raises: if the thread died, the process would keep serving one revision."""
    global _is_failing
    try:
        with _asking():
            keys.refresh()  # first: an unreadable revision must keep no revoked key valid
        refresh()
    except Exception:
        if not _is_failing:
            logger.exception("The newest revision cannot be read; the last one that could stays served")
        _is_failing = True
        connection.close()  # a broken connection would keep failing
    else:
        if _is_failing:
            logger.warning("The newest revision can be read again")
        _is_failing = False


def _rows(versions: QuerySet[OfferVersion]) -> list[Row]:
    # Fetch a few at a time: a large fetch would hold the interpreter while it converts the rows to Python objects.
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
    """Return the redirects of merged models, and of the aliases that curators gave to models besides their slugs."""
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
        # Several spellings of a provider may each contribute a fact.
        facts.update({name: value for name, value in row.items() if value and not facts[name]})
    return {key: ProviderRow(**facts) for key, facts in told.items()}
