"""Decides the state of an offer from evidence. Pure: no I/O, no clock, no Django.

`step` is called with each piece of evidence, and with None when only time has passed. A single bad answer changes
nothing: it takes three strikes over five minutes to go down and two successes a minute apart to come back. What is not
heard of any more becomes `unknown`, never `offline`. `is_settled` says when a state has lasted long enough to be
published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType

from catalog.records import Availability


class Verdict(StrEnum):
    """What one piece of evidence shows about an offer."""

    UP = "up"
    COLD = "cold"
    """It works, but has to be loaded first."""
    DOWN = "down"
    MISSING = "missing"
    """The gateway does not know the model; two of these are enough."""
    SLOW = "slow"
    """No answer in time, which counts half as much as DOWN."""
    LIMITED = "limited"
    """Refused because of a rate limit, so the offer is there."""
    NOTHING = "nothing"
    """It says nothing about the offer, such as an error in our own request or key."""


class Origin(IntEnum):
    """Where evidence comes from; a higher one is believed more."""

    STATEMENT = 1
    """The gateway says so."""
    PROBE = 2
    TRAFFIC = 3
    """Requests of clients."""


HALVES: Mapping[Verdict, int] = MappingProxyType({Verdict.SLOW: 1, Verdict.DOWN: 2, Verdict.MISSING: 3})
"""How much a verdict counts against an offer, in halves of a strike."""
HALVES_TO_FALL = 6
"""Three strikes."""
LEAST_FALL = timedelta(minutes=5)
"""The time from the first strike to the one that makes an offer `offline`."""
UPS_TO_RETURN = 2
LEAST_RETURN = timedelta(seconds=60)
"""The time from the first success to the one that ends `offline`."""
COLDS_TO_COOL = 2
PRECEDENCE = timedelta(minutes=10)
"""Evidence does not count if there is more trusted evidence that is younger than this."""
MOST_AHEAD = timedelta(seconds=60)
"""Evidence that is dated further in the future is refused: a clock is wrong."""
LASTS: Mapping[Origin, timedelta] = MappingProxyType(
    {Origin.TRAFFIC: timedelta(minutes=15), Origin.PROBE: timedelta(hours=6), Origin.STATEMENT: timedelta(minutes=15)}
)
"""How long evidence is valid, unless it says otherwise."""
USUAL_LIMIT, LONGEST_LIMIT = timedelta(minutes=5), timedelta(hours=6)
"""How long an offer counts as limited if it does not say until when, and at most."""
FLIPS_WINDOW = timedelta(minutes=60)
FLIPS_TO_BE_UNSTABLE = 4
MOST_FLIPS = 12
OUTAGE_DWELL, DWELL = timedelta(minutes=10), timedelta(minutes=30)
"""How long a state must last before it is published: if it begins or ends `offline`, and otherwise."""
UNSTABLE_DWELL = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One observation of one offer."""

    verdict: Verdict
    at: datetime
    origin: Origin = Origin.STATEMENT
    reason: str = ""
    """A few words for readers: `instances`, `503`."""
    lasts: timedelta | None = None
    """How long it is valid; by default as long as LASTS has for its origin."""
    limited_until: datetime | None = None
    """Until when the offer refuses some requests because of a rate limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferState:
    """What is believed about one offer, and what counts for and against it."""

    state: Availability = Availability.UNKNOWN
    since: datetime
    reason: str = ""
    checked_at: datetime | None = None
    """The time of the newest evidence that says something about the offer."""
    valid_until: datetime | None = None
    """When the state becomes unknown, unless there is new evidence."""
    origin: Origin | None = None
    """Where that evidence came from."""
    halves: int = 0
    """Halves of strikes in a row."""
    struck_at: datetime | None = None
    """The time of the first of them."""
    ups: int = 0
    """Successes in a row, counted while the offer is offline."""
    up_at: datetime | None = None
    colds: int = 0
    """Statements in a row that the model has to be loaded first."""
    limited_until: datetime | None = None
    was_up: bool | None = None
    """Whether the last verdict for or against the offer was for it."""
    flips: tuple[datetime, ...] = field(default=())
    """The last times at which that changed."""

    def is_limited(self, *, now: datetime) -> bool:
        return self.limited_until is not None and self.limited_until > now

    def is_unstable(self, *, now: datetime) -> bool:
        return sum(now - FLIPS_WINDOW < at <= now for at in self.flips) >= FLIPS_TO_BE_UNSTABLE

    def marks(self, *, now: datetime) -> tuple[str, ...]:
        """Return what is remarkable besides the state."""
        marks = {"limited": self.is_limited(now=now), "unstable": self.is_unstable(now=now)}
        return tuple(mark for mark, applies in marks.items() if applies)


def step(state: OfferState, evidence: Evidence | None, now: datetime, *, may_fall: bool = True) -> OfferState:
    """Return the state after this evidence. None means that only time has passed.

    Without `may_fall`, strikes are counted but the offer becomes neither offline nor unknown: its whole gateway is
    suspected, or we may be the ones who are cut off.
    """
    after = state
    if evidence is not None and _counts(state, evidence, now):
        after = _weighed(_heard(state, evidence, now), evidence, now, may_fall=may_fall)
    if may_fall and after.valid_until is not None and now > after.valid_until:
        return _changed(_forgotten(after), Availability.UNKNOWN, "no news", now)
    return after


def is_settled(state: OfferState, *, published: Availability | None, now: datetime) -> bool:
    """Return whether the state has lasted long enough to replace the published one. None: nothing is published yet."""
    if state.state == published:
        return False
    if published in {None, Availability.UNKNOWN}:
        return True
    is_outage = Availability.OFFLINE in {state.state, published}
    dwell = OUTAGE_DWELL if is_outage else DWELL
    if state.is_unstable(now=now):
        dwell = max(dwell, UNSTABLE_DWELL)
    return now - state.since >= dwell


def _counts(state: OfferState, evidence: Evidence, now: datetime) -> bool:
    """Return whether evidence may change anything: not from the future, not outdated, not less trusted."""
    if evidence.at > now + MOST_AHEAD or now - evidence.at > _lasts(evidence):
        return False
    known = state.checked_at
    if known is None or known > now + MOST_AHEAD:  # our own clock was ahead when it was stored
        return True
    if evidence.at < known - MOST_AHEAD:
        return False
    is_trusted = state.origin is None or evidence.origin >= state.origin
    return is_trusted or evidence.at - known >= PRECEDENCE


def _heard(state: OfferState, evidence: Evidence, now: datetime) -> OfferState:
    """Return the state with what does not depend on the verdict: how new it is, and the rate limit."""
    limited = evidence.limited_until
    if limited is None and evidence.verdict is Verdict.LIMITED:
        limited = evidence.at + USUAL_LIMIT
    if limited is not None:
        state = replace(state, limited_until=min(limited, now + LONGEST_LIMIT))
    if evidence.verdict is Verdict.NOTHING:
        return state
    until = evidence.at + _lasts(evidence)
    return replace(
        state,
        checked_at=evidence.at,
        valid_until=until if state.valid_until is None else max(state.valid_until, until),
        origin=evidence.origin,
    )


def _weighed(state: OfferState, evidence: Evidence, now: datetime, *, may_fall: bool) -> OfferState:
    verdict = evidence.verdict
    if verdict in HALVES:
        return _struck(state, evidence, now, may_fall=may_fall)
    if verdict is Verdict.UP:
        return _succeeded(state, evidence, now, Availability.ONLINE)
    if verdict is Verdict.COLD:
        state = replace(state, colds=state.colds + 1)
        if state.state is Availability.ONLINE and state.colds < COLDS_TO_COOL:
            return replace(_flipped(state, is_up=True, at=evidence.at), halves=0, struck_at=None)
        return _succeeded(state, evidence, now, Availability.COLD)
    return state


def _struck(state: OfferState, evidence: Evidence, now: datetime, *, may_fall: bool) -> OfferState:
    state = _flipped(state, is_up=False, at=evidence.at)
    struck_at = state.struck_at or evidence.at
    halves = min(state.halves + HALVES[evidence.verdict], HALVES_TO_FALL)
    state = replace(state, halves=halves, struck_at=struck_at, ups=0, up_at=None, colds=0)
    has_fallen = halves >= HALVES_TO_FALL and evidence.at - struck_at >= LEAST_FALL
    if has_fallen and may_fall:
        return _changed(state, Availability.OFFLINE, evidence.reason, now)
    return state


def _succeeded(state: OfferState, evidence: Evidence, now: datetime, into: Availability) -> OfferState:
    """Count a success: the offer is online, or only has to be loaded."""
    state = _flipped(state, is_up=True, at=evidence.at)
    state = replace(state, halves=0, struck_at=None, colds=state.colds if into is Availability.COLD else 0)
    if state.state is Availability.OFFLINE:
        up_at = state.up_at or evidence.at
        state = replace(state, ups=state.ups + 1, up_at=up_at)
        if state.ups < UPS_TO_RETURN or evidence.at - up_at < LEAST_RETURN:
            return state
    return _changed(replace(state, ups=0, up_at=None), into, evidence.reason, now)


def _changed(state: OfferState, into: Availability, reason: str, now: datetime) -> OfferState:
    if state.state is into:
        return replace(state, reason=reason)
    return replace(state, state=into, since=max(state.since, now), reason=reason)


def _flipped(state: OfferState, *, is_up: bool, at: datetime) -> OfferState:
    if state.was_up is None or state.was_up == is_up:
        return replace(state, was_up=is_up)
    return replace(state, was_up=is_up, flips=(*state.flips, at)[-MOST_FLIPS:])


def _forgotten(state: OfferState) -> OfferState:
    """Return the state without what was counted: after a silence, old strikes mean nothing."""
    return replace(state, valid_until=None, origin=None, halves=0, struck_at=None, ups=0, up_at=None, colds=0)


def _lasts(evidence: Evidence) -> timedelta:
    return LASTS[evidence.origin] if evidence.lasts is None else evidence.lasts
