"""Follows the holds on an offer's prices through a new record: they go on, end or begin. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from catalog.models import Offer, PriceHold, SyncRun
from catalog.pricing import money, relations
from catalog.publication.prices.doubts import Doubt, Rule
from catalog.publication.prices.holds import Hold, PriceKey, with_holds
from catalog.publication.prices.repeats import Rules
from catalog.records import OfferRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanges:
    """What happens to the holds on the prices of one offer. The holds are copies that are not saved yet."""

    deciding: Mapping[PriceKey, PriceHold] = field(default_factory=dict)
    """The holds that decide what is served from now on: at most one for each price."""
    new: tuple[PriceHold, ...] = ()
    moved: tuple[PriceHold, ...] = ()
    """The holds that go on with another amount, or with another price served instead."""
    overtaken: tuple[PriceHold, ...] = ()
    """The holds that end because the gateway reports something else."""


def follow(holds: Mapping[PriceKey, PriceHold], record: OfferRecord, *, rules: Rules, is_evidence: bool) -> HoldChanges:
    """Let each hold follow its price while the gateway repeats it, and end it once another price is reported.

    `is_evidence`: the reading shows what the gateway charges now. Otherwise a hold that it ends is only interrupted.
    """
    if not holds:
        return HoldChanges()
    reported = {price.key: price.amount for price in record.prices}
    broken = relations.broken(record.prices)
    deciding: dict[PriceKey, PriceHold] = {}
    moved: list[PriceHold] = []
    overtaken: list[PriceHold] = []
    for key, stored in holds.items():
        hold = copy(stored)
        before, first = Decimal(hold.amount), Decimal(hold.first_amount)
        is_moot = hold.rule == Rule.RELATION and hold.state == PriceHold.State.OPEN and key not in broken
        if key not in reported or is_moot or not rules.is_repeat(reported[key], before=before, first=first):
            hold.state = PriceHold.State.OVERTAKEN
            hold.is_interrupted = not is_evidence
            overtaken.append(hold)
            continue
        deciding[key] = hold
        hold.amount = money.plain(reported[key])
        is_contradicted = key in broken and _contradicts_as_served(record, key, hold)
        hold.kept = "" if is_contradicted else hold.kept
        if reported[key] != before or is_contradicted:
            moved.append(hold)
    return HoldChanges(deciding=deciding, moved=tuple(moved), overtaken=tuple(overtaken))


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """An offer with doubted prices."""

    offer: Offer
    record: OfferRecord
    believed: OfferRecord | None
    """The record that was served from the same source so far."""
    earlier_holds: Mapping[PriceKey, PriceHold]
    """The last overtaken hold of each price."""


def begin(
    changes: HoldChanges,
    doubted: Doubted,
    doubts: Mapping[PriceKey, Doubt],
    *,
    rules: Rules,
    run: SyncRun | None,
    now: datetime,
) -> HoldChanges:
    """Add a hold for each doubted price that has none. A price with a hold waits already, or is decided."""
    overtaken = {(hold.meter, hold.conditions_key): hold for hold in changes.overtaken}
    earlier = {**doubted.earlier_holds, **overtaken}
    new = {
        key: _went_on(_new_hold(doubted, key, doubt, run=run, now=now), earlier.get(key), rules=rules)
        for key, doubt in doubts.items()
        if key not in changes.deciding
    }
    return HoldChanges(
        deciding={**changes.deciding, **new},
        new=tuple(new.values()),
        moved=changes.moved,
        overtaken=changes.overtaken,
    )


def _new_hold(doubted: Doubted, key: PriceKey, doubt: Doubt, *, run: SyncRun | None, now: datetime) -> PriceHold:
    before = {price.key: price.amount for price in doubted.believed.prices} if doubted.believed else {}
    amount = next(money.plain(price.amount) for price in doubted.record.prices if price.key == key)
    return PriceHold(
        offer=doubted.offer,
        meter=key[0],
        conditions_key=key[1],
        amount=amount,
        first_amount=amount,
        kept=money.plain(before[key]) if key in before and not doubt.leaves_unknown else "",
        rule=doubt.rule,
        reason=doubt.reason,
        run=run,
        made_at=now,
        reported_since=now,
    )


def _went_on(hold: PriceHold, earlier: PriceHold | None, *, rules: Rules) -> PriceHold:
    """Continue the count of the earlier hold if it was only interrupted, else start again and count a reset."""
    if earlier is None or earlier.decided_at is not None:
        return hold
    before, first = Decimal(earlier.amount), Decimal(earlier.first_amount)
    if earlier.is_interrupted and rules.is_repeat(Decimal(hold.amount), before=before, first=first):
        for name in ("first_amount", "reported_since", "readings", "first_read_at", "last_read_at", "resets"):
            setattr(hold, name, getattr(earlier, name))
    else:
        hold.resets = earlier.resets + 1
    return hold


def _contradicts_as_served(record: OfferRecord, key: PriceKey, hold: PriceHold) -> bool:
    """Return whether the price that is served instead of a waiting one contradicts another price of the offer too."""
    if hold.state != PriceHold.State.OPEN or not hold.kept:
        return False
    served = with_holds(record, {key: Hold(amount=Decimal(hold.amount), kept=Decimal(hold.kept))})
    return key in relations.broken(served.prices)
