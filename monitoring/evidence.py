"""Takes evidence about the offers of one gateway: from the tables through the machine and back, in one transaction.

Verdicts are made before anything is written. If the database cannot be written, the evidence is lost and no state
changes; the next request brings new evidence.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from catalog.models import Observation, Offer
from catalog.records import Availability
from monitoring import circuit
from monitoring.circuit import GatewayState
from monitoring.machine import Evidence, OfferState
from monitoring.models import Interval, Watched, WatchedGateway
from monitoring.stored import STATE_COLUMNS, gateway_state, offer_state, row_of, store_gateway

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was learnt about one gateway. Offers are named by their ids."""

    gateway: str
    evidence: Mapping[str, Sequence[Evidence]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The gateway's own figures, which replace those that are stored."""
    asked: Collection[str] = ()
    """Offers about which alone a request was sent."""
    is_reached: bool | None = None
    """Whether the gateway could be reached; None if it was not asked."""


def take(news: News, *, now: datetime) -> int:
    """Store what was learnt, and return how many offers changed their state.

    Offers that the catalogue does not have are left out. If no gateway can be reached, no state changes.
    """
    with transaction.atomic():
        row = _locked(news.gateway)
        before = gateway_state(row)
        gateway = _reach(before, news, now=now)
        if _is_blind(row, gateway, now=now):
            store_gateway(row, gateway)
            if before.unreachable_since is None:
                logger.warning("No gateway can be reached; no state of an offer changes until one can")
            return 0
        return _judge(row, gateway, news, was_suspected=before.is_suspected(now=now), now=now)


def _judge(row: WatchedGateway, gateway: GatewayState, news: News, *, was_suspected: bool, now: datetime) -> int:
    """Step the states of the gateway's offers, store what changed, and return how many changed their state."""
    offers = _offers_of(news)
    stored = {each.offer_id: each for each in Watched.objects.filter(offer__gateway__slug=news.gateway)}
    known = {pk: offer_state(each) for pk, each in stored.items()}
    states = known | _first_states(offers.values(), known, now=now)
    evidence = {offers[name]: each for name, each in news.evidence.items() if name in offers}
    after = circuit.advance(states, evidence, gateway=gateway, now=now)
    if after.gateway.is_suspected(now=now) and (after.is_newly_suspected or not was_suspected):
        logger.warning("%s seems to be down as a whole; its offers keep their states for now", news.gateway)
    changed = {pk: state for pk, state in after.states.items() if known.get(pk) != state}
    renewed = {pk: state for pk, state in changed.items() if pk in known and _is_renewed(known[pk], state)}
    rows = {pk: _row(stored.get(pk), pk, state) for pk, state in changed.items() if pk not in renewed}
    for name in {*news.figures, *news.asked} & offers.keys():
        pk = offers[name]
        _add_figures(rows.setdefault(pk, _row(stored.get(pk), pk, after.states[pk])), name, news, now=now)
    if rows or renewed:
        row.generation, row.changed_at = row.generation + 1, now
        _write(rows.values(), generation=row.generation)
        _renew({pk: state for pk, state in renewed.items() if pk not in rows}, generation=row.generation)
    moved = {pk: state for pk, state in changed.items() if pk not in known or known[pk].state is not state.state}
    _write_intervals(moved)
    store_gateway(row, after.gateway)
    return len(moved)


def age(gateway: str, *, now: datetime) -> int:
    """Let states that nobody confirmed for too long become unknown, and return how many did."""
    is_due = Watched.objects.filter(offer__gateway__slug=gateway, valid_until__lt=now).exists()
    return take(News(gateway=gateway), now=now) if is_due else 0


def _locked(slug: str) -> WatchedGateway:
    WatchedGateway.objects.get_or_create(slug=slug)
    return WatchedGateway.objects.select_for_update().get(slug=slug)


def _reach(state: GatewayState, news: News, *, now: datetime) -> GatewayState:
    if news.is_reached is None:
        return state
    return state.reached(now=now) if news.is_reached else state.not_reached(now=now)


def _is_blind(row: WatchedGateway, gateway: GatewayState, *, now: datetime) -> bool:
    others = [gateway_state(each) for each in WatchedGateway.objects.exclude(pk=row.pk).order_by("slug")]
    return circuit.is_blind([*others, gateway], now=now)


def _offers_of(news: News) -> dict[str, int]:
    """Return the primary keys of the offers that the news name."""
    names = sorted({*news.evidence, *news.figures, *news.asked})
    found: dict[str, int] = {}
    for at in range(0, len(names), BATCH):
        rows = Offer.objects.filter(gateway__slug=news.gateway, model_id__in=names[at : at + BATCH])
        found |= dict(rows.values_list("model_id", "pk"))
    return found


def _first_states(offers: Iterable[int], known: Collection[int], *, now: datetime) -> dict[int, OfferState]:
    """Return the states of offers that have none yet: what the catalogue serves of them, else unknown."""
    new = sorted(set(offers) - set(known))
    found = {}
    for at in range(0, len(new), BATCH):
        batch = new[at : at + BATCH]
        served = dict(Observation.objects.filter(offer__in=batch).values_list("offer", "availability"))
        for pk in batch:
            found[pk] = OfferState(state=Availability(served.get(pk, Availability.UNKNOWN)), since=now)
    return found


def _row(stored: Watched | None, offer: int, state: OfferState) -> Watched:
    """Return the row of a state, with the figures that are stored."""
    row = row_of(offer, state)
    if stored is not None:
        row.figures, row.figures_at, row.asked_at = stored.figures, stored.figures_at, stored.asked_at
    return row


def _add_figures(row: Watched, name: str, news: News, *, now: datetime) -> None:
    if name in news.figures:
        row.figures, row.figures_at = dict(news.figures[name]), now
    if name in news.asked:
        row.asked_at = now


def _write(rows: Iterable[Watched], *, generation: int) -> None:
    ordered = sorted(rows, key=lambda row: row.offer_id)
    for row in ordered:
        row.generation = generation
    Watched.objects.bulk_create(
        ordered,
        update_conflicts=True,
        unique_fields=["offer"],
        update_fields=[*STATE_COLUMNS, "figures", "figures_at", "asked_at", "generation"],
        batch_size=BATCH,
    )


def _is_renewed(before: OfferState, after: OfferState) -> bool:
    """Return whether only the time of the evidence changed, which is what most listings bring."""
    return replace(before, checked_at=after.checked_at, valid_until=after.valid_until) == after


def _renew(states: Mapping[int, OfferState], *, generation: int) -> None:
    """Store the times of states that did not change otherwise: one statement for hundreds of offers."""
    of_times: dict[tuple[datetime | None, datetime | None], list[int]] = defaultdict(list)
    for pk, state in sorted(states.items()):
        of_times[state.checked_at, state.valid_until].append(pk)
    for (checked_at, valid_until), keys in of_times.items():
        for at in range(0, len(keys), BATCH):
            rows = Watched.objects.filter(pk__in=keys[at : at + BATCH])
            rows.update(checked_at=checked_at, valid_until=valid_until, generation=generation)


def _write_intervals(moved: Mapping[int, OfferState]) -> None:
    """End the open intervals of these offers where their new ones begin."""
    keys = sorted(moved)
    for at in range(0, len(keys), BATCH):
        batch = keys[at : at + BATCH]
        for since in {moved[pk].since for pk in batch}:
            ended = [pk for pk in batch if moved[pk].since == since]
            opened = Interval.objects.filter(offer__in=ended, end=None)
            opened.filter(start__gte=since).delete()  # it lasted no time
            opened.update(end=since)
        Interval.objects.bulk_create(
            [Interval(offer_id=pk, state=moved[pk].state, start=moved[pk].since) for pk in batch]
        )
