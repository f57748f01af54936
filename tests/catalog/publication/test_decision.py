"""What a publication will write is decided without a database, and the same input always gives the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from catalog import records
from catalog.models import CanonicalModel, Gateway, Offer, PriceHold, SyncRun
from catalog.pricing.meters import COMPUTE_HOUR, INPUT_TEXT
from catalog.publication import decision, diff
from catalog.publication.decision import Input, Plan
from catalog.publication.diff import Stored
from catalog.publication.listing import AcceptedListing, Terms
from catalog.publication.prices.doubts import Rule
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.repeats import Rules
from catalog.publication.prices.siblings import Siblings
from catalog.publication.states import OfferState, rendered
from catalog.records import OfferRecord, Source
from catalog.sync.guard import Limits, StrictGuard
from tests.factories import hourly, offer_record, per_token

GATEWAY = Gateway(pk=1, slug="chutes")
YESTERDAY, NOW = datetime(2100, 11, 1, 8, tzinfo=UTC), datetime(2100, 11, 2, 8, tzinfo=UTC)
HOUR: PriceKey = (COMPUTE_HOUR, "[]")
TERMS = Terms(guard=StrictGuard(limits=Limits(), seen=10, rejected=0), rules=Rules(), withdraw_after=2)
NO_SIBLINGS = Siblings({}, [])


def stored(record: OfferRecord, *, holds: Iterable[PriceHold] = (), **fields: object) -> OfferState:
    """Return the state of an offer whose last record was this one."""
    offer = Offer(
        pk=7,
        gateway=GATEWAY,
        model_id=record.id,
        upstream=records.dump(record),
        source=Source.API,
        first_seen_at=YESTERDAY,
        canonical=CanonicalModel(slug="maker/model"),
        **fields,
    )
    state = OfferState(offer=offer, holds={(hold.meter, hold.conditions_key): hold for hold in holds})
    return replace(state, document=rendered(state, record).document)


def hold(amount: str, *, kept: str) -> PriceHold:
    return PriceHold(
        meter=COMPUTE_HOUR,
        amount=amount,
        first_amount=amount,
        kept=kept,
        rule=Rule.MOVE,
        reason="it moved more than 10-fold",
        made_at=YESTERDAY,
        reported_since=YESTERDAY,
    )


def given(*listed: OfferRecord, states: Iterable[OfferState] = (), missed_runs: int = 0, terms: Terms = TERMS) -> Input:
    listing = AcceptedListing(
        records={record.id: record for record in listed},
        row_prints={},
        same=frozenset(),
        present=frozenset(),
        postponed=frozenset(),
        is_complete=True,
        source=Source.API,
        recorded_on=None,
    )
    of_id = {state.offer.model_id: state for state in states}
    summaries: Mapping[str, Stored] = {
        key: Stored(fingerprint="old", missed_runs=missed_runs, source=Source.API) for key in of_id
    }
    return Input(
        gateway=GATEWAY,
        run=SyncRun(gateway=GATEWAY),
        now=NOW,
        listing=listing,
        terms=terms,
        effects=diff.effects(summaries, listing, prints=diff.fingerprints(listing), terms=terms),
        states=of_id,
    )


def plan_of(*listed: OfferRecord, states: Iterable[OfferState] = (), siblings: Siblings = NO_SIBLINGS) -> Plan:
    return decision.decide(given(*listed, states=states), siblings=siblings)


def test_a_new_offer_is_seen_first_at_the_time_of_the_publication() -> None:
    [draft] = plan_of(offer_record()).drafts

    assert (draft.offer.model_id, draft.offer.first_seen_at) == ("maker/model", NOW)
    assert not draft.offer.pk
    assert (draft.rendered.kind, draft.rendered.prices) == ("new", {HOUR: ("2.5", "upstream")})


def test_a_price_that_moved_too_far_is_held_and_the_one_before_stays() -> None:
    plan = plan_of(offer_record(prices=(hourly("99"),)), states=[stored(offer_record())])

    [draft] = plan.drafts
    [new] = draft.holds.new
    assert (new.amount, new.kept, new.rule, new.reported_since) == ("99", "2.5", Rule.MOVE, NOW)
    assert draft.rendered.prices[HOUR] == ("2.5", "upstream")
    assert plan.outcome(revision_before=1, revision_after=2).held_prices == 1


def test_a_hold_follows_its_price_and_ends_with_another_one() -> None:
    waiting = hold("99", kept="2.5")

    for amount, moved, overtaken in (("99", 0, 0), ("98", 1, 0), ("3", 0, 1)):
        state = stored(offer_record(prices=(hourly("99"),)), holds=[waiting])
        [draft] = plan_of(offer_record(name="Other", prices=(hourly(amount),)), states=[state]).drafts

        assert (len(draft.holds.moved), len(draft.holds.overtaken), draft.holds.new) == (moved, overtaken, ())
        assert draft.rendered.prices[HOUR][0] == ("3" if overtaken else "2.5")


def test_a_price_far_from_the_siblings_is_held_at_its_first_listing() -> None:
    price: PriceKey = (INPUT_TEXT, "[]")
    sold = [("maker/model", price, f"openrouter {number}", Decimal("1E-7")) for number in range(2)]

    [draft] = plan_of(
        offer_record(prices=per_token(prompt="0.0003")), siblings=Siblings({"maker/model": "maker/model"}, sold)
    ).drafts

    assert [(new.rule, new.kept) for new in draft.holds.new] == [(Rule.SIBLINGS, "")]


def test_a_missing_offer_is_counted_first_and_withdrawn_later() -> None:
    states = [stored(offer_record())]

    counted = decision.decide(given(states=states), siblings=NO_SIBLINGS)
    withdrawn = decision.decide(given(states=states, missed_runs=1), siblings=NO_SIBLINGS)

    assert (len(counted.drafts), counted.missed) == (0, frozenset({"maker/model"}))
    assert [draft.offer.withdrawn_at for draft in withdrawn.drafts] == [NOW]
    assert withdrawn.missed == frozenset()


def test_only_offers_with_other_names_change_models() -> None:
    states = [stored(offer_record()), stored(offer_record("maker/gone"))]
    listed = [offer_record(name="Other"), offer_record("maker/new")]

    changes = decision.changes_of_identity(given(*listed, states=states, missed_runs=1))

    assert {key: (change.pk, change.facts is None) for key, change in changes.items()} == {
        ("chutes", "maker/new"): (None, False),
        ("chutes", "maker/gone"): (7, True),
    }


def test_a_decision_changes_nothing_of_its_input_and_can_be_repeated() -> None:
    state = stored(offer_record(prices=(hourly("99"),)), holds=[hold("99", kept="2.5")])
    before = deepcopy((state.offer.__dict__, [each.__dict__ for each in state.holds.values()]))
    listed = offer_record(name="Other", prices=(hourly("98"),))

    plans = [plan_of(listed, states=[state]) for _ in range(2)]

    after = (state.offer.__dict__, [each.__dict__ for each in state.holds.values()])
    assert [{**fields, "_state": None} for fields in (after[0], *after[1])] == [
        {**fields, "_state": None} for fields in (before[0], *before[1])
    ]
    first, second = (plan.drafts[0] for plan in plans)
    assert first.rendered.document == second.rendered.document
    assert [each.amount for each in first.holds.moved] == [each.amount for each in second.holds.moved] == ["98"]
