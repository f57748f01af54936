"""Which offers of the served catalogue can run a request, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal

from pyroaring import BitMap

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import billing
from catalog.records import ModelType
from routing.choose.eligible import Asked, why_not
from routing.choose.health import Health
from routing.choose.named import LeftOut, Named, UnknownModel, cheapest_of, left_out, named
from routing.choose.offers import Offer
from routing.choose.ordering import Placed, Priced, ordered
from routing.choose.prices import SUBSCRIPTION, Expected, expected_cost
from routing.wire.request import InferenceRequest, Kind

__all__ = ["Candidate", "Choice", "LeftOut", "NoCandidate", "UnknownModel", "choose"]

EXPECTED_OUTPUT = 500
"""The tokens that are expected to come out if the client states no limit."""
MOST_NAMED = 5
"""The most offers that the message of NoCandidate names."""


class NoCandidate(Exception):
    """The model exists, and no offer of it may run the request. The message has the reason for each."""

    def __init__(self, message: str, *, left_out: tuple[LeftOut, ...], rests_until: float | None = None) -> None:
        super().__init__(message)
        self.left_out = left_out
        self.rests_until = rests_until
        """If offers could run it and all of them rest: when the first one may be asked again, in seconds of the
        monotonic clock."""


@dataclass(slots=True, kw_only=True, eq=False)  # not frozen: that takes three times as long for each request
class Candidate:
    gateway: str
    offer_id: str
    """Its id at the gateway, which is the `model` that is sent."""
    model: str
    """The slug of the canonical model, or `gateway/id` of an offer that belongs to none."""
    asked: str
    """What the client's name resolved to: the slug of a model, `gateway/id`, or `@name` of a saved filter."""
    row: Row
    """The offer with its tariff and document, of the snapshot in force when the request began."""
    reason: str
    """Why it is at this place, in one sentence."""
    expected: Decimal | None
    """The expected cost in US dollars: the input as estimated, the output as limited, else 500 tokens."""
    why_no_cost: str
    """Why `expected` is None: `unknown price`, `billed by the hour`, `subscription`. Else empty."""
    most_output: int | None
    """The most tokens that can come out: the client's limit, else the offer's; None if neither is known."""


@dataclass(slots=True, kw_only=True, eq=False)
class Choice:
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    revision: int


def choose(
    request: InferenceRequest,
    snapshot: Snapshot,
    *,
    gateways: Collection[str],
    health: Health,
    now: datetime,
    chance: Callable[[], float],
    subscriptions: Collection[str] = frozenset(),
) -> Choice:
    """Return the offers that may run the request, the first to be tried first.

    `gateways` are those with a key, `subscriptions` those whose requests a subscription pays. `chance` returns numbers
    in [0, 1). Raise UnknownModel or NoCandidate.
    """
    at = (now if now.tzinfo is UTC else now.astimezone(UTC)).time()
    asked = Asked(request, gateways, snapshot.index.facets["supported_parameters"].keys(), at)
    found = _Found(health)
    groups: list[tuple[Named, list[Priced]]] = []
    for name in request.models:
        meant = named(snapshot, name)
        found.left_out += meant.refused
        able = found.able(_considered(snapshot, meant, asked), asked)
        groups.append((meant, [_priced(each, meant, request, at, subscriptions) for each in able]))
    placed = list(_placed(groups, asked, health, chance))
    left = tuple(dict.fromkeys([*found.left_out, *_no_fallbacks(groups, placed)]))
    if not placed:
        raise _no_candidate(request, left, found.rests_until)
    candidates = tuple([_candidate(each, request) for each in placed])
    return Choice(candidates=candidates, left_out=left, revision=snapshot.revision)


@dataclass(slots=True)
class _Found:
    """Sorts offers into those that are able to run the request and those that are left out; each of them once."""

    health: Health
    left_out: list[LeftOut] = field(default_factory=list)
    rests_until: float | None = None
    _able: set[tuple[str, str]] = field(default_factory=set)

    def able(self, offers: Iterable[Offer], asked: Asked) -> Iterator[Offer]:
        for offer in offers:
            key = offer.gateway, offer.id
            if key in self._able:
                continue
            reason = why_not(offer, asked) or self._rest(offer)
            if reason:
                self.left_out.append(left_out(offer, reason))
            else:
                self._able.add(key)
                yield offer

    def _rest(self, offer: Offer) -> str:
        until = self.health.rests_until(offer.gateway, offer.id)
        if until is None:
            return ""
        self.rests_until = until if self.rests_until is None else min(self.rests_until, until)
        return "it rests, because it failed or its gateway asked to wait"


def _clause(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).removesuffix(".")


def _considered(snapshot: Snapshot, meant: Named, asked: Asked) -> Sequence[Offer]:
    """Return the offers that a name means. Those of a saved filter, which may be thousands, are narrowed first."""
    if meant.members is None:
        return meant.able
    members = meant.members & snapshot.having("status", "active")
    members &= snapshot.having("execution_mode", billing.STANDARD)
    only = asked.request.preferences.only or asked.gateways
    members &= _having_any(snapshot, "gateway", [slug for slug in only if slug in asked.gateways])
    if asked.request.kind is Kind.EMBEDDINGS:
        return cheapest_of(snapshot, members & snapshot.having("model_type", ModelType.EMBEDDINGS.value))
    members &= snapshot.having("output_modalities", "text") | snapshot.having("model_type", ModelType.LLM.value)
    for kind in (ModelType.EMBEDDINGS, ModelType.SPEECH_TO_TEXT):
        members -= snapshot.having("model_type", kind.value)
    return cheapest_of(snapshot, members)


def _having_any(snapshot: Snapshot, facet: str, values: Iterable[str]) -> BitMap:
    return BitMap.union(BitMap(), *(snapshot.having(facet, value) for value in values))


def _priced(offer: Offer, meant: Named, request: InferenceRequest, at: time, subscriptions: Collection[str]) -> Priced:
    output = 0 if request.kind is Kind.EMBEDDINGS else request.most_output
    if output is None:
        output = min(EXPECTED_OUTPUT * request.choices, _most_output(offer, request) or EXPECTED_OUTPUT)
    expected = (
        Expected(None, SUBSCRIPTION)
        if offer.gateway in subscriptions
        else expected_cost(offer.row.tariff, input_tokens=request.expected_input, output_tokens=output, at=at)
    )
    context = offer.context_tokens
    is_tight = context is not None and 2 * request.expected_input > context
    return Priced(offer=offer, asked=meant.asked, expected=expected, is_tight=is_tight)


def _most_output(offer: Offer, request: InferenceRequest) -> int | None:
    if request.kind is Kind.EMBEDDINGS:
        return 0
    if request.most_output is not None:
        return request.most_output
    own = offer.most_completion_tokens if offer.most_completion_tokens is not None else offer.context_tokens
    return None if own is None else own * request.choices


def _placed(
    groups: Sequence[tuple[Named, list[Priced]]], asked: Asked, health: Health, chance: Callable[[], float]
) -> Iterator[Placed]:
    """Yield the offers of the first model in their order, then those of the next one; or all in one order."""
    preferences = asked.request.preferences
    if preferences.is_sorted_over_models:
        groups = [(groups[0][0], [each for _, offers in groups for each in offers])]
    for meant, offers in groups:
        sort = meant.sort or preferences.sort
        found = ordered(offers, preferences=preferences, sort=sort, health=health, chance=chance)
        yield from found if preferences.allow_fallbacks or preferences.order else found[:1]


def _no_fallbacks(groups: Sequence[tuple[Named, list[Priced]]], placed: Sequence[Placed]) -> Iterator[LeftOut]:
    """Yield the offers that come after the first one, if the client wants no other."""
    if len(placed) == sum(len(offers) for _, offers in groups):
        return
    kept = {id(each.priced) for each in placed}
    for each in (each for _, offers in groups for each in offers if id(each) not in kept):
        reason = "provider.allow_fallbacks is false, and another offer comes first."
        yield LeftOut(gateway=each.offer.gateway, offer_id=each.offer.id, reason=reason)


def _candidate(placed: Placed, request: InferenceRequest) -> Candidate:
    offer, expected = placed.priced.offer, placed.priced.expected
    return Candidate(
        gateway=offer.gateway,
        offer_id=offer.id,
        model=offer.model,
        asked=placed.priced.asked,
        row=offer.row,
        reason=placed.reason,
        expected=expected.amount,
        why_no_cost=expected.why_none,
        most_output=_most_output(offer, request),
    )


def _no_candidate(request: InferenceRequest, left: Sequence[LeftOut], rests_until: float | None) -> NoCandidate:
    names = " or ".join(request.models[:MOST_NAMED])
    each = [f"{one.gateway} {one.offer_id}: {_clause(one.reason)}" for one in left]
    more = f"; and {len(each) - MOST_NAMED} more" if len(each) > MOST_NAMED else ""
    reasons = "; ".join(each[:MOST_NAMED]) + more if each else "none is sold at a gateway that may run it"
    return NoCandidate(
        f"no offer of {names} can run this request ({reasons})", left_out=tuple(left), rests_until=rests_until
    )
