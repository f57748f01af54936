"""What kind of model a row describes, and its default parameters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from catalog.adapter.contract import Json
from catalog.gateways.openrouter.rows import Row
from catalog.normalize import model_ids, text
from catalog.pricing import money
from catalog.records import JsonScalar, ModelType

_LARGEST_EXACT_INTEGER = 2**53


def model_type_of(listed: Row, *, outputs: frozenset[str], is_dynamic: bool) -> ModelType:
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


def is_dynamic_price(pricing: Json) -> bool:
    overrides = pricing.get("overrides") if isinstance(pricing, dict) else None
    entries = [pricing, *(overrides if isinstance(overrides, list) else ())]
    stated = [entry for entry in entries if isinstance(entry, dict)]
    return any(money.is_negative(entry.get(side)) for entry in stated for side in ("prompt", "completion"))


def scalars(parameters: Mapping[str, Any]) -> dict[str, JsonScalar]:
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
