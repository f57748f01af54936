"""The JSON document of an offer, as `/catalog/schema` describes it. Pure. It is rendered once, at publication."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson

from catalog.normalize import dates, modalities
from catalog.pricing import billing, meters, money, schedules
from catalog.pricing.status import known_amount, known_prices, price_basis, price_status, price_tier
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord, Source, UnclearPrice

RENDERER = 5
"""Increase it when the same record gives a different document: before the next run, every offer is rendered again."""
Json = dict[str, object]
_Price = PriceRecord | UnclearPrice


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPrice:
    """A price that the gateway reports and that has not been accepted yet."""

    price: PriceRecord
    """The price that the gateway reports."""
    since: datetime
    """When the gateway first reported it."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFacts:
    """The facts that the catalogue itself has about an offer, in addition to the gateway's record."""

    gateway: str
    gateway_name: str
    source: Source
    recorded_on: date | None
    first_seen_at: datetime
    withdrawn_at: datetime | None
    """Since when the offer is not listed: its gateway withdrew it, or a curator hid it."""
    is_hidden: bool = False
    """A curator hid the offer."""
    is_featured: bool = False
    """A curator recommends the offer."""
    provider_name: str | None = None
    """The name of the model's provider that people read."""
    provider_site_url: str | None = None
    model_logo_url: str | None = None
    """A reference relative to the service: the logo of the model's provider."""
    stale_since: datetime | None = None
    """The time since which the gateway's row has been unusable; the document then shows the last usable row."""
    holds: tuple[HeldPrice, ...] = ()
    """Prices that the gateway reports and that are not served yet."""


def render(record: OfferRecord, facts: OfferFacts) -> str:
    """Return the finished JSON text of one row of `/catalog/models`."""
    return orjson.dumps(build(record, facts)).decode()


def build(record: OfferRecord, facts: OfferFacts) -> Json:
    return {
        "id": record.id,
        "slug": record.slug,
        "canonical_slug": record.canonical_slug,
        "name": record.name,
        "description": record.description or describe(record, facts),
        "provider_slug": record.provider_slug,
        "source_gateway": facts.gateway,
        "host": record.host,
        "model_type": record.model_type,
        "tags": record.tags,
        "pricing": _pricing(record),
        "price_status": price_status(record),
        "price_basis": price_basis(record),
        "price_tier": _price_tier(record),
        "execution_mode": record.execution_mode,
        "price_per_million": _price_per_million(record),
        "held_prices": tuple(dict.fromkeys(meters.METERS[held.price.meter].pricing_key for held in facts.holds)),
        "holds": _holds(record, facts.holds),
        "notes": (*_unclear_notes(record.unclear), *record.notes),
        "architecture": {
            "modality": modalities.arrow(record.input_modalities, record.output_modalities),
            "input_modalities": record.input_modalities,
            "output_modalities": record.output_modalities,
            "tokenizer": record.tokenizer,
            "instruct_type": record.instruct_type,
        },
        "quantization": record.quantization,
        "is_confidential": record.is_confidential,
        "knowledge_cutoff": record.knowledge_cutoff,
        "context_length": record.context_length,
        "top_provider": {
            "context_length": record.top_provider_context_length,
            "max_completion_tokens": record.max_completion_tokens,
            "is_moderated": record.is_moderated,
        },
        "per_request_limits": None,
        "supported_parameters": record.supported_parameters,
        "default_parameters": record.default_parameters,
        "hugging_face_id": record.hugging_face_id,
        "created": record.created,
        "availability": record.availability,
        "expires": record.expires,
        "provider_site_url": facts.provider_site_url,
        "model_logo_url": facts.model_logo_url,
        "canonical_model": None,
        "variant": None,
        "first_seen": dates.iso(facts.first_seen_at),
        "is_featured": facts.is_featured,
        "is_hidden": facts.is_hidden,
        "withdrawn_at": None if facts.withdrawn_at is None else dates.iso(facts.withdrawn_at),
        "source": facts.source,
        "recorded_at": facts.recorded_on,
        "stale_since": None if facts.stale_since is None else dates.iso(facts.stale_since),
    }


def _holds(record: OfferRecord, holds: Iterable[HeldPrice]) -> list[Json]:
    served = {(price.meter, price.conditions): amount_text(price) for price in known_prices(record)}
    return [
        {
            "meter": held.price.meter,
            "pricing_key": meters.METERS[held.price.meter].pricing_key,
            "conditions": held.price.conditions,
            "reported": amount_text(held.price),
            "served": served.get((held.price.meter, held.price.conditions)),
            "since": dates.iso(held.since),
            "reason": held.reason,
        }
        for held in holds
    ]


def _fields() -> tuple[str, ...]:
    nothing = OfferRecord(id="-", slug="-", canonical_slug="-", name="-", model_type=ModelType.OTHER)
    moment = datetime.fromtimestamp(0, UTC)
    facts = OfferFacts(
        gateway="-", gateway_name="-", source=Source.API, recorded_on=None, first_seen_at=moment, withdrawn_at=None
    )
    return tuple(build(nothing, facts))


def describe(record: OfferRecord, facts: OfferFacts) -> str:
    """Return a sentence for an offer whose gateway has no description. It is made from known facts at rendering, so it
    includes curated prices.

    An offer that is billed by the hour keeps the sentence that the first version of the API promised.
    """
    sentence = f"{facts.gateway_name} hosted {record.model_type} model: {record.id}."
    hourly = record.amount(meters.COMPUTE_HOUR)
    if hourly is not None and price_basis(record) == "hourly":
        return f"{sentence} Pricing: ${money.with_decimal(hourly)}/hr."
    return _described(record, provider=facts.provider_name or record.provider_slug) or sentence


def is_own_description(document: Mapping[str, Any]) -> bool:
    """Whether a document's description is a sentence of `describe`, which repeats the facts of other fields."""
    description = document["description"] or ""
    if f" hosted {document['model_type']} model: {document['id']}." in description:
        return True
    kind = _KINDS[ModelType(document["model_type"])]
    return bool(
        re.fullmatch(rf"{kind}( by .+)?( with a context of [0-9,]+ tokens)?(; it also takes .+)?\.", description)
    )


_KINDS = {
    ModelType.LLM: "Text model",
    ModelType.IMAGE_GENERATION: "Image generation model",
    ModelType.TEXT_TO_SPEECH: "Text-to-speech model",
    ModelType.SPEECH_TO_TEXT: "Speech-to-text model",
    ModelType.EMBEDDINGS: "Embedding model",
    ModelType.CONTENT_MODERATION: "Content moderation model",
    ModelType.VIDEO: "Video generation model",
    ModelType.MUSIC_GENERATION: "Music generation model",
    ModelType.OTHER: "Model",
}
_TAKEN = {"image": "images", "audio": "audio", "video": "videos", "file": "files"}


def _described(record: OfferRecord, *, provider: str | None) -> str | None:
    """Return None if only the type is known."""
    context, inputs = record.context_length, record.input_modalities or ()
    taken = [_TAKEN[word] for word in inputs if word in _TAKEN and "text" in inputs]
    parts = (
        f" by {provider}" if provider else "",
        f" with a context of {context:,} tokens" if context else "",
        f"; it also takes {' and '.join(filter(None, [', '.join(taken[:-1]), taken[-1]]))}" if taken else "",
    )
    return f"{_KINDS[record.model_type]}{''.join(parts)}." if any(parts) else None


def _price_tier(record: OfferRecord) -> str | None:
    hourly = known_amount(record, meters.COMPUTE_HOUR)
    return None if hourly is None else price_tier(hourly)


def _pricing(record: OfferRecord) -> Json:
    known: tuple[_Price, ...] = (*known_prices(record), *record.unclear)
    base = _amounts((price for price in known if not price.conditions), known=known)
    overrides = _overrides(known)
    pricing = {"prompt": None, "completion": None, **base, **_converted(record)}
    return {**pricing, "overrides": overrides} if overrides else pricing


def _converted(record: OfferRecord) -> Json:
    """Return the conversion of hourly rates that the first version of the API promised. It is no token price, so never
    sort by it or compare it."""
    hourly = record.amount(meters.COMPUTE_HOUR)
    is_promised = record.model_type in {ModelType.LLM, ModelType.CONTENT_MODERATION}
    if hourly is None or not is_promised or price_basis(record) != "hourly":
        return {}
    per_token = money.plain(money.one_millionth(hourly))
    return {"prompt": per_token, "completion": per_token}


def _overrides(prices: Sequence[_Price]) -> list[Json]:
    """Return the conditional prices, by condition. If several hold at once, later ones replace earlier ones key by
    key."""
    conditions = sorted({price.conditions for price in prices if price.conditions}, key=billing.precedence)
    return [
        {"conditions": when, **_amounts([price for price in prices if price.conditions == when], known=prices)}
        for when in conditions
    ]


def _amounts(prices: Iterable[_Price], *, known: Iterable[_Price]) -> Json:
    """Return the prices of one condition by their keys of `pricing`, in the order of the meters. An unclear price is
    null.

    If images are billed only by token, that price appears as `image` too, as OpenRouter shows it.
    """
    amounts = {price.meter: amount_text(price) if isinstance(price, PriceRecord) else None for price in prices}
    if not any(price.meter == meters.INPUT_IMAGE for price in known) and meters.INPUT_IMAGE_TOKEN in amounts:
        amounts[meters.INPUT_IMAGE] = amounts[meters.INPUT_IMAGE_TOKEN]
    return {meter.pricing_key: amounts[meter.name] for meter in meters.METERS.values() if meter.name in amounts}


def amount_text(price: PriceRecord) -> str:
    """Return the amount as `pricing` shows it."""
    return money.with_decimal(price.amount) if price.meter == meters.COMPUTE_HOUR else money.plain(price.amount)


def _price_per_million(record: OfferRecord) -> Json | None:
    """Return the standard price, by which offers are filtered and sorted; a batch offer has none."""
    if price_basis(record) != "token" or record.execution_mode != billing.STANDARD:
        return None
    amounts = {"input": known_amount(record, meters.INPUT_TEXT), "output": known_amount(record, meters.OUTPUT_TEXT)}
    return {
        side: None if amount is None else money.plain(money.per_million(amount)) for side, amount in amounts.items()
    }


def _unclear_notes(unclear: Iterable[UnclearPrice]) -> Iterator[str]:
    """Yield a sentence for each reason and its conditions, which names the keys of `pricing`."""
    keys: dict[tuple[tuple[Condition, ...], str], list[str]] = {}
    for price in unclear:
        keys.setdefault((price.conditions, price.reason), []).append(meters.METERS[price.meter].pricing_key)
    for (conditions, reason), named in keys.items():
        yield f"The price of {', '.join(named)} is unknown{schedules.where(conditions)}: {reason}."


FIELDS = _fields()
"""The top-level fields of every document, in their order."""
