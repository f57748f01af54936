"""Chutes.ai: models deployed on rented GPUs. https://chutes.ai/docs

Listing, both without a key (a Bearer key is sent where there is one):
- GET https://api.chutes.ai/chutes/?include_public=true&limit=1000&page=0, with the slash: every deployment ("chute") of
  any kind, `{total, page, limit, items, cord_refs}`, pages from 0. Pages are ordered by a live counter, so a row can
  come twice or be missed; the walk counts distinct `chute_id`s against `total`. Private chutes leak into it: only rows
  with `public` set to true are offers.
- GET https://llm.chutes.ai/v1/models: the language models, `{data}`, one page.
They are joined by `chute_id`, as a full outer join. A joined row is `{"chute": {...} or null, "llm": {...} or null}`.

Units of its prices:
- `per_million_tokens`, and `price` and `pricing` of the language models: US dollars per **million tokens**, although
  `pricing` looks like OpenRouter's, whose prices are per token. They are what a caller pays.
- `usd.hour`: US dollars per **hour** of one instance. It is what running the model costs, becomes the meter
  `compute.hour` and never a token price.
- `per_step`: US dollars per step of a diffusion model.
A zero is published on purpose: the model is free. Next to a price above 0 it means "not applicable".

Changes at every reading and carries no information: `created` of a language model (the time of the query), every `tao`,
`permission`, `invocation_count`, `instances`, the order of `supported_gpus` and of the rows.

The bundled catalogue has rows of its own kind: `{"id", "name", "provider", "type", "pricing_per_hour", "tags"}`, in US
dollars per hour, with `context_length` where it is known of the model. An id without a slash belongs to Chutes itself.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from catalog.adapter import fields
from catalog.adapter.contract import (
    Auth,
    Config,
    Gateway,
    Json,
    Listing,
    Page,
    Request,
    Walk,
    fields_of,
    sorted_words,
    validated,
)
from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.normalize import dates, modalities, model_ids
from catalog.pricing import billing, meters, money, price_lists
from catalog.records import Availability, ModelType, OfferRecord

_PAGE_SIZE = 1000
_MOST_PAGES = 100
_OFFICIAL_USER = "chutes"

_OF_TEMPLATE = {
    "vllm": ModelType.LLM,
    "diffusion": ModelType.IMAGE_GENERATION,
    "embedding": ModelType.EMBEDDINGS,
    "tei": ModelType.EMBEDDINGS,
}
# Only routes that leave no doubt. `/generate`, `/speak` and the like mean what their author meant, and names only hint.
_OF_ROUTE = {
    "/v1/chat/completions": ModelType.LLM,
    "/v1/completions": ModelType.LLM,
    "/v1/embeddings": ModelType.EMBEDDINGS,
    "/v1/moderations": ModelType.CONTENT_MODERATION,
    "/v1/images/generations": ModelType.IMAGE_GENERATION,
    "/v1/audio/speech": ModelType.TEXT_TO_SPEECH,
    "/v1/audio/transcriptions": ModelType.SPEECH_TO_TEXT,
}

_AVAILABILITY = {True: Availability.ONLINE, False: Availability.COLD, None: Availability.UNKNOWN}
_CONFIDENTIAL_SUFFIX = "-TEE"

_PerMillion = Annotated[fields.Price, fields.price(money.usd_per_million_tokens)]
_PerHour = Annotated[fields.Price, fields.price(money.usd_per_hour)]
_PerStep = Annotated[fields.Price, fields.price(money.usd_per_step)]

Stated = dict[str, money.Rate | money.Unclear]
"""What a row states for each meter."""
_SIDES = (meters.INPUT_TEXT, meters.OUTPUT_TEXT)


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class StaticRow(_Facts):
    """A row of the bundled catalogue."""

    id: fields.Id
    name: fields.Name
    provider: fields.Id
    type: ModelType
    pricing_per_hour: _PerHour = None
    tags: list[fields.Tag] = []
    context_length: fields.Count = None


class PerMillion(_Facts):
    usd: _PerMillion = money.MISSING


class PerStep(_Facts):
    usd: _PerStep = money.MISSING


class PerHour(_Facts):
    hour: _PerHour = money.MISSING


_OfMillion = Annotated[PerMillion | fields.Unclear | None, fields.UnclearIfWrong]


class TokenPrices(_Facts):
    input: _OfMillion = None
    output: _OfMillion = None
    input_cache_read: _OfMillion = None

    @property
    def stated(self) -> Stated:
        return dict.fromkeys(_SIDES, money.MISSING) | _stated(self.input, self.output, self.input_cache_read)


class Estimate(_Facts):
    usd: Annotated[PerHour | fields.Unclear | None, fields.UnclearIfWrong] = None
    per_million_tokens: Annotated[TokenPrices | fields.Unclear | None, fields.UnclearIfWrong] = None
    per_step: Annotated[PerStep | fields.Unclear | None, fields.UnclearIfWrong] = None

    @property
    def stated(self) -> Stated:
        hour = self.usd.hour if isinstance(self.usd, PerHour) else self.usd
        step = self.per_step.usd if isinstance(self.per_step, PerStep) else self.per_step
        tokens = self.per_million_tokens
        found: Stated = {meters.COMPUTE_HOUR: hour or money.MISSING}
        if self.per_step:
            found[meters.STEP] = step or money.MISSING
        if isinstance(tokens, money.Unclear):
            return found | dict.fromkeys(_SIDES, tokens)
        return found | (tokens.stated if tokens else {})


class Chute(_Facts):
    """A row of the deployments."""

    name: fields.Id
    public: Literal[True]
    current_estimated_price: Annotated[Estimate | fields.Unclear | None, fields.UnclearIfWrong] = money.MISSING
    standard_template: fields.Word = None
    tagline: fields.Prose = None
    created_at: fields.UnixSeconds = None
    hot: fields.Flag = None
    """Whether an instance of it is running now."""
    tee: fields.Flag = None

    @property
    def stated(self) -> Stated:
        estimate = self.current_estimated_price
        if isinstance(estimate, money.Unclear):
            return {meters.COMPUTE_HOUR: estimate}
        return estimate.stated if estimate else {}


class LlmPrice(_Facts):
    """The `price` of a language model; in July 2025 it was one number for both sides."""

    usd: _PerMillion = None
    input: _OfMillion = None
    output: _OfMillion = None
    input_cache_read: _OfMillion = None

    @property
    def sides(self) -> Stated:
        return _stated(self.input, self.output, self.input_cache_read)

    @property
    def stated(self) -> Stated:
        return dict.fromkeys(_SIDES, self.usd or money.MISSING) | self.sides


class LlmPricing(_Facts):
    prompt: _PerMillion = None
    completion: _PerMillion = None
    input_cache_read: _PerMillion = None

    @property
    def stated(self) -> Stated:
        prompt, completion = self.prompt or money.MISSING, self.completion or money.MISSING
        found: Stated = {meters.INPUT_TEXT: prompt, meters.OUTPUT_TEXT: completion}
        return found | ({meters.INPUT_TEXT_CACHE_READ: self.input_cache_read} if self.input_cache_read else {})


class Llm(_Facts):
    """A row of the language models."""

    id: fields.Id
    root: fields.Word = None
    price: Annotated[LlmPrice | fields.Unclear | None, fields.UnclearIfWrong] = None
    pricing: Annotated[LlmPricing | fields.Unclear | None, fields.UnclearIfWrong] = None
    context_length: fields.Count = None
    max_model_len: fields.Count = None
    max_output_length: fields.Count = None
    input_modalities: fields.Modalities = None
    output_modalities: fields.Modalities = None
    quantization: fields.Word = None
    confidential_compute: fields.Flag = None
    supported_features: fields.Words = None
    supported_sampling_parameters: fields.Words = None

    @property
    def stated(self) -> Stated:
        """The row states each price twice. If the two differ, one of them has changed its meaning, and perhaps its
        unit."""
        if self.price is None and self.pricing is None:
            return dict.fromkeys(_SIDES, money.MISSING)
        older, newer = _of_both_sides(self.price), _of_both_sides(self.pricing)
        sides = self.price.sides if isinstance(self.price, LlmPrice) else {}
        differing = {meter for meter in sides.keys() & newer.keys() if _differ(sides[meter], newer[meter])}
        return older | newer | dict.fromkeys(differing, money.Unclear("price and pricing differ"))


class JoinedRow(_Facts):
    chute: Chute | None = None
    llm: Llm | None = None
    cords: list[Any] | None = None
    """The routes of a chute whose template is missing."""


class Chutes(Gateway):
    slug = "chutes"
    name = "Chutes.ai"
    site_url = "https://chutes.ai"
    docs_url = "https://chutes.ai/docs"
    completions_url = "https://llm.chutes.ai/v1"
    note = "Chutes.ai catalog"
    hosts = {"api": "https://api.chutes.ai", "llm": "https://llm.chutes.ai"}
    auth = Auth()
    needs_key_for_auto = True
    version = 2
    bundled_on = date(2025, 10, 8)

    def walk(self, config: Config) -> Walk:
        deployments = yield from _deployments()
        page = yield Request(host="llm", path="/v1/models")
        llms = _rows(page.payload, "data")
        if not deployments.by_id or not llms:
            raise BadPayload("Chutes lists nothing on one of its hosts; that is a failure, not an empty catalogue")
        public = {chute_id: row for chute_id, row in deployments.by_id.items() if _is_public(row)}
        rows = [*_joined(public, llms, cord_refs=deployments.cord_refs), *map(_alone, deployments.without_id)]
        is_complete = len(deployments.by_id) == deployments.total
        return Listing(
            # Of two rows with one id the first is used, so their order must not be the one of a live counter.
            rows=sorted(rows, key=lambda row: (self.row_id(row) or "", *_precedence(row))),
            is_complete=is_complete,
            postponed=frozenset() if is_complete else self._without_chute(rows),
            ignored=len(deployments.by_id) - len(public),
        )

    def _without_chute(self, rows: Iterable[Json]) -> frozenset[str]:
        """Return language models whose deployment was not listed, because it may be among the rows that were missed."""
        return frozenset(found for row in rows if row["chute"] is None and (found := self.row_id(row)))

    def record(self, row: Json) -> OfferRecord:
        if _is_joined(row):
            return _record(validated(row, JoinedRow))
        return _static_record(validated(row, StaticRow))

    def essence(self, row: Json) -> Json:
        if not _is_joined(row):
            return row
        llm = fields_of(row.get("llm"), Llm)
        if isinstance(llm, dict):
            llm = {key: sorted_words(value) for key, value in llm.items()}
        chute = fields_of(row.get("chute"), Chute)
        return {"chute": _without_tao(chute), "llm": _without_tao(llm), "cords": row.get("cords")}

    def row_id(self, row: Json) -> str | None:
        if not _is_joined(row):
            return super().row_id(row)
        chute = row.get("chute")
        named = {"id": chute.get("name")} if isinstance(chute, dict) else None
        return super().row_id(row.get("llm")) or super().row_id(named)


def _is_joined(row: Json) -> bool:
    return isinstance(row, dict) and ("chute" in row or "llm" in row)


def _without_tao(value: Json, *, levels: int = 4) -> Json:
    """Remove the prices in TAO, which follow an exchange rate; they are nested no deeper than `levels`."""
    if not isinstance(value, dict) or not levels:
        return value
    return {key: _without_tao(inner, levels=levels - 1) for key, inner in value.items() if key != "tao"}


@dataclass(slots=True, kw_only=True)
class _Deployments:
    """The content of the pages of deployments so far."""

    total: int = 0
    received: int = 0
    by_id: dict[str, Json] = field(default_factory=dict)
    without_id: list[Json] = field(default_factory=list)
    cord_refs: dict[str, Json] = field(default_factory=dict)

    def add(self, payload: Json) -> int:
        """Add a page and return the number of its rows."""
        rows = _rows(payload, "items")
        total = payload.get("total")
        if isinstance(total, bool) or not isinstance(total, int) or total < 0:
            raise BadPayload("Chutes' total must be a whole number")
        self.total = total
        self.received += len(rows)
        for row in rows:
            chute_id = row.get("chute_id") if isinstance(row, dict) else None
            if isinstance(chute_id, str) and chute_id:
                self.by_id.setdefault(chute_id, row)
            else:
                self.without_id.append(row)
        refs = payload.get("cord_refs")
        self.cord_refs |= refs if isinstance(refs, dict) else {}
        return len(rows)


def _deployments() -> Generator[Request, Page, _Deployments]:
    found = _Deployments()
    for number in range(_MOST_PAGES):
        query = {"include_public": "true", "limit": str(_PAGE_SIZE), "page": str(number)}
        page = yield Request(host="api", path="/chutes/", query=query)
        # Repeated rows count too, so that a list that moves while it is read still comes to an end.
        if not found.add(page.payload) or found.received >= found.total:
            return found
    raise BadPayload(f"Chutes' pages do not end: {_MOST_PAGES} were read")


def _rows(payload: Json, key: str) -> list[Json]:
    rows = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(rows, list):
        raise BadPayload(f"Chutes' answer holds no list under {key}")
    return rows


def _is_public(row: dict[str, Json]) -> bool:
    """A row without this key is kept, and its record rejects it. If the key ever disappears, no offer may count as
    withdrawn."""
    return row.get("public", True) is True


def _joined(public: Mapping[str, Json], llms: Iterable[Json], *, cord_refs: Mapping[str, Json]) -> Iterator[Json]:
    matched = set()
    for llm in llms:
        chute_id = llm.get("chute_id") if isinstance(llm, dict) else None
        chute = public.get(chute_id) if isinstance(chute_id, str) else None
        if chute is not None:
            matched.add(chute_id)
        yield {"chute": chute, "llm": llm}
    for chute_id, chute in public.items():
        if chute_id not in matched:
            yield _alone(chute, cord_refs=cord_refs)


def _alone(chute: Json, *, cord_refs: Mapping[str, Json] = MappingProxyType({})) -> Json:
    row = {"chute": chute, "llm": None}
    if not isinstance(chute, dict) or chute.get("standard_template") is not None:
        return row
    reference = chute.get("cord_ref_id")
    shared = cord_refs.get(reference) if isinstance(reference, str) else None
    cords = chute.get("cords") or shared
    return row | {"cords": cords if isinstance(cords, list) else None}


def _precedence(row: Json) -> tuple[bool, bool, int, str]:
    """The order of rows with one id; the first is used. It is the language model that the gateway itself serves under
    the id, then Chutes' own deployment, then the newest. Busy or warm deployments do not come first, because that
    changes by the hour."""
    chute = row["chute"] if isinstance(row["chute"], dict) else {}
    llm = row["llm"] if isinstance(row["llm"], dict) else {}
    user = chute.get("user")
    is_official = isinstance(user, dict) and user.get("username") == _OFFICIAL_USER
    try:
        created = dates.unix_seconds(chute.get("created_at")) or 0
    except ValueError:
        created = 0
    return not llm, not is_official, -created, str(chute.get("chute_id") or llm.get("chute_id"))


def _record(row: JoinedRow) -> OfferRecord:
    """The facts of the language model replace those of its chute: the gateway bills and serves by them."""
    chute = _chute_record(row.chute, cords=row.cords) if row.chute else None
    record = _llm_record(row.llm) if row.llm else chute
    if record is None:
        raise UnusableRow("has neither a chute nor a language model")
    if chute is None or record is chute:
        return record
    return replace(
        record,
        prices=(*record.prices, *(price for price in chute.prices if price.meter == meters.COMPUTE_HOUR)),
        unclear=(*record.unclear, *(price for price in chute.unclear if price.meter == meters.COMPUTE_HOUR)),
        description=chute.description,
        created=chute.created,
        is_confidential=chute.is_confidential if record.is_confidential is None else record.is_confidential,
        availability=chute.availability,
    )


def _llm_record(llm: Llm) -> OfferRecord:
    inputs, outputs = modalities.of_model_type(ModelType.LLM)
    priced = price_lists.base_prices(llm.stated)
    return OfferRecord(
        id=llm.id,
        slug=llm.id,
        canonical_slug=llm.id,
        name=_name(llm.id),
        provider_slug=_provider(llm.id),
        model_type=ModelType.LLM,
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=not billing.not_sold_by(priced.prices),
        input_modalities=llm.input_modalities or inputs,
        output_modalities=llm.output_modalities or outputs,
        hugging_face_id=model_ids.repository(llm.root),
        context_length=llm.context_length or llm.max_model_len,
        max_completion_tokens=llm.max_output_length,
        supported_parameters=_united(llm.supported_features, llm.supported_sampling_parameters),
        quantization=llm.quantization,
        is_confidential=llm.confidential_compute,
    )


def _chute_record(chute: Chute, *, cords: Json) -> OfferRecord:
    model_type = _OF_TEMPLATE.get(chute.standard_template or "") or _type_of_routes(cords)
    inputs, outputs = modalities.of_model_type(model_type)
    priced = price_lists.base_prices(chute.stated)
    # The suffix is Chutes' own, so the name with it is no repository.
    is_repository = not chute.name.endswith(_CONFIDENTIAL_SUFFIX)
    return OfferRecord(
        id=chute.name,
        slug=chute.name,
        canonical_slug=chute.name,
        name=_name(chute.name),
        provider_slug=_provider(chute.name),
        description=chute.tagline,
        model_type=model_type,
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=not billing.not_sold_by(priced.prices),
        input_modalities=inputs,
        output_modalities=outputs,
        hugging_face_id=model_ids.repository(chute.name) if is_repository else None,
        created=chute.created_at,
        is_confidential=chute.tee,
        availability=_AVAILABILITY[chute.hot],
    )


def _united(*lists: tuple[str, ...] | None) -> tuple[str, ...] | None:
    told = [words for words in lists if words is not None]
    return tuple(sorted(set(chain.from_iterable(told)))) if told else None


def _name(offer_id: str) -> str:
    return model_ids.short_name(offer_id) or offer_id


def _provider(offer_id: str) -> str:
    return model_ids.owner(offer_id) or "chutes"


def _type_of_routes(cords: Json) -> ModelType:
    routes = [cord.get("public_api_path") for cord in cords or () if isinstance(cord, dict)]
    found = {_OF_ROUTE[route] for route in routes if isinstance(route, str) and route in _OF_ROUTE}
    return found.pop() if len(found) == 1 else ModelType.OTHER


def _of_both_sides(prices: LlmPrice | LlmPricing | money.Unclear | None) -> Stated:
    if isinstance(prices, money.Unclear):
        return dict.fromkeys(_SIDES, prices)
    return prices.stated if prices else {}


def _differ(price: money.Rate | money.Unclear, other: money.Rate | money.Unclear) -> bool:
    return isinstance(price, money.Rate) and isinstance(other, money.Rate) and price != other


def _stated(
    prompt: PerMillion | money.Unclear | None,
    completion: PerMillion | money.Unclear | None,
    cache_read: PerMillion | money.Unclear | None,
) -> Stated:
    found = {meters.INPUT_TEXT: prompt, meters.OUTPUT_TEXT: completion, meters.INPUT_TEXT_CACHE_READ: cache_read}
    return {
        meter: (price.usd or money.MISSING) if isinstance(price, PerMillion) else price
        for meter, price in found.items()
        if price
    }


def _static_record(listed: StaticRow) -> OfferRecord:
    inputs, outputs = modalities.of_model_type(listed.type)
    priced = price_lists.base_prices({meters.COMPUTE_HOUR: listed.pricing_per_hour or money.MISSING})
    return OfferRecord(
        id=listed.id,
        slug=listed.id,
        canonical_slug=listed.id,
        name=listed.name,
        provider_slug=listed.provider,
        model_type=listed.type,
        tags=tuple(dict.fromkeys(listed.tags)),
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=True,
        input_modalities=inputs,
        output_modalities=outputs,
        context_length=listed.context_length,
    )
