"""The prices of a row by execution mode and prompt size, and their units."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial

from catalog.adapter import fields
from catalog.adapter.contract import Json
from catalog.gateways.portkey.rows import CustomPricing, Entry, Row, leaves
from catalog.pricing import billing, meters, money
from catalog.records import Condition, ModelType

_MOST_BETWEEN_HALVES = 10
_WORDS = {"up to": "up_to", "above": "above"}

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


_Stated = dict[str, money.Rate | money.Unclear]
"""What a price list states for each meter."""
_Lists = dict[str, dict[int, _Stated]]
"""Stated prices by execution mode and smallest prompt."""
_TWICE = money.Unclear("the price file states it more than once, and the amounts differ")
_FAR_APART = money.Unclear(f"the prices for short and for long prompts differ more than {_MOST_BETWEEN_HALVES}-fold")


def prices_of(listed: Row, *, model_type: ModelType) -> Iterator[tuple[str, tuple[Condition, ...], _Price]]:
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
    for mode, tokens, prices in _own_lists(listed):
        sizes = found.setdefault(mode, {})
        sizes[tokens] = _united(sizes.get(tokens, {}), _stated(prices, units, may_be_zero=may_be_zero))
    for mode, tokens, prices in _custom_lists(listed):
        sizes = found.setdefault(mode, {})
        # The model's own prices are maintained better than its custom prices.
        if not sizes.get(tokens) and (mode, tokens) != (billing.STANDARD, 0):
            sizes[tokens] = _stated(prices, units, may_be_zero=may_be_zero)
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
        yield from ((mode, tokens, prices) for mode, prices in entry.lists.items())


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


def notes_of(listed: Row) -> Iterator[str]:
    if any(isinstance(entry.custom_pricing, money.Unclear) for _, entry in _whole_and_halves(listed)):
        yield "Its prices for long prompts and for execution modes may be missing: custom_pricing cannot be read."


def _units(listed: Row, model_type: ModelType) -> Units:
    named = (units for host, models, units in _UNITS if host == listed.host and re.fullmatch(models, listed.model))
    return next(named, _TOKENS if model_type in _BILLED_BY_TOKENS else {})


def _stated(prices: Json | money.Unclear, units: Units, *, may_be_zero: Collection[str]) -> _Stated:
    if prices is not None and not isinstance(prices, dict):
        problem = prices if isinstance(prices, money.Unclear) else fields.unreadable(prices)
        return {meter: problem for meter in units.values() if meter in {meters.INPUT_TEXT, meters.OUTPUT_TEXT}}
    amounts = dict(leaves(prices))
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
