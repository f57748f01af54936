"""The gateways that Gatewayz reads, in the order in which responses list them, and the providers that it knows."""

from __future__ import annotations

from pathlib import Path

from catalog.adapter.contract import Gateway
from catalog.gateways.chutes import Chutes
from catalog.gateways.featherless import Featherless
from catalog.gateways.openrouter import OpenRouter
from catalog.gateways.portkey import Portkey
from catalog.providers import KnownProviders

GATEWAYS: dict[str, Gateway] = {gateway.slug: gateway for gateway in (OpenRouter(), Portkey(), Featherless(), Chutes())}

PROVIDERS = KnownProviders.load(Path(__file__).parents[1] / "fixtures" / "providers.json")
