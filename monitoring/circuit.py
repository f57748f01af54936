"""Decides what to believe of a whole gateway. Pure.

If many offers of a gateway go down at once, or the gateway cannot be reached, an error of ours is as likely as an
outage. So the gateway is suspected first: for SUSPICION its offers keep their states. Only what is still so afterwards
is believed, and that is an outage. If no gateway can be reached, we are blind, and nothing changes at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from catalog.records import Availability
from monitoring.machine import Evidence, OfferState, step

SUSPICION = timedelta(minutes=30)
BELIEF = timedelta(minutes=60)
"""How long after a suspicion the gateway's offers may go down without a new one."""
FALLS_WINDOW = timedelta(minutes=10)
LEAST_FALLEN, FALLEN_PERCENT = 5, 30
"""The number and the share of a gateway's offers that make it suspected, if they go down within FALLS_WINDOW."""
RECENT = timedelta(minutes=15)
"""Requests to a gateway that are older say nothing about whether it can be reached now."""
LEAST_GATEWAYS_TO_BE_BLIND = 2
"""With one gateway, nobody can tell its outage from ours."""
_KNOWN = {Availability.ONLINE, Availability.COLD, Availability.OFFLINE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """What is believed about one gateway."""

    asked_at: datetime | None = None
    reached_at: datetime | None = None
    unreachable_since: datetime | None = None
    falls: tuple[datetime, ...] = ()
    """When offers went down lately, one time for each."""
    suspected_until: datetime | None = None
    believed_until: datetime | None = None
    is_out: bool = False
    """Whether many of its offers are offline, and a suspicion has confirmed it."""

    def is_suspected(self, *, now: datetime) -> bool:
        return self.suspected_until is not None and now < self.suspected_until

    def is_believed(self, *, now: datetime) -> bool:
        return self.believed_until is not None and now < self.believed_until

    def reached(self, *, now: datetime) -> GatewayState:
        return replace(self, asked_at=now, reached_at=now, unreachable_since=None)

    def not_reached(self, *, now: datetime) -> GatewayState:
        after = replace(self, asked_at=now, unreachable_since=self.unreachable_since or now)
        return after if after.is_suspected(now=now) or after.is_believed(now=now) else after.suspected(now=now)

    def suspected(self, *, now: datetime) -> GatewayState:
        return replace(self, suspected_until=now + SUSPICION, believed_until=now + SUSPICION + BELIEF, falls=())


class Advanced(NamedTuple):
    """The states after some evidence."""

    states: Mapping[int, OfferState]
    gateway: GatewayState
    is_newly_suspected: bool


def advance(
    states: Mapping[int, OfferState],
    evidence: Mapping[int, Sequence[Evidence]],
    *,
    gateway: GatewayState,
    now: datetime,
) -> Advanced:
    """Return the states of a gateway's offers after this evidence, by offer. Offers without evidence only age.

    `states` has all offers of the gateway that have a state, and those that get their first evidence.
    """
    may_fall = not gateway.is_suspected(now=now)
    after = _stepped(states, evidence, now, may_fall=may_fall)
    fallen = sum(_has_fallen(states[offer], after[offer]) for offer in states)
    known = sum(each.state in _KNOWN for each in states.values())
    falls = tuple(at for at in gateway.falls if now - at <= FALLS_WINDOW)
    is_many = len(falls) + fallen >= max(LEAST_FALLEN, known * FALLEN_PERCENT / 100)
    if fallen and is_many and not gateway.is_believed(now=now):
        held = _stepped(states, evidence, now, may_fall=False)
        return Advanced(held, gateway.suspected(now=now), True)
    counted = replace(gateway, falls=(*falls, *[now] * fallen), is_out=_is_out(after.values(), gateway))
    return Advanced(after, counted, False)


def is_blind(gateways: Iterable[GatewayState], *, now: datetime) -> bool:
    """Return whether none of the gateways that were asked lately could be reached."""
    asked = [each for each in gateways if each.asked_at is not None and now - each.asked_at <= RECENT]
    return len(asked) >= LEAST_GATEWAYS_TO_BE_BLIND and all(each.unreachable_since is not None for each in asked)


def _stepped(
    states: Mapping[int, OfferState], evidence: Mapping[int, Sequence[Evidence]], now: datetime, *, may_fall: bool
) -> dict[int, OfferState]:
    after = {}
    for offer, state in states.items():
        for each in sorted(evidence.get(offer, ()), key=lambda found: found.at):
            state = step(state, each, now, may_fall=may_fall)
        after[offer] = step(state, None, now, may_fall=may_fall)
    return after


def _has_fallen(before: OfferState, after: OfferState) -> bool:
    return after.state is Availability.OFFLINE and before.state in {Availability.ONLINE, Availability.COLD}


def _is_out(states: Iterable[OfferState], gateway: GatewayState) -> bool:
    found = [each.state for each in states if each.state in _KNOWN]
    offline = found.count(Availability.OFFLINE)
    is_many = offline >= max(LEAST_FALLEN, len(found) * FALLEN_PERCENT / 100)
    return is_many and (gateway.is_out or gateway.believed_until is not None)
