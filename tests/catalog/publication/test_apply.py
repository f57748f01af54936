from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from catalog.models import Gateway, Offer, OfferVersion, PriceHold, Revision
from catalog.publication.listing import NotBelieved
from catalog.publication.locks import LeaseLost
from catalog.records import OfferRecord, Source
from catalog.sync.guard import Limits, StrictGuard
from tests.catalog.syncing import served, stored
from tests.factories import hourly, offer_record, per_token, publish

pytestmark = pytest.mark.django_db

# One more than a batch: the statement limits are reached, and nothing between two batches may be lost.
MANY = 501


def many(**fields: object) -> list[OfferRecord]:
    return [offer_record(f"maker/model-{number:05}", **fields) for number in range(MANY)]


def test_an_incomplete_listing_withdraws_nothing() -> None:
    publish(offer_record("a/1"), offer_record("a/2"))

    outcome = publish(offer_record("a/1", name="renamed"), is_complete=False)

    assert (outcome.changed, outcome.withdrawn) == (1, 0)
    assert served()["a/2"]["withdrawn_at"] is None


def test_versions_are_written_in_the_order_of_ids_not_of_the_database() -> None:
    unchanged = many()
    publish(*unchanged)
    publish(*many(name="moved to the end of PostgreSQL's table")[::3], is_complete=False)

    publish(*many(name="renamed"))

    newest = OfferVersion.objects.current().order_by("pk")
    assert list(newest.values_list("offer__model_id", flat=True)) == [record.id for record in unchanged]


def test_an_offer_that_is_listed_only_in_part_waits_unless_it_is_new() -> None:
    publish(offer_record("a/1"), offer_record("a/2"), source=Source.API)

    outcome = publish(
        offer_record("a/1", name="half"),
        offer_record("a/3", name="half"),
        source=Source.API,
        postponed=frozenset({"a/1", "a/2", "a/3"}),
    )

    assert (outcome.new, outcome.changed, outcome.withdrawn) == (1, 0, 0)
    assert {key: row["name"] for key, row in served().items()} == {
        "a/1": offer_record("a/1").name,
        "a/2": offer_record("a/2").name,
        "a/3": "half",
    }


def test_a_listing_in_which_most_offers_lost_their_price_or_context_is_held() -> None:
    guard = StrictGuard(limits=Limits(), seen=10, rejected=0)
    publish(*(offer_record(f"a/{number}", context_length=1_000) for number in range(10)))
    before = stored()

    for lost in ({"prices": ()}, {"context_length": None}):
        losing = {"context_length": 1_000} | lost
        with pytest.raises(NotBelieved, match="4 of 10 offers with a (price|context length) have none any more"):
            publish(
                *(offer_record(f"a/{number}", **losing) for number in range(4)),
                *(offer_record(f"a/{number}", context_length=1_000) for number in range(4, 10)),
                guard=guard,
            )

    assert stored() == before


def test_a_price_is_compared_with_offers_of_the_model_at_all_gateways() -> None:
    guard = StrictGuard(limits=Limits(), seen=10, rejected=0)
    asked = {amount: per_token(prompt=amount) for amount in ("0.0000001", "0.0000003", "0.0003")}
    publish(offer_record("maker/model-1.5", prices=asked["0.0000001"]), gateway="openrouter", guard=guard)

    outcome = publish(
        offer_record("Maker/Model_1.5", prices=asked["0.0003"]),
        offer_record("model-1-5", prices=asked["0.0000003"]),
        offer_record("maker/model-1.5-large", prices=asked["0.0003"]),
        guard=guard,
    )

    held = PriceHold.objects.get()
    assert (outcome.new, outcome.held_prices) == (3, 1)
    assert held.offer.model_id == "Maker/Model_1.5"
    assert held.reason.startswith(
        "300 US dollars per million tokens (input.text) is more than 20 times what others ask"
    )
    assert served()["Maker/Model_1.5"]["price_status"] == "unknown"


@pytest.mark.parametrize(
    "apart",
    [
        offer_record("maker/model-1.5:batch", execution_mode="batch"),
        offer_record("maker/model-1.5:later", execution_mode=None, canonical_slug="maker/model-1.5"),
        offer_record("maker/model-1.5:free"),
    ],
    ids=lambda record: record.id,
)
def test_an_offer_on_other_or_unknown_terms_is_no_sibling(apart: OfferRecord) -> None:
    guard = StrictGuard(limits=Limits(), seen=10, rejected=0)
    dear, cheap = per_token(prompt="0.0003"), per_token(prompt="0.0000001")
    base = offer_record("maker/model-1.5", prices=cheap)
    publish(base, replace(apart, prices=cheap), gateway="openrouter")
    assert Offer.objects.get(model_id=apart.id).canonical == Offer.objects.get(model_id=base.id).canonical

    next_to_one = publish(replace(base, id="Maker/Model_1.5", prices=dear), guard=guard)

    assert next_to_one.held_prices == 0


@pytest.mark.parametrize("mode", ["batch", None])
def test_an_offer_on_other_or_unknown_terms_is_compared_with_none(mode: str | None) -> None:
    guard = StrictGuard(limits=Limits(), seen=10, rejected=0)
    dear, cheap = per_token(prompt="0.0003"), per_token(prompt="0.0000001")
    for gateway in ("chutes", "featherless"):
        publish(offer_record("maker/model-1.5", prices=cheap), gateway=gateway)

    apart = offer_record("maker/model-1.5:word", canonical_slug="maker/model-1.5", prices=dear, execution_mode=mode)
    outcome = publish(offer_record("maker/model-1.5", prices=cheap), apart, gateway="openrouter", guard=guard)

    assert Offer.objects.get(model_id=apart.id).canonical == Offer.objects.get(gateway__slug="chutes").canonical
    assert outcome.held_prices == 0


@pytest.mark.parametrize("token", [1, 3])
def test_only_the_holder_of_the_newest_lease_may_publish(token: int) -> None:
    publish(offer_record("a/1"))
    Gateway.objects.update(lease_token=2)
    before = stored()

    with pytest.raises(LeaseLost):
        publish(offer_record("a/1", name="renamed"), offer_record("a/2"), lease_token=token)

    assert stored() == before


def test_more_offers_than_fit_one_statement_are_published_changed_and_withdrawn() -> None:
    assert publish(*many()).new == MANY
    assert publish(*many(name="renamed")).changed == MANY
    assert publish(offer_record("maker/other")).withdrawn == MANY

    assert Offer.objects.count() == MANY + 1
    assert OfferVersion.objects.current().count() == MANY + 1
    assert Revision.objects.newest().number == 3


def test_an_unchanged_listing_takes_the_same_few_queries_however_long_it_is(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for records in (many()[:3], many()):
        publish(*records)

        # The row for each gateway, and the gateway of the run; the savepoint and its release; the gateway's lock, the
        # newest stored time, the offers, the revision.
        with django_assert_num_queries(8):
            publish(*records)


def test_a_changed_listing_takes_the_same_queries_however_long_it_is() -> None:
    def queries_of_a_change(count: int) -> int:
        publish(*many()[:count])
        with CaptureQueriesContext(connection) as queries:
            publish(*many(name="renamed")[:count])
        return len(queries)

    assert queries_of_a_change(3) == queries_of_a_change(40)


def test_an_amount_comes_back_from_the_database_to_its_last_digit() -> None:
    amount = "0.000000083333333333333341"

    publish(offer_record("a/1", prices=(hourly(amount),)))

    assert served()["a/1"]["pricing"]["hourly_rate"] == amount
    assert f'"{amount}"' in OfferVersion.objects.get().record
    assert Decimal(amount) != Decimal(str(float(amount)))


def test_the_database_refuses_a_second_open_version_and_a_period_that_runs_backwards() -> None:
    publish(offer_record("a/1"))
    version = OfferVersion.objects.get()

    for periods in ({"from_revision": 2, "to_revision": None}, {"from_revision": 2, "to_revision": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            OfferVersion.objects.create(offer=version.offer, record="{}", document="{}", **periods)
