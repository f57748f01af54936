"""An unclear price is unknown in every answer: it makes nothing free, and no other price is billed instead of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from catalog.documents import reading, rendering
from catalog.formats import litellm, openrouter_rows
from catalog.pricing import costing, meters, workloads
from catalog.publication.overlay import overlay
from catalog.records import Condition, OfferRecord, PriceRecord, UnclearPrice
from catalog.reports import comparison
from tests.factories import hourly, offer_facts, offer_record, per_token, served_row, snapshot_of

Json = Any

LONG: Condition = ("prompt_tokens", ">=", 128001)
BATCH: Condition = ("execution_mode", "=", "batch")
TEXT = per_token(prompt="0.000001", completion="0.000002")


def unclear(meter: str, *conditions: Condition, reason: str = "it is stated twice") -> UnclearPrice:
    return UnclearPrice(meter=meter, conditions=conditions, reason=reason)


def offer(*unclear: UnclearPrice, prices: tuple[PriceRecord, ...] = TEXT, **fields: Any) -> OfferRecord:
    return offer_record(prices=prices, unclear=unclear, **fields)


def shown(record: OfferRecord) -> Json:
    return orjson.loads(rendering.render(record, offer_facts()))


def bill(record: OfferRecord, **workload: Any) -> costing.Bill:
    """What is served of the offer, with a workload."""
    document = shown(record)
    return costing.bill(
        reading.shown_prices(document),
        workloads.Workload(**workload),
        unclear=reading.unclear_prices(document),
        is_dynamic=document["price_status"] == "dynamic",
        zero_is_free=document["price_status"] == "free",
    )


def test_an_unclear_price_is_null_under_its_conditions_and_has_a_note() -> None:
    found = shown(offer(unclear(meters.INPUT_TEXT_CACHE_READ), unclear(meters.INPUT_TEXT, LONG)))

    assert found["pricing"] == {
        "prompt": "0.000001",
        "completion": "0.000002",
        "input_cache_read": None,
        "overrides": [{"conditions": [list(LONG)], "prompt": None}],
    }
    assert found["notes"] == [
        "The price of input_cache_read is unknown: it is stated twice.",
        "The price of prompt is unknown where prompt_tokens >= 128001: it is stated twice.",
    ]
    assert (found["price_status"], found["price_basis"]) == ("priced", "token")


def test_prices_that_are_unclear_for_one_reason_share_a_note() -> None:
    record = offer(unclear(meters.INPUT_TEXT), unclear(meters.OUTPUT_TEXT), prices=(), notes=("More is missing.",))

    assert shown(record)["notes"] == [
        "The price of prompt, completion is unknown: it is stated twice.",
        "More is missing.",
    ]


@pytest.mark.parametrize("price", [*TEXT, hourly("5"), *per_token(prompt="0")])
def test_no_other_price_is_the_one_of_the_work_while_that_is_unclear(price: PriceRecord) -> None:
    record = offer(
        unclear(meters.OUTPUT_TEXT if price.meter == meters.INPUT_TEXT else meters.INPUT_TEXT), prices=(price,)
    )
    document = shown(record)

    is_known = price.amount > 0 and price.meter != meters.COMPUTE_HOUR
    assert document["price_status"] == ("priced" if is_known else "unknown")
    assert document["price_basis"] == ("token" if is_known else None)
    assert bill(record, input_tokens=1000, output_tokens=1000, hours=1).total is None
    assert comparison.compared([served_row(record)], comparison.DEFAULT_WORKLOAD)[0].cost is None


@pytest.mark.parametrize(
    ("meter", "quantity"),
    [
        (meters.INPUT_TEXT_CACHE_READ, "cached_input_tokens"),
        (meters.INPUT_TEXT_CACHE_WRITE, "cache_write_tokens"),
        (meters.INPUT_TEXT_CACHE_WRITE_1H, "cache_write_1h_tokens"),
    ],
)
def test_tokens_whose_own_price_is_unclear_are_not_billed_as_others(meter: str, quantity: str) -> None:
    record = offer(unclear(meter))

    assert bill(record, input_tokens=1000, **{quantity: 400}).reasons == (f"its price of {meter} is not known",)
    assert bill(record, input_tokens=1000).total == Decimal("0.001")


def test_reasoning_at_an_unclear_price_is_not_billed_as_text() -> None:
    found = bill(offer(unclear(meters.OUTPUT_REASONING)), output_tokens=1000, reasoning_tokens=400)

    assert found.reasons == ("its price of output.reasoning is not known",)


def test_an_unclear_charge_for_requests_leaves_every_workload_without_a_cost() -> None:
    record = offer(unclear(meters.REQUEST))

    assert bill(record, input_tokens=1000).reasons == ("its price of request is not known",)
    assert bill(record, input_tokens=1000, requests=3).reasons == ("its price of request is not known",)


def test_long_prompts_at_an_unclear_price_have_no_cost_and_short_ones_have() -> None:
    record = offer(unclear(meters.INPUT_TEXT, LONG))

    assert bill(record, input_tokens=128_000, requests=1).total == Decimal("0.128")
    assert bill(record, input_tokens=128_001, requests=1).reasons == ("its price of input.text is not known",)
    left_open = bill(record, input_tokens=128_001)
    assert left_open.total == Decimal("0.128001")
    assert left_open.notes == ("the size of the prompts is not stated, so prices for long ones are left out",)


def test_a_known_price_above_an_unclear_one_is_billed() -> None:
    longer: Condition = ("prompt_tokens", ">=", 200001)
    known = PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("0.000004"), conditions=(longer,))

    found = bill(offer(unclear(meters.INPUT_TEXT, LONG), prices=(*TEXT, known)), input_tokens=200_001, requests=1)

    assert found.total == Decimal("0.800004")


def test_a_mode_at_an_unclear_price_has_no_cost() -> None:
    record = offer(unclear(meters.INPUT_TEXT, BATCH))

    assert bill(record, input_tokens=1000, execution_mode="batch").reasons == ("its price of input.text is not known",)
    assert bill(record, input_tokens=1000).total == Decimal("0.001")


def test_what_a_document_shows_is_what_the_record_has() -> None:
    record = offer(unclear(meters.INPUT_TEXT, LONG), unclear(meters.SEARCH_WEB), unclear(meters.INPUT_IMAGE, BATCH))
    document = shown(record)

    assert reading.shown_prices(document) == record.prices
    assert {price.key for price in reading.unclear_prices(document)} == {price.key for price in record.unclear}


def test_a_price_that_a_curator_names_is_clear() -> None:
    record = offer(unclear(meters.INPUT_TEXT), unclear(meters.INPUT_TEXT, LONG), unclear(meters.OUTPUT_TEXT), prices=())

    found = overlay(record, {"prompt": {"amount": "3", "unit": "usd_per_million_tokens"}})

    assert [price.meter for price in found.unclear] == [meters.OUTPUT_TEXT]
    assert shown(found)["pricing"]["prompt"] == "0.000003"


@pytest.mark.parametrize("conditions", [(), (LONG,), (BATCH,)])
def test_litellm_is_given_no_offer_with_an_unclear_price(conditions: tuple[Condition, ...]) -> None:
    for record, count in ((offer(), 1), (offer(unclear(meters.INPUT_TEXT_CACHE_READ, *conditions)), 0)):
        snapshot = snapshot_of(served_row(record, gateway="openrouter"))

        assert len(orjson.loads(litellm.map_of(snapshot).body)) == count


def test_clients_of_openrouters_list_get_no_null() -> None:
    assert openrouter_rows.pricing_of(shown(offer(unclear(meters.INPUT_TEXT_CACHE_READ)))) == {
        "prompt": "0.000001",
        "completion": "0.000002",
    }


def test_a_price_is_either_known_or_unclear() -> None:
    with pytest.raises(ValueError, match="priced twice"):
        offer(unclear(meters.INPUT_TEXT))
