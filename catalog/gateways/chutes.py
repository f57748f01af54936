"""Chutes.ai: models deployed on rented GPUs, listed here from the bundled catalogue of 104 models.

Unit of its prices: US dollars **per hour** of one instance. That is what running the model costs, not what a caller
pays for tokens, so it becomes the meter `compute.hour` and never a token price.
A zero is published on purpose: the model is free.
Rows: `{"id", "name", "provider", "type", "pricing_per_hour", "tags"}`. An id without a slash is a deployment of
Chutes' own and carries the provider `chutes`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf, PlainValidator

from catalog.adapter.contract import Gateway, Json, validated
from catalog.normalize import meters, modalities, money, text
from catalog.records import ModelType, OfferRecord

Id = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_ID))]
Name = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_NAME))]
Tag = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_TAG))]


class StaticRow(BaseModel):
    """A row of the bundled catalogue."""

    model_config = ConfigDict(frozen=True)

    id: Id
    name: Name
    provider: Id
    type: ModelType
    pricing_per_hour: Annotated[InstanceOf[money.Rate], BeforeValidator(money.usd_per_hour)]
    tags: list[Tag] = []


class Chutes(Gateway):
    slug = "chutes"
    name = "Chutes.ai"
    site_url = "https://chutes.ai"
    docs_url = "https://chutes.ai/docs"
    note = "Chutes.ai catalog"
    bundled_on = date(2025, 10, 8)

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, StaticRow)
        inputs, outputs = modalities.of_model_type(listed.type)
        return OfferRecord(
            id=listed.id,
            slug=listed.id,
            canonical_slug=listed.id,
            name=listed.name,
            provider_slug=listed.provider,
            model_type=listed.type,
            tags=tuple(dict.fromkeys(listed.tags)),
            prices=(meters.price(meters.COMPUTE_HOUR, listed.pricing_per_hour),),
            zero_is_free=True,
            input_modalities=inputs,
            output_modalities=outputs,
        )
