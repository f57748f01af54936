"""What rows of OpenRouter may contain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

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
from catalog.normalize import counts, dates, text
from catalog.pricing import meters, money, price_lists, schedules
from catalog.records import ProviderRecord

_MOST_OVERRIDES = 24
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
        stated = {key: getattr(self, key) for key in Prices.model_fields}
        image = stated.pop("image")
        if isinstance(image, money.Rate) and image_is_per_token:
            stated["image_token"] = stated["image_token"] or money.usd_per_token(image.amount)
        else:
            stated["image"] = image
        return {_METERS[key]: price for key, price in stated.items() if price is not None}


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


def _is_price(key: str, value: Any) -> bool:
    return isinstance(value, str) and money.is_number(value) and not key.startswith(("min_", "max_", "utc_"))
