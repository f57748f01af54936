"""The prices that pydantic's genai-prices computes with, in the second version of its data format.

`UpdatePrices(url=…)` of the package fetches the whole address that it is given; its own is `…/new_data/v2/data.json`.
The document replaces all prices that the package knows.

- Prices are US dollars for a million tokens, a thousand requests or a thousand searches. A unit without a price costs
  nothing there, so an offer with an unknown price is left out.
- The package subtracts units with more dimensions from those with fewer: `input_tokens` includes the cached and the
  audio ones. It refuses a set of prices that lacks an ancestor or a combination of two others, so these are added at
  the price that would be billed.
- A tier applies above its `start`, to all tokens: our condition `prompt_tokens >= 200001` is the start 200000.
- Of several prices the last one whose constraint holds is used.
- Ids are compared without regard to case.

Schema: https://github.com/pydantic/genai-prices/blob/main/prices/new_data/v2/data.schema.json
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import Any

import orjson

from catalog import registry
from catalog.adapter.contract import Gateway
from catalog.documents.encoding import stored_json
from catalog.formats import shapes
from catalog.formats.contract import Format, Route
from catalog.formats.entries import Entries, entries_of
from catalog.formats.standard_prices import (
    Entry,
    LeftOut,
    Reason,
    StandardPrices,
    entry_of,
    exact_number,
    per_million,
    standard_prices,
)
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.parameters.endpoints import Query
from catalog.pricing import meters
from catalog.pricing.quantities import EXACT

Json = Any

LONGEST = 100
"""Characters of an id or a name."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit of genai-prices, and the meter whose price it has."""

    dimensions: frozenset[str]
    meter: str


def _units(*units: tuple[str, str, str]) -> dict[str, _Unit]:
    return {f"{key}_mtok": _Unit(frozenset(dimensions.split()), meter) for key, dimensions, meter in units}


_OWN = _units(
    ("input", "in", meters.INPUT_TEXT),
    ("cache_read", "in read", meters.INPUT_TEXT_CACHE_READ),
    ("cache_write", "in write", meters.INPUT_TEXT_CACHE_WRITE),
    ("cache_write_1h", "in write 1h", meters.INPUT_TEXT_CACHE_WRITE_1H),
    ("input_audio", "in audio", meters.INPUT_AUDIO),
    ("cache_audio_read", "in audio read", meters.INPUT_AUDIO_CACHE_READ),
    ("input_image", "in image", meters.INPUT_IMAGE_TOKEN),
    ("output", "out", meters.OUTPUT_TEXT),
    ("output_reasoning", "out reasoning", meters.OUTPUT_REASONING),
    ("output_audio", "out audio", meters.OUTPUT_AUDIO),
    ("output_image", "out image", meters.OUTPUT_IMAGE_TOKEN),
)
_COMBINED = _units(
    ("cache_audio_write", "in audio write", meters.INPUT_AUDIO),
    ("cache_audio_write_1h", "in audio write 1h", meters.INPUT_AUDIO),
    ("cache_image_read", "in image read", meters.INPUT_IMAGE_TOKEN),
    ("cache_image_write", "in image write", meters.INPUT_IMAGE_TOKEN),
    ("cache_image_write_1h", "in image write 1h", meters.INPUT_IMAGE_TOKEN),
    ("output_audio_reasoning", "out audio reasoning", meters.OUTPUT_AUDIO),
    ("output_image_reasoning", "out image reasoning", meters.OUTPUT_IMAGE_TOKEN),
)
"""Units that no gateway prices. The package requires them where both of their parts have prices."""
_UNITS = _OWN | _COMBINED
_DIMENSIONS = frozenset(unit.dimensions for unit in _UNITS.values())
_THOUSANDS = {"requests_kcount": meters.REQUEST, "web_searches_kcount": meters.SEARCH_WEB}
_EXPRESSIBLE = {*(unit.meter for unit in _OWN.values()), *_THOUSANDS.values()}

_USAGE = {
    "input_tokens": "prompt_tokens",
    "cache_read_tokens": ("prompt_tokens_details", "cached_tokens"),
    "cache_write_tokens": ("prompt_tokens_details", "cache_write_tokens"),
    "input_audio_tokens": ("prompt_tokens_details", "audio_tokens"),
    "output_tokens": "completion_tokens",
    "output_reasoning_tokens": ("completion_tokens_details", "reasoning_tokens"),
    "output_audio_tokens": ("completion_tokens_details", "audio_tokens"),
}
"""The places of numbers in the `usage` of an answer of OpenAI's chat API, which all gateways have."""
EXTRACTORS = [
    {
        "api_flavor": flavor,
        "root": "usage",
        "model_path": "model",
        "mappings": [
            {"path": path, "dest": dest, "required": path == "prompt_tokens"} for dest, path in _USAGE.items()
        ],
    }
    for flavor in ("default", "chat")
]

_PRICES = shapes.mapping(
    {
        "anyOf": [
            shapes.price("US dollars."),
            shapes.record(
                {
                    "base": shapes.price("US dollars."),
                    "tiers": shapes.array(
                        shapes.record({"start": shapes.count("Tokens."), "price": shapes.price("US dollars.")}),
                        "Above `start` tokens of the prompt the price applies to all of them.",
                    ),
                }
            ),
        ]
    },
    description="For a million tokens, a thousand requests or a thousand searches.",
)
_CONSTRAINT = shapes.record(
    {"start_time": shapes.text("UTC."), "end_time": shapes.text("UTC; it is the first moment after the window.")}
)
SHAPES: Mapping[str, Json] = {
    "GenaiPrices": _PRICES,
    "GenaiModel": shapes.record(
        {
            "id": shapes.text("The gateway's id of the offer."),
            "match": shapes.record({"equals": shapes.text("The same id.")}),
            "prices": {
                "anyOf": [
                    shapes.ref("GenaiPrices"),
                    shapes.array(
                        shapes.record({"prices": shapes.ref("GenaiPrices")}, optional={"constraint": _CONSTRAINT}),
                        "The last one whose constraint holds is used.",
                    ),
                ]
            },
        },
        optional={"name": shapes.text("For people."), "context_window": shapes.count("Tokens.")},
    ),
}
_PROVIDER = shapes.record(
    {
        "id": shapes.text("The gateway."),
        "name": shapes.text("For people."),
        "api_pattern": shapes.text("A regular expression of the addresses of the gateway's API."),
        "pricing_urls": shapes.words("The gateway's site."),
        "extractors": shapes.array({"type": "object"}, "Where an answer of the gateway has its usage."),
        "models": shapes.array(shapes.ref("GenaiModel")),
    }
)


class GenaiPrices(Format):
    slug = "genai_prices"
    name = "genai-prices"
    docs_url = "https://github.com/pydantic/genai-prices"
    routes = (
        Route(
            path="v2/data.json",
            prefixes=("/genai-prices",),
            operation_id="read_genai_prices",
            summary="The prices that pydantic's genai-prices computes with",
            shape=shapes.array(_PROVIDER),
        ),
    )
    shapes = SHAPES

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes:
        return prices_of(snapshot).body


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    body: bytes
    entries: Entries[Entry]
    ambiguous: frozenset[tuple[str, str]]
    """The gateway and the id in lower case of offers whose ids differ only in case."""


@derived.Once
def prices_of(snapshot: Snapshot, last: Prices | None) -> Prices:
    entries = entries_of(snapshot, None if last is None else last.entries, _entry_of)
    names = Counter(_name(row) for row, entry in unhurried(entries.values()) if entry is not None)
    ambiguous = frozenset(name for name, count in names.items() if count > 1)
    models: dict[str, list[orjson.Fragment]] = {slug: [] for slug in registry.GATEWAYS}
    for row, entry in unhurried(entries.values()):
        if isinstance(entry, orjson.Fragment) and _name(row) not in ambiguous:
            models[row.gateway].append(entry)
    listed = [_provider(registry.GATEWAYS[slug], found) for slug, found in models.items() if found]
    return Prices(body=stored_json(listed), entries=entries, ambiguous=ambiguous)


def left_out(snapshot: Snapshot) -> dict[tuple[str, str], Reason]:
    """Return why offers that are billed by tokens are not in the document, by gateway and id."""
    prices = prices_of(snapshot)
    found = {}
    for row, entry in prices.entries.values():
        reason = Reason.AMBIGUOUS if _name(row) in prices.ambiguous else entry
        if isinstance(reason, Reason):
            found[row.gateway, row.id] = reason
    return found


def _name(row: Row) -> tuple[str, str]:
    return row.gateway, row.id.lower()


def _provider(gateway: Gateway, models: list[orjson.Fragment]) -> Json:
    host = re.match(r"https://[^/]+", gateway.completions_url)
    return {
        "id": gateway.slug,
        "name": gateway.name,
        "api_pattern": re.escape(host[0] if host else gateway.completions_url),
        "pricing_urls": [gateway.site_url],
        "extractors": EXTRACTORS,
        "models": models,
    }


def _entry_of(row: Row) -> Entry:
    return entry_of(row, _model)


def _model(document: Json) -> Json:
    """Raises LeftOut."""
    model_id, name, context = document["id"], document["name"], document["context_length"]
    prices = standard_prices(document, expressible=_EXPRESSIBLE)
    if len(model_id) > LONGEST or re.search(r"\s", model_id):
        raise LeftOut(Reason.ID)
    return {
        "id": model_id,
        "match": {"equals": model_id},
        **({"name": name} if len(name) <= LONGEST else {}),
        **({"context_window": context} if context is not None else {}),
        "prices": _prices(prices),
    }


def _prices(prices: StandardPrices) -> Json:
    """Return one set of prices, or a list of one for each part of the day. Raises LeftOut."""
    base = _set_of(prices, None)
    if not prices.times:
        return base
    windows = [(start, _set_of(prices, start)) for start in prices.times]
    ends = [*prices.times[1:], prices.times[0]]
    return [
        {"prices": base},
        *(
            {"constraint": {"start_time": _utc(start), "end_time": _utc(end)}, "prices": found}
            for (start, found), end in zip(windows, ends, strict=True)
        ),
    ]


def _utc(moment: time) -> str:
    return f"{moment.isoformat()}Z"


def _set_of(prices: StandardPrices, at: time | None) -> Json:
    """Raises LeftOut."""
    tokens = {key: _price(prices, _UNITS[key].meter, at) for key in _keys_of(prices.priced)}
    counted = {key: meter for key, meter in _THOUSANDS.items() if meter in prices.priced}
    return tokens | {key: _price_of_thousand(prices, meter, at) for key, meter in counted.items()}


@cache
def _keys_of(priced: frozenset[str]) -> tuple[str, ...]:
    """Return the units that need prices if these meters have some: their ancestors and combinations too."""
    found = {unit.dimensions for unit in _OWN.values() if unit.meter in priced}
    while True:
        joined = _DIMENSIONS & (found | {one | other for one, other in combinations(found, 2)})
        closed = {dimensions for dimensions in _DIMENSIONS if any(dimensions <= each for each in joined)}
        if closed == found:
            return tuple(key for key, unit in _UNITS.items() if unit.dimensions in found)
        found = closed


def _price_of_thousand(prices: StandardPrices, meter: str, at: time | None) -> orjson.Fragment:
    """Raises LeftOut, also if the price depends on the size of the prompt: the format has tiers only for tokens."""
    amounts = {prices.amount(meter, (size, at)) for size in (0, *prices.sizes)}
    if len(amounts) > 1:
        raise LeftOut(Reason.CONDITION)
    return exact_number(EXACT.multiply(amounts.pop(), Decimal(1_000)))


def _price(prices: StandardPrices, meter: str, at: time | None) -> Json:
    """Return the price of a million tokens, with tiers if it depends on the size of the prompt. Raises LeftOut."""
    base = prices.amount(meter, (0, at))
    tiers = [(tokens - 1, prices.amount(meter, (tokens, at))) for tokens in prices.sizes]
    if all(amount == base for _, amount in tiers):
        return per_million(base)
    return {
        "base": per_million(base),
        "tiers": [{"start": start, "price": per_million(amount)} for start, amount in tiers],
    }
