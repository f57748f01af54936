"""What applies to each gateway: whether it is read, how often, from where, and with which options.

The only reader of these settings. A value of the environment comes first and locks the setting; then what an operator
chose in the desk; then the default. The chosen values are read from the database each time, so a change applies in all
processes without a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from django.conf import settings

from catalog import registry
from catalog.adapter import settings as of_gateway
from catalog.adapter.contract import Config
from catalog.adapter.contract import Gateway as Adapter
from catalog.models import GatewaySetting

_T = TypeVar("_T")

INTERVAL_VARIABLE = "SYNC_INTERVAL_MINUTES"
"""It sets the interval of all gateways."""
LEAST_MINUTES, MOST_MINUTES = 5, 10_080
SOURCES = ("auto", "api", "bundled")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Origin(StrEnum):
    ENVIRONMENT = "environment"
    DESK = "desk"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen(Generic[_T]):
    """One value that applies, and where it comes from."""

    value: _T
    origin: Origin
    variable: str
    """The environment variable that sets it."""

    @property
    def is_locked(self) -> bool:
        """Whether the desk cannot change it, because the environment sets it."""
        return self.origin is Origin.ENVIRONMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    slug: str
    enabled: Chosen[bool]
    interval_minutes: Chosen[int]
    source: Chosen[str]
    """auto, api or bundled."""
    options: Mapping[str, Chosen[tuple[str, ...]]]
    """All options of the gateway's class, by name."""

    @property
    def is_enabled(self) -> bool:
        return self.enabled.value

    @property
    def interval(self) -> timedelta:
        """The time between two runs."""
        return timedelta(minutes=self.interval_minutes.value)

    def config(self) -> Config:
        """Return what the adapter may see of this."""
        options = {name: chosen.value for name, chosen in self.options.items()}
        return Config(has_key=bool(settings.GATEWAY_KEYS.get(self.slug)), options=options)


def settings_of(slug: str) -> GatewaySettings:
    """Return what applies to one gateway of the registry now."""
    return _applying(registry.GATEWAYS[slug], GatewaySetting.objects.filter(gateway__slug=slug).first())


def all_settings() -> dict[str, GatewaySettings]:
    """Return what applies to each gateway of the registry now, by one query."""
    stored = {row.gateway.slug: row for row in GatewaySetting.objects.select_related("gateway").order_by("pk")}
    return {slug: _applying(adapter, stored.get(slug)) for slug, adapter in registry.GATEWAYS.items()}


def next_slot(slug: str, *, after: datetime, interval: timedelta) -> datetime:
    """Return the gateway's next time. It has one slot in each interval; the gateways are spread evenly over it."""
    slugs = list(registry.GATEWAYS)
    offset = interval * slugs.index(slug) / len(slugs)
    return after + interval - (after - _EPOCH - offset) % interval


def _applying(adapter: Adapter, row: GatewaySetting | None) -> GatewaySettings:
    # A default is read from the settings too: they have it if the environment has no value.
    slug, row = adapter.slug, row or GatewaySetting()
    words = settings.GATEWAY_OPTIONS.get(slug, {})
    return GatewaySettings(
        slug=slug,
        enabled=_chosen(of_gateway.enabled(adapter).name, settings.GATEWAY_ENABLED.get(slug, True), row.is_enabled),
        interval_minutes=_chosen(INTERVAL_VARIABLE, settings.SYNC_INTERVAL_MINUTES, row.interval_minutes),
        source=_chosen(of_gateway.source(adapter).name, settings.GATEWAY_SOURCES.get(slug, "auto"), row.source or None),
        options={
            option.part: _chosen(
                option.name,
                tuple(words.get(option.part) or adapter.options[option.part]),
                tuple(row.options.get(option.part) or ()) or None,
            )
            for option in of_gateway.options(adapter)
        },
    )


def _chosen(variable: str, setting: _T, in_desk: _T | None) -> Chosen[_T]:
    """`setting` is the environment's value, or the default; `in_desk` is None if nothing was chosen there."""
    if variable in settings.SET_BY_ENVIRONMENT:
        return Chosen(value=setting, origin=Origin.ENVIRONMENT, variable=variable)
    if in_desk is not None:
        return Chosen(value=in_desk, origin=Origin.DESK, variable=variable)
    return Chosen(value=setting, origin=Origin.DEFAULT, variable=variable)
