"""Decides what the wishes of a curator change: what is so already, what is refused, what must be confirmed. Pure but
for reading the stored states of the offers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from catalog import records
from catalog.models import Offer, Override
from catalog.pricing.meters import METERS
from catalog.publication import stored
from catalog.publication.audit import Actor, Item, Subject
from catalog.publication.fields import FIELDS, PRICES, field_of
from catalog.publication.overlay import checked_value
from catalog.publication.prices import plausible
from catalog.publication.states import OfferState, Rendered, is_stale, rendered
from catalog.records import OfferRecord

Json = Any
Key = tuple[int, str]
"""An offer's primary key, and a field."""
Expected = Mapping[Key, tuple[int, Json]]
"""What a curator saw: the version of the override (0: none), and what its gateway reported for the field."""
LONGEST = timedelta(days=3_650)


class _Clear:
    def __repr__(self) -> str:
        return "CLEAR"


CLEAR: Final = _Clear()
"""The wish that a field has no override."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A value for a field of an offer."""

    offer: int
    """The primary key."""
    field: str
    value: Json
    """As `fields.Field.checked` takes it, or CLEAR."""
    expires_at: datetime | None = None
    restored: Json = None
    """The override as an earlier action's item has it, for an undo: its reason, author and time come back too."""
    line: int | None = None
    """The line of a file that has the wish."""
    reason: str = ""
    """Its own reason, such as that of a line of a file; empty: that of the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a wish is not carried out."""

    wish: Wish
    subject: str
    reason: str
    mine: Json = None
    theirs: Json = None
    upstream: Json = None
    author: str = ""
    """Of a conflict: who set the current value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value that changes."""

    wish: Wish
    offer: Offer
    override: Override | None
    """The override that applies now."""
    value: Json
    """The checked value, or CLEAR."""
    upstream: OfferRecord
    served_before: Json
    served_after: Json
    doubt: str | None = None
    """Why it must be confirmed."""

    @property
    def is_cleared(self) -> bool:
        return self.value is CLEAR

    @property
    def subject(self) -> str:
        return subject_of(self.offer)

    @property
    def reported(self) -> Json:
        """What the gateway reports, as JSON for people."""
        return FIELDS[self.wish.field].of(self.upstream)

    def row(self, *, number: int, reason: str, actor: Actor, now: datetime) -> Override | None:
        """Return the override as it is stored; None if it is cleared."""
        if self.is_cleared:
            return None
        row = Override(
            offer=self.offer,
            field=self.wish.field,
            value=self.value,
            reason=self.wish.reason or reason,
            author_id=actor.number,
            made_at=now,
            expires_at=self.wish.expires_at,
            version=number,
            reported={"value": FIELDS[self.wish.field].basis(self.upstream, self.value)},
        )
        if self.wish.restored:
            _restore(row, self.wish.restored)
            row.is_stale = is_stale(row, self.upstream)
        return row

    @property
    def item(self) -> Item:
        after = None if self.is_cleared else {"value": self.value, "expires_at": _iso(self.wish.expires_at)}
        return Item(
            kind=Subject.OFFER,
            number=self.offer.pk,
            subject=self.subject,
            field=self.wish.field,
            before=stored_of(self.override),
            after=after,
            served_before=self.served_before,
            served_after=self.served_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the wishes of an order would change now."""

    changes: Sequence[Change] = ()
    same: Sequence[Wish] = ()
    """They are so already."""
    refused: Sequence[Problem] = ()
    doubtful: Sequence[Problem] = ()
    """They need a confirmation."""
    conflicts: Sequence[Problem] = ()
    """Somebody else, or the gateway, changed them since the curator looked."""
    before: Mapping[int, str] = field(default_factory=dict)
    """The document of each changed offer as it is served, by the offer's primary key."""
    after: Mapping[int, str] = field(default_factory=dict)
    """The document as it will be served."""


def subject_of(offer: Offer) -> str:
    return f"{offer.gateway.slug} {offer.model_id}"


def stored_of(override: Override | None) -> Json:
    """Return an override as an item of the audit trail has it."""
    if override is None:
        return None
    return {
        "value": override.value,
        "reason": override.reason,
        "author": override.author_id,
        "made_at": _iso(override.made_at),
        "expires_at": _iso(override.expires_at),
        "reported": override.reported,
    }


def decide(
    wanted: Sequence[Wish],
    offers: Mapping[int, Offer],
    *,
    expected: Expected | None,
    is_confirmed: bool,
    now: datetime,
) -> Decision:
    """Return what the wishes change now. `offers` are those that exist, with their gateways."""
    states = stored.states(offers[pk] for pk in {wish.offer: None for wish in wanted} if pk in offers)
    return decide_about(states, wanted, expected=expected, is_confirmed=is_confirmed, now=now)


def decide_about(
    known: Iterable[OfferState],
    wanted: Sequence[Wish],
    *,
    expected: Expected | None,
    is_confirmed: bool,
    now: datetime,
) -> Decision:
    """Return the same as `decide`, from states that were read already."""
    deciding = _Deciding(expected=expected, is_confirmed=is_confirmed, now=now)
    of_offer: dict[int, list[Wish]] = defaultdict(list)
    for wish in wanted:
        of_offer[wish.offer].append(wish)
    states = {state.offer.pk: state for state in known}
    for pk, wishes in of_offer.items():
        if pk in states:
            deciding.about(states[pk], wishes)
        else:
            deciding.refused += [
                Problem(wish=wish, subject=f"offer {pk}", reason="there is no such offer") for wish in wishes
            ]
    return deciding.decision()


class _Deciding:
    def __init__(self, *, expected: Expected | None, is_confirmed: bool, now: datetime) -> None:
        self._expected, self._is_confirmed, self._now = expected, is_confirmed, now
        self.refused: list[Problem] = []
        self._changes: list[Change] = []
        self._same: list[Wish] = []
        self._doubtful: list[Problem] = []
        self._conflicts: list[Problem] = []
        self._before: dict[int, str] = {}
        self._after: dict[int, str] = {}

    def decision(self) -> Decision:
        return Decision(
            changes=self._changes,
            same=self._same,
            refused=self.refused,
            doubtful=self._doubtful,
            conflicts=self._conflicts,
            before=self._before,
            after=self._after,
        )

    def about(self, state: OfferState, wishes: Sequence[Wish]) -> None:
        upstream = records.load(state.offer.upstream)
        accepted: dict[str, tuple[Wish, Json]] = {}
        for wish in wishes:
            if (value := self._accepted(state, upstream, wish)) is not None:
                accepted[wish.field] = wish, value
        if accepted:
            self._change(state, upstream, accepted)

    def _accepted(self, state: OfferState, upstream: OfferRecord, wish: Wish) -> Json:
        """Return the checked value of a wish that changes something, or CLEAR; None for another wish."""
        standing = state.overrides.get(wish.field)
        try:
            value = CLEAR if wish.value is CLEAR else checked_value(wish.field, wish.value)
            field_of(wish.field)
            if not wish.restored:
                check_end(wish.expires_at, now=self._now)
        except ValueError as error:
            self.refused.append(self._problem(state, wish, str(error)))
            return None
        if self._expected is not None and (conflict := self._conflict(state, upstream, wish)):
            self._conflicts.append(conflict)
            return None
        if self._is_same(standing, wish, value):
            self._same.append(wish)
            return None
        return value

    def _is_same(self, standing: Override | None, wish: Wish, value: Json) -> bool:
        if value is CLEAR:
            return standing is None
        # A stale override is set again, with the same value, to keep it.
        return (
            standing is not None
            and not standing.is_stale
            and (standing.value, standing.expires_at) == (value, wish.expires_at)
        )

    def _conflict(self, state: OfferState, upstream: OfferRecord, wish: Wish) -> Problem | None:
        assert self._expected is not None  # noqa: S101  the caller asks only with expectations
        seen = self._expected.get((wish.offer, wish.field))
        found = seen_now(state, upstream, wish.field)
        if seen is None or seen == found:
            return None
        standing = state.overrides.get(wish.field)
        whose = standing.author.get_username() if standing and standing.author else ""
        is_theirs = seen[0] != found[0]
        reason = f"{whose or 'somebody'} changed it" if is_theirs else "its gateway changed it"
        return replace(
            self._problem(state, wish, f"{reason} since you looked"),
            mine=None if wish.value is CLEAR else wish.value,
            theirs=standing.value if standing else None,
            upstream=FIELDS[wish.field].of(upstream),
            author=whose,
        )

    def _change(self, state: OfferState, upstream: OfferRecord, accepted: Mapping[str, tuple[Wish, Json]]) -> None:
        before, after = rendered(state, upstream), rendered(_with(state, accepted, self._now), upstream)
        pk = state.offer.pk
        self._before[pk], self._after[pk] = before.document, after.document
        for name, (wish, value) in accepted.items():
            doubt = None if value is CLEAR else _doubt(name, value, before.record)
            change = Change(
                wish=wish,
                offer=state.offer,
                override=state.overrides.get(name),
                value=value,
                upstream=upstream,
                served_before=_served(before, name),
                served_after=_served(after, name),
                doubt=doubt,
            )
            self._changes.append(change)
            if doubt and not self._is_confirmed:
                self._doubtful.append(self._problem(state, wish, doubt))

    def _problem(self, state: OfferState, wish: Wish, reason: str) -> Problem:
        return Problem(wish=wish, subject=subject_of(state.offer), reason=reason)


def check_end(end: datetime | None, *, now: datetime) -> None:
    """Raises ValueError if an override cannot end then."""
    if end is not None and end <= now:
        raise ValueError("the end must be in the future")
    if end is not None and end > now + LONGEST:
        raise ValueError("the end must be within ten years")


def seen_now(state: OfferState, upstream: OfferRecord, name: str) -> tuple[int, Json]:
    """Return the version of the override of a field (0: none), and what the gateway reports for it."""
    standing = state.overrides.get(name)
    return standing.version if standing else 0, FIELDS[name].of(upstream)


def doubt_of_change(before: Decimal | None, after: Decimal) -> str | None:
    """Return why a new price must be confirmed. Return None if the change is ordinary."""
    if before is None or before == after:
        return None
    if not before or not after:
        kind = "from free to paid" if after else "from paid to zero"
    elif max(before, after) >= 10 * min(before, after):
        kind = "tenfold or more"
    else:
        return None
    return f"this changes the price {kind}, from {before:f} to {after:f}"


def _doubt(name: str, value: Json, served: OfferRecord) -> str | None:
    if name not in PRICES:
        return None
    before, price = served.amount(PRICES[name].meter), PRICES[name].price(value)
    if doubt := doubt_of_change(before, price.amount):
        return f"{doubt} US dollars per {METERS[price.meter].unit}"
    return None if price.amount == before else plausible.doubt(price, price_bounds())


def price_bounds() -> plausible.Bounds:
    return plausible.Bounds(
        least_usd_per_million_tokens=settings.GUARD_LEAST_USD_PER_MILLION_TOKENS,
        most_usd_per_million_tokens=settings.GUARD_MOST_USD_PER_MILLION_TOKENS,
        most_usd=settings.GUARD_MOST_USD,
    )


def _with(state: OfferState, accepted: Mapping[str, tuple[Wish, Json]], now: datetime) -> OfferState:
    """Return the state as it will be."""
    after = dict(state.overrides)
    for name, (wish, value) in accepted.items():
        if value is CLEAR:
            after.pop(name, None)
        else:
            after[name] = Override(offer=state.offer, field=name, value=value, made_at=now)
            if wish.restored:
                _restore(after[name], wish.restored)
    return replace(state, overrides=after)


def _restore(row: Override, stored: Json) -> None:
    row.reason, row.author_id = stored["reason"], stored["author"]
    row.made_at = datetime.fromisoformat(stored["made_at"])
    row.reported = stored["reported"]


def _served(found: Rendered, name: str) -> Json:
    return FIELDS[name].served(found.record, found.state.curated)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")
