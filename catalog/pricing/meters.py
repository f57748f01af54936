"""The meters: what a price counts, and its unit. The list has only meters that a gateway publishes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.pricing.money import Rate, Unit
from catalog.records import Condition, PriceRecord

INPUT_TEXT = "input.text"
INPUT_TEXT_CACHE_READ = "input.text.cache_read"
INPUT_TEXT_CACHE_WRITE = "input.text.cache_write"
INPUT_TEXT_CACHE_WRITE_1H = "input.text.cache_write_1h"
INPUT_AUDIO = "input.audio"
INPUT_AUDIO_CACHE_READ = "input.audio.cache_read"
INPUT_IMAGE = "input.image"
INPUT_IMAGE_TOKEN = "input.image_token"
INPUT_CHARACTER = "input.character"
INPUT_PAGE = "input.page"
INPUT_AUDIO_MINUTE = "input.audio_minute"
OUTPUT_TEXT = "output.text"
OUTPUT_REASONING = "output.reasoning"
OUTPUT_AUDIO = "output.audio"
OUTPUT_IMAGE_TOKEN = "output.image_token"
OUTPUT_IMAGE = "output.image"
OUTPUT_VIDEO_SECOND = "output.video_second"
REQUEST = "request"
SEARCH_WEB = "search.web"
SEARCH_RERANK = "search.rerank"
STEP = "step"
COMPUTE_HOUR = "compute.hour"


@dataclass(frozen=True, slots=True)
class Meter:
    name: str
    unit: Unit
    pricing_key: str
    """The meter's name in the `pricing` object of the API."""
    is_base: bool = True
    """The meter bills the work itself; other meters are discounts on caches and surcharges for tools."""


METERS = {
    meter.name: meter
    for meter in (
        Meter(INPUT_TEXT, Unit.TOKEN, "prompt"),
        Meter(OUTPUT_TEXT, Unit.TOKEN, "completion"),
        Meter(REQUEST, Unit.REQUEST, "request"),
        Meter(INPUT_IMAGE, Unit.IMAGE, "image"),
        Meter(INPUT_IMAGE_TOKEN, Unit.TOKEN, "image_token"),
        Meter(OUTPUT_IMAGE_TOKEN, Unit.TOKEN, "image_output"),
        Meter(INPUT_AUDIO, Unit.TOKEN, "audio"),
        Meter(OUTPUT_AUDIO, Unit.TOKEN, "audio_output"),
        Meter(INPUT_AUDIO_CACHE_READ, Unit.TOKEN, "input_audio_cache", is_base=False),
        Meter(SEARCH_WEB, Unit.SEARCH, "web_search", is_base=False),
        Meter(OUTPUT_REASONING, Unit.TOKEN, "internal_reasoning"),
        Meter(INPUT_TEXT_CACHE_READ, Unit.TOKEN, "input_cache_read", is_base=False),
        Meter(INPUT_TEXT_CACHE_WRITE, Unit.TOKEN, "input_cache_write", is_base=False),
        Meter(INPUT_TEXT_CACHE_WRITE_1H, Unit.TOKEN, "input_cache_write_1h", is_base=False),
        Meter(INPUT_CHARACTER, Unit.CHARACTER, "character"),
        Meter(INPUT_PAGE, Unit.PAGE, "page"),
        Meter(INPUT_AUDIO_MINUTE, Unit.MINUTE, "audio_minute"),
        Meter(OUTPUT_IMAGE, Unit.IMAGE, "generated_image"),
        Meter(OUTPUT_VIDEO_SECOND, Unit.SECOND, "generated_video_second"),
        Meter(SEARCH_RERANK, Unit.SEARCH, "rerank_search"),
        Meter(STEP, Unit.STEP, "step"),
        Meter(COMPUTE_HOUR, Unit.HOUR, "hourly_rate"),
    )
}


def price(meter: str, rate: Rate, *, conditions: Iterable[Condition] = ()) -> PriceRecord:
    """Return a price of `meter`, with conditions if any. Raises ValueError if the rate's unit is not the meter's."""
    unit = METERS[meter].unit
    if rate.per is not unit:
        raise ValueError(f"{meter} is priced per {unit}, not per {rate.per}")
    return PriceRecord(meter=meter, amount=rate.amount, conditions=tuple(sorted(conditions, key=str)))
