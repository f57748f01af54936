"""OpenRouter: one API in front of many hosts. https://openrouter.ai/docs/api_reference/models

Listing: GET https://openrouter.ai/api/v1/models, without a key; a Bearer key is sent where there is one. Left to itself
it lists models that put out text; `output_modalities=all` asks for the rest too.
Then GET /api/v1/providers, whose facts adorn the catalogue; without them the models are published all the same.
Unit of its prices: US dollars **per token**, as decimal text; per request, per search, per image under such keys.
- `image` is documented as per image; where it equals the price of a prompt token it is a price per token (Gemini).
- A negative prompt or completion is decided when a request runs (routers). It is never a price.
- A zero of any other key than those two means "not applicable": in 2025 it was written out, since then it is left out.
- An id that ends in `:free` is free, for any kind of output. Without it 0/0 is free where only text comes out: previews
  of music and images list 0/0 too, and are billed otherwise. A zero next to a price above 0 means "not applicable" too.
- Models for nothing but speech, transcription or reranking are billed by characters, seconds or searches as well as by
  tokens, and the row does not show by which: their token prices are unknown. Any other kind of output, also one that
  OpenRouter adds later, is billed by tokens.
- `overrides` hold prices under conditions; where those are hours, the top-level price changes with the clock. What
  follows from that is described in `catalog/pricing/schedules.py`.
Ids are `author/slug[:variant]`, `~author/slug-latest` for an alias that moves; `openrouter/...` are routers and models
whose provider is not published yet. `catalog/pricing/variants.py` has what the words of variants mean. Fields are added
several times a year, so unknown ones are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

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
from catalog.adapter.errors import BadPayload, GatewayError, UnusableRow
from catalog.normalize import counts, dates, modalities, model_ids, text
from catalog.pricing import billing, meters, money, price_lists, schedules, variants
from catalog.records import JsonScalar, ModelType, OfferRecord, ProviderRecord

_PATH = "/api/v1/models"
_PROVIDERS_PATH = "/api/v1/providers"
_MOST_PAGES = 100
_MOST_OVERRIDES = 24
_BILLED_OTHERWISE = frozenset({"speech", "transcription", "rerank"})
"""Outputs whose models are billed by characters, seconds or searches as well as by tokens."""
_LARGEST_EXACT_INTEGER = 2**53
_METERS = {meter.pricing_key: meter.name for meter in meters.METERS.values()}


def _model_id(value: Any) -> str:
    found = text.line(value, longest=text.MAX_ID)
    author, _, slug = found.partition("/")
    if not author.lstrip("~") or not slug or any(character.isspace() for character in found):
        raise ValueError("must be author/slug")
    return found


_Price = money.Rate | money.Unclear | None


def _base_price(value: Any) -> _Price:
    """Return None for a price that is decided when a request runs."""
    return None if money.is_negative(value) else money.read(money.usd_per_token, value)


def _overriding_price(value: Any) -> _Price:
    return None if value is None else _base_price(value)


def _extra_price(constructor: Callable[[object], money.Rate]) -> PlainValidator:
    """Return a validator for keys that may be left out, and whose 0 means the same."""

    def read(value: Any) -> _Price:
        price = None if value is None or money.is_negative(value) else money.read(constructor, value)
        return None if isinstance(price, money.Rate) and not price.amount else price

    return PlainValidator(read)


def _condition(read: Callable[[Any], int]) -> PlainValidator:
    """Return a validator for a condition of a price. An unreadable condition makes the prices under it unclear."""

    def condition(value: Any) -> int | money.Unclear | None:
        try:
            return None if value is None else read(value)
        except ValueError as error:
            return money.Unclear(f"the condition of another one cannot be read: {error}")

    return PlainValidator(condition)


def _overrides(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return money.Unclear("what it is under other conditions cannot be read")


_Condition = int | fields.Unclear | None
_BasePrice = Annotated[fields.Price, PlainValidator(_base_price)]
_OverridingPrice = Annotated[fields.Price, PlainValidator(_overriding_price)]
_PerToken = Annotated[fields.Price, _extra_price(money.usd_per_token)]
_PerImage = Annotated[fields.Price, _extra_price(money.usd_per_image)]
_PerRequest = Annotated[fields.Price, _extra_price(money.usd_per_request)]
_PerSearch = Annotated[fields.Price, _extra_price(money.usd_per_search)]


class Prices(BaseModel):
    """The keys of prices, which are the `pricing_key`s of the meters. `discount` is not one of them."""

    model_config = ConfigDict(frozen=True)

    prompt: _OverridingPrice = None
    completion: _OverridingPrice = None
    request: _PerRequest = None
    image: _PerImage = None
    image_token: _PerToken = None
    image_output: _PerToken = None
    audio: _PerToken = None
    audio_output: _PerToken = None
    input_audio_cache: _PerToken = None
    web_search: _PerSearch = None
    internal_reasoning: _PerToken = None
    input_cache_read: _PerToken = None
    input_cache_write: _PerToken = None
    input_cache_write_1h: _PerToken = None

    def stated(self, *, image_is_per_token: bool) -> price_lists.Stated:
        told = {key: getattr(self, key) for key in Prices.model_fields}
        image = told.pop("image")
        if isinstance(image, money.Rate) and image_is_per_token:
            told["image_token"] = told["image_token"] or money.usd_per_token(image.amount)
        else:
            told["image"] = image
        return {_METERS[key]: price for key, price in told.items() if price is not None}


class Override(Prices):
    """Prices that apply if all its conditions hold."""

    model_config = ConfigDict(frozen=True, extra="allow")

    min_prompt_tokens: Annotated[_Condition, _condition(lambda value: counts.count(value) or 0)] = None
    """The prompt must have more tokens than this."""
    utc_start: Annotated[_Condition, _condition(dates.minute_of_day)] = None
    utc_end: Annotated[_Condition, _condition(dates.minute_of_day)] = None

    @property
    def unclear(self) -> money.Unclear | None:
        """The reason why its conditions are unknown, or None if they are known."""
        conditions = (self.min_prompt_tokens, self.utc_start, self.utc_end)
        if found := next((each for each in conditions if isinstance(each, money.Unclear)), None):
            return found
        if (self.utc_start is None) != (self.utc_end is None):
            return money.Unclear("the time window of another one has no start or no end")
        return None

    @property
    def from_tokens(self) -> int:
        """The smallest prompt to which it applies; 0 means any size."""
        return self.min_prompt_tokens + 1 if isinstance(self.min_prompt_tokens, int) else 0

    @property
    def is_understood(self) -> bool:
        """Whether all its conditions are of known kinds, so that all its other fields are prices."""
        return all(_is_price(key, value) for key, value in (self.model_extra or {}).items() if value is not None)

    @property
    def window(self) -> schedules.Span | None:
        start, end = self.utc_start, self.utc_end
        return (start, end) if isinstance(start, int) and isinstance(end, int) else None


class Pricing(Prices):
    prompt: _BasePrice = money.MISSING
    completion: _BasePrice = money.MISSING
    overrides: Annotated[
        Annotated[list[Override], Field(max_length=_MOST_OVERRIDES)] | fields.Unclear | None,
        WrapValidator(_overrides),
    ] = None


class Architecture(BaseModel):
    model_config = ConfigDict(frozen=True)

    input_modalities: fields.GivenWords
    output_modalities: fields.GivenWords
    tokenizer: fields.Word = None
    instruct_type: fields.Word = None


class TopProvider(BaseModel):
    model_config = ConfigDict(frozen=True)

    context_length: fields.Count = None
    max_completion_tokens: fields.Count = None
    is_moderated: fields.Flag = None


class Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[str, PlainValidator(_model_id)]
    name: fields.Name
    architecture: Architecture
    pricing: Annotated[Pricing | fields.Unclear, fields.UnclearIfWrong] = money.MISSING
    canonical_slug: fields.Word = None
    hugging_face_id: fields.Word = None
    created: fields.UnixSeconds = None
    description: fields.Prose = None
    context_length: fields.Count = None
    top_provider: TopProvider | None = None
    supported_parameters: fields.Words = None
    default_parameters: dict[str, Any] | None = None
    expiration_date: fields.Day = None
    knowledge_cutoff: fields.Day = None


class ProviderFacts(BaseModel):
    """A row of the providers. Odd fields are left out, because no offer should be lost for them."""

    model_config = ConfigDict(frozen=True)

    slug: fields.Id
    name: fields.Name
    headquarters: fields.Word = None
    status_page_url: fields.Word = None
    terms_of_service_url: fields.Word = None
    privacy_policy_url: fields.Word = None

    def record(self) -> ProviderRecord:
        return ProviderRecord(
            slug=self.slug,
            name=self.name,
            headquarters=self.headquarters if self.headquarters and len(self.headquarters) == 2 else None,
            status_page_url=text.web_address(self.status_page_url),
            terms_url=text.web_address(self.terms_of_service_url),
            privacy_url=text.web_address(self.privacy_policy_url),
        )


class OpenRouter(Gateway):
    slug = "openrouter"
    name = "OpenRouter"
    site_url = "https://openrouter.ai"
    docs_url = "https://openrouter.ai/docs/api_reference/models"
    completions_url = "https://openrouter.ai/api/v1"
    note = "OpenRouter catalog"
    hosts = {"api": "https://openrouter.ai"}
    auth = Auth()
    version = 3
    bundled_on = date(2026, 5, 28)

    def walk(self, config: Config) -> Walk:
        """Read one page, and further ones if the answer names another in `links.next`."""
        rows: list[Json] = []
        total: Json = None
        query: Mapping[str, str] | None = {"output_modalities": "all"}
        asked: list[Mapping[str, str]] = []
        while query is not None:
            if query in asked or len(asked) == _MOST_PAGES:
                raise BadPayload(f"OpenRouter's pages do not end: {len(asked)} were read")
            asked.append(query)
            page = yield Request(host="api", path=_PATH, query=query)
            answer = _Answer.of(page.payload)
            rows += answer.rows
            total = total if answer.total is None else answer.total
            query = answer.next_query
        ids = [self.row_id(row) or "" for row in rows]
        # Of two rows with one id the first is used: the newer one, in any order of arrival.
        order = sorted(range(len(rows)), key=lambda at: (ids[at], -_created(rows[at])))
        return Listing(
            rows=[rows[at] for at in order],
            is_complete=total is None or total == len(set(ids) - {""}),
            providers=(yield from _providers()),
        )

    def essence(self, row: Json) -> Json:
        read = fields_of(row, Row)
        if isinstance(read, dict) and "supported_parameters" in read:
            read["supported_parameters"] = sorted_words(read["supported_parameters"])
        return read

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        architecture, top = listed.architecture, listed.top_provider or TopProvider()
        outputs = frozenset(word.casefold() for word in architecture.output_modalities)
        is_dynamic = _is_dynamic(row.get("pricing"))
        is_free_tier = listed.id.endswith(":free")
        priced = _price_list(listed.pricing, is_token_billed=is_free_tier or _is_token_billed(outputs))
        is_text_free = outputs == {"text"} and not billing.not_sold_by(priced.prices)
        return OfferRecord(
            id=listed.id,
            slug=listed.id,
            canonical_slug=listed.canonical_slug or listed.id,
            name=listed.name,
            provider_slug=model_ids.owner(listed.id),
            description=listed.description,
            model_type=_model_type(listed, outputs=outputs, is_dynamic=is_dynamic),
            prices=priced.prices,
            unclear=priced.unclear,
            is_partial=any(price.reason == _HIDDEN.reason for price in priced.unclear),
            execution_mode=variants.execution_mode(listed.id),
            is_dynamic=is_dynamic,
            zero_is_free=is_free_tier or is_text_free,
            input_modalities=modalities.canonical(architecture.input_modalities) or None,
            output_modalities=modalities.canonical(outputs) or None,
            tokenizer=architecture.tokenizer,
            instruct_type=architecture.instruct_type,
            hugging_face_id=listed.hugging_face_id,
            created=listed.created,
            context_length=listed.context_length,
            top_provider_context_length=top.context_length,
            max_completion_tokens=top.max_completion_tokens,
            is_moderated=top.is_moderated,
            supported_parameters=listed.supported_parameters,
            default_parameters=_scalars(listed.default_parameters or {}) or None,
            knowledge_cutoff=listed.knowledge_cutoff,
            expires=listed.expiration_date,
        )


def _providers() -> Generator[Request, Page, tuple[ProviderRecord, ...]]:
    """Read the facts of providers. They are optional: models are published without them as well."""
    try:
        page = yield Request(host="api", path=_PROVIDERS_PATH)
    except GatewayError:
        return ()
    rows = page.payload.get("data") if isinstance(page.payload, dict) else page.payload
    return tuple(_provider_records(rows if isinstance(rows, list) else []))


def _provider_records(rows: Iterable[Json]) -> Iterator[ProviderRecord]:
    for row in rows:
        with suppress(UnusableRow):
            yield validated(row, ProviderFacts).record()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One page: `{"data", "total_count", "links"}`, only `data` before mid-2026, or a bare list in old captures."""

    rows: list[Json]
    total: Json = None
    next_query: Mapping[str, str] | None = None

    @classmethod
    def of(cls, payload: Json) -> _Answer:
        if isinstance(payload, list):
            return cls(rows=payload)
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise BadPayload("OpenRouter's answer holds no list of models under data")
        links = payload.get("links")
        following = links.get("next") if isinstance(links, dict) else None
        return cls(
            rows=payload["data"],
            total=payload.get("total_count"),
            next_query=None if following is None else _query(following),
        )


def _query(link: Json) -> Mapping[str, str]:
    """Follow only the query of the link: its host may be a mirror's original, or an unrelated one."""
    try:
        if not isinstance(link, str) or not text.is_storable(link):
            raise ValueError
        found = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    except ValueError:
        raise BadPayload("OpenRouter's links.next is no address") from None
    return {"output_modalities": "all"} | found


def _created(row: Json) -> int:
    try:
        return (dates.unix_seconds(row.get("created")) or 0) if isinstance(row, dict) else 0
    except ValueError:
        return 0


def _model_type(listed: Row, *, outputs: frozenset[str], is_dynamic: bool) -> ModelType:
    words = model_ids.words(listed.id)
    is_router = listed.architecture.tokenizer == "Router" or (is_dynamic and model_ids.owner(listed.id) == "openrouter")
    # The first rule that matches is used. A model that puts out more than text is named after the rarer output.
    rules = (
        (is_router, ModelType.LLM),
        (bool(words & {"guard", "safeguard"}), ModelType.CONTENT_MODERATION),
        ("lyria" in words, ModelType.MUSIC_GENERATION),
        ("video" in outputs, ModelType.VIDEO),
        ("image" in outputs, ModelType.IMAGE_GENERATION),
        (bool(outputs) and outputs <= {"audio", "speech"}, ModelType.TEXT_TO_SPEECH),
        ("text" in outputs, ModelType.LLM),
        ("transcription" in outputs, ModelType.SPEECH_TO_TEXT),
        ("embeddings" in outputs, ModelType.EMBEDDINGS),
    )
    return next((kind for holds, kind in rules if holds), ModelType.OTHER)


def _is_dynamic(pricing: Json) -> bool:
    overrides = pricing.get("overrides") if isinstance(pricing, dict) else None
    entries = [pricing, *(overrides if isinstance(overrides, list) else ())]
    stated = [entry for entry in entries if isinstance(entry, dict)]
    return any(money.is_negative(entry.get(side)) for entry in stated for side in ("prompt", "completion"))


def _scalars(parameters: Mapping[str, Any]) -> dict[str, JsonScalar]:
    """Return the parameters that are set, sorted; the API writes null for the rest. 1.0 and 1 are the same value."""
    found = {key: _scalar(value) for key, value in sorted(parameters.items()) if text.is_storable(key)}
    return {key: value for key, value in found.items() if value is not None}


def _scalar(value: Any) -> JsonScalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if text.is_storable(value) and len(value) <= text.MAX_WORD else None
    if isinstance(value, int | float | Decimal) and -_LARGEST_EXACT_INTEGER < value < _LARGEST_EXACT_INTEGER:
        return int(value) if value == int(value) else float(value)
    return None


def _is_price(key: str, value: Any) -> bool:
    return isinstance(value, str) and money.is_number(value) and not key.startswith(("min_", "max_", "utc_"))


_HIDDEN = money.Unclear("the price of a time window is in force, and that of the other hours is not stated")


def _is_token_billed(outputs: frozenset[str]) -> bool:
    return not outputs or not outputs <= _BILLED_OTHERWISE


def _price_list(pricing: Pricing | money.Unclear, *, is_token_billed: bool) -> price_lists.PriceList:
    if isinstance(pricing, money.Unclear):
        found = price_lists.base_prices(dict.fromkeys((meters.INPUT_TEXT, meters.OUTPUT_TEXT), pricing))
    else:
        found = _scheduled(pricing, _stated_overrides(pricing))
    if is_token_billed:
        return found
    return price_lists.PriceList(
        prices=tuple(price for price in found.prices if meters.METERS[price.meter].unit is not money.Unit.TOKEN),
        unclear=tuple(price for price in found.unclear if meters.METERS[price.meter].unit is not money.Unit.TOKEN),
    )


def _stated_overrides(pricing: Pricing) -> list[Override]:
    stated = pricing.overrides if isinstance(pricing.overrides, list) else []
    return [override for override in stated if override.is_understood]


def _scheduled(pricing: Pricing, overrides: Sequence[Override]) -> price_lists.PriceList:
    """Return the prices of a price list, including those that apply under conditions."""
    # This is decided once for the row, because an override may raise one of the two without the other.
    tariffs = (pricing, *overrides)
    prompts = {tariff.prompt.amount for tariff in tariffs if isinstance(tariff.prompt, money.Rate)}
    images = [tariff.image.amount for tariff in tariffs if isinstance(tariff.image, money.Rate)]
    is_per_token = any(amount in prompts for amount in images)
    top = pricing.stated(image_is_per_token=is_per_token)
    clauses = [(override, override.stated(image_is_per_token=is_per_token)) for override in overrides]
    unclear = _unclear(pricing, top, clauses)
    schedule = schedules.Schedule(
        top=_clear(top, unclear, from_tokens=0),
        clauses=tuple(
            schedules.Clause(
                from_tokens=override.from_tokens,
                window=override.window,
                rates=_clear(stated, unclear, from_tokens=override.from_tokens),
            )
            for override, stated in clauses
        ),
    )
    schedule, hidden = schedule.parted()
    unclear |= {(meter, _ALWAYS): _HIDDEN for meter in hidden}
    found = price_lists.price_list(
        (meter, ((billing.PROMPT_TOKENS, ">=", tokens),) if tokens > 0 else (), price)
        for (meter, tokens), price in sorted(unclear.items(), key=lambda item: item[0])
    )
    return replace(found, prices=tuple(schedule.prices()))


_ALWAYS = -1
_Unclear = dict[tuple[str, int], money.Unclear]
"""Unclear prices by meter and by the smallest prompt from which they are unclear; `_ALWAYS` means under any
conditions."""


def _unclear(
    pricing: Pricing, top: price_lists.Stated, clauses: Sequence[tuple[Override, price_lists.Stated]]
) -> _Unclear:
    """Return the prices that cannot be read. With time windows they are unclear at any hour, because the choice of the
    base price depends on all hours."""
    if isinstance(pricing.overrides, money.Unclear):
        return {(meter, _ALWAYS): pricing.overrides for meter in top}
    is_timed = any(override.window for override, _ in clauses)
    found: _Unclear = {}
    for override, stated in ((Override(), top), *clauses):
        for meter, price in stated.items():
            if problem := override.unclear or (price if isinstance(price, money.Unclear) else None):
                is_always = override.unclear or is_timed
                found[meter, _ALWAYS if is_always else override.from_tokens] = problem
    return {key: problem for key, problem in found.items() if key[1] == _ALWAYS or (key[0], _ALWAYS) not in found}


def _clear(stated: price_lists.Stated, unclear: _Unclear, *, from_tokens: int) -> schedules.Rates:
    return {
        meter: price
        for meter, price in price_lists.known(stated).items()
        if (meter, from_tokens) not in unclear and (meter, _ALWAYS) not in unclear
    }
