"""Has what is observed in the memory of a serving process, read again every few seconds.

It is apart from the catalogue's snapshot: what is observed changes every minute, and must neither empty the response
cache nor change an ETag of the catalogue. An answer depends on the generation alone: figures are those of the moment at
which it was stored, so all processes answer alike.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q

from catalog.memory.following import NotReady
from catalog.memory.watching import Watch, Watches
from catalog.models.moment import one_moment
from catalog.records import Availability
from monitoring import traffic, uptime
from monitoring.machine import OfferState
from monitoring.models import Interval, TrafficFiveMinutes, Watched, WatchedGateway
from monitoring.stored import offer_state
from monitoring.uptime import Period

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 15.0
START_SECONDS = 15.0
"""How long a process waits for what is observed before it serves without it."""
SHOWN = timedelta(days=90)
"""How much of the past is in memory."""
HANDED_SECONDS = 3_600
"""How often the catalogue's snapshot gets the figures that its pages show: each time its response cache is emptied."""

Key = tuple[str, str]
"""Gateway and id of an offer."""
Sums = Mapping[str, Mapping[str, int]]
"""The requests of clients by window and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedOffer:
    """What is observed of one offer."""

    state: OfferState
    as_of: datetime
    """The moment of all figures."""
    periods: tuple[Period, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Its gateway's own figures."""
    figures_at: datetime | None = None
    sums: Sums = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is observed at one moment. It never changes."""

    generations: Mapping[str, int]
    """By gateway."""
    as_of: datetime | None
    """When evidence was last stored; None before the first."""
    offers: Mapping[Key, WatchedOffer]

    @property
    def generation(self) -> int:
        return sum(self.generations.values())


def load(before: Observed | None = None) -> Observed:
    """Return what the tables have. What did not change since `before` is taken from it."""
    with one_moment():
        gateways = list(WatchedGateway.objects.order_by("slug").values_list("slug", "generation", "changed_at"))
        generations = {slug: generation for slug, generation, _ in gateways}
        if before is not None and generations == before.generations:
            return before
        as_of = max((at for _, _, at in gateways if at is not None), default=None)
        seen = _comparable(before, generations)
        offers: dict[Key, WatchedOffer] = {}
        if seen is not None and before is not None:
            offers |= before.offers
        if as_of is not None:
            offers |= _changed(seen or {}, as_of=as_of)
            sums = _sums(as_of)
            offers = {key: replace(each, as_of=as_of, sums=sums.get(key, {})) for key, each in offers.items()}
    return Observed(generations=generations, as_of=as_of, offers=offers)


def _comparable(before: Observed | None, generations: Mapping[str, int]) -> Mapping[str, int] | None:
    """Return the generations from which changes can be read; None if all must be read, such as after a restore."""
    if before is None or any(generations.get(slug, -1) < known for slug, known in before.generations.items()):
        return None
    return before.generations


def _changed(seen: Mapping[str, int], *, as_of: datetime) -> dict[Key, WatchedOffer]:
    """Return the offers that changed after the generations that were seen."""
    is_new = Q()
    for slug, generation in seen.items():
        is_new &= ~Q(gateway=slug, generation__lte=generation)
    rows = Watched.objects.annotate(gateway=F("offer__gateway__slug"), name=F("offer__model_id")).filter(is_new)
    found = list(rows.order_by("pk"))
    periods = _periods([row.pk for row in found] if seen else None, since=as_of - SHOWN)
    return {
        (row.gateway, row.name): WatchedOffer(
            state=offer_state(row),
            as_of=as_of,
            periods=tuple(periods.get(row.pk, ())),
            figures=row.figures,
            figures_at=row.figures_at,
        )
        for row in found
    }


def _periods(offers: list[int] | None, *, since: datetime) -> Mapping[int, list[Period]]:
    """Return the periods since a time by offer; None: of all offers."""
    shown = Interval.objects.filter(Q(end=None) | Q(end__gt=since)).order_by("offer", "start")
    parts: Iterable[Any] = (
        [shown]
        if offers is None
        else (shown.filter(offer__in=offers[at : at + 500]) for at in range(0, len(offers), 500))
    )
    found: dict[int, list[Period]] = defaultdict(list)
    for rows in parts:
        for offer, state, start, end in rows.values_list("offer", "state", "start", "end"):
            found[offer].append(Period(Availability(state), start.timestamp(), end and end.timestamp()))
    return found


def _sums(as_of: datetime) -> dict[Key, dict[str, Mapping[str, int]]]:
    if not TrafficFiveMinutes.objects.exists():
        return {}
    found: dict[Key, dict[str, Mapping[str, int]]] = defaultdict(dict)
    rows = Watched.objects.values_list("pk", "offer__gateway__slug", "offer__model_id")
    keys = {pk: (gateway, name) for pk, gateway, name in rows}
    for window, of_offer in traffic.totals(now=as_of).items():
        for offer, sums in of_offer.items():
            if offer in keys:
                found[keys[offer]][window] = sums
    return found


class Follower:
    """Has what is observed, and reads it again in a thread of its own."""

    def __init__(self, *, observed: Observed | None = None) -> None:
        self.observed = observed
        self._handed: tuple[int, Watches] = (-1, {})
        self._is_failing = False
        self._is_stopped = threading.Event()

    def current(self) -> Observed:
        """Return what is observed. Raise NotReady if it has not been read yet."""
        if self.observed is None:
            raise NotReady("what is observed of the offers has not been read yet")
        return self.observed

    def try_refresh(self) -> None:
        """Read what changed; log a failure once. Never raises: the last state stays."""
        try:
            self.observed = load(self.observed)
        except Exception as error:
            if not self._is_failing:
                logger.warning("What is observed of the offers cannot be read; the last state stays: %s", error)
            self._is_failing = True
            connection.close()  # a broken connection would keep failing
        else:
            self._is_failing = False

    def watches(self) -> Watches:
        """Return what the pages of the catalogue show, the same object for an hour.

        The thread that follows the catalogue calls this every few seconds.
        """
        observed = self.observed
        if observed is not None and observed.as_of is not None:
            hour = int(observed.as_of.timestamp()) // HANDED_SECONDS
            if hour != self._handed[0]:
                self._handed = hour, {key: watch_of(each) for key, each in observed.offers.items()}
        return self._handed[1]

    def start(self) -> None:
        """Follow in a thread. Return when it has read once, or tried to."""
        has_tried = threading.Event()  # not read here: the caller may be an event loop, which must not query
        threading.Thread(target=self._run, args=(has_tried,), name="availability", daemon=True).start()
        has_tried.wait(START_SECONDS)

    def stop(self) -> None:
        self._is_stopped.set()

    def _run(self, has_tried: threading.Event) -> None:
        self.try_refresh()
        has_tried.set()
        while not self._is_stopped.wait(REFRESH_SECONDS):
            self.try_refresh()
        connection.close()


def watch_of(offer: WatchedOffer) -> Watch:
    now = offer.as_of.timestamp()
    day = uptime.uptime(offer.periods, start=now - uptime.WINDOWS["1d"], end=now).percent
    return Watch(uptime_1d=None if day is None else round(day, 2), facts=offer)


FOLLOWER = Follower()
"""The follower of this process. `serving.py` starts it."""
