"""The JSON document of an offer, as `/catalog/schema` describes it. Pure; rendered once, at publication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import orjson

from catalog.normalize import dates, meters, modalities, money
from catalog.records import ModelType, OfferRecord, Source

RENDERER = 1
"""Raise it when the same record gives another document: the next sync then renders every offer anew."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFacts:
    """What the catalogue itself knows of an offer, beside the gateway's record."""

    gateway: str
    gateway_name: str
    source: Source
    recorded_on: date | None
    first_seen_at: datetime
    withdrawn_at: datetime | None


def render(record: OfferRecord, facts: OfferFacts) -> str:
    """The finished JSON text of one row of `/catalog/models`."""
    return orjson.dumps(build(record, facts)).decode()


def build(record: OfferRecord, facts: OfferFacts) -> Json:
    basis = price_basis(record)
    hourly = record.amount(meters.COMPUTE_HOUR)
    return {
        "id": record.id,
        "slug": record.slug,
        "canonical_slug": record.canonical_slug,
        "name": record.name,
        "description": record.description or describe(record, facts.gateway_name),
        "provider_slug": record.provider_slug,
        "source_gateway": facts.gateway,
        "host": record.host,
        "model_type": record.model_type,
        "tags": record.tags,
        "pricing": _pricing(record, basis),
        "price_status": price_status(record),
        "price_basis": basis,
        "price_tier": None if hourly is None or basis is None else price_tier(hourly),
        "price_per_million": _price_per_million(record, basis),
        "architecture": {
            "modality": modalities.arrow(record.input_modalities, record.output_modalities),
            "input_modalities": record.input_modalities,
            "output_modalities": record.output_modalities,
            "tokenizer": record.tokenizer,
            "instruct_type": record.instruct_type,
        },
        "context_length": record.context_length,
        "top_provider": {
            "context_length": record.context_length,
            "max_completion_tokens": record.max_completion_tokens,
            "is_moderated": record.is_moderated,
        },
        "per_request_limits": None,
        "supported_parameters": record.supported_parameters,
        "default_parameters": None,
        "hugging_face_id": record.hugging_face_id,
        "created": record.created,
        "availability": record.availability,
        "expires": record.expires,
        "provider_site_url": None,
        "model_logo_url": None,
        "canonical_model": None,
        "first_seen": dates.iso(facts.first_seen_at),
        "withdrawn_at": None if facts.withdrawn_at is None else dates.iso(facts.withdrawn_at),
        "source": facts.source,
        "recorded_at": facts.recorded_on,
    }


def describe(record: OfferRecord, gateway_name: str) -> str:
    """A sentence for an offer whose gateway has none; written here, so that a curated price stands in it too."""
    sentence = f"{gateway_name} hosted {record.model_type} model: {record.id}."
    hourly = record.amount(meters.COMPUTE_HOUR)
    if hourly is None or price_basis(record) != "hourly":
        return sentence
    return f"{sentence} Pricing: ${money.with_decimal(hourly)}/hr."


def price_status(record: OfferRecord) -> str:
    """`dynamic`, `priced`, `free` (zeros with evidence) or `unknown`; an unknown price is never called free."""
    if record.is_dynamic:
        return "dynamic"
    if any(price.amount for price in record.prices):
        return "priced"
    return "free" if record.prices and record.zero_is_free else "unknown"


def price_basis(record: OfferRecord) -> str | None:
    """What the offer is billed by: `token`, `hourly`, or None where its price is unknown or dynamic."""
    if price_status(record) in {"dynamic", "unknown"}:
        return None
    if any(record.amount(meter) is not None for meter in (meters.INPUT_TEXT, meters.OUTPUT_TEXT)):
        return "token"
    return "hourly"


def price_tier(usd_per_hour: Decimal) -> str:
    """The tier of an hourly rate; the lower bound of a range belongs to its tier."""
    if not usd_per_hour:
        return "free"
    if usd_per_hour < 2:
        return "budget"
    if usd_per_hour < 6:
        return "standard"
    return "premium" if usd_per_hour < 22 else "enterprise"


def _pricing(record: OfferRecord, basis: str | None) -> Json:
    if basis is None:  # zeros without evidence are no prices
        return {"prompt": None, "completion": None}
    prompt, completion, hourly = (
        record.amount(meter) for meter in (meters.INPUT_TEXT, meters.OUTPUT_TEXT, meters.COMPUTE_HOUR)
    )
    if basis == "hourly" and hourly is not None and record.model_type in {ModelType.LLM, ModelType.CONTENT_MODERATION}:
        # The conversion that the first version of the API promised. It is no token price: never sort or compare by it.
        prompt = completion = money.one_millionth(hourly)
    pricing: Json = {"prompt": _plain(prompt), "completion": _plain(completion)}
    return pricing if hourly is None else pricing | {"hourly_rate": money.with_decimal(hourly)}


def _price_per_million(record: OfferRecord, basis: str | None) -> Json | None:
    if basis != "token":
        return None
    amounts = {"input": record.amount(meters.INPUT_TEXT), "output": record.amount(meters.OUTPUT_TEXT)}
    return {
        side: None if amount is None else money.plain(money.per_million(amount)) for side, amount in amounts.items()
    }


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else money.plain(amount)
