"""What the bundled catalogue keeps of a row."""

from __future__ import annotations

from catalog.adapter.contract import Json
from catalog.gateways.portkey.rows import HALVES
from catalog.pricing import billing

_PRICED: Json = {"pricing_config": {"pay_as_you_go": "prices", "batch_config": "prices", "currency": "fact"}}
_MODE: Json = _PRICED | {"context_tiers": {"*": _PRICED}}
_ENTRY: Json = _PRICED | {
    "custom_pricing": {
        "context_tier_map": "fact",
        "regions": {"default": {"execution_modes": dict.fromkeys(billing.EXECUTION_MODES, _MODE)}},
    }
}
BUNDLED_ROW: Json = {
    "id": "fact",
    "type": "fact",
    "context_length": "fact",
    **_ENTRY,
    **{half: {"*": _ENTRY} for half in HALVES.values()},
}
"""What the bundled catalogue keeps of a row: facts, and everything that has a price, even if it is not read today."""


def pruned(value: Json, kept: Json) -> Json:
    if kept == "fact" or not isinstance(value, dict):
        return value
    if kept == "prices":
        found = {key: inner if key == "price" else pruned(inner, kept) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if key == "price" or (isinstance(inner, dict) and inner)}
    found = {
        key: pruned(inner, kept.get(key, kept.get("*"))) for key, inner in value.items() if key in kept or "*" in kept
    }
    return {key: inner for key, inner in found.items() if inner not in (None, {})}
