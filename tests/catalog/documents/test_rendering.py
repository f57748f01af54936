"""The document of an offer: how it shows a price, and that it contains everything that is known."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents import rendering
from catalog.pricing import meters
from catalog.records import Availability, ModelType, OfferRecord, PriceRecord, Source, UnclearPrice
from tests.factories import held_price, hourly, offer_facts, offer_record, per_token

Json = Any

TEXT_TYPES = (ModelType.LLM, ModelType.CONTENT_MODERATION)
FREE = {"zero_is_free": True}
NO_EVIDENCE = {"zero_is_free": False}


def shown(record: OfferRecord, **facts: Any) -> Json:
    """The document as a client reads it."""
    return orjson.loads(rendering.render(record, offer_facts(**facts)))


# --- what is known of a price ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about_price", "status", "basis"),
    [
        pytest.param({"prices": (hourly("22"),)}, "priced", "hourly", id="an hourly rate"),
        pytest.param({"prices": (hourly("22"),), **NO_EVIDENCE}, "priced", "hourly", id="a rate needs no evidence"),
        pytest.param({"prices": (hourly("0"),), **FREE}, "free", "hourly", id="an hourly zero, with evidence"),
        pytest.param({"prices": (hourly("0"),), **NO_EVIDENCE}, "unknown", None, id="an hourly zero, without"),
        pytest.param({"prices": per_token(prompt="1E-6")}, "priced", "token", id="a token price"),
        pytest.param({"prices": per_token(completion="1E-6")}, "priced", "token", id="one of the output alone"),
        pytest.param({"prices": per_token(prompt="0", completion="1E-6")}, "priced", "token", id="a free input"),
        pytest.param(
            {"prices": per_token(prompt="0", completion="0"), **FREE}, "free", "token", id="zeros, with evidence"
        ),
        pytest.param(
            {"prices": per_token(prompt="0", completion="0"), **NO_EVIDENCE}, "unknown", None, id="zeros, without"
        ),
        pytest.param({"prices": (*per_token(prompt="1E-6"), hourly("4"))}, "priced", "token", id="tokens before hours"),
        pytest.param({"prices": (), **FREE}, "unknown", None, id="nothing published, whatever zeros would mean"),
        pytest.param({"prices": (), **NO_EVIDENCE}, "unknown", None, id="nothing published"),
        pytest.param({"prices": (), "is_dynamic": True}, "dynamic", None, id="decided when it runs"),
        pytest.param({"prices": per_token(completion="1E-6"), "is_dynamic": True}, "dynamic", None, id="dynamic first"),
    ],
)
def test_status_and_basis_of_a_price(about_price: dict[str, Any], status: str, basis: str | None) -> None:
    document = shown(offer_record(**about_price))

    assert (document["price_status"], document["price_basis"]) == (status, basis)
    assert (document["price_per_million"] is not None) == (basis == "token")


@pytest.mark.parametrize(
    ("usd_per_hour", "tier"),
    [
        ("0", "free"),
        ("0.00", "free"),
        ("0.0001", "budget"),
        ("1.99", "budget"),
        ("1.999999999999", "budget"),
        ("2", "standard"),
        ("2.00", "standard"),
        ("5.99", "standard"),
        ("6", "premium"),
        ("21.99", "premium"),
        ("22", "enterprise"),
        ("22.0", "enterprise"),
        ("1000000", "enterprise"),
    ],
)
def test_the_lower_bound_of_a_tier_belongs_to_it(usd_per_hour: str, tier: str) -> None:
    assert shown(offer_record(prices=(hourly(usd_per_hour),)))["price_tier"] == tier


def test_without_an_hourly_rate_there_is_no_tier() -> None:
    assert shown(offer_record(prices=per_token(prompt="0.1")))["price_tier"] is None


# --- the figures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_type", TEXT_TYPES)
def test_an_hourly_rate_of_a_text_model_is_also_shown_as_a_millionth(model_type: ModelType) -> None:
    document = shown(offer_record(model_type=model_type, prices=(hourly("22"),)))

    assert document["pricing"] == {"prompt": "0.000022", "completion": "0.000022", "hourly_rate": "22.0"}
    assert document["price_per_million"] is None


@pytest.mark.parametrize("model_type", sorted(set(ModelType) - set(TEXT_TYPES)))
@pytest.mark.parametrize(("amount", "rate"), [("8.58", "8.58"), ("0", "0.0")])
def test_an_hourly_rate_of_any_other_model_is_not_converted(model_type: ModelType, amount: str, rate: str) -> None:
    document = shown(offer_record(model_type=model_type, prices=(hourly(amount),)))

    assert document["pricing"] == {"prompt": None, "completion": None, "hourly_rate": rate}


def test_next_to_token_prices_the_hourly_rate_is_the_cost_of_an_instance() -> None:
    prices = (*per_token(prompt="0.0000003", completion="0.0000012"), hourly("22"))

    document = shown(offer_record(prices=prices))

    assert document["pricing"] == {"prompt": "0.0000003", "completion": "0.0000012", "hourly_rate": "22.0"}
    assert document["price_per_million"] == {"input": "0.3", "output": "1.2"}


def test_a_side_without_a_price_is_null_next_to_one_with_a_price() -> None:
    document = shown(offer_record(prices=per_token(prompt="0.0000003")))

    assert document["pricing"] == {"prompt": "0.0000003", "completion": None}
    assert document["price_per_million"] == {"input": "0.3", "output": None}


def test_zeros_with_evidence_are_shown_as_zeros() -> None:
    document = shown(offer_record(prices=per_token(prompt="0", completion="0"), zero_is_free=True))

    assert document["pricing"] == {"prompt": "0", "completion": "0"}
    assert document["price_per_million"] == {"input": "0", "output": "0"}


@pytest.mark.parametrize("model_type", [ModelType.LLM, ModelType.IMAGE_GENERATION])
@pytest.mark.parametrize(
    "about_price",
    [
        pytest.param({"prices": ()}, id="nothing published"),
        pytest.param({"prices": per_token(prompt="0", completion="0")}, id="token zeros without evidence"),
        pytest.param({"prices": (hourly("0"),)}, id="an hourly zero without evidence"),
        pytest.param({"prices": (), "is_dynamic": True}, id="decided when it runs"),
    ],
)
def test_an_unknown_price_is_null_and_never_zero(model_type: ModelType, about_price: dict[str, Any]) -> None:
    document = shown(offer_record(model_type=model_type, zero_is_free=False, **about_price))

    assert document["pricing"] == {"prompt": None, "completion": None}
    assert (document["price_per_million"], document["price_tier"]) == (None, None)
    assert "$" not in document["description"]


def amounts() -> st.SearchStrategy[Decimal]:
    return st.builds(
        lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**15), st.integers(-5, 25)
    )


@given(prompt=amounts(), completion=amounts(), rate=amounts(), model_type=st.sampled_from(ModelType))
def test_every_figure_is_exact_and_in_plain_notation(
    prompt: Decimal, completion: Decimal, rate: Decimal, model_type: ModelType
) -> None:
    by_token = (
        PriceRecord(meter=meters.INPUT_TEXT, amount=prompt),
        PriceRecord(meter=meters.OUTPUT_TEXT, amount=completion),
    )
    by_hour = PriceRecord(meter=meters.COMPUTE_HOUR, amount=rate)

    sold_by_token = shown(offer_record(prices=(*by_token, by_hour), model_type=model_type))
    sold_by_hour = shown(offer_record(prices=(by_hour,), model_type=model_type))

    expected = {
        sold_by_token["pricing"]["prompt"]: Fraction(prompt),
        sold_by_token["pricing"]["completion"]: Fraction(completion),
        sold_by_token["price_per_million"]["input"]: Fraction(prompt) * 10**6,
        sold_by_token["price_per_million"]["output"]: Fraction(completion) * 10**6,
        sold_by_hour["pricing"]["hourly_rate"]: Fraction(rate),
    }
    if model_type in TEXT_TYPES:
        expected[sold_by_hour["pricing"]["prompt"]] = Fraction(rate) / 10**6
    assert {text: Fraction(text) for text in expected} == expected
    assert all(re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", text) for text in expected)
    assert "." in sold_by_hour["pricing"]["hourly_rate"]


# --- words -----------------------------------------------------------------------------------------------------------


def test_an_offer_without_a_description_is_described_with_its_price() -> None:
    record = offer_record("maker/model", model_type=ModelType.VIDEO, prices=(hourly("8.58"),), description=None)

    assert shown(record)["description"] == "Chutes.ai hosted Video model: maker/model. Pricing: $8.58/hr."
    assert shown(replace(record, prices=()))["description"] == "Video generation model by maker."
    assert shown(replace(record, description="Its maker's words."))["description"] == "Its maker's words."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"context_length": 128_000}, "Text model by The Maker with a context of 128,000 tokens."),
        ({"provider_slug": None, "context_length": 4096}, "Text model with a context of 4,096 tokens."),
        (
            {"model_type": ModelType.SPEECH_TO_TEXT, "input_modalities": ("audio",)},
            "Speech-to-text model by The Maker.",
        ),
        ({"input_modalities": ("text", "image")}, "Text model by The Maker; it also takes images."),
        (
            {"context_length": 4096, "input_modalities": ("text", "audio", "file", "image")},
            "Text model by The Maker with a context of 4,096 tokens; it also takes audio, files and images.",
        ),
        ({"provider_slug": None}, "Chutes.ai hosted LLM model: maker/model."),
        ({"description": "Its maker's words."}, "Its maker's words."),
    ],
)
def test_an_offer_without_a_description_is_described_by_its_facts(fields: dict[str, Any], sentence: str) -> None:
    record = offer_record("maker/model", **{"prices": per_token(prompt="1"), "description": None} | fields)
    name = {"provider_name": "The Maker"} if record.provider_slug else {}

    document = shown(record, **name)

    assert document["description"] == sentence
    assert rendering.is_own_description(document) == (record.description is None)


def test_days_and_moments_are_iso_and_the_moments_in_utc() -> None:
    document = shown(
        offer_record(expires=date(2027, 1, 31)),
        recorded_on=date(2025, 10, 8),
        first_seen_at=datetime.fromisoformat("2026-11-22T09:00:00.999+01:00"),
        withdrawn_at=datetime(2026, 12, 1, tzinfo=UTC),
    )

    assert (document["expires"], document["recorded_at"]) == ("2027-01-31", "2025-10-08")
    assert (document["first_seen"], document["withdrawn_at"]) == ("2026-11-22T08:00:00Z", "2026-12-01T00:00:00Z")


# --- nothing that is known is left out -------------------------------------------------------------------------------

ANOTHER: dict[str, object] = {
    # for each field of a record, another value than the one of `full_record()`
    "id": "maker/other",
    "slug": "other",
    "canonical_slug": "other",
    "name": "Other",
    "model_type": ModelType.OTHER,
    "provider_slug": "other",
    "host": "other",
    "description": "Other words.",
    "tags": ("other",),
    "prices": (hourly("9"),),
    "unclear": (UnclearPrice(meter=meters.INPUT_TEXT, reason="it is stated twice"),),
    "notes": ("A part of its prices cannot be read.",),
    "is_partial": True,
    "execution_mode": "batch",
    "is_dynamic": True,
    "zero_is_free": False,
    "input_modalities": ("image",),
    "output_modalities": ("image",),
    "tokenizer": "other",
    "instruct_type": "other",
    "hugging_face_id": "maker/other",
    "created": 1_700_000_001,
    "context_length": 2,
    "top_provider_context_length": 2,
    "max_completion_tokens": 2,
    "is_moderated": False,
    "supported_parameters": ("other",),
    "default_parameters": {"temperature": 0.5},
    "quantization": "other",
    "is_confidential": False,
    "knowledge_cutoff": date(2028, 1, 1),
    "availability": Availability.COLD,
    "expires": date(2028, 1, 1),
}
ANOTHER_FACT: dict[str, object] = {
    "gateway": "openrouter",
    "gateway_name": "OpenRouter",
    "source": Source.API,
    "recorded_on": None,
    "first_seen_at": datetime(2026, 11, 23, tzinfo=UTC),
    "withdrawn_at": datetime(2026, 11, 24, tzinfo=UTC),
    "is_hidden": True,
    "is_featured": True,
    "provider_name": "The Maker",
    "provider_site_url": "https://maker.example",
    "model_logo_url": "/catalog/logos/maker.svg",
    "stale_since": datetime(2026, 11, 25, tzinfo=UTC),
    "holds": (held_price(),),
}
NOT_SERVED: dict[str, str] = {
    # a field of a record that no client can see: the reason
    "is_partial": "it decides whether the record is published at all",
}


def full_record() -> OfferRecord:
    """Return an offer with a value in every field."""
    return offer_record(
        prices=(hourly("0"),),
        host="host",
        description="Words.",
        tags=("hot",),
        tokenizer="Qwen3",
        instruct_type="chatml",
        hugging_face_id="maker/model",
        created=1_700_000_000,
        context_length=1,
        top_provider_context_length=1,
        max_completion_tokens=1,
        is_moderated=True,
        supported_parameters=("tools",),
        default_parameters={"temperature": 1},
        quantization="fp8",
        is_confidential=True,
        knowledge_cutoff=date(2027, 1, 1),
        availability=Availability.ONLINE,
        expires=date(2027, 1, 1),
    )


def test_every_field_of_a_record_and_every_fact_is_tried() -> None:
    assert [field.name for field in fields(OfferRecord)] == list(ANOTHER)
    assert [field.name for field in fields(rendering.OfferFacts)] == list(ANOTHER_FACT)


@pytest.mark.parametrize("name", ANOTHER)
def test_the_document_shows_each_field_of_a_record_unless_it_is_exempt(name: str) -> None:
    other = replace(full_record(), **{name: ANOTHER[name]})  # type: ignore[arg-type]  # the name is only known when it runs

    assert (shown(other) != shown(full_record())) == (name not in NOT_SERVED)


def test_no_exemption_is_for_a_field_that_there_is_not() -> None:
    assert NOT_SERVED.keys() <= ANOTHER.keys()
    assert all(NOT_SERVED.values())


@pytest.mark.parametrize("name", ANOTHER_FACT)
def test_a_fact_of_the_catalogue_shows_in_the_document(name: str) -> None:
    # The sentence of an hourly price does not name the provider.
    prices = per_token(prompt="1") if name == "provider_name" else full_record().prices
    record = replace(full_record(), description=None, prices=prices)

    assert shown(record, **{name: ANOTHER_FACT[name]}) != shown(record)


def test_equal_records_give_equal_bytes_however_their_amounts_were_written() -> None:
    plain, scientific = (offer_record(prices=(hourly(amount),)) for amount in ("22.0", "2.2E+1"))

    assert rendering.render(plain, offer_facts()) == rendering.render(scientific, offer_facts())
