"""Many values at once, in two steps: a plan that a curator looks at, and the same plan carried out.

The plan keeps a print of each value: the override's version, what the gateway reports, whether the offer is listed, and
what would be done. If a print is another one when the plan is carried out, that offer has moved, and nothing is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction

from catalog import records
from catalog.curation import overrides, wishes
from catalog.curation.overrides import Done, InvalidOverride, Order
from catalog.curation.steps import SAME, Refused, Step, same_or
from catalog.curation.wishes import CLEAR, Decision, Key, Problem, Wish
from catalog.models import CurationItem, Offer
from catalog.publication import locks, stored
from catalog.publication.audit import Actor, Kind, Subject
from catalog.publication.batches import batches
from catalog.publication.fields import FIELDS
from catalog.publication.overlay import checked_value
from catalog.publication.states import OfferState
from catalog.records import OfferRecord

Json = Any
MOST_OFFERS = overrides.MOST_OFFERS
WITHDRAWN = "its gateway withdrew it"
Print = tuple[int, str, bool, str]
"""The version of the override, digests of what is reported and of what would be done, and whether it is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be done to the offers: steps for all of them, or single wishes, such as those of a file."""

    offers: Sequence[int]
    """Primary keys."""
    steps: Sequence[Step] = ()
    wishes: Sequence[Wish] = ()
    expires_at: datetime | None = None
    """When the overrides of the steps end; each wish has its own end."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What would be done now."""

    wishes: list[Wish] = field(default_factory=list)
    """Those that change something."""
    same: list[Key] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    prints: dict[Key, Print] = field(default_factory=dict)
    states: Mapping[int, OfferState] = field(default_factory=dict)

    def decision(self, *, now: datetime) -> Decision:
        """Return what is served before and after. Refusals of the order are added to those of the plan."""
        concerned = {wish.offer for wish in self.wishes}
        states = [state for pk, state in self.states.items() if pk in concerned]
        found = wishes.decide_about(states, self.wishes, expected=None, is_confirmed=False, now=now)
        self.refused += found.refused
        return found


class Moved(Exception):
    """Offers changed between the plan and its end; `problems` names them. Nothing was done."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} values changed since the preview")
        self.problems = problems


def planned(request: Request, *, now: datetime) -> Plan:
    """Return what would be done. Nothing is written or locked. Raises InvalidOverride if there are too many offers."""
    if (count := len(set(request.offers))) > MOST_OFFERS:
        raise InvalidOverride(f"{count:,} offers are too many for one action; at most {MOST_OFFERS:,} are allowed")
    offers = [
        offer
        for batch in batches(sorted(set(request.offers)))
        for offer in Offer.objects.filter(pk__in=batch).select_related("gateway")
    ]
    return _plan(request, {state.offer.pk: state for state in stored.states(offers)}, now=now)


def carry_out(
    request: Request,
    *,
    prints: Mapping[Key, Print],
    actor: Actor,
    reason: str,
    kind: str = Kind.BULK,
    is_confirmed: bool = False,
    selection: str = "",
    source_sha256: str = "",
    now: datetime,
) -> Done:
    """Do what the plan with these prints said, in one revision and one action of the audit trail.

    Raises Moved, and what `overrides.carry_out` raises. Nothing is done then.
    """
    with transaction.atomic():
        offers = locks.lock_offers(set(request.offers))
        plan = _plan(request, {state.offer.pk: state for state in stored.states(offers.values())}, now=now)
        if moved := _moved(plan, prints):
            raise Moved(moved)
        order = Order(
            wishes=plan.wishes,
            actor=actor,
            reason=reason,
            kind=kind,
            expected=_expected(plan),
            is_confirmed=is_confirmed,
            selection=selection,
            source_sha256=source_sha256,
        )
        return overrides.carry_out(order, now=now)


# --- planning --------------------------------------------------------------------------------------------------------
def _plan(request: Request, states: Mapping[int, OfferState], *, now: datetime) -> Plan:
    plan = Plan(states=states)
    upstream = {pk: records.load(state.offer.upstream) for pk, state in states.items()}
    for pk in dict.fromkeys(request.offers):
        for step in request.steps:
            wish = Wish(offer=pk, field=step.field, value=CLEAR, expires_at=request.expires_at)
            _add(plan, wish, _outcome_of_step(step, states.get(pk), upstream.get(pk), request.expires_at), upstream)
    for wish in request.wishes:
        _add(plan, wish, _outcome_of_wish(wish, states.get(wish.offer), now=now), upstream)
    return plan


def _outcome_of_step(
    step: Step, state: OfferState | None, upstream: OfferRecord | None, expires_at: datetime | None
) -> Json:
    if state is None or upstream is None:
        return Refused("there is no such offer")
    if state.offer.withdrawn_at is not None and step.kind != "clear":
        return Refused(f"its gateway withdrew it on {state.offer.withdrawn_at:%d %B %Y}; only clearing is possible")
    try:
        return step.value(state, upstream, expires_at)
    except Refused as error:
        return error


def _outcome_of_wish(wish: Wish, state: OfferState | None, *, now: datetime) -> Json:
    if state is None:
        return Refused("there is no such offer")
    if wish.value is CLEAR:
        return CLEAR if wish.field in state.overrides else SAME
    try:
        value = same_or(state, wish.field, checked_value(wish.field, wish.value), wish.expires_at)
        if value is not SAME:
            wishes.check_end(wish.expires_at, now=now)
    except ValueError as error:
        return Refused(str(error))
    return value


def _add(plan: Plan, wish: Wish, outcome: Json, upstream: Mapping[int, OfferRecord]) -> None:
    key, state = (wish.offer, wish.field), plan.states.get(wish.offer)
    record = upstream.get(wish.offer)
    if state is not None and record is not None:
        version, reported = wishes.seen_now(state, record, wish.field)
        is_listed = state.offer.withdrawn_at is None
        plan.prints[key] = version, _digest(reported), is_listed, _digest(_outcome_json(outcome))
    if isinstance(outcome, Refused):
        subject = wishes.subject_of(state.offer) if state else f"offer {wish.offer}"
        plan.refused.append(Problem(wish=wish, subject=subject, reason=str(outcome)))
    elif outcome is SAME:
        plan.same.append(key)
    else:
        plan.wishes.append(
            Wish(
                offer=wish.offer,
                field=wish.field,
                value=outcome,
                expires_at=None if outcome is CLEAR else wish.expires_at,
                line=wish.line,
                reason=wish.reason,
            )
        )


def _outcome_json(outcome: Json) -> Json:
    return (
        ["no value", repr(outcome)]
        if outcome is CLEAR or outcome is SAME or isinstance(outcome, Refused)
        else [outcome]
    )


def _digest(value: Json) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _expected(plan: Plan) -> dict[Key, tuple[int, Json]]:
    """Return what the order expects: what the plan has seen under the locks."""
    upstream = {pk: records.load(plan.states[pk].offer.upstream) for pk in {wish.offer for wish in plan.wishes}}
    return {
        (wish.offer, wish.field): wishes.seen_now(plan.states[wish.offer], upstream[wish.offer], wish.field)
        for wish in plan.wishes
    }


# --- what moved ------------------------------------------------------------------------------------------------------
def _moved(plan: Plan, prints: Mapping[Key, Print]) -> list[Problem]:
    keys = [key for key in {**prints, **plan.prints} if prints.get(key) != plan.prints.get(key)]
    whose = _authors({pk for pk, _ in keys}) if keys else {}
    return [_problem(plan, key, prints.get(key), whose.get(key, "")) for key in keys]


def _problem(plan: Plan, key: Key, seen: Print | None, whose: str) -> Problem:
    state, found = plan.states.get(key[0]), plan.prints.get(key)
    subject = wishes.subject_of(state.offer) if state else f"offer {key[0]}"
    return Problem(wish=Wish(offer=key[0], field=key[1], value=CLEAR), subject=subject, reason=_why(seen, found, whose))


def _why(seen: Print | None, found: Print | None, whose: str) -> str:
    if seen is None or found is None:
        return "it was not in the preview"
    if seen[2] != found[2]:
        return "its gateway lists it again" if found[2] else WITHDRAWN
    if seen[0] != found[0]:
        return f"{whose or 'somebody'} changed it"
    return "its gateway changed it" if seen[1] != found[1] else "what is served of it has changed"


def _authors(offers: Collection[int]) -> Mapping[Key, str]:
    """Return who changed each field of these offers last."""
    found: dict[Key, str] = {}
    for batch in batches(sorted(offers)):
        items = CurationItem.objects.filter(subject_kind=Subject.OFFER, subject_number__in=batch)
        for pk, name, actor in items.order_by("action").values_list("subject_number", "field", "action__actor"):
            if pk is not None and name in FIELDS:
                found[pk, name] = actor
    return found
