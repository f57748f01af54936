"""OpenRouter's `provider` object, over gateways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from catalog import registry
from catalog.parameters.suggestions import did_you_mean

Json = Any
Sort = Literal["price", "latency", "throughput"]
SORTS: tuple[Sort, ...] = get_args(Sort)
MOST_NAMES = 100
_QUANTIZATION = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
UNKNOWN = "unknown"
"""The quantization of an offer whose gateway states none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    sort: Sort | None = None
    is_sorted_over_models: bool = False
    """Sort the offers of all models of the request together (`sort.partition` is `none`), not model by model."""
    max_prompt_price: Decimal | None = None
    """US dollars for a million tokens."""
    max_completion_price: Decimal | None = None
    max_request_price: Decimal | None = None
    """US dollars for a request."""
    require_parameters: bool = False
    quantizations: tuple[str, ...] = ()


NONE = Preferences()
"""What holds for a request that states none."""


def read_preferences(provider: Mapping[str, Any] | None) -> Preferences:
    """Raise ValueError, with a text that names the member, for one that is wrong or not supported."""
    if provider is None:
        return NONE
    if not isinstance(provider, dict):
        raise _wrong("", "must be an object")
    values: dict[str, Any] = {}
    for name, value in provider.items():
        read = _READERS.get(name)
        if read is None:
            suggestion = did_you_mean(name, _READERS) or "."
            raise _wrong(name[:100], f"is not supported{suggestion} Supported: {', '.join(_READERS)}")
        if value is not None:
            values |= read(name, value)
    return Preferences(**values)


def _wrong(member: str, reason: str) -> ValueError:
    return ValueError(f"provider{'.' if member else ''}{member} {reason}")


def _gateways(name: str, value: Json) -> dict[str, Any]:
    return {name: tuple(dict.fromkeys(_gateway(name, word) for word in _texts(name, value)))}


def _gateway(member: str, word: str) -> str:
    """Return the slug of a gateway. Its slug and its names are accepted, in any case."""
    slug = _SLUGS.get(word.casefold())
    if slug is None:
        known = ", ".join(registry.GATEWAYS)
        raise _wrong(member, f'has "{word[:100]}", which is no gateway of the catalogue; gateways: {known}')
    return slug


def _switch(name: str, value: Json) -> dict[str, Any]:
    if not isinstance(value, bool):
        raise _wrong(name, "must be true or false")
    return {name: value}


def _sort(name: str, value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"sort": _choice(name, value, SORTS)}
    if unknown := sorted(value.keys() - {"by", "partition"}):
        raise _wrong(f"{name}.{unknown[0][:100]}", "is not supported; supported: by, partition")
    found: dict[str, Any] = {}
    if value.get("by") is not None:
        found["sort"] = _choice(f"{name}.by", value["by"], SORTS)
    if value.get("partition") is not None:
        partition = _choice(f"{name}.partition", value["partition"], ("model", "none"))
        found["is_sorted_over_models"] = partition == "none"
    return found


def _choice(member: str, value: Json, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise _wrong(member, f"must be one of {', '.join(choices)}")
    return str(value)


_PRICES = {
    "prompt": "max_prompt_price",
    "completion": "max_completion_price",
    "request": "max_request_price",
}


def _max_price(name: str, value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, "must be an object")
    if unknown := sorted(value.keys() - _PRICES.keys()):
        raise _wrong(f"{name}.{unknown[0][:100]}", f"is not supported; supported: {', '.join(_PRICES)}")
    return {_PRICES[part]: _price(f"{name}.{part}", price) for part, price in value.items() if price is not None}


def _price(member: str, value: Json) -> Decimal:
    # The shortest text of a float is what the client wrote, up to 15 digits.
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?", text, re.ASCII):
        raise _wrong(member, "must be a number of US dollars, at least 0")
    return Decimal(text)


def _quantizations(name: str, value: Json) -> dict[str, Any]:
    words = tuple(dict.fromkeys(word.casefold() for word in _texts(name, value)))
    for word in words:
        if not _QUANTIZATION.fullmatch(word):
            raise _wrong(name, "must be a list of names such as fp8 or int4")
    return {name: words}


def _texts(member: str, value: Json) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _wrong(member, "must be a list of texts")
    if len(value) > MOST_NAMES:
        raise _wrong(member, f"must have at most {MOST_NAMES} entries")
    return value


_SLUGS = {
    name.casefold(): slug
    for slug, gateway in registry.GATEWAYS.items()
    for name in (slug, gateway.name, gateway.short_name)
    if name
}
_READERS: Mapping[str, Callable[[str, Json], dict[str, Any]]] = {
    "order": _gateways,
    "only": _gateways,
    "ignore": _gateways,
    "allow_fallbacks": _switch,
    "sort": _sort,
    "max_price": _max_price,
    "require_parameters": _switch,
    "quantizations": _quantizations,
}
