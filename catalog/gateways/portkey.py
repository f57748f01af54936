"""Portkey: routes requests to a caller's own accounts at many providers. https://portkey.ai/docs

It has no list of all models. What is asked depends on the key:
- without one, the open price files, one of each provider in the option `providers`: GET
  https://configs.portkey.ai/pricing/{provider}.json, an object by the model's id. A file that cannot be read leaves the
  listing incomplete.
- with one, the models of its workspace: GET https://api.portkey.ai/v1/models, `{object, total, data}`, in pages by
  limit and offset; the key goes out as `x-portkey-api-key`, to this host alone. A row has the fields id, slug,
  canonical_slug and object, and no price: that is taken from the price file of its host, where the host is one of the
  providers. A workspace names its hosts freely, so `@xai` need not be the provider x-ai; no guess is made. Where a
  price file cannot be read, what was published of its models stays.

An id is `@host/model`, parted at the first slash, for the model's own id may have more. Rows of the catalogue are those
of the workspace with the price file's entry laid into them; a bundled row has the `type` of the model too, as Portkey's
general files state it.

Unit of its prices: US **cents per token**; cents per unit in `additional_units` and `image`. That holds for what is
billed by tokens. Rerankers, OCR and speech models are billed by searches, pages, characters or minutes under the same
keys, and some files use dollars (together-ai's images and videos, the images that go into google's models). So a model
that is not billed by tokens has a price only where `_UNITS` names its unit; otherwise the price is unknown.
- A zero mostly means that the field was never filled in, or that there is no such side. It is a price only under an id
  that ends in `:free`.
- `x-lte-128k` and `x-gt-128k` are halves of one model, for prompts of up to 128,000 tokens and of more. What the second
  does not state is taken from the first. Where the whole model is listed too, or halves of several sizes are, a price
  is what all of them agree on for prompts of one size. The rest is unknown.
- `batch_config` and the execution modes of `custom_pricing` are prices under a condition; so are its context tiers. Of
  its regions only `default` is read: the others depend on where a caller is.
- Another currency is not converted; its prices are unknown.
- `default` is a template and no model. `calculate` is a formula, `finetune_config` the price of making a model.
  A model without `pricing_config` is listed without a price.

The price files are kept by a community. openrouter's repeats what OpenRouter's own list states better, so it is no
provider unless it is asked for; its models are then offers of their own, `@openrouter/...`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from catalog.adapter import fields
from catalog.adapter.contract import Auth, Config, Gateway, Json, Listing, Page, Request, Walk, fields_of, validated
from catalog.adapter.errors import BadPayload, GatewayError
from catalog.normalize import modalities, model_ids, text
from catalog.pricing import billing, meters, money, price_lists, variants
from catalog.records import Condition, ModelType, OfferRecord

_PAGE_SIZE = 100
_MOST_PAGES = 100
_MOST_BETWEEN_HALVES = 10
_TEMPLATE = "default"
_HALF = re.compile(r"(.+)-(lte|gt)-([1-9][0-9]{0,5})k")
_HALVES = {"lte": "up_to", "gt": "above"}
_WORDS = {"up to": "up_to", "above": "above"}

# The first rule that matches is used if the type is missing: one of the lyria models has clip in its name too.
_TYPES_OF_WORDS = tuple(
    (model_type, frozenset(words.split()))
    for model_type, words in (
        (ModelType.MUSIC_GENERATION, "lyria"),
        (ModelType.SPEECH_TO_TEXT, "whisper transcribe"),
        (ModelType.TEXT_TO_SPEECH, "tts aura kokoro orpheus zonos chatterbox csm"),
        (ModelType.OTHER, "rerank reranker ocr olmocr paddleocr"),
        (ModelType.CONTENT_MODERATION, "guard safeguard moderation safety"),
        (ModelType.EMBEDDINGS, "embed embedding embeddings embeddinggemma ada bert bge clip e5 gte minilm mpnet"),
        (ModelType.EMBEDDINGS, "retrieval text2vec uae"),
        (ModelType.VIDEO, "veo sora video t2v seedance kling hailuo pixverse vidu"),
        (ModelType.IMAGE_GENERATION, "image imagen dall flux sdxl sd3.5 diffusion t2i ideogram seedream seededit"),
        (ModelType.IMAGE_GENERATION, "hidream dreamshaper juggernaut"),
    )
)
_TYPES_OF_MAKERS = dict.fromkeys(("black-forest-labs", "bria", "clarityai"), ModelType.IMAGE_GENERATION)
_TYPES_OF_PRICES = (
    ("additional_units.video", ModelType.VIDEO),
    ("additional_units.megapixels", ModelType.IMAGE_GENERATION),
    ("image.", ModelType.IMAGE_GENERATION),
)
_TYPES_TOLD = {
    "embedding": ModelType.EMBEDDINGS,
    "moderation": ModelType.CONTENT_MODERATION,
    "image": ModelType.IMAGE_GENERATION,
    "image_generation": ModelType.IMAGE_GENERATION,
    "video": ModelType.VIDEO,
    "rerank": ModelType.OTHER,
    "ocr": ModelType.OTHER,
}
"""Portkey's types that leave no doubt. `chat` and `text` are used for much else too, `audio` for three things."""

_MAKERS = frozenset({"anthropic", "cohere", "deepseek", "google", "mistral-ai", "moonshot", "openai", "x-ai", "z-ai"})
"""Hosts that run only models of their own."""
_OWN_MODELS = {"perplexity-ai": {"sonar", "pplx", "r1"}}
"""Hosts that run models of their own and of others, with the words that only their own models have."""

Units = Mapping[str, str]
"""The meters that the keys of a price list count; the price is in cents for the meter's unit. If two keys have one
meter, the first is used. A key that ends in `*` matches all keys with that prefix, and gives a price only if they
agree."""
_TOKENS: Units = {
    "request_token": meters.INPUT_TEXT,
    "request_text_token": meters.INPUT_TEXT,
    "response_token": meters.OUTPUT_TEXT,
    "response_text_token": meters.OUTPUT_TEXT,
    "cache_read_input_token": meters.INPUT_TEXT_CACHE_READ,
    "cache_read_text_input_token": meters.INPUT_TEXT_CACHE_READ,
    "cache_write_input_token": meters.INPUT_TEXT_CACHE_WRITE,
    "additional_units.cache_write_1h": meters.INPUT_TEXT_CACHE_WRITE_1H,
    "reasoning_token": meters.OUTPUT_REASONING,
    "request_audio_token": meters.INPUT_AUDIO,
    "response_audio_token": meters.OUTPUT_AUDIO,
    "cache_read_audio_input_token": meters.INPUT_AUDIO_CACHE_READ,
    "request_image_token": meters.INPUT_IMAGE_TOKEN,
    "response_image_token": meters.OUTPUT_IMAGE_TOKEN,
    "additional_units.image_token": meters.OUTPUT_IMAGE_TOKEN,
    "additional_units.web_search": meters.SEARCH_WEB,
}
_OF_TEXT: Units = {"request_token": meters.INPUT_TEXT, "response_token": meters.OUTPUT_TEXT}
_OF_SPEECH: Units = {"request_token": meters.INPUT_TEXT, "response_token": meters.OUTPUT_AUDIO}
_OF_IMAGES: Units = {"image.default.default": meters.OUTPUT_IMAGE}
_OF_VIDEOS: Units = {"additional_units.video_*": meters.OUTPUT_VIDEO_SECOND}
_UNITS: tuple[tuple[str, str, Units], ...] = (
    ("cohere", r"rerank-.+", {"request_token": meters.SEARCH_RERANK}),
    ("deepinfra", r".+(Reranker|OCR).*", _TOKENS),
    ("google", r"gemini-.+-image.*", _TOKENS),
    ("google", r"gemini-.+-tts.*", _OF_SPEECH),
    ("google", r"imagen-.+", _OF_IMAGES),
    ("google", r"veo-.+", _OF_VIDEOS),
    ("mistral-ai", r"mistral-ocr-.+", {"request_token": meters.INPUT_PAGE}),
    ("openai", r"whisper-1", {"additional_units.request_audio_token": meters.INPUT_AUDIO_MINUTE}),
    ("openai", r"tts-1.*", {"request_token": meters.INPUT_CHARACTER}),
    ("openai", r"gpt-4o(-mini)?-transcribe", _OF_TEXT),  # the price of audio is stated as an estimate per minute
    ("openai", r"gpt-.+-(tts|transcribe).*", _TOKENS),
    ("openai", r"(chatgpt|gpt)-image-.+", _TOKENS),  # the prices of images are sums of tokens
    ("openai", r"dall-e-.+", _OF_IMAGES),
    ("openai", r"sora-.+", _OF_VIDEOS),
    ("openrouter", r".+", _TOKENS),
)
"""Units by host and model, for models that are not billed by text tokens, or that are although their type leaves that
open. The first match is used. A unit is listed here if no other makes the amounts plausible compared with such
models elsewhere."""
_BILLED_BY_TOKENS = {ModelType.LLM, ModelType.EMBEDDINGS, ModelType.CONTENT_MODERATION}

_INPUTS = {meters.INPUT_AUDIO: "audio", meters.INPUT_IMAGE_TOKEN: "image"}
_OUTPUTS = {meters.OUTPUT_AUDIO: "audio", meters.OUTPUT_IMAGE_TOKEN: "image"}
_INPUTS_TOLD = {"image", "video"}


def _offer_id(value: Any) -> str:
    found = text.line(value, longest=text.MAX_ID)
    host, _, model = found.removeprefix("@").partition("/")
    if not found.startswith("@") or not host or not model or any(character.isspace() for character in found):
        raise ValueError("must be @host/model")
    return found


_TokenBound = Annotated[int, Field(ge=0, le=10**9)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class PricingConfig(_Facts):
    pay_as_you_go: Any = None
    batch_config: Any = None
    currency: fields.Word = None


class Priced(_Facts):
    pricing_config: Annotated[PricingConfig | fields.Unclear | None, fields.UnclearIfWrong] = None

    @property
    def lists(self) -> dict[str, Json | money.Unclear]:
        """The price lists in US dollars, by execution mode."""
        config = self.pricing_config
        if isinstance(config, money.Unclear):
            return {billing.STANDARD: config}
        if config is None or (config.currency or "USD").upper() != "USD":
            return {}
        return {billing.STANDARD: config.pay_as_you_go, "batch": config.batch_config}


class Mode(Priced):
    context_tiers: dict[str, Priced] | None = None


class Region(_Facts):
    execution_modes: dict[str, Mode] | None = None


class Regions(_Facts):
    default: Region | None = None


class CustomPricing(_Facts):
    regions: Regions | None = None
    context_tier_map: dict[_TokenBound, str] | None = None
    """The names of the tiers, by the prompt size above which they apply."""


class Entry(Priced):
    """What a price file contains about a model."""

    custom_pricing: Annotated[CustomPricing | fields.Unclear | None, fields.UnclearIfWrong] = None


class Type(_Facts):
    primary: fields.Word = None
    supported: fields.Words = None


class Row(Entry):
    id: Annotated[str, PlainValidator(_offer_id)]
    canonical_slug: fields.Word = None
    type: Type = Type()
    context_length: fields.Count = None
    """Only bundled rows have it; Portkey does not state it."""
    up_to: dict[_TokenBound, Entry] = {}
    """The half for prompts of up to this many tokens."""
    above: dict[_TokenBound, Entry] = {}

    @property
    def host(self) -> str:
        return self.id.removeprefix("@").partition("/")[0]

    @property
    def model(self) -> str:
        return self.id.partition("/")[2]

    @property
    def is_free(self) -> bool:
        return self.id.endswith(":free")


class Portkey(Gateway):
    slug = "portkey"
    name = "Portkey"
    site_url = "https://portkey.ai"
    docs_url = "https://portkey.ai/docs"
    completions_url = "https://api.portkey.ai/v1"
    note = "Portkey catalog"
    hosts = {"api": "https://api.portkey.ai", "pricing": "https://configs.portkey.ai"}
    auth = Auth(header="x-portkey-api-key", scheme="", hosts=("api",))
    options = {
        "providers": (
            "anthropic", "cerebras", "cohere", "deepinfra", "deepseek", "google", "groq", "mistral-ai", "moonshot",
            "nebius", "novita-ai", "openai", "perplexity-ai", "together-ai", "x-ai", "z-ai",
        )
    }  # fmt: skip
    version = 2
    bundled_only = ("type",)
    bundled_on = date(2026, 8, 21)

    def walk(self, config: Config) -> Walk:
        providers = dict.fromkeys(config.options["providers"])
        return (yield from self._workspace(providers) if config.has_key else self._price_files(providers))

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        model_type = _model_type(listed)
        found = price_lists.price_list(_prices(listed, model_type=model_type))
        priced = {*(price.meter for price in found.prices), *(price.meter for price in found.unclear)}
        supported = listed.type.supported or ()
        inputs, outputs = modalities.of_model_type(model_type)
        takes = _INPUTS_TOLD.intersection(supported) | {_INPUTS[meter] for meter in priced & _INPUTS.keys()}
        return OfferRecord(
            id=listed.id,
            slug=listed.model,
            canonical_slug=listed.canonical_slug or listed.model,
            name=model_ids.short_name(listed.model) or listed.model,
            provider_slug=_provider(listed),
            host=listed.host,
            model_type=model_type,
            prices=found.prices,
            unclear=found.unclear,
            notes=tuple(_notes(listed)),
            execution_mode=variants.execution_mode(listed.model) if listed.host == "openrouter" else billing.STANDARD,
            zero_is_free=listed.is_free,
            input_modalities=inputs and modalities.canonical([*inputs, *takes]),
            output_modalities=outputs
            and modalities.canonical([*outputs, *(_OUTPUTS[meter] for meter in priced & _OUTPUTS.keys())]),
            context_length=listed.context_length,
            supported_parameters=("tools",) if "tools" in supported else None,
        )

    def essence(self, row: Json) -> Json:
        return fields_of(row, Row)

    def bundled_row(self, row: Json) -> dict[str, Json]:
        kept = _pruned(row, _BUNDLED_ROW)
        return kept if isinstance(kept, dict) else {}

    def _price_files(self, providers: Iterable[str]) -> Walk:
        """List all models of the price files, which needs no key."""
        rows: dict[str, Json] = {}
        unread: GatewayError | None = None
        for provider in providers:
            found = yield from _price_file(provider)
            if isinstance(found, GatewayError):
                unread = found
            else:
                rows |= found
        if unread and not rows:
            raise unread
        return Listing(rows=[rows[key] for key in sorted(rows)], is_complete=unread is None)

    def _workspace(self, providers: Iterable[str]) -> Walk:
        """List the models of the key's workspace, priced by the price files of its hosts."""
        rows, total = yield from _workspace_rows()
        ids = {found for found in map(self.row_id, rows) if found}
        priced: dict[str, Json] = {}
        postponed: set[str] = set()
        for provider in providers:
            if of_provider := {found for found in ids if found.startswith(f"@{provider}/")}:
                found = yield from _price_file(provider)
                if isinstance(found, GatewayError):
                    postponed |= of_provider
                else:
                    priced |= found
        joined = [_joined(row, priced.get(self.row_id(row) or "", {})) for row in rows]
        return Listing(
            # Of two rows with one id the first is used, so their order must not be chance.
            rows=sorted(joined, key=lambda row: (self.row_id(row) or "", repr(row))),
            is_complete=total == len(ids),
            postponed=frozenset(postponed),
        )


_PRICED: Json = {"pricing_config": {"pay_as_you_go": "prices", "batch_config": "prices", "currency": "fact"}}
_MODE: Json = _PRICED | {"context_tiers": {"*": _PRICED}}
_ENTRY: Json = _PRICED | {
    "custom_pricing": {
        "context_tier_map": "fact",
        "regions": {"default": {"execution_modes": dict.fromkeys(billing.EXECUTION_MODES, _MODE)}},
    }
}
_BUNDLED_ROW: Json = {
    "id": "fact",
    "type": "fact",
    "context_length": "fact",
    **_ENTRY,
    **{half: {"*": _ENTRY} for half in _HALVES.values()},
}
"""What the bundled catalogue keeps of a row: facts, and everything that has a price, even if it is not read today."""


def _pruned(value: Json, kept: Json) -> Json:
    if kept == "fact" or not isinstance(value, dict):
        return value
    if kept == "prices":
        found = {key: inner if key == "price" else _pruned(inner, kept) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if key == "price" or (isinstance(inner, dict) and inner)}
    found = {
        key: _pruned(inner, kept.get(key, kept.get("*"))) for key, inner in value.items() if key in kept or "*" in kept
    }
    return {key: inner for key, inner in found.items() if inner not in (None, {})}


def _workspace_rows() -> Generator[Request, Page, tuple[list[Json], int]]:
    """Return all rows, and their number by Portkey's own count."""
    rows: list[Json] = []
    for _ in range(_MOST_PAGES):
        query = {"limit": str(_PAGE_SIZE), "offset": str(len(rows))}
        payload = (yield Request(host="api", path="/v1/models", query=query)).payload
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise BadPayload("Portkey's answer holds no list of models under data")
        total = payload.get("total")
        if isinstance(total, bool) or not isinstance(total, int):
            raise BadPayload("Portkey's total must be a whole number")
        rows += payload["data"]
        if not payload["data"] or len(rows) >= total:
            return rows, total
    raise BadPayload(f"Portkey's pages do not end: {_MOST_PAGES} were read")


def _joined(row: Json, priced: Json) -> Json:
    """Keep only the fields of the workspace's row that are read, so that no future field is taken for one of ours."""
    return {key: row[key] for key in ("id", "canonical_slug") if key in row} | priced if isinstance(row, dict) else row


def _price_file(provider: str) -> Generator[Request, Page, dict[str, Json] | GatewayError]:
    """Return the rows of a price file by id, or the error of reading it, so that the walk can use the other files."""
    try:
        page = yield Request(host="pricing", path=f"/pricing/{provider}.json")
    except GatewayError as error:
        return error
    models = page.payload if isinstance(page.payload, dict) else {}
    if not any(isinstance(entry, dict) and "pricing_config" in entry for entry in models.values()):
        return BadPayload(f"Portkey's price file of {provider} holds no prices")
    found: dict[str, Json] = {}
    for key, entry in models.items():
        half = _HALF.fullmatch(key)
        offer_id = f"@{provider}/{half[1] if half else key}"
        told = fields_of(entry, Entry) if isinstance(entry, dict) else {"pricing_config": entry}
        if half:
            found.setdefault(offer_id, {"id": offer_id}).setdefault(_HALVES[half[2]], {})[f"{half[3]}000"] = told
        elif key != _TEMPLATE:
            found.setdefault(offer_id, {"id": offer_id}).update(told)
    return found


def _model_type(listed: Row) -> ModelType:
    # The words with and without the digits in them: `flux.1` is a flux.
    name = model_ids.short_name(listed.model).casefold()
    words = model_ids.words(name) | set(re.split(r"[^a-z]+", name))
    keys = [key for key, _ in _leaves(listed.lists.get(billing.STANDARD))]
    found = (
        _TYPES_TOLD.get(listed.type.primary or ""),
        _TYPES_OF_MAKERS.get((model_ids.owner(listed.model) or "").casefold()),
        *(model_type for model_type, tokens in _TYPES_OF_WORDS if words & tokens),
        *(model_type for start, model_type in _TYPES_OF_PRICES if any(key.startswith(start) for key in keys)),
    )
    return next((model_type for model_type in found if model_type), ModelType.LLM)


def _provider(listed: Row) -> str | None:
    is_own = bool(_OWN_MODELS.get(listed.host, set()) & model_ids.words(listed.model))
    return model_ids.owner(listed.model) or (listed.host if listed.host in _MAKERS or is_own else None)


_Stated = dict[str, money.Rate | money.Unclear]
"""What a price list states for each meter."""
_Lists = dict[str, dict[int, _Stated]]
"""Stated prices by execution mode and smallest prompt."""
_TWICE = money.Unclear("the price file states it more than once, and the amounts differ")
_FAR_APART = money.Unclear(f"the prices for short and for long prompts differ more than {_MOST_BETWEEN_HALVES}-fold")


def _prices(listed: Row, *, model_type: ModelType) -> Iterator[tuple[str, tuple[Condition, ...], _Price]]:
    """Yield the standard prices, and the prices of other execution modes that differ from them."""
    lists = _price_lists(listed, model_type=model_type)
    standard = list(_by_size(lists.get(billing.STANDARD, {})))
    for mode in billing.EXECUTION_MODES:
        found = list(_by_size(lists.get(mode, {})))
        for meter, tokens, price in found:
            size: list[Condition] = [(billing.PROMPT_TOKENS, ">=", tokens)] if tokens else []
            if mode == billing.STANDARD:
                yield meter, tuple(size), price
            elif _of_meter(found, meter) != _of_meter(standard, meter):
                yield meter, ((billing.EXECUTION_MODE, "=", mode), *size), price


_Price = money.Rate | money.Unclear
_Sized = tuple[str, int, _Price]


def _by_size(sizes: Mapping[int, _Stated]) -> Iterator[_Sized]:
    """Yield each price with the smallest prompt to which it applies. If a size does not state a price, the price of the
    size below applies."""
    for meter in meters.METERS:
        before: _Price | None = None
        for tokens in sorted(sizes):
            price = sizes[tokens].get(meter, before)
            is_still_unclear = isinstance(before, money.Unclear) and isinstance(price, money.Unclear)
            if price is not None and price != before and not is_still_unclear:
                yield meter, tokens, price
            before = price


def _of_meter(prices: Iterable[_Sized], meter: str) -> list[_Sized]:
    return [price for price in prices if price[0] == meter]


def _price_lists(listed: Row, *, model_type: ModelType) -> _Lists:
    """Return the prices of a model by execution mode and prompt size."""
    units = _units(listed, model_type)
    sides = {meters.INPUT_TEXT} if model_type is ModelType.EMBEDDINGS else {meters.INPUT_TEXT, meters.OUTPUT_TEXT}
    may_be_zero = sides if listed.is_free else set()
    found: _Lists = {}
    for mode, tokens, told in _own_lists(listed):
        sizes = found.setdefault(mode, {})
        sizes[tokens] = _united(sizes.get(tokens, {}), _stated(told, units, may_be_zero=may_be_zero))
    for mode, tokens, told in _custom_lists(listed):
        sizes = found.setdefault(mode, {})
        # The model's own prices are maintained better than its custom prices.
        if not sizes.get(tokens) and (mode, tokens) != (billing.STANDARD, 0):
            sizes[tokens] = _stated(told, units, may_be_zero=may_be_zero)
    for sizes in found.values():
        _leave_unclear(sizes, _unstated_sizes(listed))
    return found


def _united(stated: _Stated, again: _Stated) -> _Stated:
    differing = {meter for meter in stated.keys() & again.keys() if stated[meter] != again[meter]}
    return again | stated | dict.fromkeys(differing, _TWICE)


def _leave_unclear(sizes: dict[int, _Stated], unstated: Mapping[int, money.Unclear]) -> None:
    """Mark prices as unclear at sizes that no half covers, and in halves that differ many-fold. Long prompts cost about
    twice as much, so one of those two was written in another unit."""
    stated = {meter for prices in sizes.values() for meter in prices}
    for tokens, problem in unstated.items():
        sizes[tokens] = dict.fromkeys(stated, problem)
    for meter in stated:
        amounts = [price.amount for prices in sizes.values() if isinstance(price := prices.get(meter), money.Rate)]
        if amounts and max(amounts) > _MOST_BETWEEN_HALVES * min(amounts):
            for prices in sizes.values():
                prices[meter] = _FAR_APART


def _own_lists(listed: Row) -> Iterator[tuple[str, int, Json]]:
    """Yield execution mode, smallest prompt and prices."""
    for tokens, entry in _whole_and_halves(listed):
        yield from ((mode, tokens, told) for mode, told in entry.lists.items())


def _custom_lists(listed: Row) -> Iterator[tuple[str, int, Json]]:
    """Yield the same for custom prices. A tier of unknown size is left out."""
    for tokens, entry in _whole_and_halves(listed):
        custom = entry.custom_pricing if isinstance(entry.custom_pricing, CustomPricing) else CustomPricing()
        modes = custom.regions.default.execution_modes if custom.regions and custom.regions.default else None
        above = {name: bound + 1 if bound else 0 for bound, name in (custom.context_tier_map or {}).items()}
        for mode, priced in (modes or {}).items():
            tiers = [(above[name], tier) for name, tier in (priced.context_tiers or {}).items() if name in above]
            for size, each in ((0, priced), *tiers):
                yield mode, max(tokens, size), each.lists.get(billing.STANDARD)


def _whole_and_halves(listed: Row) -> Iterator[tuple[int, Entry]]:
    """Yield the smallest prompt of each size with the entries that apply to it. Halves may be of several sizes."""
    yield 0, listed
    for tokens in _smallest_prompts(listed):
        yield from ((tokens, entry) for bound, entry in listed.up_to.items() if tokens <= bound)
        yield from ((tokens, entry) for bound, entry in listed.above.items() if tokens > bound)


def _smallest_prompts(listed: Row) -> list[int]:
    return [0, *(bound + 1 for bound in sorted({*listed.up_to, *listed.above}))]


def _unstated_sizes(listed: Row) -> dict[int, money.Unclear]:
    """Return the smallest prompts of the sizes that no half covers."""
    stated = {tokens for tokens, entry in _whole_and_halves(listed) if entry is not listed or entry.pricing_config}
    only = [f"{words} {bound:,}" for words, halves in _WORDS.items() for bound in sorted(getattr(listed, halves))]
    problem = money.Unclear(f"the price file states it only for prompts {' and '.join(only)} tokens")
    return {tokens: problem for tokens in _smallest_prompts(listed) if only and tokens not in stated}


def _notes(listed: Row) -> Iterator[str]:
    if any(isinstance(entry.custom_pricing, money.Unclear) for _, entry in _whole_and_halves(listed)):
        yield "Its prices for long prompts and for execution modes may be missing: custom_pricing cannot be read."


def _units(listed: Row, model_type: ModelType) -> Units:
    named = (units for host, models, units in _UNITS if host == listed.host and re.fullmatch(models, listed.model))
    return next(named, _TOKENS if model_type in _BILLED_BY_TOKENS else {})


def _stated(told: Json | money.Unclear, units: Units, *, may_be_zero: Collection[str]) -> _Stated:
    if told is not None and not isinstance(told, dict):
        problem = told if isinstance(told, money.Unclear) else fields.unreadable(told)
        return {meter: problem for meter in units.values() if meter in {meters.INPUT_TEXT, meters.OUTPUT_TEXT}}
    amounts = dict(_leaves(told))
    found: _Stated = {}
    for key, meter in units.items():
        price = _price(_matching(amounts, key), meter)
        if isinstance(price, money.Unclear) or (price and (price.amount or meter in may_be_zero)):
            found.setdefault(meter, price)
    return found


def _price(amounts: Iterable[Json], meter: str) -> _Price | None:
    """Return None if there is no price, or if several differ: the choice between those depends on more than is read
    here."""
    read = {money.read(partial(money.cents_per, meters.METERS[meter].unit), amount) for amount in amounts}
    unclear = next((price for price in read if isinstance(price, money.Unclear)), None)
    return unclear or (read.pop() if len(read) == 1 else None)


def _matching(amounts: Mapping[str, Json], key: str) -> list[Json]:
    return [amount for name, amount in amounts.items() if name == key or (key[-1] == "*" and name.startswith(key[:-1]))]


def _leaves(told: Json, *, path: str = "", levels: int = 4) -> Iterator[tuple[str, Json]]:
    """Yield all prices of the form `{"price": …}` by their path; they are nested no deeper than `levels`."""
    if not isinstance(told, dict) or not levels:
        return
    if told.get("price") is not None:
        yield path, told["price"]
    for key, inner in told.items():
        yield from _leaves(inner, path=f"{path}.{key}" if path else key, levels=levels - 1)
