"""Nimbus: a gateway that does not exist. https://docs.nimbus.example/models

Listing: GET https://api.nimbus.example/v1/models, without a key; `{data}`, one page.
Unit of its prices: US dollars per **million tokens**. A zero is no evidence of a free model.
Changes at every reading and carries no information: `load`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from catalog.adapter import fields
from catalog.adapter.contract import Auth, Config, Gateway, Json, Listing, Request, Walk, fields_of, validated
from catalog.adapter.errors import BadPayload
from catalog.normalize import modalities, model_ids
from catalog.pricing import meters, money, price_lists
from catalog.records import ModelType, OfferRecord

_KINDS = {"chat": ModelType.LLM, "embedding": ModelType.EMBEDDINGS}

_PerMillion = Annotated[fields.Price, fields.price(money.usd_per_million_tokens)]


class Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: fields.Id
    name: fields.Name
    kind: fields.Word = None
    input: _PerMillion = None
    output: _PerMillion = None
    context: fields.Count = None
    parameters: fields.Words = None
    moderated: fields.Flag = None


class Nimbus(Gateway):
    rank = 50
    slug = "nimbus"
    name = "Nimbus"
    site_url = "https://nimbus.example"
    docs_url = "https://docs.nimbus.example/models"
    hosts = {"api": "https://api.nimbus.example"}
    auth = Auth()
    explained = {"api": "Serves /v1/models."}
    requests = "`/v1/models`"
    foreign_names = {"litellm": "nimbus"}
    bundled_on = date(2026, 11, 1)
    bundled_facts = "prices and limits"
    bundled_from = "invented"
    volatile = frozenset({"load"})

    def walk(self, config: Config) -> Walk:
        page = yield Request(host="api", path="/v1/models")
        if not isinstance(page.payload, dict) or not isinstance(page.payload.get("data"), list):
            raise BadPayload("Nimbus's answer has no list of models under data")
        return Listing(rows=sorted(page.payload["data"], key=lambda row: self.row_id(row) or ""), is_complete=True)

    def essence(self, row: Json) -> Json:
        return fields_of(row, Row)

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        model_type = _KINDS.get(listed.kind or "", ModelType.OTHER)
        inputs, outputs = modalities.of_model_type(model_type)
        stated = {meters.INPUT_TEXT: listed.input, meters.OUTPUT_TEXT: listed.output}
        priced = price_lists.base_prices({meter: price for meter, price in stated.items() if price})
        return OfferRecord(
            id=listed.id,
            slug=listed.id,
            canonical_slug=listed.id,
            name=listed.name,
            provider_slug=model_ids.owner(listed.id),
            model_type=model_type,
            prices=priced.prices,
            unclear=priced.unclear,
            input_modalities=inputs,
            output_modalities=outputs,
            context_length=listed.context,
            is_moderated=listed.moderated,
            supported_parameters=listed.parameters,
        )
