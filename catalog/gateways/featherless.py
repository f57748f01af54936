"""Featherless: models of Hugging Face, run on demand. https://featherless.ai/docs/api-reference-models

Listing: GET https://api.featherless.ai/v1/models?page=1&per_page=1000, pages from 1, without a key; a Bearer key is
sent where there is one. A page is `{data, total, pagination: {total_items, ...}}`.
- Without `page` and `per_page` the answer is an older one, `{data}` alone, which lacks models that the pages have.
- Far into the list every page is empty, although `total_items` counts about twice as many rows. What lies beyond cannot
  be read and is not gone: fewer rows than are counted are an incomplete listing.
- Rows can move while the pages are read, and then come twice or are missed. They are distinguished by id and `created`;
  a listing whose pages count differently is incomplete.
- Some ids are listed twice, with another `created`: the newest is used. Ids are case-sensitive, and some differ
  by case alone.
- To a User-Agent that names no client it answers 404, `Gone.`.

Units of its prices:
- `prompt`, `completion` and `image`: US dollars **per token**, as decimal text; `request`: per request.
- `input` and `output`: the first two once more, as numbers per **million tokens**. Where they differ the text is used;
  where they are ten-fold apart one of them has another unit, and the price is unknown.
They are those of the plan that bills by use; under the others no token is billed. No pricing, as before mid-2026, is an
unknown price. A zero is no evidence of a free model, and that of an image or a request means "not applicable".

An id is a repository of Hugging Face, and its first part the author; `owned_by` is always "Feather". An id without a
slash belongs to Featherless itself. Models are language models unless their modalities show another type.

Changes at every reading and carries no information: `is_hot_live` and `is_hot_recent`. `available_on_current_plan`
describes the key, not the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from catalog.adapter import fields
from catalog.adapter.contract import (
    Auth,
    Config,
    Gateway,
    Json,
    Listing,
    Request,
    Walk,
    fields_of,
    sorted_words,
    validated,
)
from catalog.adapter.errors import BadPayload
from catalog.identity.traits import Traits
from catalog.normalize import dates, modalities, model_ids, text
from catalog.pricing import meters, money, price_lists
from catalog.records import Availability, ModelType, OfferRecord

_PAGE_SIZE = 1000
# The API counts some fifty pages of this size; the rest is for the day on which a page has only a hundred rows.
_MOST_PAGES = 500
# Full pages may follow an empty one. Two more requests are a small price for the thousands of rows that would be lost
# by ending at the first. Beyond the point where pages stay empty there are dozens of them, so asking on is useless.
_MOST_BARREN_PAGES = 3
_FACTOR_OF_UNITS = 10

_OF_TIER = {"hot": Availability.ONLINE, "warm": Availability.ONLINE, "cold": Availability.COLD}
_TEXT_AND_IMAGE = ("text", "image")


_PerToken = Annotated[fields.Price, fields.price(money.usd_per_token)]
_PerMillion = Annotated[fields.Price, fields.price(money.usd_per_million_tokens)]
_PerRequest = Annotated[fields.Price, fields.price(money.usd_per_request)]


_Price = money.Rate | money.Unclear | None


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class Pricing(_Facts):
    prompt: _PerToken = None
    completion: _PerToken = None
    image: _PerToken = None
    request: _PerRequest = None
    input: _PerMillion = None
    output: _PerMillion = None

    def stated(self) -> price_lists.Stated:
        found = {
            meters.INPUT_TEXT: self._of_two("prompt", "input"),
            meters.OUTPUT_TEXT: self._of_two("completion", "output"),
            meters.REQUEST: _unless_zero(self.request),
            meters.INPUT_IMAGE_TOKEN: _unless_zero(self.image),
        }
        return {meter: price for meter, price in found.items() if price}

    def _of_two(self, key: str, other: str) -> _Price:
        """Return the price that two keys state in two units."""
        price: _Price = getattr(self, key)
        again: _Price = getattr(self, other)
        if isinstance(price, money.Rate) and isinstance(again, money.Rate) and _are_of_two_units(price, again):
            return money.Unclear(
                f"{key} is {_per_million(price)} and {other} {_per_million(again)}, which are not of one unit"
            )
        return price or again


class Features(_Facts):
    tool_use: fields.Flag = None
    image_input: fields.Flag = None


class Row(_Facts):
    id: fields.Id
    name: fields.Word = None
    created: fields.UnixSeconds = None
    context_length: fields.Count = None
    max_completion_tokens: fields.Count = None
    features: Features | None = None
    vision_supported: fields.Flag = None
    input_modalities: fields.Modalities = None
    output_modalities: fields.Modalities = None
    pricing: Annotated[Pricing | fields.Unclear | None, fields.UnclearIfWrong] = None


_PARTS: dict[str, type[BaseModel]] = {"features": Features, "pricing": Pricing}


class Featherless(Gateway):
    rank = 30
    slug = "featherless"
    name = "Featherless"
    site_url = "https://featherless.ai"
    docs_url = "https://featherless.ai/docs/api-reference-models"
    completions_url = "https://api.featherless.ai/v1"
    hosts = {"api": "https://api.featherless.ai"}
    auth = Auth()
    explained = {"api": "Serves /v1/models."}
    requests = (
        "`/v1/models` in pages of 1,000, until it has as many as it counts or three pages in a row bring no new one"
    )
    # Featherless takes the ids of repositories in requests, so its spelling is preferred.
    traits = Traits(ids_are_repositories=True, repository_rank=10, id_rank=20)
    foreign_names = {"litellm": "featherless_ai"}
    version = 3
    bundled_on = date(2026, 4, 9)
    bundled_facts = "class, limits, tool use and whether they are gated"
    bundled_from = "Featherless' public list, `GET /v1/models`"
    bundled_part = "of some 15,700"
    volatile = frozenset({"is_hot_live", "is_hot_recent", "available_on_current_plan"})

    def walk(self, config: Config) -> Walk:
        """Read page by page, until there are as many rows as are counted or several pages have brought no new one."""
        found, barren = _Found(), 0
        for number in range(1, _MOST_PAGES + 1):
            query = {"page": str(number), "per_page": str(_PAGE_SIZE)}
            page = yield Request(host="api", path="/v1/models", query=query)
            before = len(found.rows)
            found.add(page.payload, row_id=self.row_id)
            barren = barren + 1 if len(found.rows) == before else 0
            if found.is_all or barren == _MOST_BARREN_PAGES:
                # Of two rows with one id the first is used: the newer.
                rows = [found.rows[key] for key in sorted(found.rows)]
                return Listing(rows=rows, is_complete=found.totals == {len(rows)})
        raise BadPayload(f"Featherless' pages do not end: {_MOST_PAGES} were read")

    def essence(self, row: Json) -> Json:
        read = fields_of(row, Row)
        if not isinstance(read, dict):
            return read
        parts = {key: fields_of(read[key], model) for key, model in _PARTS.items() if key in read}
        words = {key: sorted_words(read[key]) for key in ("input_modalities", "output_modalities") if key in read}
        return read | parts | words

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        features = listed.features or Features()
        model_type = _model_type(listed.input_modalities or (), listed.output_modalities or ())
        priced = price_lists.base_prices(_stated(listed.pricing))
        inputs, outputs = modalities.of_model_type(model_type)
        if features.image_input or listed.vision_supported:
            inputs = _TEXT_AND_IMAGE
        return OfferRecord(
            id=listed.id,
            slug=listed.id,
            canonical_slug=listed.id,
            name=listed.name or model_ids.short_name(listed.id) or listed.id,
            provider_slug=model_ids.owner(listed.id) or self.slug,
            model_type=model_type,
            prices=priced.prices,
            unclear=priced.unclear,
            input_modalities=listed.input_modalities or inputs,
            output_modalities=listed.output_modalities or outputs,
            hugging_face_id=model_ids.repository(listed.id),
            created=listed.created,
            context_length=listed.context_length,
            max_completion_tokens=listed.max_completion_tokens,
            supported_parameters=("tools",) if features.tool_use else None,
            availability=self.availability(row),
        )

    def availability(self, row: Json) -> Availability:
        """By `status`, whether it can be started: unless a request asks for others, the list contains only models that
        are `active`. By `availability.tier`, whether it is started."""
        facts = row if isinstance(row, dict) else {}
        if _word(facts.get("status")) not in {None, "active"}:
            return Availability.OFFLINE
        readiness = facts.get("availability")
        tier = _word(readiness.get("tier")) if isinstance(readiness, dict) else None
        return _OF_TIER.get(tier, Availability.OFFLINE) if tier else Availability.UNKNOWN


@dataclass(slots=True)
class _Found:
    """The content of the pages so far."""

    rows: dict[tuple[str, int], Json] = field(default_factory=dict)
    """Rows by id and age; in this order the newest row of an id comes first."""
    totals: set[int] = field(default_factory=set)
    """The total numbers of rows that the pages state."""

    def add(self, payload: Json, *, row_id: Callable[[Json], str | None]) -> None:
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise BadPayload("Featherless' answer holds no list of models under data")
        for row in payload["data"]:
            offer_id = row_id(row)
            # All rows without a usable id are kept, so that each is rejected with its reason.
            key = (offer_id, -_created(row)) if offer_id else ("", len(self.rows))
            self.rows.setdefault(key, row)
        pagination = payload.get("pagination")
        counts = pagination.get("total_items") if isinstance(pagination, dict) else None
        self.totals |= {total for total in (payload.get("total"), counts) if type(total) is int}

    @property
    def is_all(self) -> bool:
        """Whether no more rows are counted. An answer of the older kind counts nothing and has no other page."""
        return not self.totals or len(self.rows) >= max(self.totals)


def _created(row: Json) -> int:
    try:
        return dates.unix_seconds(row.get("created")) or 0
    except ValueError:
        return 0


def _are_of_two_units(rate: money.Rate, other: money.Rate) -> bool:
    smaller, larger = sorted((rate.amount, other.amount))
    return larger > 0 and larger >= _FACTOR_OF_UNITS * smaller


def _per_million(rate: money.Rate) -> str:
    return f"{money.plain(money.per_million(rate.amount))} US dollars per million tokens"


def _unless_zero(price: _Price) -> _Price:
    return None if isinstance(price, money.Rate) and not price.amount else price


def _stated(pricing: Pricing | money.Unclear | None) -> price_lists.Stated:
    if isinstance(pricing, Pricing):
        return pricing.stated()
    return dict.fromkeys((meters.INPUT_TEXT, meters.OUTPUT_TEXT), pricing) if pricing else {}


def _model_type(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> ModelType:
    # The first rule that matches is used. A model that puts out more than text is named after the rarer output.
    rules = (
        ("video" in outputs, ModelType.VIDEO),
        ("image" in outputs, ModelType.IMAGE_GENERATION),
        (inputs == ("audio",) and outputs == ("text",), ModelType.SPEECH_TO_TEXT),
        (not outputs or "text" in outputs, ModelType.LLM),
        ("audio" in outputs, ModelType.TEXT_TO_SPEECH),
        ("embedding" in outputs, ModelType.EMBEDDINGS),
    )
    return next((kind for holds, kind in rules if holds), ModelType.OTHER)


def _word(value: Json) -> str | None:
    try:
        return text.word(value)
    except ValueError:
        return None
