"""The parts that follow from what the gateways declare, and from their bundled catalogues."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from catalog import registry
from catalog.adapter import settings
from catalog.adapter.contract import Gateway, Listing
from catalog.management.generated.parts import UnknownPart, Writer, table
from catalog.pricing import status
from catalog.records import OfferRecord
from catalog.sync import bundle
from catalog.sync.rows import Sorted, sort_rows

_WIDTH = 120
_COUNTED: Mapping[str, Callable[[OfferRecord], object]] = {
    "model_type": lambda record: record.model_type.value,
    "price_status": status.price_status,
    "price_basis": status.price_basis,
}


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A gateway and the content of its bundled catalogue."""

    gateway: Gateway
    rows: Sorted

    @property
    def models(self) -> str:
        count = len(self.rows.records)
        return f"{count:,} {'model' if count == 1 else 'models'}"


def writer(*, fixtures: Path) -> Writer:
    """Return the writer of the parts about all gateways. `fixtures` is the folder of the bundled catalogues."""
    gateways = list(registry.GATEWAYS.values())
    bundled = [Bundled(gateway=each, rows=_sorted(each, fixtures=fixtures)) for each in gateways]
    parts: Mapping[str, Callable[[], str]] = {
        "environment": lambda: "\n\n".join(map(_environment, gateways)),
        "compose": lambda: _passed_on(name for each in gateways for name in _names(each)),
        "keys": lambda: _passed_on(settings.api_key(each).name for each in gateways),
        "inference": lambda: _passed_on(name for each in gateways for name in settings.inference(each)),
        "overview": lambda: _overview(bundled),
        "requests": lambda: _requests(bundled),
        "counts": lambda: counts({each.gateway.name: each.rows for each in bundled}),
        "sources": lambda: _sources(bundled),
    }

    def written(name: str) -> str:
        if name not in parts:
            raise UnknownPart(f"the gateways have no part {name}")
        return parts[name]()

    return written


def _sorted(gateway: Gateway, *, fixtures: Path) -> Sorted:
    listing = Listing(rows=bundle.bundled_rows(gateway, fixtures=fixtures), is_complete=True)
    return sort_rows(gateway, listing, reader="", accepted={})


def _names(gateway: Gateway) -> Iterator[str]:
    """Yield the names of the settings that every container gets: its key is none of them."""
    key = settings.api_key(gateway).name
    return (setting.name for setting in settings.all_of(gateway) if setting.name != key)


def _passed_on(names: Iterable[str]) -> str:
    """Return the lines of `docker-compose.yml` that pass on the values of settings."""
    return "\n".join(f"  {name}:" for name in names)


def _environment(gateway: Gateway) -> str:
    """Return the gateway's settings for `.env.example`, each with its explanation."""
    lines: list[str] = []
    for setting in settings.all_of(gateway):
        lines += _comment(setting)
        # A value, even the default, would lock the setting in the desk.
        lines.append(f"{setting.name}={'' if setting.is_in_desk else setting.default}")
    return "\n".join(lines)


def _comment(setting: settings.Setting) -> list[str]:
    default = f"Default: {setting.default}" if setting.part else ""
    text = " ".join(filter(None, (setting.explained, default)))
    return textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _overview(bundled: Iterable[Bundled]) -> str:
    rows = [(f"**{each.gateway.name}**", _extent(each), _when_read(each.gateway)) for each in bundled]
    return table(("gateway", "bundled", "its API is read"), rows)


def _extent(bundled: Bundled) -> str:
    hosts = {record.host for record in bundled.rows.records.values() if record.host}
    at = f" at {len(hosts)} hosts" if hosts else ""
    part = f", {bundled.gateway.bundled_part}" if bundled.gateway.bundled_part else ""
    return f"{bundled.models}{at} as of {_day(bundled.gateway.bundled_on)}{part}"


def _when_read(gateway: Gateway) -> str:
    source, key = settings.source(gateway).name, settings.api_key(gateway)
    when = "At once."
    if gateway.needs_key_for_auto:
        without = "" if gateway.auth.is_required else f", or with `{source}=api`, which needs no key"
        when = f"Once `{key.name}` is set{without}."
    return " ".join(filter(None, (when, gateway.explained.get("key"))))


def _requests(bundled: Iterable[Bundled]) -> str:
    rows = [
        (
            f"`{each.gateway.slug}`",
            ", ".join(f"`{setting.name}`" for setting in settings.all_of(each.gateway)),
            f"{each.models}, {_day(each.gateway.bundled_on)}",
            each.gateway.requests,
        )
        for each in bundled
    ]
    return table(("gateway", "settings", "bundled", "requests of a run"), rows)


def _sources(bundled: Iterable[Bundled]) -> str:
    rows = [
        (
            f"`{each.gateway.slug}_catalog.json`",
            f"{each.models}{_part(each.gateway)} with {each.gateway.bundled_facts}",
            each.gateway.bundled_from,
            each.gateway.bundled_on.isoformat(),
        )
        for each in bundled
    ]
    return table(("file", "what", "from", "recorded on"), rows)


def _part(gateway: Gateway) -> str:
    return f" {gateway.bundled_part}" if gateway.bundled_part else ""


def counts(columns: Mapping[str, Sorted]) -> str:
    """Return a table with a column for each listing, and a row for each value of what is counted."""
    rows = [
        _counts("offers", (len(found.records) for found in columns.values())),
        _counts("rejected rows", (len(found.rejections) for found in columns.values())),
        *(row for name, value_of in _COUNTED.items() for row in _values(name, value_of, columns.values())),
    ]
    return table(("", *columns), rows, numbers=True)


def _values(
    name: str, value_of: Callable[[OfferRecord], object], listings: Iterable[Sorted]
) -> Iterator[tuple[str, ...]]:
    found = [Counter(value_of(record) for record in each.records.values()) for each in listings]
    for value in sorted(set().union(*found), key=lambda value: (value is None, str(value))):
        yield _counts(f"`{name}` {'null' if value is None else value}", (each[value] for each in found))


def _counts(name: str, numbers: Iterable[int]) -> tuple[str, ...]:
    return (name, *(f"{number:,}" if number else "-" for number in numbers))


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
