"""The prices of a document, and the facts that came with the APIs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents import reading, rendering
from catalog.pricing import meters, status
from catalog.pricing.meters import METERS
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord, Source
from tests.factories import held_price, offer_facts, offer_record

FACTS: dict[str, Any] = {
    "gateway": "openrouter",
    "gateway_name": "OpenRouter",
    "source": Source.API,
    "recorded_on": None,
    "first_seen_at": datetime(2026, 11, 22, 8, tzinfo=UTC),
    "withdrawn_at": None,
}
LONG: Condition = ("prompt_tokens", ">=", 200_001)
LONGER: Condition = ("prompt_tokens", ">=", 500_001)
NIGHT: Condition = ("utc_window", "during", "16:30-00:30")


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=tuple(sorted(conditions, key=str)))


def document(*prices: PriceRecord, holds: tuple[rendering.HeldPrice, ...] = (), **record: Any) -> Any:
    """The document of an LLM at these prices, as a client reads it."""
    defaults = {"id": "a/b", "slug": "a/b", "canonical_slug": "a/b", "name": "B", "model_type": ModelType.LLM}
    offer = OfferRecord(**{**defaults, **record}, prices=prices)
    return orjson.loads(rendering.render(offer, rendering.OfferFacts(**FACTS, holds=holds)))


PROMPT = price(meters.INPUT_TEXT, "0.000002")
COMPLETION = price(meters.OUTPUT_TEXT, "0.00001")
FREE_PROMPT = price(meters.INPUT_TEXT, "0")
FREE_COMPLETION = price(meters.OUTPUT_TEXT, "0")
HOUR = price(meters.COMPUTE_HOUR, "22")


class TestPricing:
    def test_every_meter_has_its_key_in_the_order_of_the_meters(self) -> None:
        prices = [price(name, "0.5") for name in sorted(METERS)]

        keys = [meter.pricing_key for meter in METERS.values()]
        assert list(document(*prices)["pricing"].items()) == [(key, "0.5") for key in keys]

    def test_only_prompt_and_completion_are_there_when_they_are_unknown(self) -> None:
        assert document()["pricing"] == {"prompt": None, "completion": None}

    def test_they_come_first(self) -> None:
        pricing = document(price(meters.REQUEST, "0.005"), COMPLETION)["pricing"]

        assert list(pricing.items()) == [("prompt", None), ("completion", "0.00001"), ("request", "0.005")]

    def test_amounts_are_written_in_plain_notation_and_the_hour_with_a_decimal(self) -> None:
        pricing = document(PROMPT, price(meters.INPUT_TEXT_CACHE_READ, "2E-7"), HOUR)["pricing"]

        assert (pricing["input_cache_read"], pricing["hourly_rate"]) == ("0.0000002", "22.0")

    def test_the_price_of_an_image_token_is_shown_as_image_too(self) -> None:
        pricing = document(PROMPT, price(meters.INPUT_IMAGE_TOKEN, "0.000002"))["pricing"]

        assert (pricing["image"], pricing["image_token"]) == ("0.000002", "0.000002")

    def test_the_price_of_an_image_is_not_replaced_by_that_of_its_tokens(self) -> None:
        image, token = price(meters.INPUT_IMAGE, "0.001"), price(meters.INPUT_IMAGE_TOKEN, "0.000002")
        token_at_length = price(meters.INPUT_IMAGE_TOKEN, "0.000004", LONG)

        pricing = document(PROMPT, image, token, token_at_length)["pricing"]

        assert (pricing["image"], pricing["image_token"]) == ("0.001", "0.000002")
        assert pricing["overrides"] == [{"conditions": [list(LONG)], "image_token": "0.000004"}]

    @pytest.mark.parametrize("is_dynamic", [True, False])
    def test_a_zero_without_evidence_is_shown_nowhere(self, is_dynamic: bool) -> None:
        zeros = (FREE_PROMPT, FREE_COMPLETION, price(meters.INPUT_IMAGE, "0"), price(meters.COMPUTE_HOUR, "0"))
        shown = document(*zeros, price(meters.SEARCH_WEB, "0.01"), is_dynamic=is_dynamic)

        assert shown["pricing"] == {"prompt": None, "completion": None, "web_search": "0.01"}
        assert shown["price_tier"] is None
        assert "$" not in shown["description"]

    def test_a_zero_next_to_a_price_means_not_sold_by_this_and_is_unknown(self) -> None:
        shown = document(PROMPT, FREE_COMPLETION)

        assert shown["pricing"] == {"prompt": "0.000002", "completion": None}
        assert shown["price_per_million"] == {"input": "2", "output": None}

    def test_a_zero_next_to_a_price_is_shown_where_it_is_evidence(self) -> None:
        shown = document(PROMPT, FREE_COMPLETION, zero_is_free=True)

        assert shown["pricing"] == {"prompt": "0.000002", "completion": "0"}
        assert shown["price_per_million"] == {"input": "2", "output": "0"}

    def test_zeros_of_tokens_next_to_the_price_of_an_image_are_no_prices(self) -> None:
        shown = document(FREE_PROMPT, FREE_COMPLETION, price(meters.OUTPUT_IMAGE_TOKEN, "0.00003"))

        assert shown["pricing"] == {"prompt": None, "completion": None, "image_output": "0.00003"}
        assert (shown["price_status"], shown["price_basis"]) == ("priced", "unit")
        assert shown["price_per_million"] is None

    def test_a_meter_that_costs_something_at_times_keeps_its_zero(self) -> None:
        shown = document(FREE_PROMPT, price(meters.INPUT_TEXT, "0.000001", NIGHT), COMPLETION)

        assert (shown["pricing"]["prompt"], shown["price_per_million"]["input"]) == ("0", "0")

    def test_an_hour_of_0_next_to_prices_of_tokens_is_no_tier(self) -> None:
        shown = document(PROMPT, COMPLETION, price(meters.COMPUTE_HOUR, "0"))

        assert "hourly_rate" not in shown["pricing"]
        assert shown["price_tier"] is None


class TestOverrides:
    def test_conditional_prices_are_separate_from_the_base_prices(self) -> None:
        longer = price(meters.INPUT_TEXT, "0.000004", LONG), price(meters.OUTPUT_TEXT, "0.000015", LONG)

        assert document(*longer, PROMPT, COMPLETION)["pricing"] == {
            "prompt": "0.000002",
            "completion": "0.00001",
            "overrides": [
                {"conditions": [["prompt_tokens", ">=", 200001]], "prompt": "0.000004", "completion": "0.000015"}
            ],
        }

    def test_a_price_that_is_only_known_under_conditions_is_no_base_price(self) -> None:
        shown = document(price(meters.INPUT_TEXT, "0.000004", LONG))

        assert shown["pricing"]["prompt"] is None
        assert (shown["price_status"], shown["price_basis"]) == ("priced", "token")
        assert shown["price_per_million"] == {"input": None, "output": None}

    @pytest.mark.parametrize("order", [1, -1])
    def test_later_ones_win_so_they_are_ordered_as_they_are_billed(self, order: int) -> None:
        prices = (
            price(meters.INPUT_TEXT, "0.000006", LONGER),
            price(meters.INPUT_TEXT, "0.000003", LONG, NIGHT),
            price(meters.INPUT_TEXT, "0.000001", NIGHT),
            price(meters.INPUT_TEXT, "0.000004", LONG),
        )

        overrides = document(PROMPT, *prices[::order])["pricing"]["overrides"]

        assert [entry["prompt"] for entry in overrides] == ["0.000001", "0.000004", "0.000003", "0.000006"]
        assert overrides[2]["conditions"] == [list(LONG), list(NIGHT)]

    def test_a_condition_that_is_not_understood_is_shown_all_the_same(self) -> None:
        overrides = document(PROMPT, price(meters.INPUT_TEXT, "0.000004", ("utc_window", "during", "night")))

        assert overrides["pricing"]["overrides"] == [
            {"conditions": [["utc_window", "during", "night"]], "prompt": "0.000004"}
        ]


def status_and_basis(*prices: PriceRecord, **record: Any) -> tuple[str, str | None]:
    shown = document(*prices, **record)
    return shown["price_status"], shown["price_basis"]


class TestStatusAndBasis:
    def test_nothing_is_known(self) -> None:
        assert status_and_basis() == ("unknown", None)
        assert status_and_basis(zero_is_free=True) == ("unknown", None)

    def test_prices_of_tokens(self) -> None:
        assert status_and_basis(PROMPT) == ("priced", "token")
        assert status_and_basis(FREE_PROMPT, COMPLETION) == ("priced", "token")

    def test_free_is_what_is_zero_with_evidence(self) -> None:
        assert status_and_basis(FREE_PROMPT, FREE_COMPLETION, zero_is_free=True) == ("free", "token")
        assert status_and_basis(FREE_PROMPT, FREE_COMPLETION) == ("unknown", None)

    @pytest.mark.parametrize(
        "meter", [name for name, meter in METERS.items() if not meter.is_base and name != meters.COMPUTE_HOUR]
    )
    def test_surcharges_and_caches_make_no_offer_priced(self, meter: str) -> None:
        assert status_and_basis(price(meter, "0.01")) == ("unknown", None)
        assert status_and_basis(price(meter, "0"), zero_is_free=True) == ("unknown", None)
        free = (FREE_PROMPT, FREE_COMPLETION, price(meter, "0.01"))
        assert status_and_basis(*free, zero_is_free=True) == ("free", "token")

    def test_a_dynamic_price_is_neither(self) -> None:
        assert status_and_basis(PROMPT, is_dynamic=True) == ("dynamic", None)

    def test_an_offer_that_costs_something_at_times_is_not_free(self) -> None:
        at_night = price(meters.INPUT_TEXT, "0.000001", NIGHT)

        assert status_and_basis(FREE_PROMPT, at_night, zero_is_free=True) == ("priced", "token")

    @pytest.mark.parametrize("meter", [meters.REQUEST, meters.STEP, meters.INPUT_IMAGE, meters.OUTPUT_IMAGE_TOKEN])
    def test_other_units(self, meter: str) -> None:
        assert status_and_basis(price(meter, "0.01")) == ("priced", "unit")
        assert document(price(meter, "0.01"))["price_per_million"] is None

    def test_hours_alone(self) -> None:
        assert status_and_basis(HOUR) == ("priced", "hourly")
        assert status_and_basis(price(meters.COMPUTE_HOUR, "0"), zero_is_free=True) == ("free", "hourly")


class TestHours:
    def test_an_hourly_rate_is_converted_where_nothing_else_is_billed(self) -> None:
        assert document(HOUR)["pricing"] == {"prompt": "0.000022", "completion": "0.000022", "hourly_rate": "22.0"}
        assert document(HOUR)["price_tier"] == "enterprise"

    def test_next_to_prices_of_tokens_it_is_the_cost_of_an_instance(self) -> None:
        shown = document(PROMPT, COMPLETION, HOUR, id="a/b")

        assert shown["pricing"] == {"prompt": "0.000002", "completion": "0.00001", "hourly_rate": "22.0"}
        assert (shown["price_basis"], shown["price_tier"]) == ("token", "enterprise")
        assert shown["price_per_million"] == {"input": "2", "output": "10"}
        assert shown["description"] == "OpenRouter hosted LLM model: a/b."

    def test_next_to_a_price_per_step_it_is_not_converted_either(self) -> None:
        shown = document(price(meters.STEP, "0.0125"), HOUR)

        assert shown["pricing"] == {"prompt": None, "completion": None, "step": "0.0125", "hourly_rate": "22.0"}
        assert shown["price_basis"] == "unit"

    def test_it_does_not_make_free_tokens_priced(self) -> None:
        assert status_and_basis(FREE_PROMPT, FREE_COMPLETION, HOUR, zero_is_free=True) == ("free", "token")

    def test_tokens_that_are_unknown_do_not_make_it_the_price(self) -> None:
        shown = document(FREE_PROMPT, FREE_COMPLETION, HOUR)

        assert (shown["price_status"], shown["price_basis"]) == ("unknown", None)
        assert shown["pricing"] == {"prompt": None, "completion": None, "hourly_rate": "22.0"}


class TestOtherFacts:
    def test_they_are_null_if_no_gateway_reports_them(self) -> None:
        shown = document()

        unknown = ("default_parameters", "quantization", "is_confidential", "knowledge_cutoff")
        assert [shown[key] for key in unknown] == [None] * 4
        assert shown["held_prices"] == []

    def test_they_are_served_as_the_gateway_reports_them(self) -> None:
        shown = document(
            default_parameters={"temperature": 0.7, "top_p": None},
            quantization="fp8",
            is_confidential=False,
            knowledge_cutoff=date(2026, 1, 31),
            context_length=262_144,
            top_provider_context_length=131_072,
        )

        assert shown["default_parameters"] == {"temperature": 0.7, "top_p": None}
        assert (shown["quantization"], shown["is_confidential"]) == ("fp8", False)
        assert shown["knowledge_cutoff"] == "2026-01-31"
        assert (shown["context_length"], shown["top_provider"]["context_length"]) == (262_144, 131_072)

    def test_a_held_price_is_shown_with_what_is_reported_and_what_is_served(self) -> None:
        holds = (
            held_price(meters.INPUT_TEXT, reported="0.0005"),
            held_price(meters.INPUT_TEXT_CACHE_READ, reported="0.1"),
        )

        shown = document(PROMPT, COMPLETION, holds=holds)

        assert shown["held_prices"] == ["prompt", "input_cache_read"]
        common = {"conditions": [], "since": "2026-11-20T08:00:00Z", "reason": "it moved more than 10-fold"}
        assert shown["holds"] == [
            {"meter": "input.text", "pricing_key": "prompt", "reported": "0.0005", "served": "0.000002", **common},
            {
                "meter": "input.text.cache_read",
                "pricing_key": "input_cache_read",
                "reported": "0.1",
                "served": None,
                **common,
            },
        ]


def test_every_key_of_pricing_is_declared() -> None:
    from catalog.api.shapes.offers import PricingOverrideSerializer, PricingSerializer

    keys = {meter.pricing_key for meter in METERS.values()}
    assert PricingSerializer().fields.keys() == keys | {"overrides"}
    assert PricingOverrideSerializer().fields.keys() == keys | {"conditions"}


def test_every_key_of_a_document_is_declared() -> None:
    from catalog.api.shapes.offers import OfferSerializer

    assert document().keys() == OfferSerializer().fields.keys()


CONDITIONS: list[tuple[Condition, ...]] = [
    (),
    (("prompt_tokens", ">=", 200_001),),
    (("utc_window", "during", "16:30-00:30"),),
    (("execution_mode", "=", "batch"), ("prompt_tokens", ">=", 200_001)),
]


@st.composite
def priced_records(draw: st.DrawFn) -> OfferRecord:
    """Records whose image and image tokens cost different amounts: a document repeats equal ones under both keys."""
    keys = draw(st.sets(st.tuples(st.sampled_from(list(METERS)), st.sampled_from(CONDITIONS)), max_size=12))
    amounts = st.just(Decimal(0)) | st.decimals("1e-12", "900", places=12)
    prices = {key: draw(amounts) for key in sorted(keys)}
    for when in CONDITIONS:
        token = prices.get((meters.INPUT_IMAGE_TOKEN, when))
        if token is not None and token == prices.get((meters.INPUT_IMAGE, when)):
            prices[meters.INPUT_IMAGE_TOKEN, when] = token + 1
    return offer_record(
        prices=tuple(
            PriceRecord(meter=meter, amount=amount, conditions=when) for (meter, when), amount in prices.items()
        ),
        zero_is_free=draw(st.booleans()),
        model_type=draw(st.sampled_from([ModelType.LLM, ModelType.IMAGE_GENERATION])),
    )


@given(record=priced_records())
def test_the_prices_that_a_document_shows_are_those_that_it_was_made_of(record: OfferRecord) -> None:
    shown = reading.shown_prices(orjson.loads(orjson.dumps(rendering.build(record, offer_facts()))))

    known_as = status.price_status(record)
    above_zero = {price.meter for price in record.prices if price.amount}
    known = {
        price.key: price.amount
        for price in record.prices
        if price.amount
        or known_as == "free"
        or (known_as == "priced" and (record.zero_is_free or price.meter in above_zero))
    }
    assert {price.key: price.amount for price in shown} == known
